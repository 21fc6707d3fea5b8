//! The arithmetic of quorums, and sets of replicas; nowhere else.
//!
//! # Invariants
//! - TYP-1: any two quorums of a group share at least `f + 1` replicas, hence a correct one.

use core::fmt;

/// A member of one replica group: its index in the group's configuration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(u16);

impl ReplicaId {
    /// Wraps an index.
    #[must_use]
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// The index as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The index for a table of members.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R{}", self.0)
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R{}", self.0)
    }
}

/// A number of replicas for which no `f` exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResilienceError {
    /// Replicas that were given.
    pub replicas: usize,
}

impl fmt::Display for ResilienceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a group of {} replicas is not of size 3f+1 with f from 1 to {}",
            self.replicas,
            Resilience::F_MAX
        )
    }
}

impl core::error::Error for ResilienceError {}

/// How many of a group's `3f + 1` replicas may be bad, and what follows from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Resilience {
    f: u16,
}

impl Resilience {
    /// Largest `f` of a group: 64 replicas fit a [`ReplicaSet`].
    pub const F_MAX: u16 = 21;

    /// The resilience with this `f`.
    ///
    /// # Errors
    /// [`ResilienceError`] unless `f` is 1 to [`Self::F_MAX`].
    pub const fn new(f: u16) -> Result<Self, ResilienceError> {
        if f == 0 || f > Self::F_MAX {
            return Err(ResilienceError { replicas: 3 * f as usize + 1 });
        }
        Ok(Self { f })
    }

    /// The resilience of a group of `replicas` members.
    ///
    /// # Errors
    /// [`ResilienceError`] unless `replicas` is `3f + 1` for an `f` of 1 to [`Self::F_MAX`].
    pub fn of_group(replicas: usize) -> Result<Self, ResilienceError> {
        let error = ResilienceError { replicas };
        if replicas % 3 != 1 {
            return Err(error);
        }
        let f = u16::try_from(replicas / 3).or(Err(error))?;
        Self::new(f).or(Err(error))
    }

    /// Bad replicas that the group tolerates.
    #[must_use]
    pub const fn f(self) -> usize {
        self.f as usize
    }

    /// Members of the group, `3f + 1`.
    #[must_use]
    pub const fn replicas(self) -> usize {
        3 * self.f() + 1
    }

    /// Replicas of which any two sets share a correct one, `2f + 1`.
    #[must_use]
    pub const fn quorum(self) -> usize {
        2 * self.f() + 1
    }

    /// Replicas among which one is correct, `f + 1`.
    #[must_use]
    pub const fn weak_quorum(self) -> usize {
        self.f() + 1
    }

    /// Every replica of the group in order.
    pub fn members(self) -> impl DoubleEndedIterator<Item = ReplicaId> + Clone {
        (0..3 * self.f + 1).map(ReplicaId)
    }

    /// Is this a member of the group?
    #[must_use]
    pub const fn contains(self, replica: ReplicaId) -> bool {
        replica.index() < self.replicas()
    }

    /// The leader of a view: replica `view mod n`.
    #[must_use]
    pub fn leader(self, view: crate::View) -> ReplicaId {
        let replicas = u64::from(3 * self.f + 1);
        ReplicaId(u16::try_from(view.get() % replicas).expect("a remainder below 64"))
    }
}

const _: () = {
    let mut f = 1;
    while f <= Resilience::F_MAX {
        let group = Resilience { f };
        let overlap = 2 * group.quorum() - group.replicas();
        assert!(overlap >= group.weak_quorum(), "TYP-1: quorums share a correct replica");
        f += 1;
    }
};

/// A set of replicas of one group: a bitmap, bit `i` for replica `i`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ReplicaSet(u64);

impl ReplicaSet {
    /// No replica.
    pub const EMPTY: Self = Self(0);

    /// The set with these bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits of the set.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Adds a replica; false if it was there, or has an index that no group has.
    pub fn insert(&mut self, replica: ReplicaId) -> bool {
        let bit = 1u64.checked_shl(u32::from(replica.0)).unwrap_or(0);
        let is_new = bit != 0 && self.0 & bit == 0;
        self.0 |= bit;
        is_new
    }

    /// Is the replica in the set?
    #[must_use]
    pub fn contains(self, replica: ReplicaId) -> bool {
        self.0.checked_shr(u32::from(replica.0)).unwrap_or(0) & 1 == 1
    }

    /// Number of replicas in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Is nobody in the set?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members in ascending order.
    pub fn iter(self) -> impl Iterator<Item = ReplicaId> {
        (0..64).map(ReplicaId).filter(move |&replica| self.contains(replica))
    }

    /// Are all members replicas of a group of this resilience?
    #[must_use]
    pub const fn is_within(self, resilience: Resilience) -> bool {
        let replicas = resilience.replicas();
        replicas >= 64 || self.0 >> replicas == 0
    }
}

impl FromIterator<ReplicaId> for ReplicaSet {
    fn from_iter<I: IntoIterator<Item = ReplicaId>>(replicas: I) -> Self {
        let mut set = Self::EMPTY;
        for replica in replicas {
            set.insert(replica);
        }
        set
    }
}

impl fmt::Debug for ReplicaSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
