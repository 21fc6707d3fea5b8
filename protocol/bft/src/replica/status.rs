//! Status gossip: how far each replica is, and what the others do about it.
//!
//! PBFT's status messages (TOCS'02, section 5.2), the only retransmission between replicas besides
//! fetches: upon the status of a replica that lacks something which this one said, say it again.
//! An idle group gossips slowly and orders nothing.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Class, Plant, Service, planted};
use quorate_types::{Instant, LaneSeq, ReplicaId, Slot};

use super::{Replica, Timer, Turn};
use crate::message::{Message, NewLeader, Phase, Status, Vote};

/// Batches of the own lane sent again upon one status.
const BATCHES_AGAIN_MAX: usize = 8;

/// What the others said of themselves.
#[derive(Debug)]
pub(super) struct Gossip {
    heard: Vec<Option<Status>>,
    waiting_since: Option<Instant>,
}

impl Gossip {
    pub(super) fn new(replica_count: usize) -> Self {
        Self { heard: alloc::vec![None; replica_count], waiting_since: None }
    }

    pub(super) fn of(&self, replica: ReplicaId) -> Option<&Status> {
        self.heard[replica.index()].as_ref()
    }

    /// How many replicas say this of themselves? What more than `f` say is not invented.
    pub(super) fn count(&self, says: impl Fn(&Status) -> bool) -> usize {
        self.heard.iter().flatten().filter(|status| says(status)).count()
    }
}

impl<S: Service> Replica<S> {
    pub(super) fn status(&self) -> Status {
        Status {
            view: self.views.view(),
            is_active: self.views.is_active(),
            committed: self.committed_slot(),
            executed: self.executed_slot(),
            stable: self.checkpoints.stable_slot(),
            floor: self.slots.first_decided(),
            acknowledged: self.lanes.all().iter().map(|lane| lane.acknowledged.seq).collect(),
        }
    }

    pub(super) fn send_status(&mut self, turn: &mut Turn<'_, S>) {
        self.broadcast(turn, Class::Control, Message::Status(self.status()));
        if self.end.is_some() {
            return self.await_certificate(turn);
        }
        let tips = self.lanes.acknowledged();
        if self.acknowledging.is_stale(&tips) {
            self.send_vector(turn);
        }
        let interval = if self.has_work() {
            self.parameters.status_interval_busy
        } else {
            self.parameters.status_interval_idle
        };
        if !planted(Plant::StatusOnce) {
            turn.arm(Timer::Status, turn.now.instant.after(interval));
        }
    }

    pub(super) fn on_status(&mut self, turn: &mut Turn<'_, S>, sender: ReplicaId, status: Status) {
        if status.acknowledged.len() != self.group.members.len() {
            return turn.mark("bft.status_malformed");
        }
        self.help_with_view(turn, sender, &status);
        self.help_with_slot(turn, sender, &status);
        self.help_with_lanes(turn, sender, &status);
        self.help_with_checkpoint(turn, sender, &status);
        if status.committed > self.committed_slot() && !planted(Plant::NoCatchingUp) {
            self.fetch_soon(turn);
        }
        self.gossip.heard[sender.index()] = Some(status);
    }

    fn help_with_view(&self, turn: &mut Turn<'_, S>, sender: ReplicaId, status: &Status) {
        let (view, peer) = (self.views.view(), self.peer(sender));
        let lacks_start = status.view < view || (status.view == view && !status.is_active);
        if !lacks_start {
            return;
        }
        if status.view < view {
            turn.effects.mark("bft.view_invited");
            self.invite(turn, peer, status.view.next());
        }
        if let Some(start) = self.views.start() {
            turn.send(peer, Class::Control, Message::NewView(Arc::clone(start)));
        } else if let Some(change) = self.views.own_change().filter(|_| self.leader() == sender) {
            turn.send(peer, Class::Control, Message::ViewChange(Arc::clone(change)));
        }
    }

    /// Moves a replica of an earlier view on. Where the proof was lost in a crash, this replica's
    /// wish counts like the others': it is beyond the view that they are in.
    fn invite(&self, turn: &mut Turn<'_, S>, peer: quorate_types::Peer, next: quorate_types::View) {
        let invitations = self.views.invitations();
        for invitation in invitations {
            turn.send(peer, Class::Control, invitation.clone());
        }
        let has_proof = matches!(invitations.first(), Some(Message::NewLeaderProof(_)));
        if !has_proof && self.views.start().is_none() {
            let wish = NewLeader::sign(&self.group, next, (self.me, self.signer()));
            turn.send(peer, Class::Control, Message::NewLeader(wish));
        }
    }

