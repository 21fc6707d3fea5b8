//! Which of the stamps that a group reports is the one to go on from.
//!
//! The highest one, unless it cannot have been stored by a correct server: servers refuse to skip
//! more than [`SEQUENCE_SKIP_MAX`] sequence numbers, so a signed stamp far above all others comes
//! from a bad owner and a bad server together. Believing it would let them use up the numbers.
//!
//! # Invariants
//! - DHT-7: a stamp that a completed write left is never passed over: `f + 1` correct servers hold
//!   it or a higher one, and they and the `2f + 1` that must contradict it share a correct server.

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

/// Chooses from the replies of distinct members of one group.
#[must_use]
pub(crate) fn choose(resilience: Resilience, replies: &[Option<Stamp>]) -> Choice {
    if replies.len() < resilience.quorum() - usize::from(planted(Plant::ShortRead)) {
        return Choice::Wait;
    }
    let mut stamps: Vec<Stamp> = replies.iter().flatten().copied().collect();
    stamps.sort_unstable();
    stamps.dedup();
    for stamp in stamps.into_iter().rev() {
        let floor = stamp.sequence.saturating_sub(SEQUENCE_SKIP_MAX);
        let is_below = |reply: &&Option<Stamp>| reply.map_or(0, |one| one.sequence) < floor;
        let below = replies.iter().filter(is_below).count();
        if replies.len() - below >= resilience.weak_quorum() {
            return Choice::Highest(Some(stamp));
        }
        if below < resilience.quorum() {
            return Choice::Wait;
        }
        // DHT-7: 2f + 1 contradict it, so no write with this stamp was completed.
    }
    Choice::Highest(None)
}

#[cfg(test)]
mod tests;
