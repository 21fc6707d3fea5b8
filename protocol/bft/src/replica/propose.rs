//! The leader proposes a cut.
//!
//! Upon a proven tip that is not ordered, or bundles of one's own clients, while a slot is free:
//! build the cut that follows the last one, with the own lane's next batch inside where that is
//! small (settled points 19), and send it to all. The proposal is accepted here in the same step.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Class, Plant, Service, planted};
use quorate_types::{Digest, Duration, ReplicaId};

use super::{Replica, Turn};
use crate::lanes::Lane;
use crate::limits::{CUT_ROWS_PER_REPLICA_MAX, INLINE_BYTES_MAX, LANE_QUOTA_BATCHES};
use crate::message::{AckVector, Batch, Cut, HashedCut, Message, PrePrepare, SignedProposal, Tip};
use crate::rules::{quota_end, slot_time};

/// Age of the agreed time at which a cut carries rows only to set it.
const TIME_REFRESH: Duration = Duration::from_millis(50);

/// A lane's part of a cut.
struct Growth {
    tip: Tip,
    links: Vec<Digest>,
    rows: Vec<Arc<AckVector>>,
}

impl<S: Service> Replica<S> {
    /// Proposes as long as there is work and room.
    pub(super) fn propose(&mut self, turn: &mut Turn<'_, S>) {
        while let Some(parent) = self.parent_of_proposal(turn) {
            let Some((cut, inline)) = self.next_cut(turn, &parent) else { return };
            let choice = (self.views.view(), &cut);
            let proposal = SignedProposal::sign(&self.group, choice, self.signer());
            turn.mark("bft.proposed");
            let pre_prepare = Arc::new(PrePrepare { proposal, cut, inline });
            self.lead(turn, &pre_prepare);
        }
    }

    fn lead(&mut self, turn: &mut Turn<'_, S>, proposal: &Arc<PrePrepare>) {
        let slot = proposal.cut.slot;
        let message = Message::PrePrepare(Arc::clone(proposal));
        self.slots.open_mut(slot).proposal = Some(Arc::clone(proposal));
        // A batch is durable at its owner before it leaves, and so is a vote; a proposal that is
        // neither may leave at once (settled points 2).
        let Some(vote) = proposal.proposal.vote(&self.group) else {
            self.broadcast(turn, Class::Control, message);
            self.record_acceptance(turn, &proposal.cut, None);
            return self.send_prepare(turn, slot);
        };
        if planted(Plant::PrepareBeforePersist) {
            self.broadcast(turn, Class::Control, message.clone());
        }
        self.record_acceptance(turn, &proposal.cut, proposal.inline.clone());
        self.slots.open_mut(slot).prepares.take(&vote);
        self.broadcast(turn, Class::Control, message);
        self.commit_prepared(turn, slot);
    }

    /// The cut that a proposal would follow now; nothing if this replica may not propose.
    fn parent_of_proposal(&mut self, turn: &mut Turn<'_, S>) -> Option<HashedCut> {
        if !self.views.may_propose() || self.leader() != self.me || self.transfer.is_some() {
            return None;
        }
        let parent = self.last_accepted();
        let in_flight = parent.slot.since(self.committed_slot());
        if parent.slot < self.views.fresh_above() {
            return None;
        }
        let ahead = parent.slot.since(self.checkpoints.stable_slot());
        if in_flight >= self.parameters.slots_in_flight || ahead >= self.parameters.window() {
            return None;
        }
        (!self.waits_for_laggards(turn)).then_some(parent)
    }

    /// The last cut of the chain that this replica accepted in its view.
    fn last_accepted(&self) -> HashedCut {
        let view = self.views.view();
        let mut last = self.slots.committed().clone();
        while let Some(open) = self.slots.open(last.slot.next()) {
            match &open.accepted {
                Some((accepted_in, cut)) if *accepted_in == view => last = cut.clone(),
                _ => break,
            }
        }
        last
    }

    /// Will the queued bundles go into a proposal rather than into a batch of the lane?
    pub(super) fn will_propose_inline(&self) -> bool {
        self.views.may_propose()
            && self.leader() == self.me
            && self.requests.first_bytes().is_some_and(|bytes| bytes <= INLINE_BYTES_MAX)
            && self.lanes.lane(self.me).acknowledged == self.last_accepted().frontier_of(self.me)
    }

    fn next_cut(
        &mut self,
        turn: &mut Turn<'_, S>,
        parent: &HashedCut,
    ) -> Option<(HashedCut, Option<Arc<Batch>>)> {
        self.refresh_own_row(turn, parent);
        let (growth, rows) = self.grow_all(turn, parent);
        let tips: Vec<Tip> = growth.iter().map(|lane| lane.tip).collect();
        let own = self.lanes.lane(self.me);
        let is_free = !own.is_forked && !own.has_gap();
        let grown = own.acknowledged.seq.since(parent.frontier_of(self.me).seq);
        let may_inline =
            is_free && own.acknowledged == tips[self.me.index()] && grown < LANE_QUOTA_BATCHES;
        let inline = may_inline.then(|| self.inline_batch()).flatten();
        if inline.is_none() && tips == parent.frontier() {
            return None;
        }
        let mut cut = Cut {
            epoch: self.group.epoch,
            slot: parent.slot.next(),
            parent: parent.digest(),
            tips,
            rows,
            links: growth.into_iter().map(|lane| lane.links).collect(),
            inline: inline.as_ref().map(|batch| batch.header),
        };
        self.add_time(&mut cut);
        Some((HashedCut::new(cut), inline))
    }

