//! The lanes: who holds which batches, and how far each lane is proven.
//!
//! Prime's pre-ordering (TDSC'11, section 4) on hash-chained lanes (settled points 13): a replica
//! acknowledges the batches of a lane one after the other along one chain, so two tips that a
//! quorum proves lie on one chain, and a lane that forks harms only its owner.
//!
//! # Invariants
//! - BFT-1: a replica acknowledges at most one digest per position of a lane, and only the
//!   successor of what it acknowledged, or of what is ordered.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_types::{Digest, LaneSeq, ReplicaId};

use crate::limits::LANE_WINDOW_BATCHES;
use crate::message::{AckVector, Batch, Tip};

/// A batch of the acknowledged chain that is not executed.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Digest of the batch.
    pub digest: Digest,
    /// Digest of its body.
    pub body: Digest,
}

/// What became of a batch that came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// It follows what is acknowledged.
    Next,
    /// It leaves a gap: kept until the gap is filled.
    Ahead,
    /// It is held, or executed.
    Known,
    /// Another batch is acknowledged at its position: its owner forked the lane.
    Forked,
    /// Too far ahead.
    OutOfWindow,
}

/// One lane as this replica sees it.
#[derive(Debug)]
pub struct Lane {
    index: usize,
    /// The last batch that this replica acknowledges.
    pub acknowledged: Tip,
    /// The last batch that is executed.
    pub executed: Tip,
    /// Was the owner seen to sign two batches for one position?
    pub is_forked: bool,
    chain: BTreeMap<LaneSeq, Link>,
    promised: BTreeMap<LaneSeq, Digest>,
    /// Acknowledged above what was executed, on a branch that was not.
    left: BTreeMap<LaneSeq, Digest>,
    ahead: BTreeMap<LaneSeq, Arc<Batch>>,
    rows: Vec<Row>,
}

/// What one replica says about one lane.
#[derive(Debug, Default, Clone)]
struct Row {
    /// Its last vector.
    last: Option<Arc<AckVector>>,
    /// The last of its vectors whose tip lies on the chain that this replica holds.
    linked: Option<Arc<AckVector>>,
}

impl Lane {
    fn new(index: usize, tip: Tip, replica_count: usize) -> Self {
        Self {
            index,
            acknowledged: tip,
            executed: tip,
            is_forked: false,
            chain: BTreeMap::new(),
            promised: BTreeMap::new(),
            left: BTreeMap::new(),
            ahead: BTreeMap::new(),
            rows: alloc::vec![Row::default(); replica_count],
        }
    }

    /// Where does a batch with this digest belong?
    #[must_use]
    pub fn place(&self, batch: &Batch, digest: Digest) -> Placement {
        let header = &batch.header.header;
        if header.seq <= self.executed.seq {
            return Placement::Known;
        }
        if self.promised.get(&header.seq).is_some_and(|promised| *promised != digest) {
            return Placement::Forked;
        }
        match self.chain.get(&header.seq) {
            Some(link) if link.digest == digest => Placement::Known,
            Some(_) => Placement::Forked,
            None if header.seq > self.executed.seq.plus(LANE_WINDOW_BATCHES) => {
                Placement::OutOfWindow
            }
            None if header.seq > self.acknowledged.seq.next() => Placement::Ahead,
            None if self.continues(header.previous) => Placement::Next,
            None => Placement::Forked,
        }
    }

    /// Does a batch that follows this one continue what was acknowledged?
    fn continues(&self, previous: Digest) -> bool {
        previous == self.acknowledged.digest || planted(Plant::AckAnyBranch)
    }

    /// Acknowledges a batch that [`Lane::place`] called next.
    pub fn acknowledge(&mut self, batch: &Batch, digest: Digest) {
        let header = &batch.header.header;
        assert!(
            header.seq == self.acknowledged.seq.next() && self.continues(header.previous),
            "BFT-1: {} does not follow {}",
            header.seq,
            self.acknowledged.seq
        );
        self.chain.insert(header.seq, Link { digest, body: header.body });
        self.acknowledged = Tip { seq: header.seq, digest };
        self.promised.remove(&header.seq);
        self.link_rows();
    }

    /// Promises to acknowledge no other batch at this position: a prepare acknowledges the inline
    /// batch of its cut (settled points 19), also where the lane has a gap before it.
    pub fn promise(&mut self, seq: LaneSeq, digest: Digest) {
        let known = *self.promised.entry(seq).or_insert(digest);
        assert_eq!(known, digest, "BFT-1: one digest for {seq}");
    }

