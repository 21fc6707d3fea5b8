//! The set of calls placed so far, small enough to remember a million of them.
//!
//! Calls are numbered in the order of invocation, so the set is a run of ones, some mixed words and
//! a run of zeros, and only the mixed words are kept in its snapshot. Pending calls would break the
//! run of ones, as most are never placed; they have a set of their own.

/// A snapshot of a [`Placed`], equal exactly for equal sets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Snapshot {
    returned: (usize, Vec<u64>),
    pending: (usize, Vec<u64>),
}

/// Which calls are placed.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    returned: BitSet,
    pending: BitSet,
    returned_count: usize,
}

impl Placed {
    /// Nothing placed of this many calls, of which the first `returned_count` returned.
    pub(super) fn new(count: usize, returned_count: usize) -> Self {
        Self {
            returned: BitSet::new(returned_count),
            pending: BitSet::new(count - returned_count),
            returned_count,
        }
    }

    pub(super) fn insert(&mut self, call: usize) {
        match call.checked_sub(self.returned_count) {
            None => self.returned.insert(call),
            Some(pending) => self.pending.insert(pending),
        }
    }

    pub(super) fn remove(&mut self, call: usize) {
        match call.checked_sub(self.returned_count) {
            None => self.returned.remove(call),
            Some(pending) => self.pending.remove(pending),
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot { returned: self.returned.mixed(), pending: self.pending.mixed() }
    }
}

/// Bits that knows where its leading ones end and its trailing zeros begin, in words.
#[derive(Clone, Debug)]
struct BitSet {
    words: Vec<u64>,
    /// All words before this one are full, and this one is not.
    full_end: usize,
    /// All words from this one on are empty, and the one before is not.
    used_end: usize,
}

impl BitSet {
    fn new(bits: usize) -> Self {
        Self { words: vec![0; bits.div_ceil(64)], full_end: 0, used_end: 0 }
    }

    fn insert(&mut self, bit: usize) {
        let word = bit / 64;
        self.words[word] |= 1 << (bit % 64);
        self.used_end = self.used_end.max(word + 1);
        while self.words.get(self.full_end) == Some(&u64::MAX) {
            self.full_end += 1;
        }
    }

    fn remove(&mut self, bit: usize) {
        let word = bit / 64;
        self.words[word] &= !(1 << (bit % 64));
        self.full_end = self.full_end.min(word);
        while self.used_end > 0 && self.words[self.used_end - 1] == 0 {
            self.used_end -= 1;
        }
    }

    fn mixed(&self) -> (usize, Vec<u64>) {
        (self.full_end, self.words[self.full_end..self.used_end].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Prng;

    #[test]
    fn snapshots_are_equal_exactly_for_equal_sets() {
        let mut prng = Prng::from_seed(1);
        let mut placed = Placed::new(300, 260);
        let mut model = BTreeSet::new();
        let mut met = std::collections::BTreeMap::new();
        for _ in 0..20_000 {
            let call = prng.index(300).min(prng.index(300));
            if model.remove(&call) {
                placed.remove(call);
            } else {
                model.insert(call);
                placed.insert(call);
            }
            let mut rebuilt = Placed::new(300, 260);
            model.iter().for_each(|&call| rebuilt.insert(call));
            assert_eq!(placed.snapshot(), rebuilt.snapshot());
            let text = format!("{:?}", placed.snapshot());
            assert_eq!(met.entry(text).or_insert_with(|| model.clone()), &model);
        }
    }

    #[test]
    fn a_snapshot_of_a_long_prefix_is_short() {
        let mut placed = Placed::new(6_400, 6_400);
        (0..6_300).for_each(|call| placed.insert(call));
        placed.insert(6_310);
        assert_eq!(placed.snapshot().returned.1.len(), 1);
        (0..6_300).for_each(|call| placed.remove(call));
        placed.remove(6_310);
        assert_eq!(placed.snapshot(), Placed::new(6_400, 6_400).snapshot());
    }
}
