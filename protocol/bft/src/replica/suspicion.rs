//! Suspecting a leader that makes no progress.
//!
//! Settled points 16 and 17. While something that this replica accepted, or that is proven in a
//! lane, is not executed, a timer runs; when it expires the replica wishes for the next leader and
//! goes on voting. The wishes of a quorum for one view, all of them recent, are the proof that
//! moves everybody. There is no joining of fewer. The timeout doubles with each view without an
//! executed slot and halves with each checkpoint, so that one bad period does not slow down the
//! reaction for ever (P4), and nobody stays locked in a view (P6).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use quorate_crypto::Certificate;
use quorate_machine::{Class, Plant, Service, planted};
use quorate_types::{Duration, Instant, LaneSeq, ReplicaId, Slot};

use super::{Replica, Timer, Turn};
use crate::lanes::Lane;
use crate::message::{Message, NewLeader, NewLeaderProof};
use crate::parameters::Parameters;
use crate::rules::quota_end;
use crate::slots::OpenSlot;

/// What this replica thinks of the leader, and what the others wish.
#[derive(Debug)]
pub(super) struct Suspicion {
    timeout: Duration,
    /// What the leader must get done before the timer expires; set while it runs, and on until it
    /// is done.
    goal: Option<Goal>,
    suspects: bool,
    has_executed: bool,
    wishes: BTreeMap<ReplicaId, (NewLeader, Instant)>,
}

impl Suspicion {
    pub(super) const fn new(parameters: &Parameters) -> Self {
        Self {
            timeout: parameters.progress_timeout_min,
            goal: None,
            suspects: false,
            has_executed: true,
            wishes: BTreeMap::new(),
        }
    }
}

/// The work that waited at one moment.
#[derive(Debug)]
struct Goal {
    /// This slot is to be executed.
    slot: Slot,
    /// Each lane is to be executed up to here.
    lanes: Vec<LaneSeq>,
    /// Up to this slot any executed slot is progress: a correct leader may have proposed these
    /// before it knew of the work. From then on only the work itself is, or a leader could pass
    /// over a lane for ever (B05).
    grace_upto: Slot,
}

impl<S: Service> Replica<S> {
    fn goal(&self) -> Goal {
        let committed = self.committed_slot();
        let accepted = self.slots.all_open().filter(|(_, open)| self.is_under_way(open));
        let lane_goal = |lane: &Lane| {
            let proven = lane.proven(self.quorum(), lane.acknowledged.seq);
            proven.max(lane.executed.seq).min(quota_end(lane.executed.seq))
        };
        Goal {
            slot: accepted.map(|(slot, _)| slot).max().unwrap_or(committed),
            lanes: self.lanes.all().iter().map(lane_goal).collect(),
            grace_upto: committed.plus(self.parameters.slots_in_flight + 1),
        }
    }

    fn is_met(&self, goal: &Goal) -> bool {
        let mut lanes = self.lanes.all().iter().zip(&goal.lanes);
        self.executed_slot() >= goal.slot && lanes.all(|(lane, seq)| lane.executed.seq >= *seq)
    }

    fn is_under_way(&self, open: &OpenSlot) -> bool {
        let view = self.views.view();
        let is_accepted = open.accepted.as_ref().is_some_and(|(known, _)| *known == view);
        is_accepted || open.prepared.is_some()
    }

    /// Is there work that the leader should have ordered, or the group should have finished?
    pub(super) fn has_work(&self) -> bool {
        let is_proven =
            |lane: &Lane| lane.proven(self.quorum(), lane.acknowledged.seq) > lane.executed.seq;
        self.committed_slot() > self.executed_slot()
            || self.slots.all_open().any(|(_, open)| self.is_under_way(open))
            || self.lanes.all().iter().any(is_proven)
            || !self.views.is_active()
    }

