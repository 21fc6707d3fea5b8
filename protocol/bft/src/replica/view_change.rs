//! Moving to another view, and starting it.
//!
//! Settled points 2, 3, 17, 20. Upon a proof that a view is wanted: stop voting in the present
//! one, make what is carried over durable, send it. The leader of the view collects a quorum of
//! these and starts the view; everybody derives from them what is proposed again (`choice`), and
//! votes for it without judging it again: its certificate vouches for it.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Class, Plant, Service, planted};
use quorate_types::{ReplicaId, Signature, Slot, View};

use super::{Output, Replica, Turn};
use crate::choice::choose;
use crate::message::{
    Accusation, Base, HashedCut, Message, NewLeaderProof, NewView, Prepared, ViewChange,
};
use crate::record::Record;

/// Why a replica enters a view: what convinces others to enter it too.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// The view is known from its start, or from the log.
    Known,
    /// A quorum wished for it.
    Wished(NewLeaderProof),
    /// The leader before it lied.
    Accused(Arc<Accusation>),
}

/// The view that a replica is in.
#[derive(Debug)]
pub(super) struct Views {
    view: View,
    /// The last proof of wishes, and the accusations that led on from there.
    invitations: Vec<Message>,
    own_change: Option<Arc<ViewChange>>,
    start: Option<Arc<NewView>>,
    changes: BTreeMap<ReplicaId, Arc<ViewChange>>,
    may_propose: bool,
    /// Up to this slot the start of the view leaves the leader no choice.
    fresh_above: Slot,
}

impl Views {
    /// The first view of an epoch, which needs no start.
    pub(super) const fn first() -> Self {
        Self {
            view: View::ZERO,
            invitations: Vec::new(),
            own_change: None,
            start: None,
            changes: BTreeMap::new(),
            may_propose: true,
            fresh_above: Slot::ZERO,
        }
    }

    pub(super) const fn view(&self) -> View {
        self.view
    }

    /// Has this replica the start of its view?
    pub(super) const fn is_active(&self) -> bool {
        self.start.is_some() || self.own_change.is_none()
    }

    /// May this replica propose, if it leads? Not in a view that it had entered before a crash: it
    /// may have proposed there and forgotten it (settled points 2).
    pub(super) const fn may_propose(&self) -> bool {
        self.may_propose && self.is_active()
    }

    pub(super) const fn forbid_proposals(&mut self) {
        self.may_propose = false;
    }

    pub(super) const fn start(&self) -> Option<&Arc<NewView>> {
        self.start.as_ref()
    }

    pub(super) const fn own_change(&self) -> Option<&Arc<ViewChange>> {
        self.own_change.as_ref()
    }

    /// What a log must hold so that the replica finds itself in its view again.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let change = self.own_change.clone().map(Record::ViewChange);
        change.into_iter().chain(self.start.clone().map(Record::NewView))
    }

    /// The messages that move a replica of an earlier view to this one, in order; at most one for
    /// each leader in a row that was proved to lie, and one more.
    pub(super) fn invitations(&self) -> &[Message] {
        &self.invitations
    }

    /// Up to this slot the start of the view leaves the leader no choice.
    pub(super) const fn fresh_above(&self) -> Slot {
        self.fresh_above
    }

    /// Enters a view. BFT-7: views only grow.
    pub(super) fn enter(&mut self, change: Arc<ViewChange>, entry: Entry) {
        assert!(change.view > self.view, "BFT-7: {} behind {}", change.view, self.view);
        self.view = change.view;
        match entry {
            Entry::Known => self.invitations.clear(),
            Entry::Wished(proof) => self.invitations = alloc::vec![Message::NewLeaderProof(proof)],
            Entry::Accused(accusation) => self.invitations.push(Message::Accusation(accusation)),
        }
        self.own_change = Some(change);
        self.start = None;
        self.changes.clear();
        self.may_propose = true;
    }

    /// Follows the start of the view that was entered.
    pub(super) fn follow(&mut self, start: Arc<NewView>, fresh_above: Slot) {
        assert!(start.view == self.view && self.start.is_none(), "BFT-7: one start per view");
        self.start = Some(start);
        self.fresh_above = fresh_above;
        self.changes.clear();
    }
}

