//! Which of the stamps that a group reports is the one to go on from.
//!
//! The highest one, unless no correct server can have stored it. Numbers come in *levels* of
//! [`SEQUENCE_SKIP_MAX`]; a server takes a version of a level only when `2f + 1` of the group are
//! on the level below, so a signed stamp far above all others comes from a bad owner and a bad
//! server together. Believing it would let them use up the numbers.
//!
//! # Invariants
//! - DHT-7: a stamp that a completed write left is never passed over: `2f + 1` servers hold it or a
//!   higher one, and they and the `2f + 1` that must contradict it share a correct server.

use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_types::Resilience;

use crate::limits::SEQUENCE_SKIP_MAX;
use crate::object::Stamp;

/// What a set of replies says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Choice {
    /// More replies are needed.
    Wait,
    /// The highest stamp that counts; nothing if the object was never written.
    Highest(Option<Stamp>),
}

/// What whoever chooses knows beside the replies.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Known {
    /// A quorum refuses every higher level, so that no write there was completed.
    pub(crate) level_max: Option<u64>,
    /// Who has not answered by now may never do it: what is not contradicted counts.
    pub(crate) is_late: bool,
}

/// The level of a number, from 0.
#[must_use]
pub(crate) const fn level(sequence: u64) -> u64 {
    sequence / SEQUENCE_SKIP_MAX
}

/// Chooses from the replies of distinct members of one group.
#[must_use]
pub(crate) fn choose(resilience: Resilience, replies: &[Option<Stamp>], known: Known) -> Choice {
    let needed = resilience.quorum() - usize::from(planted(Plant::ShortRead));
    if let Some(max) = known.level_max {
        // Who is above says nothing of what it held before, and a quorum must say that.
        let is_within = |reply: &&Option<Stamp>| reply.is_none_or(|one| level(one.sequence) <= max);
        let within: Vec<_> = replies.iter().filter(is_within).copied().collect();
        let is_enough = within.len() >= needed;
        if is_enough || !known.is_late {
            let rest = Known { level_max: None, ..known };
            return if is_enough { choose(resilience, &within, rest) } else { Choice::Wait };
        }
        // So many have gone on meanwhile that all can: the level counts again.
    }
    if replies.len() < needed {
        return Choice::Wait;
    }
    let mut stamps: Vec<Stamp> = replies.iter().flatten().copied().collect();
    stamps.sort_unstable();
    stamps.dedup();
    for stamp in stamps.into_iter().rev() {
        let floor = level(stamp.sequence).saturating_sub(1);
        let is_below = |reply: &&Option<Stamp>| level(reply.map_or(0, |one| one.sequence)) < floor;
        let below = replies.iter().filter(is_below).count();
        if replies.len() - below >= resilience.weak_quorum() {
            return Choice::Highest(Some(stamp));
        }
        if below < resilience.quorum() {
            return if known.is_late { Choice::Highest(Some(stamp)) } else { Choice::Wait };
        }
        // DHT-7: 2f + 1 contradict it, so no write with this stamp was completed.
    }
    Choice::Highest(None)
}

#[cfg(test)]
mod tests;