    /// Takes a batch from the log: what was acknowledged once is acknowledged again, or promised
    /// where what was executed since then does not show yet how the lane went on. Of two batches
    /// for one position the first binds. No window holds here, for the log reaches back further
    /// than one.
    pub fn replay(&mut self, batch: Arc<Batch>, digest: Digest) {
        let header = batch.header.header;
        let acknowledged = self.chain.get(&header.seq).map(|link| link.digest);
        let bound = acknowledged.or_else(|| self.promised.get(&header.seq).copied());
        if header.seq <= self.executed.seq || bound.is_some_and(|bound| bound != digest) {
            return;
        }
        let is_next = header.seq == self.acknowledged.seq.next()
            && header.previous == self.acknowledged.digest;
        if is_next {
            self.acknowledge(&batch, digest);
            return self.replay_ahead();
        }
        if acknowledged.is_none() {
            self.promised.insert(header.seq, digest);
            self.ahead.insert(header.seq, batch);
        }
    }

    fn replay_ahead(&mut self) {
        while let Some(next) = self.ahead.get(&self.acknowledged.seq.next()).map(Arc::clone) {
            if next.header.header.previous != self.acknowledged.digest {
                return;
            }
            self.ahead.remove(&next.header.header.seq);
            self.acknowledge(&next, next.digest());
        }
    }

    /// Keeps a batch that leaves a gap.
    pub fn keep_ahead(&mut self, batch: Arc<Batch>) {
        self.ahead.insert(batch.header.header.seq, batch);
    }

    /// What binds this replica besides the chain, promised behind a gap or acknowledged on a
    /// branch that was left: after a restart too, nothing else may be acknowledged there.
    ///
    /// A promise binds also when its batch waits no more, because what the lane holds by now does
    /// not lead to it.
    pub fn binding(&self) -> impl Iterator<Item = Digest> {
        let waits = |seq| self.ahead.contains_key(seq) || !planted(Plant::PromiseLeftOut);
        let promised = self.promised.iter().filter(move |(seq, _)| waits(seq));
        promised.map(|(_, digest)| *digest).chain(self.left.values().copied())
    }

    /// Does a batch wait behind a gap?
    #[must_use]
    pub fn has_gap(&self) -> bool {
        !self.promised.is_empty() || !self.ahead.is_empty()
    }

    /// Takes the batch that was kept for the next position.
    pub fn take_next(&mut self) -> Option<Arc<Batch>> {
        self.ahead.remove(&self.acknowledged.seq.next())
    }

    /// The lowest batch that was kept behind a gap.
    #[must_use]
    pub fn first_ahead(&self) -> Option<&Arc<Batch>> {
        self.ahead.values().next()
    }

    /// The acknowledged batch at a position above the executed ones.
    #[must_use]
    pub fn link(&self, seq: LaneSeq) -> Option<&Link> {
        self.chain.get(&seq)
    }

    /// The acknowledged batches above a position, in order.
    pub fn links_above(&self, seq: LaneSeq) -> impl Iterator<Item = (LaneSeq, &Link)> {
        self.chain.range(seq.next()..).map(|(seq, link)| (*seq, link))
    }

    /// Moves on to what was executed.
    ///
    /// Where the acknowledged chain ends below, acknowledgements continue from the executed tip:
    /// if it ended on another branch, that branch has no quorum and never gets one, since a quorum
    /// proves the executed one. Where another digest was acknowledged at the executed position,
    /// the owner signed both: nothing is acknowledged any more in this lane (settled points 13).
    /// True in this last case.
    pub fn execute_upto(&mut self, tip: Tip) -> bool {
        if tip.seq <= self.executed.seq {
            return false;
        }
        let acknowledged_there = match self.chain.get(&tip.seq) {
            Some(link) => Some(link.digest),
            None if self.acknowledged.seq == tip.seq => Some(self.acknowledged.digest),
            None => None,
        };
        self.chain = self.chain.split_off(&tip.seq.next());
        self.ahead = self.ahead.split_off(&tip.seq.next());
        self.promised = self.promised.split_off(&tip.seq.next());
        self.left = self.left.split_off(&tip.seq.next());
        self.executed = tip;
        if self.acknowledged.seq < tip.seq {
            self.acknowledged = tip;
            self.leave_chain();
            return false;
        }
        if acknowledged_there == Some(tip.digest) {
            return false;
        }
        self.is_forked = true;
        self.left.extend(self.chain.iter().map(|(seq, link)| (*seq, link.digest)));
        self.leave_chain();
        true
    }

    /// Forgets the chain that was left, and what was said of it.
    fn leave_chain(&mut self) {
        self.chain.clear();
        for sender in 0..self.rows.len() {
            let linked = self.rows[sender].linked.take();
            self.rows[sender].linked = linked.filter(|row| self.is_linked(row.tips[self.index]));
            self.link_row(sender);
        }
    }

    /// Who says that it holds more of the lane than this replica, within the window.
    pub fn claims_ahead(&self) -> impl Iterator<Item = (ReplicaId, Tip)> {
        let window = self.acknowledged.seq.next()..=self.executed.seq.plus(LANE_WINDOW_BATCHES);
        let last = self.rows.iter().filter_map(|row| row.last.as_ref());
        let claims = last.map(|row| (row.from, row.tips[self.index]));
        claims.filter(move |(_, tip)| window.contains(&tip.seq))
    }