impl<S: Service> Replica<S> {
    pub(super) fn on_new_leader_proof(&mut self, turn: &mut Turn<'_, S>, proof: NewLeaderProof) {
        if proof.view > self.views.view() {
            self.enter_by_proof(turn, proof);
        }
    }

    pub(super) fn enter_by_proof(&mut self, turn: &mut Turn<'_, S>, proof: NewLeaderProof) {
        let view = proof.view;
        turn.mark("bft.view_entered_by_wish");
        self.broadcast(turn, Class::Control, Message::NewLeaderProof(proof.clone()));
        self.enter(turn, view, Entry::Wished(proof));
    }

    pub(super) fn on_accusation(&mut self, turn: &mut Turn<'_, S>, accusation: Arc<Accusation>) {
        // A later leader's lie is of no use here: whoever is ahead brings this replica there. And a
        // liar could make the lie for any view.
        if accusation.first.view == self.views.view() {
            self.tell_accused(turn, &accusation);
            self.broadcast(turn, Class::Control, Message::Accusation(Arc::clone(&accusation)));
            self.enter_by_accusation(turn, accusation);
        }
    }

    pub(super) fn enter_by_accusation(
        &mut self,
        turn: &mut Turn<'_, S>,
        accusation: Arc<Accusation>,
    ) {
        turn.mark("bft.view_entered_by_accusation");
        self.enter(turn, accusation.first.view.next(), Entry::Accused(accusation));
    }

    fn enter(&mut self, turn: &mut Turn<'_, S>, view: View, entry: Entry) {
        let change = Arc::new(self.carry_into(view));
        if !planted(Plant::ViewNotPersisted) {
            self.persist(turn, Record::ViewChange(Arc::clone(&change)));
        }
        self.views.enter(Arc::clone(&change), entry);
        self.slots.leave_view();
        self.begin_patience(turn);
        self.broadcast(turn, Class::Control, Message::ViewChange(Arc::clone(&change)));
        self.on_view_change(turn, change);
    }

    /// What this replica can prove: decided slots, and above them what was prepared.
    fn carry_into(&self, view: View) -> ViewChange {
        let base = self.proof.clone();
        let (proven, _) = base.slot_and_digest(&self.group);
        assert!(proven >= self.committed_slot(), "BFT-7: what is decided here can be proven");
        let open = self.slots.all_open().filter(|(slot, _)| *slot > proven);
        let prepared: Vec<Prepared> = open.filter_map(|(_, open)| open.prepared.clone()).collect();
        let signature = Signature::new([0; 64]);
        let unsigned = ViewChange { view, base, prepared, from: self.me, signature };
        ViewChange::sign(&self.group, unsigned, self.signer())
    }

    pub(super) fn on_view_change(&mut self, turn: &mut Turn<'_, S>, change: Arc<ViewChange>) {
        let view = self.views.view();
        let leads = self.leader() == self.me && self.views.may_propose;
        if change.view != view || self.views.is_active() || !leads {
            return turn.mark("bft.view_change_ignored");
        }
        self.views.changes.entry(change.from).or_insert(change);
        if self.views.changes.len() < self.quorum() {
            return;
        }
        let changes: Vec<_> =
            self.views.changes.values().take(self.quorum()).map(Arc::clone).collect();
        let new_view = Arc::new(NewView::sign(&self.group, view, changes, self.signer()));
        turn.mark("bft.view_started");
        self.follow(turn, &new_view);
        self.broadcast(turn, Class::Control, Message::NewView(new_view));
    }

