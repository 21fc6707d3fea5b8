//! What happens to the servers of a system that runs by itself, drawn from a seed: whoever may be
//! meant is known only when it happens.
//!
//! Every kind comes once before any comes twice, so that a short run has all of them; but nobody
//! waits for what may never become possible. One thing does not come in turn, but once and late: a
//! server that holds objects is lost for good. Until objects move, nothing brings back what its
//! groups of the ring can bear.

use std::fmt;

use quorate_history::Prng;

/// What may happen next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A server's process is killed, and started again later.
    Kill,
    /// A server joins.
    Add,
    /// A server that joined is removed.
    Remove,
    /// A server that joined loses its disk, and another one takes its place.
    Replace,
    /// The liar is honest from now on, and another server lies.
    Swap,
    /// A server that founded the system loses its disk, and another one takes its place.
    Lose,
}

/// Those that come in turn.
pub const KINDS: [Kind; 5] = [Kind::Kill, Kind::Add, Kind::Remove, Kind::Replace, Kind::Swap];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
            Self::Swap => "another liar",
            Self::Lose => "lose a founder",
        })
    }
}

/// Draws what happens.
#[derive(Debug)]
pub struct Agenda {
    prng: Prng,
    /// Those of this turn that have not come yet.
    left: Vec<Kind>,
}

impl Agenda {
    /// The agenda of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { prng: Prng::from_seed(seed).fork("agenda"), left: Vec::new() }
    }

    /// The next thing that is possible now, if there is one. What is not possible comes later, and
    /// in its place what makes it possible may come again.
    pub fn next(&mut self, is_possible: impl Fn(Kind) -> bool) -> Option<Kind> {
        if self.left.is_empty() {
            self.left = KINDS.to_vec();
            self.prng.shuffle(&mut self.left);
        }
        if let Some(place) = self.left.iter().position(|kind| is_possible(*kind)) {
            return Some(self.left.remove(place));
        }
        let others: Vec<Kind> = KINDS.into_iter().filter(|kind| is_possible(*kind)).collect();
        (!others.is_empty()).then(|| others[self.prng.index(others.len())])
    }

    /// One of these.
    pub fn choose(&mut self, among: &[usize]) -> Option<usize> {
        (!among.is_empty()).then(|| among[self.prng.index(among.len())])
    }

    /// A whole number below this one.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.prng.below(bound)
    }
}

#[cfg(test)]
mod tests {
    //! The agenda follows from its seed, and leaves nothing out.
    use super::{Agenda, KINDS, Kind};

    #[test]
    fn every_kind_comes_before_any_comes_again() {
        for seed in 0..20 {
            let mut agenda = Agenda::new(seed);
            let mut kinds: Vec<Kind> = KINDS.iter().filter_map(|_| agenda.next(|_| true)).collect();
            kinds.sort_unstable();
            assert_eq!(kinds, KINDS);
        }
    }

    #[test]
    fn what_is_not_possible_comes_when_it_is() {
        let mut agenda = Agenda::new(1);
        let early: Vec<Kind> =
            (0..4).filter_map(|_| agenda.next(|kind| kind != Kind::Remove)).collect();
        assert_eq!(early.len(), 4, "one of each of the others");
        assert_eq!(agenda.next(|_| false), None, "nothing is possible");
        assert_eq!(agenda.next(|kind| kind == Kind::Add), Some(Kind::Add), "once more");
        assert_eq!(agenda.next(|_| true), Some(Kind::Remove));
        assert_eq!(Agenda::new(1).choose(&[]), None);
    }
}