    /// Says again what this replica said of the slots that the sender has open too.
    fn help_with_slot(&self, turn: &mut Turn<'_, S>, sender: ReplicaId, status: &Status) {
        let (view, peer) = (self.views.view(), self.peer(sender));
        if status.view != view || !self.views.is_active() {
            return;
        }
        for (slot, open) in self.slots.all_open().filter(|(slot, _)| *slot > status.committed) {
            if let Some(proposal) = open.proposal.as_ref().filter(|_| self.leader() == self.me) {
                turn.send(peer, Class::Control, Message::PrePrepare(Arc::clone(proposal)));
            }
            let again = |(digest, signature)| Vote { view, slot, digest, from: self.me, signature };
            if let Some(vote) = open.prepares.of(self.me).map(again) {
                turn.send(peer, Class::Control, Message::Prepare(vote));
            }
            if let Some(vote) = open.commits.of(self.me).map(again) {
                turn.send(peer, Class::Control, Message::Commit(vote));
            }
        }
    }

    fn help_with_lanes(&self, turn: &mut Turn<'_, S>, sender: ReplicaId, status: &Status) {
        let (own, peer) = (self.lanes.lane(self.me), self.peer(sender));
        let held: LaneSeq = status.acknowledged[self.me.index()];
        for (_, link) in own.links_above(held.max(own.executed.seq)).take(BATCHES_AGAIN_MAX) {
            if let Some(batch) = self.bodies.get(&link.digest) {
                turn.effects.mark("bft.batch_again");
                turn.send(peer, Class::Ordered, Message::Batch(Arc::clone(batch)));
            }
        }
        let holds_unexecuted =
            self.lanes.all().iter().any(|lane| lane.acknowledged.seq > lane.executed.seq);
        if let Some(vector) = self.acknowledging.last().filter(|_| holds_unexecuted) {
            turn.send(peer, Class::Ordered, Message::AckVector(Arc::clone(vector)));
        }
    }

    fn help_with_checkpoint(&self, turn: &mut Turn<'_, S>, sender: ReplicaId, status: &Status) {
        for slot in self.checkpoints.own.keys().filter(|slot| **slot > status.stable) {
            if let Some(message) = self.checkpoints.own_message(*slot) {
                turn.send(self.peer(sender), Class::Control, Message::Checkpoint(message));
            }
        }
    }

    /// Holds proposals back for a while when a quorum would outrun the others' checkpoints: help
    /// for laggards, not a veto (settled points 35).
    pub(super) fn waits_for_laggards(&mut self, turn: &mut Turn<'_, S>) -> bool {
        let mut executed: Vec<Slot> = self
            .group
            .resilience
            .members()
            .map(|replica| match self.gossip.of(replica) {
                _ if replica == self.me => self.executed_slot(),
                Some(status) => status.executed,
                None => self.group.base_slot,
            })
            .collect();
        executed.sort_unstable_by(|left, right| right.cmp(left));
        let behind = self.committed_slot().since(executed[self.quorum() - 1]);
        if behind <= 2 * self.parameters.checkpoint_interval {
            self.gossip.waiting_since = None;
            return false;
        }
        let now = turn.now.instant;
        let since = *self.gossip.waiting_since.get_or_insert(now);
        let is_patient = now.since(since) < self.parameters.laggard_patience;
        if is_patient {
            turn.mark("bft.laggards_awaited");
        }
        is_patient
    }

    /// The vote of this replica for what it accepted, made again after a crash.
    pub(super) fn vote_again(&mut self, phase: Phase, choice: (Slot, quorate_types::Digest)) {
        let view = self.views.view();
        let choice = (view, choice.0, choice.1);
        let vote = Vote::sign((phase, &self.group), choice, (self.me, self.signer()));
        let open = self.slots.open_mut(vote.slot);
        match phase {
            Phase::Prepare => open.prepares.take(&vote),
            Phase::Commit => open.commits.take(&vote),
        };
    }
}
