//! Getting the whole state from one peer that need not be trusted.
//!
//! PBFT (TOCS'02, section 5.3) on an authenticated map: every part proves itself against the root
//! that a quorum signed, so any single peer can serve, and whoever serves badly or slowly is
//! replaced (B11). Parts are asked for one after the other in key order; the number of entries is
//! bound in the root, so no stream is endless.

use quorate_machine::{Class, Plant, Service, planted};
use quorate_state::{Map, Restore};
use quorate_types::{Peer, ReplicaId, Slot};

use super::checkpoint::{OwnCheckpoint, StableCheckpoint};
use super::{Executed, Output, Replica, Timer, Turn};
use crate::limits::STATE_CHUNK_BYTES;
use crate::message::{
    Base, Checkpoint, CheckpointCertificate, FetchState, HashedCut, Message, StateChunk,
};
use crate::record::Record;

/// A state on its way.
#[derive(Debug)]
pub(super) struct Transfer {
    slot_min: Slot,
    source: ReplicaId,
    /// This replica's own state after some slot is known to be wrong: any certified one is better.
    has_diverged: bool,
    /// Peers asked in vain since the last part came.
    switch_count: usize,
    restore: Option<(CheckpointCertificate, HashedCut, Restore)>,
}

impl<S: Service> Replica<S> {
    /// Begins to get the state of a checkpoint at or above `slot_min`.
    pub(super) fn begin_transfer(
        &mut self,
        turn: &mut Turn<'_, S>,
        slot_min: Slot,
        source: ReplicaId,
    ) {
        if self.transfer.is_some() {
            return;
        }
        turn.mark("bft.transfer_begun");
        let has_diverged = self.checkpoints.has_diverged(slot_min, self.executed_slot());
        self.transfer =
            Some(Transfer { slot_min, source, has_diverged, switch_count: 0, restore: None });
        if source == self.me {
            return self.transfer_from_another(turn);
        }
        self.ask_for_chunk(turn);
    }

    fn ask_for_chunk(&mut self, turn: &mut Turn<'_, S>) {
        let Some(transfer) = &self.transfer else { return };
        let after = transfer.restore.as_ref().and_then(|(_, _, restore)| restore.from());
        let fetch = FetchState { slot_min: transfer.slot_min, after: after.map(<[u8]>::to_vec) };
        turn.send(self.peer(transfer.source), Class::Bulk, Message::FetchState(fetch));
        turn.arm(Timer::Transfer, turn.now.instant.after(self.parameters.fetch_timeout));
    }

    /// The peer was silent or served badly: goes on with the next one.
    pub(super) fn transfer_from_another(&mut self, turn: &mut Turn<'_, S>) {
        let replicas = u16::try_from(self.group.members.len()).expect("at most 64 replicas");
        let (me, executed) = (self.me, self.executed_slot());
        let Some(transfer) = &mut self.transfer else { return };
        if transfer.slot_min <= executed && !transfer.has_diverged {
            self.transfer = None;
            return turn.mark("bft.transfer_needless");
        }
        if transfer.switch_count >= 2 * usize::from(replicas) {
            // Nobody has it: whatever made this replica ask makes it ask again, if it still holds.
            self.transfer = None;
            turn.mark("bft.transfer_abandoned");
            return self.fetch_soon(turn);
        }
        turn.mark("bft.transfer_switched");
        transfer.switch_count += 1;
        let mut next = ReplicaId::new((transfer.source.get() + 1) % replicas);
        if next == me {
            next = ReplicaId::new((next.get() + 1) % replicas);
        }
        transfer.source = next;
        self.ask_for_chunk(turn);
    }

    pub(super) fn on_fetch_state(
        &mut self,
        turn: &mut Turn<'_, S>,
        asker: Peer,
        fetch: &FetchState,
    ) {
        let stable = self.checkpoints.stable.clone();
        let stable = stable.filter(|stable| stable.cut.slot >= fetch.slot_min);
        // After a restart the state of the stable checkpoint may be gone, and the one behind whom
        // the others wait for the next needs a state: one that `f + 1` vouch for will do.
        let vouched = || self.checkpoints.vouched(self.group.resilience.weak_quorum());
        let served = stable.or_else(|| vouched().filter(|it| it.cut.slot >= fetch.slot_min));
        let Some(StableCheckpoint { certificate, cut, snapshot }) = served else {
            return turn.mark("bft.state_not_served");
        };
        let chunk = snapshot.chunk(fetch.after.as_deref(), STATE_CHUNK_BYTES);
        let chunk = alloc::sync::Arc::new(StateChunk { certificate, cut, chunk });
        turn.mark("bft.state_served");
        turn.send(asker, Class::Bulk, Message::StateChunk(chunk));
    }

