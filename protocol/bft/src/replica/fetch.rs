//! Fetching what is missing: bodies, proposals, decided slots.
//!
//! Every answer proves itself, so it does not matter who gives it; what is not answered in time is
//! asked of the next replica.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Class, Plant, Service, planted};
use quorate_types::{Digest, ReplicaId, Slot};

use super::{Replica, Timer, Turn};
use crate::limits::{FETCH_BATCHES_MAX, FETCH_SLOTS_MAX};
use crate::message::{
    FetchBatches, FetchProposal, FetchSlots, HashedCut, Message, PrePrepare, SignedHeader, Slots,
    Status,
};
use crate::rules::delta;

/// What this replica is missing.
#[derive(Debug, Default)]
pub(super) struct Fetching {
    batches: BTreeSet<Digest>,
    decided_upto: Option<Slot>,
    is_armed: bool,
    attempt: u16,
}

impl Fetching {
    /// Was this batch missing? It is not any more.
    pub(super) fn take_batch(&mut self, digest: Digest) -> bool {
        self.batches.remove(&digest)
    }

    /// Nothing below a state that was installed is missing any more.
    pub(super) fn forget_batches(&mut self) {
        self.batches.clear();
    }
}

impl<S: Service> Replica<S> {
    /// Looks for missing things after a while: they may be on their way.
    pub(super) fn fetch_soon(&mut self, turn: &mut Turn<'_, S>) {
        if !self.fetching.is_armed {
            self.fetching.is_armed = true;
            turn.arm(Timer::Fetch, turn.now.instant.after(self.parameters.fetch_timeout));
        }
    }

    /// Asks one replica for batches now, and others later.
    pub(super) fn want_batches(
        &mut self,
        turn: &mut Turn<'_, S>,
        digests: &[Digest],
        from: ReplicaId,
    ) {
        let new: Vec<Digest> = digests
            .iter()
            .copied()
            .filter(|digest| self.fetching.batches.insert(*digest))
            .take(FETCH_BATCHES_MAX)
            .collect();
        if !new.is_empty() && from != self.me {
            let fetch = Message::FetchBatches(FetchBatches { digests: new });
            turn.send(self.peer(from), Class::Ordered, fetch);
        }
        self.fetch_soon(turn);
    }

    /// Asks a replica whose row is in the cut for the cut's missing batches.
    pub(super) fn want_batches_of(
        &mut self,
        turn: &mut Turn<'_, S>,
        digests: &[Digest],
        cut: &HashedCut,
    ) {
        let holder = cut.rows.iter().map(|row| row.from).find(|holder| *holder != self.me);
        let holder = holder.unwrap_or_else(|| self.next_source());
        self.want_batches(turn, digests, holder);
    }

    /// Slots up to this one are decided: get them.
    pub(super) fn fetch_slots_upto(&mut self, turn: &mut Turn<'_, S>, slot: Slot) {
        if slot > self.committed_slot() && !planted(Plant::NoCatchingUp) {
            let upto = self.fetching.decided_upto.map_or(slot, |known| known.max(slot));
            self.fetching.decided_upto = Some(upto);
            self.fetch_soon(turn);
        }
    }

    fn next_source(&mut self) -> ReplicaId {
        let replicas = u16::try_from(self.group.members.len()).expect("at most 64 replicas");
        self.fetching.attempt = self.fetching.attempt.wrapping_add(1);
        let next = ReplicaId::new(self.fetching.attempt % replicas);
        if next == self.me { self.next_source() } else { next }
    }

    /// Asks the next replica for all that is still missing.
    pub(super) fn fetch_again(&mut self, turn: &mut Turn<'_, S>) {
        self.fetching.is_armed = false;
        let source = self.next_source();
        if let Some(end) = self.checkpoints.end_beyond(self.executed_slot()) {
            // Slots were asked for when the end was learned, and those who have ended wait.
            self.begin_transfer(turn, end, source);
        }
        self.fetching.batches = self.missing_bodies();
        self.fetch_batches_from(turn, source);
        self.fetch_lane_heads(turn, source);
        self.fetch_proposals(turn);
        self.fetch_slots_from(turn, source);
    }

