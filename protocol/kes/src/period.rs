//! The numbers of periods, and what their bits say about the tree.

use core::fmt;

/// A period of a key: the number of its leaf, from the left, beginning with 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Period(u32);

/// Periods of a tree of this depth.
///
/// # Panics
/// If the depth is above 31.
#[must_use]
pub const fn periods(depth: usize) -> u32 {
    assert!(depth < 32, "a period fits 32 bits");
    1 << depth
}

impl Period {
    /// The first.
    pub const FIRST: Self = Self(0);

    /// The period with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The period after this one.
    ///
    /// # Panics
    /// If there is none in 32 bits; a tree ends long before.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Does the path lie right of its sibling at this height?
    pub(crate) const fn is_right_at(self, height: usize) -> bool {
        self.0 >> height & 1 == 1
    }

    /// The lowest height at which the path lies left: there the path of the next period turns.
    pub(crate) const fn turn(self) -> usize {
        self.0.trailing_ones() as usize
    }

    /// Periods since the path entered the subtree of this height.
    pub(crate) const fn within(self, height: usize) -> u32 {
        self.0 & ((1 << height) - 1)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "period {}", self.0)
    }
}
