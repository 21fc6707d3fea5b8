//! C15: coverage marks, which show that the rare paths of the system are really taken.
//!
//! A machine marks what is worth counting with `Effect::Mark`; a system registers the marks that
//! its runs must reach. A gate run in which a registered mark was hit fewer than
//! [`HITS_MIN`] times fails: the suite has decayed.

use std::collections::BTreeMap;

/// A registered mark must be hit this often over all runs.
pub const HITS_MIN: u64 = 10;

/// Hits of each mark.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Marks(Vec<(&'static str, u64)>);

impl Marks {
    /// No hit yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// One more hit. Few marks are in use, so a scan that compares addresses beats a table.
    pub fn hit(&mut self, mark: &'static str) {
        let same = |&&mut (known, _): &&mut (&'static str, u64)| std::ptr::eq(known, mark);
        match self.0.iter_mut().find(same) {
            Some((_, hits)) => *hits += 1,
            None => self.0.push((mark, 1)),
        }
    }

    /// Adds the hits of another run.
    pub fn add(&mut self, other: &Self) {
        for &(mark, hits) in &other.0 {
            match self.0.iter_mut().find(|(known, _)| *known == mark) {
                Some((_, total)) => *total += hits,
                None => self.0.push((mark, hits)),
            }
        }
    }

    /// The hits by name.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        let mut by_name = BTreeMap::new();
        for &(mark, hits) in &self.0 {
            *by_name.entry(mark).or_insert(0) += hits;
        }
        by_name
    }

    /// The registered marks that were not hit often enough, with their hits.
    #[must_use]
    pub fn missing(&self, registered: &[&'static str]) -> Vec<(&'static str, u64)> {
        let hits = self.by_name();
        let of = |mark: &&'static str| (*mark, hits.get(mark).copied().unwrap_or(0));
        registered.iter().map(of).filter(|&(_, hits)| hits < HITS_MIN).collect()
    }
}

#[cfg(test)]
mod tests {
    //! A mark that is not reached is missing.
    use super::{HITS_MIN, Marks};

    #[test]
    fn a_registered_mark_is_missing_until_it_was_hit_often_enough() {
        let mut marks = Marks::new();
        for _ in 1..HITS_MIN {
            marks.hit("view-change");
        }
        let mut total = marks.clone();
        assert_eq!(total.missing(&["view-change", "fetch"]), [("view-change", 9), ("fetch", 0)]);
        total.add(&marks);
        assert_eq!(total.missing(&["view-change"]), []);
        assert_eq!(total.by_name()["view-change"], 2 * (HITS_MIN - 1));
    }
}