    /// The bodies that decided slots and proposals still lack. Found anew each time, so that what
    /// is of no use any more, or never existed, is not asked for.
    fn missing_bodies(&self) -> BTreeSet<Digest> {
        let next = self.slots.decided(self.executed_slot().next());
        let frontier = self.executed.cut.frontier();
        let decided = next.map(|next| delta(&self.group, &next.cut, &frontier)).unwrap_or_default();
        let proposals = self.slots.all_open().filter_map(|(_, open)| open.proposal.as_ref());
        let inline = proposals.filter_map(|proposal| proposal.cut.inline.as_ref());
        let wanted = decided.into_iter().chain(inline.map(SignedHeader::digest));
        wanted.filter(|digest| !self.bodies.contains_key(digest)).collect()
    }

    fn fetch_batches_from(&mut self, turn: &mut Turn<'_, S>, source: ReplicaId) {
        let digests: Vec<Digest> =
            self.fetching.batches.iter().copied().take(FETCH_BATCHES_MAX).collect();
        if digests.is_empty() {
            return;
        }
        let executed = self.executed_slot();
        if self.committed_slot() > executed && self.have_forgotten(executed) {
            // The others executed what is missing here and have forgotten it behind a checkpoint.
            turn.mark("bft.bodies_forgotten");
            self.begin_transfer(turn, executed.next(), source);
        }
        turn.mark("bft.batches_fetched_again");
        let fetch = Message::FetchBatches(FetchBatches { digests });
        turn.send(self.peer(source), Class::Ordered, fetch);
        self.fetch_soon(turn);
    }

    /// Do so many say that they keep nothing up to the slot behind this one that it is true?
    fn have_forgotten(&self, slot: Slot) -> bool {
        let has_forgotten = |status: &Status| status.floor > slot.next();
        self.gossip.count(has_forgotten) >= self.group.resilience.weak_quorum()
    }

    /// Asks for the batches below those that were kept behind a gap, and for the last ones of lanes
    /// of which so many hold more that it is true: an owner may have passed this replica over. What
    /// comes is a batch like any other: it is kept if the lane has a place for it.
    fn fetch_lane_heads(&mut self, turn: &mut Turn<'_, S>, source: ReplicaId) {
        let mut wanted: Vec<(ReplicaId, Digest)> = Vec::new();
        for lane in self.lanes.all().iter().filter(|lane| !lane.is_forked) {
            if let Some(ahead) = lane.first_ahead() {
                wanted.push((source, ahead.header.header.previous));
                continue;
            }
            let claims: Vec<_> = lane.claims_ahead().collect();
            if claims.len() >= self.group.resilience.weak_quorum() {
                wanted.extend(claims.into_iter().map(|(holder, tip)| (holder, tip.digest)));
            }
        }
        wanted.retain(|(holder, _)| *holder != self.me);
        for (holder, digest) in wanted {
            turn.mark("bft.lane_gap_fetched");
            let fetch = Message::FetchBatches(FetchBatches { digests: alloc::vec![digest] });
            turn.send(self.peer(holder), Class::Ordered, fetch);
            self.fetch_soon(turn);
        }
    }

    /// Asks voters for proposals that they voted for and this replica did not get.
    fn fetch_proposals(&mut self, turn: &mut Turn<'_, S>) {
        let mut missing: Vec<(ReplicaId, FetchProposal)> = Vec::new();
        for (slot, open) in self.slots.all_open() {
            for voter in self.group.resilience.members().filter(|voter| *voter != self.me) {
                let vote = open.prepares.of(voter).map(|(digest, _)| digest);
                if let Some(digest) = vote.filter(|digest| open.cut(*digest).is_none()) {
                    missing.push((voter, FetchProposal { slot, digest }));
                }
            }
        }
        for (voter, fetch) in missing {
            turn.mark("bft.proposal_fetched");
            turn.send(self.peer(voter), Class::Control, Message::FetchProposal(fetch));
            self.fetch_soon(turn);
        }
    }

