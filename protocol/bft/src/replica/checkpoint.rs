//! Checkpoints: the state is certified, and what came before it is forgotten.
//!
//! PBFT (OSDI'99) section 4.3; settled points 2, 11, 35. After every interval of slots: make the
//! changed entries durable, then sign the root. A quorum of equal statements is stable. Cuts and
//! bodies are kept for one more interval, so that a replica that is a little behind gets slots
//! rather than the whole state.
//!
//! # Invariants
//! - BFT-8: nothing above the stable checkpoint before the last is forgotten.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::Certificate;
use quorate_machine::{Class, Plant, RecordNumber, Service, planted};
use quorate_state::Snapshot;
use quorate_types::{Digest, ReplicaId, Slot, View};

use super::{Output, Replica, Turn};
use crate::message::{
    Checkpoint, CheckpointCertificate, CheckpointStatement, HashedCut, Message, SignedHeader,
};
use crate::record::Record;
use crate::rules::delta;

/// Statements that are kept, per replica: the last ones that it made.
const STATEMENTS_MAX: usize = 8;

/// This replica's own state after a slot.
#[derive(Debug)]
pub(super) struct OwnCheckpoint {
    pub(super) statement: CheckpointStatement,
    /// The statement under this replica's signature; nothing while the node has not asked for it
    /// at the end of the epoch.
    pub(super) message: Option<Checkpoint>,
    pub(super) cut: HashedCut,
    pub(super) snapshot: Snapshot,
    pub(super) record: RecordNumber,
}

/// A certified state that this replica can serve.
#[derive(Debug, Clone)]
pub(super) struct StableCheckpoint {
    pub(super) certificate: CheckpointCertificate,
    pub(super) cut: HashedCut,
    pub(super) snapshot: Snapshot,
}

/// What is known of checkpoints.
#[derive(Debug)]
pub(super) struct Checkpoints {
    pub(super) own: BTreeMap<Slot, OwnCheckpoint>,
    pub(super) stable: Option<StableCheckpoint>,
    /// The certificate of a state beyond this replica's.
    pub(super) beyond: Option<CheckpointCertificate>,
    /// The records of states that were got from others, each under the highest slot that was
    /// decided then: nothing above it stands before the record alone.
    pub(super) installed: BTreeMap<Slot, RecordNumber>,
    /// What each replica said last of its state after a slot.
    statements: Vec<VecDeque<Checkpoint>>,
    base: Slot,
}

impl Checkpoints {
    pub(super) fn new(base: Slot, replica_count: usize) -> Self {
        Self {
            own: BTreeMap::new(),
            stable: None,
            beyond: None,
            installed: BTreeMap::new(),
            statements: alloc::vec![VecDeque::new(); replica_count],
            base,
        }
    }

    pub(super) fn stable_slot(&self) -> Slot {
        self.stable.as_ref().map_or(self.base, |stable| stable.cut.slot.max(self.base))
    }

    /// Takes what a replica itself says of its state. Returns what it said otherwise before.
    ///
    /// What it says last counts, for it may have lied before and been repaired: what it said of
    /// slots that were still to come would stand before what is true of them. Where there are too
    /// many, the one that came first goes, and not that of the lowest slot.
    pub(super) fn take(&mut self, checkpoint: Checkpoint) -> Option<Checkpoint> {
        let statements = &mut self.statements[checkpoint.from.index()];
        let slot = checkpoint.statement.slot;
        if let Some(known) = statements.iter_mut().find(|known| known.statement.slot == slot) {
            let before = core::mem::replace(known, checkpoint);
            return (before.statement != checkpoint.statement).then_some(before);
        }
        if statements.len() == STATEMENTS_MAX {
            statements.pop_front();
        }
        statements.push_back(checkpoint);
        None
    }

    /// A checkpoint was stable that this replica does not hold any more.
    pub(super) fn remember_stable(&mut self, slot: Slot) {
        self.base = self.base.max(slot);
    }