    pub(super) fn on_state_chunk(
        &mut self,
        turn: &mut Turn<'_, S>,
        sender: ReplicaId,
        chunk: &StateChunk,
    ) {
        let statement = chunk.certificate.statement;
        let Some(transfer) = self.transfer.as_mut().filter(|it| it.source == sender) else {
            return turn.mark("bft.chunk_unasked");
        };
        let is_wanted = statement.slot >= transfer.slot_min
            && statement.cut == chunk.cut.digest()
            && chunk.cut.check_shape(&self.group).is_ok();
        let known = transfer.restore.as_ref().map(|(it, _, _)| it.statement);
        if is_wanted && known.is_none_or(|known| known.slot < statement.slot) {
            // The peer serves a later checkpoint than the one before: begin with that one. Only a
            // later one, or a liar with two would have the transfer begin for ever.
            let is_midway =
                transfer.restore.as_ref().is_some_and(|(_, _, restore)| restore.from().is_some());
            let restore = Restore::new(statement.root);
            transfer.restore = Some((chunk.certificate.clone(), chunk.cut.clone(), restore));
            if is_midway {
                // The part was cut behind a key of the earlier state.
                return self.ask_for_chunk(turn);
            }
        }
        let is_same = |it: &&mut (CheckpointCertificate, HashedCut, Restore)| {
            is_wanted && it.0.statement == statement
        };
        let restore = transfer.restore.as_mut().filter(is_same);
        match restore.map(|(_, _, restore)| restore.take(chunk.chunk.clone())) {
            Some(Ok(is_complete)) => {
                transfer.switch_count = 0;
                if is_complete { self.finish_transfer(turn) } else { self.ask_for_chunk(turn) }
            }
            Some(Err(_)) | None => {
                turn.mark("bft.chunk_rejected");
                self.transfer_from_another(turn);
            }
        }
    }

    fn finish_transfer(&mut self, turn: &mut Turn<'_, S>) {
        let Some(transfer) = self.transfer.take() else { return };
        turn.disarm(Timer::Transfer);
        let Some((certificate, cut, restore)) = transfer.restore else { return };
        let Ok(map) = restore.finish() else { return };
        if cut.slot <= self.executed_slot() && !transfer.has_diverged {
            return turn.mark("bft.transfer_needless");
        }
        self.install(turn, map, (certificate, cut));
        // What was decided since: waiting would let the others forget it behind their checkpoints.
        self.fetch_slots_from(turn, transfer.source);
    }

    /// Forgets bodies and requests of slots that were skipped: nobody executes them here.
    fn forget_skipped(&mut self) {
        self.forget_needless_bodies();
        let own = self.lanes.lane(self.me);
        let waiting = own.links_above(own.executed.seq);
        let batches = waiting.filter_map(|(_, link)| self.bodies.get(&link.digest));
        let in_lane =
            batches.flat_map(|batch| batch.contents.bundles.iter().map(|bundle| bundle.digest()));
        self.requests.keep_under_way(in_lane.collect());
    }

    /// Replaces the state by one that a quorum certified.
    fn install(
        &mut self,
        turn: &mut Turn<'_, S>,
        mut map: Map,
        (certificate, cut): (CheckpointCertificate, HashedCut),
    ) {
        let statement = certificate.statement;
        assert_eq!(map.root(), statement.root, "BFT-8: the state has the certified root");
        // All, not what has changed: whatever was there is replaced.
        map.discard_changes();
        let snapshot = map.snapshot();
        let (of, state) = (certificate.clone(), snapshot.clone());
        let installed = Record::Installed { certificate: of, cut: cut.clone(), state };
        let record = self.persist(turn, installed);
        self.state = if planted(Plant::InstallsNothing) { Map::new() } else { map };
        self.restore_service();
        self.executed = Executed { cut: cut.clone(), time: statement.time };
        if self.lanes.execute_upto(&cut.frontier()) {
            turn.mark("bft.lane_branch_left");
        }
        if cut.slot > self.committed_slot() {
            self.slots.restart_at(cut.clone());
            let certificate = certificate.clone();
            self.proof = Base::Checkpoint { cut: cut.clone(), certificate };
        }
        let stable = StableCheckpoint { certificate, cut, snapshot };
        self.checkpoints.own.clear();
        // This replica can vouch for the state too: others may have lost their certificate. For the
        // end of the epoch it does when its node says so.
        let sign = || Checkpoint::sign(&self.group, statement, (self.me, self.signer()));
        let message = (!statement.is_last).then(sign);
        let (cut, snapshot) = (stable.cut.clone(), stable.snapshot.clone());
        let own = OwnCheckpoint { statement, message, cut, snapshot, record };
        self.checkpoints.own.insert(statement.slot, own);
        if let Some(message) = message {
            self.checkpoints.take(message);
        }
        let slot_max = statement.slot.max(self.committed_slot());
        self.checkpoints.installed.insert(slot_max, record);
        turn.mark("bft.state_installed");
        turn.emit(Output::Installed(statement));
        self.told = None;
        self.conclude(turn);
        if statement.is_last {
            self.conclude_epoch(turn, statement);
            return self.stabilise_installed(turn, stable);
        }
        self.fill_lanes(turn);
        self.fetching.forget_batches();
        self.forget_skipped();
        self.carry_over(turn);
        self.stabilise_installed(turn, stable);
        self.progressed(turn);
        self.take_up_early(turn);
        self.after_deciding(turn);
    }

    fn stabilise_installed(&mut self, turn: &mut Turn<'_, S>, stable: StableCheckpoint) {
        let is_news = stable.cut.slot > self.checkpoints.stable_slot();
        if is_news && stable.certificate.is_stable(&self.group) {
            self.stabilise(turn, stable);
        }
    }
}