    /// Asks for decided slots, or for the whole state where the slots are not kept any more.
    pub(super) fn fetch_slots_from(&mut self, turn: &mut Turn<'_, S>, source: ReplicaId) {
        let above = self.committed_slot();
        if self.end.is_some() {
            return;
        }
        self.fetching.decided_upto = self.fetching.decided_upto.filter(|upto| *upto > above);
        let is_ahead = |status: &Status| status.committed > above;
        let is_proven = self.fetching.decided_upto.is_some();
        if !is_proven && self.gossip.count(is_ahead) == 0 {
            return;
        }
        self.fetch_soon(turn);
        if self.have_forgotten(above) {
            self.begin_transfer(turn, above.next(), source);
        } else if is_proven || self.gossip.of(source).is_some_and(is_ahead) {
            turn.mark("bft.slots_fetched");
            let fetch = Message::FetchSlots(FetchSlots { above });
            turn.send(self.peer(source), Class::Ordered, fetch);
        }
    }

    pub(super) fn on_fetch_batches(
        &mut self,
        turn: &mut Turn<'_, S>,
        sender: ReplicaId,
        fetch: &FetchBatches,
    ) {
        let held = fetch.digests.iter().filter_map(|digest| self.bodies.get(digest));
        for batch in held.take(FETCH_BATCHES_MAX) {
            turn.send(self.peer(sender), Class::Ordered, Message::Batch(Arc::clone(batch)));
        }
    }

    pub(super) fn on_fetch_proposal(
        &mut self,
        turn: &mut Turn<'_, S>,
        sender: ReplicaId,
        fetch: FetchProposal,
    ) {
        let open = self.slots.open(fetch.slot);
        let proposal = open.and_then(|open| open.proposal.as_ref());
        let Some(proposal) = proposal.filter(|known| known.cut.digest() == fetch.digest) else {
            return;
        };
        let inline = proposal.cut.inline.as_ref().map(|header| header.digest());
        let body = inline.and_then(|digest| self.bodies.get(&digest).cloned());
        let served = PrePrepare { inline: body, ..proposal.without_body() };
        turn.send(self.peer(sender), Class::Control, Message::PrePrepare(Arc::new(served)));
    }

    pub(super) fn on_fetch_slots(
        &mut self,
        turn: &mut Turn<'_, S>,
        sender: ReplicaId,
        fetch: FetchSlots,
    ) {
        if self.slots.first_decided() > fetch.above.next() {
            return turn.mark("bft.slots_not_kept");
        }
        let mut cuts: Vec<HashedCut> = Vec::new();
        let mut proven = None;
        for decided in self.slots.decided_above(fetch.above).take(FETCH_SLOTS_MAX) {
            cuts.push(decided.cut.clone());
            if let Some(certificate) = &decided.certificate {
                proven = Some((cuts.len(), certificate.clone()));
            }
        }
        let Some((count, certificate)) = proven else { return };
        cuts.truncate(count);
        let slots = Message::Slots(Arc::new(Slots { cuts, certificate }));
        turn.send(self.peer(sender), Class::Ordered, slots);
    }

    pub(super) fn on_slots(&mut self, turn: &mut Turn<'_, S>, slots: &Slots) {
        let committed = self.slots.committed();
        let new: Vec<HashedCut> =
            slots.cuts.iter().filter(|cut| cut.slot > committed.slot).cloned().collect();
        let follows = new.first().is_some_and(|first| first.parent == committed.digest());
        if !follows {
            return turn.mark("bft.slots_useless");
        }
        turn.mark("bft.slots_learned");
        self.learn(turn, &new, slots.certificate.clone());
        self.after_deciding(turn);
        let source = self.next_source();
        self.fetch_slots_from(turn, source);
    }
}
