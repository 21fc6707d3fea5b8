//! Judges a register: is there one order of all operations that explains every read?
//!
//! Gibbons and Korach 1997, "Testing shared memories", section 4: with unique written values,
//! atomicity (linearizability) is decided in O(n log n), and completely: `Ok` means that an order
//! exists, a violation that none does.
//!
//! # The argument
//! Group the operations into *clusters*: a write and all reads of its value. The initial value is
//! a write at the beginning of time. In any order that explains the history each cluster is one
//! contiguous block, its write first: after another write, nobody can read the old value again.
//! So the history is atomic exactly when
//! 1. every value read was written,
//! 2. no read returned before its write was invoked, and
//! 3. the blocks can be ordered: "some operation of X precedes some operation of Y" has no cycle.
//!
//! For a cluster let *f* be the first return and *s* the last invocation among its operations.
//! Then X must come before Y exactly when `f(X) < s(Y)`.
//!
//! *Two clusters suffice for a cycle.* Take a shortest cycle X1, X2, .., Xk with k >= 3. It has no
//! chord, as a chord would shorten it; so `X(i+2)` need not precede `X(i+1)`, which means
//! `s(X(i+1)) <= f(X(i+2))`. With `f(Xi) < s(X(i+1))` this gives `f(Xi) < f(X(i+2))` for every i,
//! round the cycle, which is absurd. Hence k = 2.
//!
//! The stretch between *f* and *s* is the cluster's *zone*: *forward* if `f < s` (the register held
//! the value throughout), else *backward* (it held it at least at one moment within). The pair
//! X, Y is a cycle when `f(X) < s(Y)` and `f(Y) < s(X)`, that is
//! - both forward: the zones overlap in more than a point;
//! - X forward, Y backward: `f(X) < s(Y) <= f(Y) < s(X)`, Y's zone lies inside X's;
//! - both backward: `f(X) < s(Y) <= f(Y) < s(X) <= f(X)`, impossible.
//!
//! ```text
//! value 1 (forward)   f |-----------------------| s      p1 write(1) .. p3 read -> 1
//! value 2 (forward)               f |----------------| s     overlap: violation
//! value 3 (backward)        s |--| f                         enclosed: violation
//! ```
//! Forward zones sorted by *f* overlap only if two neighbours do. If none do, then of those that
//! begin before a backward zone the last one also ends last, and it alone is compared.
//!
//! A pending operation returns at [`Moment::Never`]. A pending read is dropped, as it says nothing.
//! A pending write that was read counts by the reads; one that nobody read may not have happened,
//! and needs no case of its own: its zone is backward and never ends, so it is inside no other.
//!
//! # Invariants
//! - HIS-1: each of the two zones of a reported clash must come before the other.
//! - HIS-2: the forward zones that backward zones are compared with are disjoint and in order.

mod clusters;
mod violation;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::operation::{Moment, Operation};

pub use violation::{Violation, Zone};

/// The judgement on the history of one register.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Some order of the operations explains every read and respects real time.
    Ok,
    /// No order does, or the record itself is unsound.
    Violation(Violation),
}

impl Verdict {
    /// Whether the history is atomic.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }

    /// The violation, if there is one.
    #[must_use]
    pub fn violation(self) -> Option<Violation> {
        match self {
            Self::Ok => None,
            Self::Violation(violation) => Some(violation),
        }
    }
}

/// Judges the operations on one register, given in any order.
pub fn check(history: &[Operation]) -> Verdict {
    match judge(history) {
        Ok(()) => Verdict::Ok,
        Err(violation) => Verdict::Violation(violation),
    }
}

/// Judges many registers at once, each by itself (atomicity is a local property: Herlihy and Wing
/// 1990, theorem 1). Returns the violation of every key that has one; empty if all are atomic.
#[must_use]
pub fn check_per_key<K: Ord>(
    history: impl IntoIterator<Item = (K, Operation)>,
) -> BTreeMap<K, Violation> {
    let mut by_key: BTreeMap<K, Vec<Operation>> = BTreeMap::new();
    for (key, operation) in history {
        by_key.entry(key).or_default().push(operation);
    }
    let judged = by_key.into_iter().map(|(key, operations)| (key, check(&operations)));
    judged.filter_map(|(key, verdict)| Some((key, verdict.violation()?))).collect()
}

fn judge(history: &[Operation]) -> Result<(), Violation> {
    let zones = clusters::zones(history)?;
    let (mut forward, mut backward): (Vec<Zone>, Vec<Zone>) =
        zones.into_iter().partition(Zone::is_forward);
    forward.sort_by_key(Zone::first_return);
    backward.sort_by_key(Zone::last_invocation);
    refuse_overlap(&forward)?;
    refuse_enclosure(&forward, &backward)
}

/// Two forward zones, sorted by their first return, share more than a point.
fn refuse_overlap(forward: &[Zone]) -> Result<(), Violation> {
    match forward.windows(2).find(|pair| pair[1].first_return() < pair[0].last_invocation()) {
        Some(pair) => Err(Violation::clash(pair[0], pair[1])),
        None => Ok(()),
    }
}

/// A backward zone lies strictly inside a forward one.
fn refuse_enclosure(forward: &[Zone], backward: &[Zone]) -> Result<(), Violation> {
    let in_order = |pair: &[Zone]| pair[0].last_invocation() <= pair[1].first_return();
    assert!(forward.windows(2).all(in_order), "HIS-2: forward zones overlap or are out of order");

    for inner in backward {
        let begun = forward.partition_point(|zone| zone.first_return() < inner.last_invocation());
        let Some(outer) = begun.checked_sub(1).map(|last| forward[last]) else { continue };
        if inner.first_return() < outer.last_invocation() {
            return Err(Violation::clash(outer, *inner));
        }
    }
    Ok(())
}