    fn certificate(&self, slot: Slot, quorum: usize) -> Option<CheckpointCertificate> {
        let of_slot = |known: &&Checkpoint| known.statement.slot == slot;
        let said: Vec<&Checkpoint> = self
            .statements
            .iter()
            .filter_map(|statements| statements.iter().find(of_slot))
            .collect();
        let agreeing = |statement: CheckpointStatement| {
            said.iter().filter(move |other| other.statement == statement)
        };
        let winner = said.iter().find(|one| agreeing(one.statement).count() >= quorum)?;
        let signatures =
            agreeing(winner.statement).map(|checkpoint| (checkpoint.from, checkpoint.signature));
        let certificate = Certificate::new(signatures);
        Some(CheckpointCertificate { statement: winner.statement, certificate })
    }

    /// The record before which nothing is needed once this slot's state is not needed any more.
    fn record_upto(&mut self, slot: Slot) -> Option<RecordNumber> {
        let own = self.own.get(&slot).map(|own| own.record);
        let later = self.installed.split_off(&slot.next());
        let passed = core::mem::replace(&mut self.installed, later);
        own.max(passed.last_key_value().map(|(_, record)| *record))
    }

    /// The highest state of this replica that so many vouch for.
    pub(super) fn vouched(&self, count: usize) -> Option<StableCheckpoint> {
        self.own.values().rev().find_map(|own| {
            let certificate = self.certificate(own.cut.slot, count)?;
            let is_own = certificate.statement == own.statement;
            is_own.then(|| StableCheckpoint {
                certificate,
                cut: own.cut.clone(),
                snapshot: own.snapshot.clone(),
            })
        })
    }

    fn forget_below(&mut self, slot: Slot) {
        self.own = self.own.split_off(&slot);
        for statements in &mut self.statements {
            statements.retain(|known| known.statement.slot >= slot);
        }
        if self.beyond.as_ref().is_some_and(|beyond| beyond.statement.slot <= slot) {
            self.beyond = None;
        }
    }

    /// Did a quorum certify another state after this slot than this replica, which has executed up
    /// to the other one, has? Who went on behind an end has no state after the last slot to show.
    pub(super) fn has_diverged(&self, slot: Slot, executed: Slot) -> bool {
        let certified = self.beyond.as_ref().filter(|beyond| beyond.statement.slot == slot);
        certified.is_some_and(|beyond| match self.own.get(&slot) {
            Some(own) => own.statement != beyond.statement,
            None => beyond.statement.is_last && slot <= executed,
        })
    }

    /// The certificate of an end that this replica, which has executed up to this slot, has not
    /// reached.
    pub(super) fn end_beyond(&self, executed: Slot) -> Option<Slot> {
        let beyond = self.beyond.as_ref().map(|beyond| beyond.statement)?;
        (beyond.is_last && beyond.slot > executed).then_some(beyond.slot)
    }

    /// This replica's statement about a slot.
    pub(super) fn own_message(&self, slot: Slot) -> Option<Checkpoint> {
        self.own.get(&slot).and_then(|own| own.message)
    }
}

impl<S: Service> Replica<S> {
    /// Signs the state after the slot that was just executed.
    pub(super) fn take_checkpoint(&mut self, turn: &mut Turn<'_, S>) {
        let cut = self.executed.cut.clone();
        let statement = CheckpointStatement {
            slot: cut.slot,
            cut: cut.digest(),
            time: self.executed.time,
            root: self.state.root(),
            is_last: self.end.is_some(),
        };
        let changes = self.state.take_changes();
        let proof = self.proof.clone();
        let record =
            self.persist(turn, Record::Checkpoint { statement, cut: cut.clone(), proof, changes });
        let (message, snapshot) = (None, self.state.snapshot());
        let own = OwnCheckpoint { statement, message, cut, snapshot, record };
        self.checkpoints.own.insert(statement.slot, own);
        turn.mark("bft.checkpoint_taken");
        if statement.is_last {
            // Nothing is alive behind it, and its signature waits for the node.
            return;
        }
        self.carry_over(turn);
        self.relax_progress_timeout();
        self.sign_checkpoint(turn, statement.slot);
    }