    /// Says what this replica holds, if that is more than it said and a lane may need it.
    fn refresh_own_row(&mut self, turn: &mut Turn<'_, S>, parent: &HashedCut) {
        let tips = self.lanes.acknowledged();
        if tips != parent.frontier() && self.acknowledging.is_stale(&tips) {
            self.send_vector(turn);
        }
    }

    /// How far each lane can go. The lanes share the rows of the cut, at most two of a replica: a
    /// lane that needs a third one waits for the next cut, and another lane comes first there.
    fn grow_all(
        &self,
        turn: &mut Turn<'_, S>,
        parent: &HashedCut,
    ) -> (Vec<Growth>, Vec<Arc<AckVector>>) {
        let stay = |tip| Growth { tip, links: Vec::new(), rows: Vec::new() };
        let mut growth: Vec<Growth> = parent.frontier().into_iter().map(stay).collect();
        let mut rows: Vec<Arc<AckVector>> = Vec::new();
        let lanes = growth.len();
        let first =
            usize::try_from(parent.slot.get() % lanes as u64).expect("a remainder below 64");
        for index in (first..lanes).chain(0..first) {
            let owner = ReplicaId::new(u16::try_from(index).expect("at most 64 lanes"));
            let lane = self.grow(owner, parent);
            match with_rows(&rows, &lane.rows) {
                Some(together) => (rows, growth[index]) = (together, lane),
                None => turn.mark("bft.lane_waits_for_rows"),
            }
        }
        (growth, rows)
    }

    fn grow(&self, owner: ReplicaId, parent: &HashedCut) -> Growth {
        let (lane, from) = (self.lanes.lane(owner), parent.frontier_of(owner));
        let seq = lane.proven(self.quorum(), quota_end(from.seq));
        let link = lane.link(seq).filter(|_| seq > from.seq && lane.is_linked(from));
        let Some(link) = link else {
            return Growth { tip: from, links: Vec::new(), rows: Vec::new() };
        };
        let rows: Vec<_> = lane.linked_rows(seq).take(self.quorum()).cloned().collect();
        Growth {
            tip: Tip { seq, digest: link.digest },
            links: links_between(lane, owner, from, &rows),
            rows,
        }
    }

    fn inline_batch(&mut self) -> Option<Arc<Batch>> {
        let fits = self.requests.first_bytes()? <= INLINE_BYTES_MAX;
        fits.then(|| {
            let contents = self.requests.take(INLINE_BYTES_MAX);
            self.next_own_batch(contents)
        })
    }

    /// Adds rows that move the agreed time on, when it is old and nothing else moves it.
    fn add_time(&self, cut: &mut Cut) {
        let old = self.executed.time;
        if slot_time(&self.group, cut, old) > old.after(TIME_REFRESH) {
            return;
        }
        let latest: Vec<_> = self.lanes.latest().take(self.quorum()).cloned().collect();
        let refreshed = Cut { rows: latest.clone(), ..cut.clone() };
        if slot_time(&self.group, &refreshed, old) > old.after(TIME_REFRESH) {
            for row in latest {
                if let Some(rows) = with_rows(&cut.rows, &[row]) {
                    cut.rows = rows;
                }
            }
        }
    }
}

fn links_between(lane: &Lane, owner: ReplicaId, from: Tip, rows: &[Arc<AckVector>]) -> Vec<Digest> {
    let claimed = rows.iter().map(|row| row.tips[owner.index()].seq);
    let last = claimed.max().unwrap_or(from.seq);
    let needed = lane.links_above(from.seq).take_while(|(seq, _)| *seq <= last);
    needed.map(|(_, link)| link.body).collect()
}

/// Both sets of rows in the order of a cut: by replica, none twice; nothing if that makes more of
/// one replica than a cut may have.
fn with_rows(rows: &[Arc<AckVector>], more: &[Arc<AckVector>]) -> Option<Vec<Arc<AckVector>>> {
    let mut rows: Vec<_> = rows.iter().chain(more).cloned().collect();
    rows.sort_by_key(|row| (row.from, row.clock, row.tips.clone()));
    rows.dedup();
    let is_crowded = |window: &[Arc<AckVector>]| window[0].from == window[window.len() - 1].from;
    (!rows.windows(CUT_ROWS_PER_REPLICA_MAX + 1).any(is_crowded)).then_some(rows)
}
