//! The size of a sharing and the indices of its shares.
//!
//! # Invariants
//! - THR-1: every index is between 1 and the number of shares: zero is the place of the secret.

use core::fmt;

use crate::limits::SHARE_COUNT_MAX;
use crate::rejected::Rejected;
use crate::sizes::INDEX_BYTES;

/// The place of one share: the point at which the polynomial is evaluated, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShareIndex(u16);

impl ShareIndex {
    /// The index `index`.
    ///
    /// # Errors
    /// [`Rejected::IndexZero`], [`Rejected::IndexTooLarge`].
    pub const fn new(index: u16) -> Result<Self, Rejected> {
        match index {
            0 => Err(Rejected::IndexZero),
            1..=SHARE_COUNT_MAX => Ok(Self(index)),
            _ => Err(Rejected::IndexTooLarge { index, max: SHARE_COUNT_MAX }),
        }
    }

    /// The number, from 1.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    pub(crate) const fn encode(self) -> [u8; INDEX_BYTES] {
        self.0.to_be_bytes()
    }

    pub(crate) const fn decode(bytes: [u8; INDEX_BYTES]) -> Result<Self, Rejected> {
        Self::new(u16::from_be_bytes(bytes))
    }
}

impl fmt::Display for ShareIndex {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "i{}", self.0)
    }
}

/// How many shares there are, and how many of them sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    threshold: u16,
    share_count: u16,
}

impl Parameters {
    /// A sharing of which `threshold` shares sign (the degree is one less) out of `share_count`.
    ///
    /// A group of 3f+1 uses a threshold of f+1.
    ///
    /// # Errors
    /// [`Rejected::BadParameters`] unless `1 <= threshold <= share_count <= SHARE_COUNT_MAX`.
    pub const fn new(threshold: u16, share_count: u16) -> Result<Self, Rejected> {
        if threshold == 0 || threshold > share_count || share_count > SHARE_COUNT_MAX {
            return Err(Rejected::BadParameters { threshold, share_count });
        }
        Ok(Self { threshold, share_count })
    }

    /// Shares that sign together; also the number of points of a commitment.
    #[must_use]
    pub const fn threshold(self) -> usize {
        self.threshold as usize
    }

    /// Shares in all.
    #[must_use]
    pub const fn share_count(self) -> u16 {
        self.share_count
    }

    /// All indices, in order.
    pub fn indices(self) -> impl Iterator<Item = ShareIndex> {
        (1..=self.share_count).map(ShareIndex)
    }

    /// Whether `index` is one of this sharing.
    ///
    /// # Errors
    /// [`Rejected::IndexTooLarge`].
    pub const fn check_index(self, index: ShareIndex) -> Result<(), Rejected> {
        assert!(index.0 > 0, "THR-1: an index of zero, the place of the secret");
        if index.0 > self.share_count {
            return Err(Rejected::IndexTooLarge { index: index.0, max: self.share_count });
        }
        Ok(())
    }

    pub(crate) fn encode(self) -> [u8; 4] {
        let [threshold_high, threshold_low] = self.threshold.to_be_bytes();
        let [count_high, count_low] = self.share_count.to_be_bytes();
        [threshold_high, threshold_low, count_high, count_low]
    }
}

#[cfg(test)]
mod tests {
    use super::{Parameters, ShareIndex};
    use crate::limits::SHARE_COUNT_MAX;
    use crate::rejected::Rejected;

    #[test]
    fn thr_1_index_zero_and_indices_above_the_bound_are_refused() {
        assert_eq!(ShareIndex::new(0), Err(Rejected::IndexZero));
        let above = SHARE_COUNT_MAX + 1;
        let refused = Rejected::IndexTooLarge { index: above, max: SHARE_COUNT_MAX };
        assert_eq!(ShareIndex::new(above), Err(refused));
        assert_eq!(ShareIndex::new(SHARE_COUNT_MAX).map(ShareIndex::get), Ok(SHARE_COUNT_MAX));
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        for (threshold, share_count) in [(0, 4), (5, 4), (0, 0), (2, SHARE_COUNT_MAX + 1)] {
            let refused = Rejected::BadParameters { threshold, share_count };
            assert_eq!(Parameters::new(threshold, share_count), Err(refused));
        }
        assert!(Parameters::new(1, 1).is_ok());
        assert!(Parameters::new(2, 4).is_ok());
    }
}
