//! Beginning, and beginning again after a crash.
//!
//! Settled points 2. The log holds everything that this replica said and could be held to; the
//! image holds its state at the last checkpoint. What was decided and not logged is asked of the
//! others; what was executed since the checkpoint is executed again, with the same result.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::Signer;
use quorate_machine::{Plant, RecordNumber, Service, planted};
use quorate_state::Map;
use quorate_types::{Digest, Instant, Peer, ReplicaId, ReplicaSet, Slot, UnixTime, View};

use super::checkpoint::{Checkpoints, OwnCheckpoint, StableCheckpoint};
use super::end::End;
use super::view_change::{Entry, Views};
use super::{Executed, LogPosition, Replica, Setup, Timer, Turn};
use crate::lanes::Lanes;
use crate::limits::FETCH_SLOTS_MAX;
use crate::message::{
    Base, Batch, Checkpoint, CheckpointCertificate, CheckpointStatement, CommitCertificate, Cut,
    HashedCut, NewView, Phase, PrepareCertificate, Prepared, ViewChange,
};
use crate::record::{Image, Record};
use crate::rules::delta;
use crate::slots::Slots;
use crate::succession::Inheritance;

/// What a log tells of decided slots, by digest.
#[derive(Default)]
struct History {
    cuts: BTreeMap<Digest, HashedCut>,
    bodies: BTreeMap<Digest, Arc<Batch>>,
    certificates: BTreeMap<Digest, CommitCertificate>,
}

impl History {
    fn of(records: &[(RecordNumber, Record)]) -> Self {
        let mut history = Self::default();
        for (_, record) in records {
            match record {
                Record::Batch(batch) => history.keep_body(batch),
                Record::Accepted { cut, inline, parent, .. } => {
                    history.keep_cut(cut);
                    inline.iter().for_each(|batch| history.keep_body(batch));
                    parent.iter().for_each(|certificate| history.keep_votes(certificate));
                }
                Record::Prepared { cut, .. } => history.keep_cut(cut),
                Record::Checkpoint { proof, .. } => history.certify(proof),
                Record::ViewChange(_)
                | Record::NewView(_)
                | Record::Installed { .. }
                | Record::Inherited { .. }
                | Record::Stable(_) => {}
            }
        }
        history
    }

    fn keep_cut(&mut self, cut: &HashedCut) {
        self.cuts.insert(cut.digest(), cut.clone());
    }

    fn keep_body(&mut self, batch: &Arc<Batch>) {
        self.bodies.insert(batch.digest(), Arc::clone(batch));
    }

    fn keep_votes(&mut self, certificate: &CommitCertificate) {
        self.certificates.insert(certificate.digest, certificate.clone());
    }

    fn certify(&mut self, proof: &Base) {
        if let Base::Committed { certificate, .. } = proof {
            self.keep_votes(certificate);
        }
    }
}

impl<S: Service> Replica<S> {
    /// A replica that never ran, or that finds nothing, of a group that begins with nothing.
    ///
    /// # Panics
    /// If the group follows another one: it begins with the state of that one
    /// ([`Replica::succeed`]).
    #[must_use]
    pub fn new(setup: Setup, service: S) -> Self {
        assert_eq!(setup.group.base_slot, Slot::ZERO, "BFT-14: this group inherits a state");
        let origin = HashedCut::origin(&setup.group);
        let executed = Executed { cut: origin, time: UnixTime::ZERO };
        Self::at(setup, (service, Map::new()), executed)
    }