    /// Signs what this replica says of its state after a slot, and tells the others.
    pub(super) fn sign_checkpoint(&mut self, turn: &mut Turn<'_, S>, slot: Slot) {
        let Some(own) = self.checkpoints.own.get(&slot) else { return };
        let message = Checkpoint::sign(&self.group, own.statement, (self.me, self.signer()));
        self.checkpoints.own.entry(slot).and_modify(|own| own.message = Some(message));
        self.broadcast(turn, Class::Control, Message::Checkpoint(message));
        self.on_checkpoint(turn, self.me, message);
    }

    /// Writes again what is alive behind the checkpoint, so that older records can be released.
    pub(super) fn carry_over(&mut self, turn: &mut Turn<'_, S>) {
        let mut records: Vec<Record> = Vec::new();
        for lane in self.lanes.all() {
            let chain = lane.links_above(lane.executed.seq).map(|(_, link)| link.digest);
            // BFT-1: each of them is held. One left out could be acknowledged otherwise later.
            let binding = lane.binding().inspect(|_| turn.mark("bft.promise_carried"));
            let bodies = chain.chain(binding).map(|digest| Arc::clone(&self.bodies[&digest]));
            records.extend(bodies.map(Record::Batch));
        }
        records.extend(self.views.records());
        for decided in self.slots.decided_above(self.executed_slot()) {
            let (view, cut, parent) =
                (View::ZERO, decided.cut.clone(), decided.certificate.clone());
            records.push(Record::Accepted { view, cut, inline: None, parent });
        }
        for (_, open) in self.slots.all_open() {
            if let Some((view, cut)) = &open.accepted {
                // BFT-1: an inline batch that was acknowledged is among those of its lane, and one
                // that was not must not look as if it had been.
                let (view, cut) = (*view, cut.clone());
                records.push(Record::Accepted { view, cut, inline: None, parent: None });
            }
            if let Some(prepared) = &open.prepared {
                let (certificate, cut) = (prepared.certificate.clone(), prepared.cut.clone());
                records.push(Record::Prepared { certificate, cut });
            }
        }
        for record in records {
            self.persist(turn, record);
        }
    }

    /// Takes what another replica says of its state; an old statement that a third one brings again
    /// says nothing.
    pub(super) fn on_checkpoint(
        &mut self,
        turn: &mut Turn<'_, S>,
        sender: ReplicaId,
        checkpoint: Checkpoint,
    ) {
        if checkpoint.from != sender {
            return turn.mark("bft.checkpoint_relayed");
        }
        let CheckpointStatement { slot, is_last, .. } = checkpoint.statement;
        let is_due = slot.get().is_multiple_of(self.parameters.checkpoint_interval);
        if !(is_due || is_last) || slot <= self.checkpoints.stable_slot() {
            return turn.mark("bft.checkpoint_ignored");
        }
        if let Some(before) = self.checkpoints.take(checkpoint) {
            turn.mark("bft.two_states");
            let words = [before.word(&self.group), checkpoint.word(&self.group)];
            self.tell_contradiction(turn, checkpoint.from, words);
        }
        self.certify(turn, slot);
    }

    /// Looks whether a quorum says the same of the state after a slot.
    pub(super) fn certify(&mut self, turn: &mut Turn<'_, S>, slot: Slot) {
        let needed = match self.checkpoints.own.get(&slot) {
            Some(own) if own.statement.is_last && planted(Plant::ShortEnd) => {
                self.group.resilience.weak_quorum()
            }
            _ => self.quorum() - usize::from(planted(Plant::ShortCheckpoint)),
        };
        let certificate = self.checkpoints.certificate(slot, needed);
        if let Some(certificate) = certificate.filter(|_| slot > self.checkpoints.stable_slot()) {
            self.on_certificate(turn, certificate);
        }
    }

    /// A quorum says this of the state after a slot above the stable one.
    pub(super) fn on_certificate(
        &mut self,
        turn: &mut Turn<'_, S>,
        certificate: CheckpointCertificate,
    ) {
        let CheckpointStatement { slot, is_last, .. } = certificate.statement;
        match self.checkpoints.own.get(&slot) {
            Some(own) if own.statement == certificate.statement => {
                let (cut, snapshot) = (own.cut.clone(), own.snapshot.clone());
                self.stabilise(turn, StableCheckpoint { certificate, cut, snapshot });
            }
            Some(_) => self.diverged(turn, certificate),
            None if is_last && slot <= self.executed_slot() => self.diverged(turn, certificate),
            None => {
                self.fetch_slots_upto(turn, slot);
                self.leap_to(turn, &certificate);
                self.checkpoints.beyond = Some(certificate);
            }
        }
    }

