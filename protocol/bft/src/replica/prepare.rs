//! Second phase: accept one cut per slot and view.
//!
//! PBFT (OSDI'99) section 4.2 with parents (settled points 3, R1). Upon a proposal of the view's
//! leader whose parent is decided, or was prepared in this view, and which follows from it
//! (`rules`): make it durable together with its inline batch, and vote.
//!
//! # Deviations
//! - R1 also admits a parent that is known decided, so that a replica that fetched a slot can vote
//!   for the next one; but no slot up to the last one that the start of the view fixed, also where
//!   this replica has not learned yet what was decided there.

use alloc::sync::Arc;

use quorate_machine::{Class, Plant, Service, planted};
use quorate_types::{ReplicaId, Slot};

use super::{Replica, Turn};
use crate::lanes::Placement;
use crate::limits::SLOTS_AHEAD_MAX;
use crate::message::{Accusation, Batch, HashedCut, Message, Phase, PrePrepare, Vote};
use crate::record::Record;
use crate::rules::judge;

impl<S: Service> Replica<S> {
    pub(super) fn on_pre_prepare(
        &mut self,
        turn: &mut Turn<'_, S>,
        sender: ReplicaId,
        proposal: Arc<PrePrepare>,
    ) {
        let slot = proposal.cut.slot;
        if !self.votes_in(proposal.proposal.view, slot) {
            return turn.mark("bft.proposal_out_of_window");
        }
        let known = self.slots.open(slot).and_then(|open| open.proposal.clone());
        let vote = proposal.proposal.vote(&self.group);
        match known {
            Some(known) if known.cut.digest() != proposal.cut.digest() => {
                return self.accuse(turn, &known, &proposal);
            }
            Some(known) if known.inline.is_some() || proposal.inline.is_none() => {}
            _ => self.slots.open_mut(slot).proposal = Some(proposal),
        }
        if let Some(vote) = vote {
            self.take_prepare(turn, &vote);
        }
        self.accept(turn, slot, Some(sender));
        self.commit_prepared(turn, slot);
    }

    /// Does this replica count messages of this view and slot?
    pub(super) fn votes_in(&self, view: quorate_types::View, slot: Slot) -> bool {
        let committed = self.committed_slot();
        self.views.is_active()
            && self.end.is_none()
            && view == self.views.view()
            && slot > committed
            && slot <= committed.plus(SLOTS_AHEAD_MAX)
    }

    /// Two different proposals of one leader for one slot: proof that it lies (B01).
    fn accuse(&mut self, turn: &mut Turn<'_, S>, known: &PrePrepare, other: &PrePrepare) {
        let accusation = Arc::new(Accusation { first: known.proposal, second: other.proposal });
        turn.mark("bft.leader_equivocated");
        self.tell_accused(turn, &accusation);
        self.broadcast(turn, Class::Control, Message::Accusation(Arc::clone(&accusation)));
        self.enter_by_accusation(turn, accusation);
    }

    /// Accepts what waited for a batch or for its parent.
    pub(super) fn accept_ready(&mut self, turn: &mut Turn<'_, S>) {
        let committed = self.committed_slot();
        for ahead in 1..=self.parameters.slots_in_flight {
            self.accept(turn, committed.plus(ahead), None);
            self.commit_prepared(turn, committed.plus(ahead));
        }
    }

    fn accept(&mut self, turn: &mut Turn<'_, S>, slot: Slot, sender: Option<ReplicaId>) {
        let Some(proposal) = self.acceptable(turn, slot) else { return };
        let inline = match self.inline_body(turn, &proposal, sender) {
            Ok(inline) => inline,
            Err(mark) => return turn.mark(mark),
        };
        self.record_acceptance(turn, &proposal.cut, inline);
        turn.mark("bft.accepted");
        self.send_prepare(turn, slot);
    }

    /// The proposal for a slot, if this replica may vote for it now.
    fn acceptable(&mut self, turn: &mut Turn<'_, S>, slot: Slot) -> Option<Arc<PrePrepare>> {
        let view = self.views.view();
        let mark = self.checkpoints.stable_slot().plus(self.parameters.window());
        let slot_max = self.committed_slot().plus(self.parameters.slots_in_flight).min(mark);
        if !self.views.is_active() || slot > slot_max || slot <= self.views.fresh_above() {
            return None;
        }
        let open = self.slots.open(slot)?;
        let has_voted = open.accepted.as_ref().is_some_and(|(accepted_in, _)| *accepted_in == view);
        let proposal = open.proposal.clone().filter(|_| !has_voted)?;
        let parent = self.parent(slot)?;
        match judge(&self.group, self.leader(), &proposal.cut, &parent) {
            Ok(()) => Some(proposal),
            Err(_) if planted(Plant::CutNotJudged) => Some(proposal),
            Err(fault) => {
                turn.mark(fault.mark());
                None
            }
        }
    }

