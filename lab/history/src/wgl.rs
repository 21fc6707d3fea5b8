//! Judges any sequential object by search: is there one order of the calls that the model explains?
//!
//! Wing and Gong 1993, "Testing and verifying concurrent objects", with the memoisation of Lowe
//! 2017, "Testing for linearizability", and the partition by key of Horn and Kroening 2015,
//! "Faster linearizability checking via P-compositionality".
//!
//! # The argument
//! The calls and returns stand in a list in the order of time. A call can be the next in the order
//! exactly if no return stands before it: else the call of that return comes first. So the search
//! walks from the head of the list, tries each call before the first return on the model, and if
//! the model gives the recorded output takes the call and its return out and starts again at the
//! head. When it meets a return, no call that could be next fits: the last choice was wrong, and is
//! put back. What can still happen depends only on the set of the calls placed and on the state, so
//! a pair that was met before is not tried again: this is what makes the search bearable.
//!
//! A pending call has no return, and its output is unknown: it may be placed anywhere after its
//! invocation, or nowhere. The search is done when every call that returned is placed.
//!
//! The decision is NP-complete (Gibbons and Korach 1997), so the search has a cap on its steps and
//! says [`Verdict::Undecided`] beyond it. Its memory is at most one entry per step, of a
//! state and one bit per call between the first call not placed and the last one placed.
//!
//! # Invariants
//! - HIS-3: `Ok` only with an order that, replayed from the initial state, gives every recorded
//!   output and never puts a call before one that had returned when it was invoked.
//! - HIS-4: no search takes more steps than its cap, and one that would is `Undecided`.

mod key_value;
mod model;
mod placed;
mod register;
mod search;
mod timeline;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use key_value::{KeyValue, KeyValueInput, KeyValueOutput};
pub use model::{Call, CallOf, KeyedModel, Model, Return};
pub use register::{Register, RegisterInput, RegisterOutput, check_register};

/// The usual cap, in calls tried. It decides 10,000 calls on one register by eight clients with
/// room to spare, and gives up on 2,000 by sixteen, where the zones still decide.
pub const STEPS_MAX: u64 = 1_000_000;

/// The judgement of a search.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Some order of the calls explains every output and respects real time.
    Ok,
    /// No order does.
    Violation(Unexplained),
    /// The search reached its cap; it says nothing about the history.
    Undecided {
        /// The cap.
        steps_max: u64,
    },
}

impl Verdict {
    /// Whether the history was shown to be linearizable.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }

    /// Whether the history was shown not to be linearizable.
    #[must_use]
    pub const fn is_violation(&self) -> bool {
        matches!(self, Self::Violation(_))
    }
}

/// A history without a linearization: how far the best attempt came, and what stopped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexplained {
    /// The key, where the history was judged per key.
    pub key: Option<String>,
    /// The call that returned and that the longest order could not place, as text.
    pub call: String,
    /// The position of this call in the history given.
    pub position: usize,
    /// How many calls the longest order placed before it got stuck.
    pub placed_max: usize,
    /// How many calls were in the history (of this key).
    pub calls: usize,
}

impl fmt::Display for Unexplained {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            write!(out, "key {key}: ")?;
        }
        let Self { call, position, placed_max, calls, .. } = self;
        write!(out, "no order explains call #{position}, {call}: ")?;
        write!(out, "the longest order has {placed_max} of {calls} calls before it")
    }
}

/// Judges a history as one object, given in any order, in at most `steps_max` steps.
pub fn check<M: Model>(model: &M, history: &[CallOf<M>], steps_max: u64) -> Verdict {
    search::run(model, &history.iter().enumerate().collect::<Vec<_>>(), steps_max)
}

/// Judges each key by itself, in at most `steps_max` steps for each.
///
/// Sound and complete, as linearizability is local (Herlihy and Wing 1990, theorem 1) and the calls
/// of a [`KeyedModel`] on different keys do not see each other. A violation of any key counts
/// before an undecided search of another; the first key in order is reported.
pub fn check_per_key<M: KeyedModel>(model: &M, history: &[CallOf<M>], steps_max: u64) -> Verdict {
    let mut by_key: BTreeMap<M::Key, Vec<(usize, &CallOf<M>)>> = BTreeMap::new();
    for (position, call) in history.iter().enumerate() {
        by_key.entry(model.key(&call.input)).or_default().push((position, call));
    }
    let mut verdict = Verdict::Ok;
    for (key, calls) in by_key {
        match search::run(model, &calls, steps_max) {
            Verdict::Ok => {}
            Verdict::Violation(unexplained) => {
                let key = Some(format!("{key:?}"));
                return Verdict::Violation(Unexplained { key, ..unexplained });
            }
            undecided @ Verdict::Undecided { .. } => verdict = undecided,
        }
    }
    verdict
}