    /// A replica of a group that follows another one, with the state of that one's end. Its first
    /// record makes the state durable: if nothing is found after a crash, it has said nothing yet,
    /// and begins so again.
    ///
    /// # Panics
    /// If the group does not begin where the inheritance ends: the caller made it with
    /// [`Inheritance::begin`].
    #[must_use]
    pub fn succeed(setup: Setup, service: S, inheritance: Inheritance) -> Self {
        let (end, state) = inheritance.into_parts();
        assert_eq!(setup.group.base_slot, end.slot, "BFT-14: the slots go on behind the last one");
        let cut = HashedCut::origin(&setup.group);
        let statement = CheckpointStatement { cut: cut.digest(), is_last: false, ..end };
        let executed = Executed { cut: cut.clone(), time: end.time };
        let mut replica = Self::at(setup, (service, state), executed);
        let record = RecordNumber::ZERO.next();
        let (message, snapshot) = (None, replica.state.snapshot());
        let own = OwnCheckpoint { statement, message, cut, snapshot, record };
        replica.checkpoints.own.insert(statement.slot, own);
        replica.has_inherited = true;
        replica
    }

    /// The first record of a replica that begins with an inherited state.
    fn record_inheritance(&mut self, turn: &mut Turn<'_, S>) {
        if !core::mem::take(&mut self.has_inherited) {
            return;
        }
        let base = self.checkpoints.own.get(&self.group.base_slot);
        let base = base.expect("BFT-14: it begins with the base");
        let (statement, state) = (base.statement, base.snapshot.clone());
        // All, whether they were got from others or are shared with an own replica.
        self.state.discard_changes();
        let cut = HashedCut::new(Cut::origin(&self.group));
        let number = self.persist(turn, Record::Inherited { statement, cut, state });
        assert_eq!(number, RecordNumber::ZERO.next(), "BFT-14: nothing is recorded before it");
        turn.mark("bft.state_inherited");
    }

    fn at(setup: Setup, (service, state): (S, Map), executed: Executed) -> Self {
        let Setup { group, me, signer, parameters } = setup;
        assert!(parameters.is_sound(), "parameters were checked where they were read");
        assert!(group.resilience.contains(me), "a replica is a member of its group");
        let nodes = group.members.iter().map(|member| member.node);
        let replica_of: BTreeMap<_, _> = nodes.zip(group.resilience.members()).collect();
        let others: Vec<Peer> = group
            .resilience
            .members()
            .filter(|replica| *replica != me)
            .map(|replica| group.peer(replica))
            .collect();
        let replica_count = group.members.len();
        let mut replica = Self {
            others: others.into(),
            replica_of,
            service,
            state,
            lanes: Lanes::new(&executed.cut.frontier()),
            bodies: BTreeMap::new(),
            bodies_of: BTreeMap::new(),
            slots: Slots::new(executed.cut.clone()),
            proof: Base::Start,
            views: Views::first(),
            requests: super::request::Requests::default(),
            acknowledging: super::lane::Acknowledging::default(),
            suspicion: super::suspicion::Suspicion::new(&parameters),
            checkpoints: Checkpoints::new(group.base_slot, replica_count),
            gossip: super::status::Gossip::new(replica_count),
            fetching: super::fetch::Fetching::default(),
            transfer: None,
            convicted: ReplicaSet::EMPTY,
            told: None,
            end: None,
            has_inherited: false,
            log: LogPosition { last: RecordNumber::ZERO },
            executed,
            group,
            me,
            signer,
            parameters,
        };
        replica.restore_service();
        replica
    }

    /// A replica that begins again from its disk: the image of its state at the last checkpoint,
    /// if it took one, and the records of its log that were not released, in order.
    #[must_use]
    pub fn recover(
        setup: Setup,
        service: S,
        image: Option<(Image, Map)>,
        records: Vec<(RecordNumber, Record)>,
    ) -> Self {
        let has_run = image.is_some() || !records.is_empty();
        let has_ended = image.as_ref().is_some_and(|(image, _)| image.statement.is_last);
        let mut replica = match image {
            None => Self::new(setup, service),
            Some((image, state)) => Self::from_image(setup, (service, state), image),
        };
        replica.remember_history(&records);
        for (number, record) in records {
            assert!(number > replica.log.last, "the log gives records in order");
            replica.log.last = number;
            replica.replay(number, record);
        }
        if let Some(certificate) = replica.committed_certificate() {
            replica.replay_decision(certificate);
        }
        if has_run {
            replica.views.forbid_proposals();
        }
        if has_ended {
            replica.slots.end_at(&replica.executed.cut);
            replica.end = Some(End::default());
        }
        let is_certified = replica.end_certificate().is_some();
        // BFT-16: the key may be there still, after a crash before it was erased.
        replica.signer = replica.signer.filter(|_| !is_certified);
        replica
    }

