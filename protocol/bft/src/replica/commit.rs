//! Third phase: what a quorum prepared is decided once a quorum has that on its disks.
//!
//! PBFT (OSDI'99) section 4.2 with parents (settled points 3, R2): a replica commits a cut only
//! behind its parent, so the votes on a slot decide all its ancestors. A replica that did not
//! prepare commits all the same.

use quorate_machine::{Class, Plant, Service, planted};
use quorate_types::{Slot, View};

use super::{Replica, Turn};
use crate::message::{CommitCertificate, HashedCut, Message, Phase, Prepared, Vote};
use crate::record::Record;

impl<S: Service> Replica<S> {
    /// Commits what a quorum prepared for a slot in this view.
    pub(super) fn commit_prepared(&mut self, turn: &mut Turn<'_, S>, slot: Slot) {
        let (view, quorum) = (self.views.view(), self.quorum());
        let open = self.slots.open(slot).filter(|_| self.views.is_active());
        let Some(open) = open else { return };
        let Some(certificate) = open.fresh_prepares(view, slot, quorum) else { return };
        let Some(cut) = open.cut(certificate.digest).cloned() else {
            return self.fetch_soon(turn);
        };
        if !self.may_commit(&cut) {
            return;
        }
        let choice = (view, slot, cut.digest());
        let vote = Vote::sign((Phase::Commit, &self.group), choice, (self.me, self.signer()));
        if planted(Plant::CommitBeforePersist) {
            self.broadcast(turn, Class::Control, Message::Commit(vote));
        }
        self.persist(turn, Record::Prepared { certificate: certificate.clone(), cut: cut.clone() });
        let open = self.slots.open_mut(slot);
        open.prepared = Some(Prepared { cut, certificate });
        open.committed_in = Some(view);
        open.commits.take(&vote);
        turn.mark("bft.prepared");
        self.broadcast(turn, Class::Control, Message::Commit(vote));
        self.decide_committed(turn, slot);
        self.commit_prepared(turn, slot.next());
    }

    // BFT-5 holds by the shape of this: nothing else lets a commit pass.
    /// BFT-5: the parent is decided, or this replica committed it in this view.
    fn may_commit(&self, cut: &HashedCut) -> bool {
        let committed = self.slots.committed();
        if cut.slot == committed.slot.next() {
            return cut.parent == committed.digest();
        }
        let parent = cut.slot.previous().and_then(|before| self.slots.open(before));
        let is_behind_own_commit = parent.is_some_and(|parent| {
            parent.committed_in == Some(self.views.view())
                && parent.prepared.as_ref().is_some_and(|it| it.cut.digest() == cut.parent)
        });
        is_behind_own_commit && cut.slot <= committed.slot.plus(self.parameters.slots_in_flight)
    }

    pub(super) fn on_commit(&mut self, turn: &mut Turn<'_, S>, vote: Vote) {
        if !self.votes_in(vote.view, vote.slot) {
            return turn.mark("bft.vote_out_of_window");
        }
        let earlier = self.slots.open_mut(vote.slot).commits.take(&vote);
        if !self.tell_double_vote(turn, Phase::Commit, (earlier, &vote)) {
            return;
        }
        self.decide_committed(turn, vote.slot);
    }

    /// Decides a slot for which a quorum committed, with all slots before it.
    fn decide_committed(&mut self, turn: &mut Turn<'_, S>, slot: Slot) {
        let Some(open) = self.slots.open(slot) else { return };
        let Some((digest, certificate)) = open.commits.certificate(self.commits_needed()) else {
            return;
        };
        let Some(cuts) = self.slots.chain_to(slot, digest) else {
            turn.mark("bft.decided_unseen");
            return self.fetch_slots_upto(turn, slot);
        };
        let view = self.views.view();
        let certificate = CommitCertificate { view, slot, digest, certificate };
        self.learn(turn, &cuts, certificate);
        turn.mark("bft.decided");
        self.after_deciding(turn);
    }

    fn commits_needed(&self) -> usize {
        self.quorum() - usize::from(planted(Plant::ShortCommitted))
    }

    /// Decides slots, and makes those durable that this replica did not vote for: it may be the one
    /// that others have to get them from, and the votes on a slot count for its ancestors only with
    /// the cuts between. No view is entered in the record: it is not a vote.
    ///
    /// The votes before and behind a chain go with it, so that after a restart too the log has
    /// votes on one in [`FETCH_SLOTS_MAX`](crate::limits::FETCH_SLOTS_MAX) slots: an answer to a
    /// fetch must reach some.
    pub(super) fn learn(
        &mut self,
        turn: &mut Turn<'_, S>,
        cuts: &[HashedCut],
        certificate: CommitCertificate,
    ) {
        let mut before = self.committed_certificate();
        for cut in cuts {
            let is_last = cut.digest() == certificate.digest;
            let ends_chain = is_last && cuts.len() > 1;
            if self.holds_durably(cut) && !ends_chain {
                continue;
            }
            let parent = if is_last { Some(certificate.clone()) } else { before.take() };
            let (view, cut) = (View::ZERO, cut.clone());
            self.persist(turn, Record::Accepted { view, cut, inline: None, parent });
        }
        self.decide(cuts, certificate);
    }

    /// Is this open cut in the log, because this replica voted for it?
    fn holds_durably(&self, cut: &HashedCut) -> bool {
        let open = self.slots.open(cut.slot);
        let accepted = open.and_then(|open| open.accepted.as_ref()).map(|(_, cut)| cut);
        let prepared = open.and_then(|open| open.prepared.as_ref()).map(|it| &it.cut);
        [accepted, prepared].into_iter().flatten().any(|known| known == cut)
    }

    /// Goes on with what waited for a decision.
    pub(super) fn after_deciding(&mut self, turn: &mut Turn<'_, S>) {
        self.execute_ready(turn);
        self.accept_ready(turn);
    }
}