    /// The cut that a proposal for `slot` must follow in this view.
    fn parent(&self, slot: Slot) -> Option<HashedCut> {
        let before = slot.previous()?;
        if before == self.committed_slot() {
            return Some(self.slots.committed().clone());
        }
        let (accepted_in, cut) = self.slots.open(before)?.accepted.as_ref()?;
        (*accepted_in == self.views.view()).then(|| cut.clone())
    }

    /// The body of a proposal's inline batch, which a prepare acknowledges.
    fn inline_body(
        &mut self,
        turn: &mut Turn<'_, S>,
        proposal: &PrePrepare,
        sender: Option<ReplicaId>,
    ) -> Result<Option<Arc<Batch>>, &'static str> {
        let Some(header) = &proposal.cut.inline else { return Ok(None) };
        let digest = header.digest();
        let held = proposal.inline.clone().or_else(|| self.bodies.get(&digest).cloned());
        let Some(batch) = held else {
            self.want_batches(turn, &[digest], sender.unwrap_or_else(|| self.leader()));
            return Err("bft.inline_body_missing");
        };
        let lane = self.lanes.lane(header.header.lane);
        if lane.is_forked || lane.place(&batch, digest) == Placement::Forked {
            return Err("bft.inline_forks_lane");
        }
        Ok(Some(batch))
    }

    /// Makes an accepted cut and its inline batch durable.
    ///
    /// BFT-4: this is the only place that accepts, and it does so once per slot and view.
    pub(super) fn record_acceptance(
        &mut self,
        turn: &mut Turn<'_, S>,
        cut: &HashedCut,
        inline: Option<Arc<Batch>>,
    ) {
        let view = self.views.view();
        let open = self.slots.open_mut(cut.slot);
        let earlier = open.accepted.as_ref().map(|(accepted_in, _)| *accepted_in);
        assert!(
            earlier.is_none_or(|earlier| earlier < view),
            "BFT-4: second prepare for {} in {view}",
            cut.slot
        );
        open.accepted = Some((view, cut.clone()));
        if let Some(batch) = &inline {
            self.hold_inline(batch);
        }
        let parent = self.committed_certificate();
        if planted(Plant::PrepareBeforePersist) {
            self.send_prepare(turn, cut.slot);
        }
        self.persist(turn, Record::Accepted { view, cut: cut.clone(), inline, parent });
    }

    /// Takes an inline batch into its lane: the record that follows makes it durable.
    pub(super) fn hold_inline(&mut self, batch: &Arc<Batch>) {
        let (digest, header) = (batch.digest(), &batch.header.header);
        self.bodies.insert(digest, Arc::clone(batch));
        let lane = self.lanes.lane_mut(header.lane);
        match lane.place(batch, digest) {
            Placement::Next => lane.acknowledge(batch, digest),
            Placement::Ahead => {
                lane.promise(header.seq, digest);
                lane.keep_ahead(Arc::clone(batch));
            }
            // Executing is far behind voting: the batch is not kept, but the promise holds.
            Placement::OutOfWindow => lane.promise(header.seq, digest),
            Placement::Known | Placement::Forked => {}
        }
    }

    /// Votes for the cut that was accepted for a slot.
    pub(super) fn send_prepare(&mut self, turn: &mut Turn<'_, S>, slot: Slot) {
        let view = self.views.view();
        let open = self.slots.open_mut(slot);
        let (_, cut) = open.accepted.as_ref().expect("a vote follows an acceptance");
        let choice = (view, slot, cut.digest());
        let vote = Vote::sign((Phase::Prepare, &self.group), choice, (self.me, self.signer()));
        self.slots.open_mut(slot).prepares.take(&vote);
        self.broadcast(turn, Class::Control, Message::Prepare(vote));
        self.commit_prepared(turn, slot);
    }

    pub(super) fn on_prepare(&mut self, turn: &mut Turn<'_, S>, vote: Vote) {
        if !self.votes_in(vote.view, vote.slot) {
            return turn.mark("bft.vote_out_of_window");
        }
        if !self.take_prepare(turn, &vote) {
            return;
        }
        if self.slots.open(vote.slot).is_some_and(|open| open.cut(vote.digest).is_none()) {
            self.fetch_soon(turn);
        }
        self.commit_prepared(turn, vote.slot);
    }

    /// Takes a prepare; false if its voter had voted otherwise.
    fn take_prepare(&mut self, turn: &mut Turn<'_, S>, vote: &Vote) -> bool {
        let earlier = self.slots.open_mut(vote.slot).prepares.take(vote);
        self.tell_double_vote(turn, Phase::Prepare, (earlier, vote))
    }

    /// Tells of a voter that it had voted otherwise before; false if it had.
    pub(super) fn tell_double_vote(
        &mut self,
        turn: &mut Turn<'_, S>,
        phase: Phase,
        (earlier, vote): (Option<Vote>, &Vote),
    ) -> bool {
        let Some(earlier) = earlier else { return true };
        turn.mark("bft.double_vote");
        let words = [earlier.word(phase, &self.group), vote.word(phase, &self.group)];
        self.tell_contradiction(turn, vote.from, words);
        false
    }
}