    /// Starts or stops the progress timer, as there is work or none.
    pub(super) fn watch_progress(&mut self, turn: &mut Turn<'_, S>) {
        let has_work = self.has_work();
        if has_work && self.suspicion.goal.is_none() && !self.suspicion.suspects {
            self.suspicion.goal = Some(self.goal());
            turn.arm(Timer::Progress, turn.now.instant.after(self.suspicion.timeout));
        } else if !has_work && self.suspicion.goal.is_some() {
            self.suspicion.goal = None;
            turn.disarm(Timer::Progress);
        }
    }

    /// A slot was executed: the leader is given the whole timeout again, if that was what waited.
    pub(super) fn progressed(&mut self, turn: &mut Turn<'_, S>) {
        self.suspicion.has_executed = true;
        let goal = self.suspicion.goal.as_ref();
        if let Some(goal) = goal.filter(|goal| !self.is_met(goal)) {
            let is_grace = self.executed_slot() <= goal.grace_upto;
            if is_grace && !self.suspicion.suspects {
                turn.arm(Timer::Progress, turn.now.instant.after(self.suspicion.timeout));
            }
            return;
        }
        self.suspicion.goal = None;
        turn.disarm(Timer::Progress);
        if self.suspicion.suspects {
            self.suspicion.suspects = false;
            turn.disarm(Timer::Suspicion);
        }
    }

    pub(super) fn relax_progress_timeout(&mut self) {
        let halved = self.suspicion.timeout.halved();
        self.suspicion.timeout = halved.max(self.parameters.progress_timeout_min);
    }

    pub(super) fn on_no_progress(&mut self, turn: &mut Turn<'_, S>) {
        if self.has_work() {
            turn.mark("bft.leader_suspected");
            self.suspect(turn);
        } else {
            self.suspicion.goal = None;
        }
    }

    /// Wishes for the leader of the next view, again and again, while voting in this one.
    pub(super) fn suspect(&mut self, turn: &mut Turn<'_, S>) {
        self.suspicion.suspects = true;
        let view = self.views.view().next();
        let wish = NewLeader::sign(&self.group, view, (self.me, self.signer()));
        turn.arm(Timer::Suspicion, turn.now.instant.after(self.parameters.suspicion_interval));
        self.broadcast(turn, Class::Control, Message::NewLeader(wish));
        self.on_new_leader(turn, wish);
    }

    pub(super) fn repeat_suspicion(&mut self, turn: &mut Turn<'_, S>) {
        if self.suspicion.suspects {
            self.suspect(turn);
        }
    }

    pub(super) fn on_new_leader(&mut self, turn: &mut Turn<'_, S>, wish: NewLeader) {
        if wish.view <= self.views.view() {
            return turn.mark("bft.wish_stale");
        }
        let now = turn.now.instant;
        self.suspicion.wishes.insert(wish.from, (wish, now));
        let lapse = self.parameters.suspicion_lapse;
        let is_recent = |at: Instant| now.since(at).as_micros() < lapse.as_micros();
        let same = self
            .suspicion
            .wishes
            .values()
            .filter(|(other, at)| other.view == wish.view && is_recent(*at));
        let certificate = Certificate::new(same.map(|(other, _)| (other.from, other.signature)));
        if certificate.signers().len() >= self.quorum() {
            let proof = NewLeaderProof { view: wish.view, certificate };
            self.enter_by_proof(turn, proof);
        }
    }

    /// A view was entered: its leader has the whole timeout, longer than the one before had if
    /// that one got nothing executed.
    pub(super) fn begin_patience(&mut self, turn: &mut Turn<'_, S>) {
        if !self.suspicion.has_executed {
            let doubled = self.suspicion.timeout.doubled();
            self.suspicion.timeout = doubled.min(self.parameters.progress_timeout_max);
        }
        self.suspicion.has_executed = false;
        self.suspicion.suspects = false;
        if !planted(Plant::ProgressTimerOnce) {
            self.suspicion.goal = None;
        }
        let view = self.views.view();
        self.suspicion.wishes.retain(|_, (wish, _)| wish.view > view);
        turn.disarm(Timer::Suspicion);
        turn.disarm(Timer::Progress);
    }
}
