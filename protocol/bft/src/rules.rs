//! Which cut may follow which: a pure function of their bytes.
//!
//! Settled points 13, 16, 19, 24. Because nothing but the cut and its parent is looked at, a
//! replica that accepts a proposal can convince every other one; no clock and no local index
//! decides.
//!
//! # Invariants
//! - BFT-2: a cut extends its parent's tip in every lane, by at most the quota, and in at least
//!   one lane; each new tip is proven by a quorum.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_types::{
    Digest, Duration, GroupConfiguration, LaneSeq, ReplicaId, ReplicaSet, UnixTime,
};

use crate::limits::LANE_QUOTA_BATCHES;
use crate::message::{AckVector, BatchHeader, Cut, HashedCut, Tip, link_digest};

/// What is wrong with a cut.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum CutFault {
    /// It names another parent, or does not stand in the slot behind it.
    Parent,
    /// A lane's tip does not extend the parent's.
    Chain,
    /// A lane grows by more than the quota.
    Quota,
    /// Fewer than a quorum of rows prove a tip.
    Unproven,
    /// The rows are not in order, or a replica has too many.
    Rows,
    /// The inline batch is not the next one of the leader's lane.
    Inline,
    /// It orders nothing.
    Empty,
}

impl CutFault {
    /// The name under which the fault is counted.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Parent => "bft.cut_rejected_parent",
            Self::Chain => "bft.cut_rejected_chain",
            Self::Quota => "bft.cut_rejected_quota",
            Self::Unproven => "bft.cut_rejected_unproven",
            Self::Rows => "bft.cut_rejected_rows",
            Self::Inline => "bft.cut_rejected_inline",
            Self::Empty => "bft.cut_rejected_empty",
        }
    }
}

/// The digests of the batches behind a tip that these bodies make, in order.
pub fn chain(
    group: &GroupConfiguration,
    lane: ReplicaId,
    tip: Tip,
    bodies: &[Digest],
) -> impl Iterator<Item = Tip> {
    let epoch = group.epoch;
    bodies.iter().scan(tip, move |last, &body| {
        let (seq, previous) = (last.seq.next(), last.digest);
        let digest = link_digest(&BatchHeader { epoch, lane, seq, previous, body });
        *last = Tip { seq, digest };
        Some(*last)
    })
}

/// Judges a fresh proposal of `leader` against its parent.
///
/// # Errors
/// [`CutFault`] says what is wrong.
pub fn judge(
    group: &GroupConfiguration,
    leader: ReplicaId,
    cut: &Cut,
    parent: &HashedCut,
) -> Result<(), CutFault> {
    if cut.parent != parent.digest() || cut.slot != parent.slot.next() {
        return Err(CutFault::Parent);
    }
    judge_row_order(&cut.rows)?;
    for lane in group.resilience.members() {
        judge_lane(group, lane, cut, parent.frontier_of(lane))?;
    }
    judge_inline(leader, cut, parent)?;
    if cut.frontier() == parent.frontier() { Err(CutFault::Empty) } else { Ok(()) }
}

fn judge_row_order(rows: &[Arc<AckVector>]) -> Result<(), CutFault> {
    let is_ordered = |pair: &[Arc<AckVector>]| pair[0].from <= pair[1].from && pair[0] != pair[1];
    let is_crowded = |three: &[Arc<AckVector>]| three[0].from == three[2].from;
    if !rows.windows(2).all(is_ordered) || rows.windows(3).any(is_crowded) {
        return Err(CutFault::Rows);
    }
    Ok(())
}

// BFT-2 holds by this function and `judge`: a cut that they refuse is never prepared.
fn judge_lane(
    group: &GroupConfiguration,
    lane: ReplicaId,
    cut: &Cut,
    from: Tip,
) -> Result<(), CutFault> {
    let (tip, links) = (cut.tips[lane.index()], &cut.links[lane.index()]);
    if tip == from {
        return if links.is_empty() { Ok(()) } else { Err(CutFault::Chain) };
    }
    if tip.seq <= from.seq {
        return Err(CutFault::Chain);
    }
    if tip.seq.since(from.seq) > LANE_QUOTA_BATCHES {
        return Err(CutFault::Quota);
    }
    let chain: Vec<Tip> = chain(group, lane, from, links).collect();
    let on_chain = |tip: &Tip| chain.binary_search_by_key(&tip.seq, |link| link.seq);
    if on_chain(&tip).map(|index| chain[index]) != Ok(tip) {
        return Err(CutFault::Chain);
    }
    let proves = |row: &&Arc<AckVector>| {
        let claim = row.tips[lane.index()];
        claim.seq >= tip.seq && on_chain(&claim).map(|index| chain[index]) == Ok(claim)
    };
    let holders: ReplicaSet = cut.rows.iter().filter(proves).map(|row| row.from).collect();
    if holders.len() < group.resilience.quorum() {
        return Err(CutFault::Unproven);
    }
    Ok(())
}

fn judge_inline(leader: ReplicaId, cut: &Cut, parent: &HashedCut) -> Result<(), CutFault> {
    let Some(inline) = &cut.inline else { return Ok(()) };
    let (header, tip) = (&inline.header, cut.tips[leader.index()]);
    let is_next =
        header.lane == leader && header.seq == tip.seq.next() && header.previous == tip.digest;
    let grown = header.seq.since(parent.frontier_of(leader).seq);
    if is_next && grown <= LANE_QUOTA_BATCHES { Ok(()) } else { Err(CutFault::Inline) }
}

/// The batches that a committed cut adds to its parent's, in the order of execution: lanes in an
/// order that rotates with the slot, each lane's batches by position.
#[must_use]
pub fn delta(group: &GroupConfiguration, cut: &Cut, frontier: &[Tip]) -> Vec<Digest> {
    let lanes = group.members.len();
    let first = usize::try_from(cut.slot.get() % lanes as u64).expect("a remainder below 64");
    let mut batches = Vec::new();
    for index in (first..lanes).chain(0..first) {
        let lane = ReplicaId::new(u16::try_from(index).expect("at most 64 lanes"));
        let tip = cut.tips[index];
        let links = chain(group, lane, frontier[index], &cut.links[index]);
        batches.extend(links.take_while(|link| link.seq <= tip.seq).map(|link| link.digest));
        let inline = cut.inline.as_ref().filter(|inline| inline.header.lane == lane);
        batches.extend(inline.map(crate::message::SignedHeader::digest));
    }
    batches
}

/// The agreed time of a slot: a correct replica's clock lies at or below and at or above the
/// `f + 1`-th smallest of a quorum's, and time moves on with every slot.
#[must_use]
pub fn slot_time(group: &GroupConfiguration, cut: &Cut, parent: UnixTime) -> UnixTime {
    let next = parent.after(Duration::from_micros(1));
    let mut senders = ReplicaSet::EMPTY;
    let mut clocks: Vec<UnixTime> = cut
        .rows
        .iter()
        .filter(|row| senders.insert(row.from))
        .map(|row| row.clock)
        .take(group.resilience.quorum())
        .collect();
    if clocks.len() < group.resilience.quorum() {
        return next;
    }
    clocks.sort_unstable();
    next.max(clocks[group.resilience.f()])
}

/// The position that a lane may reach in the cut behind one with this frontier.
#[must_use]
pub const fn quota_end(frontier: LaneSeq) -> LaneSeq {
    frontier.plus(LANE_QUOTA_BATCHES)
}

#[cfg(test)]
mod tests;