    fn from_image(setup: Setup, (service, mut state): (S, Map), image: Image) -> Self {
        let Image { statement, cut, proof } = image;
        // The digest of the base is the group's, and not the hash of its cut.
        let is_base = cut.slot == setup.group.base_slot;
        let cut = if is_base { HashedCut::origin(&setup.group) } else { cut };
        let is_own = cut.epoch == setup.group.epoch && statement.cut == cut.digest();
        assert!(is_own, "BFT-14: the image is of this group's epoch");
        assert_eq!(state.root(), statement.root, "the store gives back the state that it got");
        state.discard_changes();
        let sign = |signer: &Arc<dyn Signer>| {
            Checkpoint::sign(&setup.group, statement, (setup.me, &**signer))
        };
        let message = setup.signer.as_ref().filter(|_| !statement.is_last).map(sign);
        let snapshot = state.snapshot();
        let executed = Executed { cut: cut.clone(), time: statement.time };
        let mut replica = Self::at(setup, (service, state), executed);
        replica.proof = proof;
        let own = OwnCheckpoint { statement, message, cut, snapshot, record: RecordNumber::ZERO };
        replica.checkpoints.own.insert(statement.slot, own);
        if let Some(message) = message {
            replica.checkpoints.take(message);
        }
        replica
    }

    fn replay(&mut self, number: RecordNumber, record: Record) {
        match record {
            Record::Batch(_) if planted(Plant::AcksForgotten) => {}
            Record::Batch(batch) => self.replay_batch(&batch),
            Record::Accepted { view, cut, inline, parent } => {
                inline.iter().for_each(|batch| self.replay_batch(batch));
                self.replay_accepted(view, cut);
                parent.into_iter().for_each(|certificate| self.replay_decision(certificate));
            }
            Record::Prepared { certificate, cut } => self.replay_prepared(certificate, cut),
            Record::ViewChange(change) => self.replay_view_change(change),
            Record::NewView(new_view) => self.replay_new_view(&new_view),
            Record::Checkpoint { statement, .. } | Record::Inherited { statement, .. } => {
                if let Some(own) = self.checkpoints.own.get_mut(&statement.slot) {
                    own.record = number;
                }
            }
            Record::Installed { certificate, .. } | Record::Stable(certificate) => {
                self.replay_stable(certificate);
            }
        }
    }

    /// The slots up to the image that the log still has, with their bodies and votes: this replica
    /// may be the one that others have to get them from, as long as no later checkpoint is stable.
    fn remember_history(&mut self, records: &[(RecordNumber, Record)]) {
        let mut history = History::of(records);
        history.certify(&self.proof);
        let mut cut = self.executed.cut.clone();
        let origin = HashedCut::origin(&self.group);
        let mut unproven_count = 0;
        while cut.slot > origin.slot {
            let is_first = cut.parent == origin.digest();
            let parent = if is_first { Some(&origin) } else { history.cuts.get(&cut.parent) };
            let Some(parent) = parent.cloned() else { return };
            let certificate = history.certificates.remove(&cut.digest());
            unproven_count = if certificate.is_some() { 0 } else { unproven_count + 1 };
            if unproven_count >= FETCH_SLOTS_MAX {
                // No answer to a fetch from here would reach votes: whoever asks needs the state.
                return;
            }
            let digests = delta(&self.group, &cut, &parent.frontier());
            let held = digests.iter().filter_map(|digest| history.bodies.remove_entry(digest));
            self.bodies.extend(held);
            self.bodies_of.insert(cut.slot, digests);
            self.slots.remember(cut, certificate);
            cut = parent;
        }
    }