    pub(super) fn on_new_view(&mut self, turn: &mut Turn<'_, S>, new_view: &Arc<NewView>) {
        if new_view.view < self.views.view() {
            return turn.mark("bft.new_view_stale");
        }
        if new_view.view > self.views.view() {
            // A quorum of view changes shows that correct replicas had the proof.
            turn.mark("bft.view_entered_by_start");
            self.enter(turn, new_view.view, Entry::Known);
        }
        match self.views.start() {
            None => self.follow(turn, new_view),
            Some(known) if known.digest() != new_view.digest() => {
                turn.mark("bft.new_view_equivocated");
                self.suspect(turn);
            }
            Some(_) => {}
        }
    }

    /// Follows the start of the view: votes again for what must survive.
    fn follow(&mut self, turn: &mut Turn<'_, S>, new_view: &Arc<NewView>) {
        self.persist(turn, Record::NewView(Arc::clone(new_view)));
        let (fresh_above, again) = self.chosen(new_view);
        self.views.follow(Arc::clone(new_view), fresh_above);
        turn.emit(Output::Entered(new_view.view));
        self.learn_base(turn, choose(&self.group, &new_view.changes).base);
        for cut in again {
            self.prepare_again(turn, &cut);
        }
        self.accept_ready(turn);
    }

    /// What the start of a view leaves no choice about: the cuts that are proposed again, and the
    /// slot up to which the leader proposes nothing of its own (R1).
    pub(super) fn chosen(&self, new_view: &NewView) -> (Slot, Vec<HashedCut>) {
        let choice = choose(&self.group, &new_view.changes);
        let (base, _) = choice.base.slot_and_digest(&self.group);
        let count_max = if planted(Plant::ChoiceOfOneSlot) { 1 } else { usize::MAX };
        let again = choice.proposed_again.iter().take(count_max);
        let again: Vec<HashedCut> = again.map(|prepared| prepared.cut.clone()).collect();
        (again.last().map_or(base, |cut| cut.slot), again)
    }

    /// After a restart: votes for what the view chose, where the log does not show that it did.
    pub(super) fn follow_again(&mut self, turn: &mut Turn<'_, S>) {
        let Some(new_view) = self.views.start().cloned() else { return };
        self.learn_base(turn, choose(&self.group, &new_view.changes).base);
        for cut in self.chosen(&new_view).1 {
            let open = self.slots.open(cut.slot);
            let accepted = open.and_then(|open| open.accepted.as_ref());
            if accepted.is_none_or(|(view, _)| *view < new_view.view) {
                self.prepare_again(turn, &cut);
            }
        }
    }

    /// Votes for a cut that an earlier view prepared: its certificate vouches for it, and a quorum
    /// holds its inline batch (settled points 20).
    fn prepare_again(&mut self, turn: &mut Turn<'_, S>, cut: &HashedCut) {
        if cut.slot <= self.committed_slot() || self.end.is_some() {
            return;
        }
        turn.mark("bft.prepared_again");
        self.record_acceptance(turn, cut, None);
        self.send_prepare(turn, cut.slot);
    }

    fn learn_base(&mut self, turn: &mut Turn<'_, S>, base: &Base) {
        let committed = self.slots.committed();
        match base {
            Base::Start => {}
            Base::Committed { cut, .. } | Base::Checkpoint { cut, .. }
                if cut.slot <= committed.slot => {}
            Base::Committed { cut, certificate } => {
                // The votes decide the ancestors too, and this replica may be the only one that
                // still has them.
                let before = cut.slot.previous().expect("above a decided slot");
                let Some(mut cuts) = self.slots.chain_to(before, cut.parent) else {
                    return self.fetch_slots_upto(turn, cut.slot);
                };
                cuts.push(cut.clone());
                self.learn(turn, &cuts, certificate.clone());
                self.after_deciding(turn);
            }
            Base::Checkpoint { cut, .. } => self.fetch_slots_upto(turn, cut.slot),
        }
    }
}