    /// Takes a replica's vector; false if it says nothing new about this lane.
    ///
    /// The last one counts, and not the highest: who lied once, and has been repaired since, would
    /// otherwise prove nothing any more until the lane comes to where it said that it was.
    pub fn take_row(&mut self, vector: &Arc<AckVector>) -> bool {
        let row = &mut self.rows[vector.from.index()];
        let tip = vector.tips[self.index];
        let known = row.last.as_ref().map(|last| last.tips[self.index]);
        let is_kept = planted(Plant::HighestClaimKept) && known.is_some_and(|it| it.seq > tip.seq);
        if !is_kept {
            row.last = Some(Arc::clone(vector));
            self.link_row(vector.from.index());
        }
        known != Some(tip)
    }

    /// The vectors whose tips lie on the chain that this replica holds, at or above `seq`.
    pub fn linked_rows(&self, seq: LaneSeq) -> impl Iterator<Item = &Arc<AckVector>> {
        let index = self.index;
        let linked = self.rows.iter().filter_map(|row| row.linked.as_ref());
        linked.filter(move |row| row.tips[index].seq >= seq)
    }

    /// The highest position that `quorum` linked vectors prove, at most `seq_max`.
    #[must_use]
    pub fn proven(&self, quorum: usize, seq_max: LaneSeq) -> LaneSeq {
        let mut tips: Vec<_> =
            self.linked_rows(LaneSeq::ZERO).map(|row| row.tips[self.index].seq).collect();
        tips.sort_unstable_by(|left, right| right.cmp(left));
        tips.get(quorum - 1).copied().unwrap_or(LaneSeq::ZERO).min(seq_max)
    }

    /// Does this tip lie on the chain that this replica holds?
    #[must_use]
    pub fn is_linked(&self, tip: Tip) -> bool {
        match self.chain.get(&tip.seq) {
            Some(link) => link.digest == tip.digest,
            None => tip == self.executed || tip == self.acknowledged,
        }
    }

    fn link_rows(&mut self) {
        (0..self.rows.len()).for_each(|sender| self.link_row(sender));
    }

    fn link_row(&mut self, sender: usize) {
        let Some(last) = self.rows[sender].last.clone() else { return };
        let tip = last.tips[self.index];
        if self.is_linked(tip) {
            self.rows[sender].linked = Some(last);
        } else if self.chain.contains_key(&tip.seq) {
            // It holds another branch, whatever it said before.
            self.rows[sender].linked = None;
        }
    }
}

/// All lanes of a group.
#[derive(Debug)]
pub struct Lanes {
    lanes: Vec<Lane>,
    latest: Vec<Option<Arc<AckVector>>>,
}

impl Lanes {
    /// Lanes that begin at these tips.
    #[must_use]
    pub fn new(tips: &[Tip]) -> Self {
        let lane = |(index, tip): (usize, &Tip)| Lane::new(index, *tip, tips.len());
        Self {
            lanes: tips.iter().enumerate().map(lane).collect(),
            latest: alloc::vec![None; tips.len()],
        }
    }

    /// A lane of the group.
    #[must_use]
    pub fn lane(&self, owner: ReplicaId) -> &Lane {
        &self.lanes[owner.index()]
    }

    /// A lane of the group.
    pub fn lane_mut(&mut self, owner: ReplicaId) -> &mut Lane {
        &mut self.lanes[owner.index()]
    }

    /// Every lane.
    #[must_use]
    pub fn all(&self) -> &[Lane] {
        &self.lanes
    }

    /// What this replica acknowledges of each lane.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<Tip> {
        self.lanes.iter().map(|lane| lane.acknowledged).collect()
    }

    /// Takes a replica's vector; true if it says something new about some lane.
    ///
    /// It must have come from that replica itself, in the order in which it was sent: by its clock
    /// or its tips, which a liar can set as far as it likes, a vector is not told from a later one.
    pub fn take_vector(&mut self, vector: &Arc<AckVector>) -> bool {
        self.latest[vector.from.index()] = Some(Arc::clone(vector));
        let mut is_news = false;
        for lane in &mut self.lanes {
            is_news |= lane.take_row(vector);
        }
        is_news
    }

    /// The latest vector of each replica that sent one, in ascending order of replica.
    pub fn latest(&self) -> impl Iterator<Item = &Arc<AckVector>> {
        self.latest.iter().flatten()
    }

    /// Moves every lane on to what was executed; true if in one of them another batch had been
    /// acknowledged there.
    pub fn execute_upto(&mut self, frontier: &[Tip]) -> bool {
        let mut has_left = false;
        for (lane, tip) in self.lanes.iter_mut().zip(frontier) {
            has_left |= lane.execute_upto(*tip);
        }
        has_left
    }
}

#[cfg(test)]
mod tests;