    /// A vote of a later view counts, for what was only learned stands there with the first one.
    fn replay_accepted(&mut self, view: View, cut: HashedCut) {
        if cut.slot <= self.committed_slot() {
            return;
        }
        let open = self.slots.open_mut(cut.slot);
        if open.accepted.as_ref().is_none_or(|(known, _)| *known < view) {
            open.accepted = Some((view, cut));
        }
    }

    fn replay_batch(&mut self, batch: &Arc<Batch>) {
        let (digest, header) = (batch.digest(), &batch.header.header);
        let lane = self.lanes.lane_mut(header.lane);
        if header.seq <= lane.executed.seq {
            return;
        }
        lane.replay(Arc::clone(batch), digest);
        self.bodies.insert(digest, Arc::clone(batch));
    }

    fn replay_decision(&mut self, certificate: CommitCertificate) {
        if certificate.slot <= self.committed_slot() {
            return;
        }
        if let Some(cuts) = self.slots.chain_to(certificate.slot, certificate.digest) {
            self.decide(&cuts, certificate);
        }
    }

    fn replay_prepared(&mut self, certificate: PrepareCertificate, cut: HashedCut) {
        if cut.slot <= self.committed_slot() {
            return;
        }
        let open = self.slots.open_mut(cut.slot);
        open.committed_in = Some(certificate.view);
        open.prepared = Some(Prepared { cut, certificate });
    }

    fn replay_view_change(&mut self, change: Arc<ViewChange>) {
        if change.view > self.views.view() {
            self.views.enter(change, Entry::Known);
            self.slots.leave_view();
        }
    }

    fn replay_new_view(&mut self, new_view: &Arc<NewView>) {
        if new_view.view == self.views.view() && self.views.start().is_none() {
            let (fresh_above, _) = self.chosen(new_view);
            self.views.follow(Arc::clone(new_view), fresh_above);
        }
    }

    fn replay_stable(&mut self, certificate: CheckpointCertificate) {
        if !certificate.is_stable(&self.group) {
            return;
        }
        let slot = certificate.statement.slot;
        let Some(own) = self.checkpoints.own.get(&slot) else {
            return self.checkpoints.remember_stable(slot);
        };
        if own.statement == certificate.statement {
            let (cut, snapshot) = (own.cut.clone(), own.snapshot.clone());
            self.checkpoints.stable = Some(StableCheckpoint { certificate, cut, snapshot });
        }
    }

    /// The first step of a replica, new or recovered.
    pub(super) fn start(&mut self, turn: &mut Turn<'_, S>) {
        self.record_inheritance(turn);
        self.conclude(turn);
        if self.end.is_some() {
            return self.start_behind_end(turn);
        }
        self.remember_votes();
        self.fill_lanes(turn);
        self.follow_again(turn);
        self.execute_ready(turn);
        if self.end.is_some() {
            return;
        }
        if self.views.is_active() && !self.views.may_propose() && self.leader() == self.me {
            turn.mark("bft.restarted_leader_resigns");
            self.suspect(turn);
        }
        turn.arm(Timer::Status, self.first_status(turn.now.instant));
    }

    /// Votes that the log proves were, or may have been, sent: they are sent again as they were.
    fn remember_votes(&mut self) {
        if !self.views.is_active() {
            return;
        }
        let view = self.views.view();
        let mut votes: Vec<(Phase, Slot, Digest)> = Vec::new();
        for (slot, open) in self.slots.all_open() {
            if let Some((_, cut)) = open.accepted.as_ref().filter(|(known, _)| *known == view) {
                votes.push((Phase::Prepare, slot, cut.digest()));
            }
            if let Some(prepared) = open.prepared.as_ref().filter(|it| it.certificate.view == view)
            {
                votes.push((Phase::Commit, slot, prepared.cut.digest()));
            }
        }
        for (phase, slot, digest) in votes {
            self.vote_again(phase, (slot, digest));
        }
    }

    /// Replicas that start together do not all speak in the same moment.
    fn first_status(&self, now: Instant) -> Instant {
        let spread = u64::from(ReplicaId::get(self.me)) * 1_000;
        now.after(quorate_types::Duration::from_micros(spread))
    }
}