    /// Gets a certified state at once if the others have forgotten the slots before it (settled
    /// points 35). A busy group takes checkpoints faster than timers run: a replica that waited
    /// before it asked would find each time that what it asks for has just been forgotten.
    fn leap_to(&mut self, turn: &mut Turn<'_, S>, certificate: &CheckpointCertificate) {
        let slot = certificate.statement.slot;
        let kept = 2 * self.parameters.checkpoint_interval;
        let is_forgotten = slot > self.committed_slot().plus(kept);
        let holder = certificate.certificate.signers().iter().find(|holder| *holder != self.me);
        if let Some(holder) = holder.filter(|_| is_forgotten && !planted(Plant::NoCatchingUp)) {
            turn.mark("bft.leapt");
            self.begin_transfer(turn, slot, holder);
        }
    }

    /// A quorum certified another state than this replica's: this one is wrong (B20).
    fn diverged(&mut self, turn: &mut Turn<'_, S>, certificate: CheckpointCertificate) {
        let slot = certificate.statement.slot;
        turn.mark("bft.diverged");
        turn.emit(Output::Diverged(slot));
        self.checkpoints.beyond = Some(certificate);
        self.begin_transfer(turn, slot, ReplicaId::new(0));
    }

    pub(super) fn stabilise(&mut self, turn: &mut Turn<'_, S>, stable: StableCheckpoint) {
        let (slot, before) = (stable.cut.slot, self.checkpoints.stable_slot());
        assert!(slot > before, "BFT-8: {slot} becomes stable behind {before}");
        turn.mark("bft.checkpoint_stable");
        self.persist(turn, Record::Stable(stable.certificate.clone()));
        turn.emit(Output::Stable(stable.certificate.statement));
        let end = stable.certificate.statement.is_last.then(|| stable.certificate.clone());
        self.checkpoints.stable = Some(stable);
        self.forget(turn, before);
        self.checkpoints.forget_below(slot);
        if let Some(certificate) = end {
            self.certified(turn, certificate);
        }
    }

    /// Forgets slots and bodies up to the stable checkpoint before the last.
    fn forget(&mut self, turn: &mut Turn<'_, S>, upto: Slot) {
        self.slots.forget_upto(upto);
        self.bodies_of = self.bodies_of.split_off(&upto.next());
        if !planted(Plant::BodiesKept) {
            self.forget_needless_bodies();
        }
        if let Some(record) = self.checkpoints.record_upto(upto) {
            let all = planted(Plant::ReleasesTooMuch).then(|| self.log.last.next());
            turn.effects.release(all.unwrap_or(record));
        }
    }

    /// Forgets the bodies that nobody executes or asks for here: neither a slot that is kept or
    /// decided has them, nor a lane, nor a cut that this replica was shown or voted for. So a
    /// branch of a lane that was left takes no room, nor does the batch of a proposal that came to
    /// nothing.
    pub(super) fn forget_needless_bodies(&mut self) {
        let mut needed: BTreeSet<Digest> = self.bodies_of.values().flatten().copied().collect();
        let mut frontier = self.executed.cut.frontier();
        for decided in self.slots.decided_above(self.executed_slot()) {
            needed.extend(delta(&self.group, &decided.cut, &frontier));
            frontier = decided.cut.frontier();
        }
        for lane in self.lanes.all() {
            needed.extend(lane.links_above(lane.executed.seq).map(|(_, link)| link.digest));
            needed.extend(lane.binding());
        }
        for (_, open) in self.slots.all_open() {
            let inline = open.cuts().filter_map(|cut| cut.inline.as_ref());
            needed.extend(inline.map(SignedHeader::digest));
        }
        self.bodies.retain(|digest, _| needed.contains(digest));
    }
}

#[cfg(test)]
mod tests;
