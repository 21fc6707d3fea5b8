//! Building a map from its own entries, as a disk gives them back.

use core::fmt;
use core::iter::Peekable;

use crate::tree::Tree;
use crate::{Entries, Map};

/// A map on its way from a disk, beside another one that is much like it: of a replica that serves
/// the end of an epoch yet, and one that went on from there. What both hold they share.
pub struct Load<'a> {
    tree: Tree,
    /// The entries of the other map behind the last one that was taken.
    others: Peekable<Entries<'a>>,
}

impl fmt::Debug for Load<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "load of {} entries, of here and of another map", self.tree.len())
    }
}

impl<'a> Load<'a> {
    /// Nothing yet, beside a map that may be empty.
    #[must_use]
    pub fn beside(other: &'a Tree) -> Self {
        Self { tree: other.clone(), others: other.iter().peekable() }
    }

    /// Takes an entry. They come in ascending order of key; in another one the map is the same, but
    /// shares less.
    ///
    /// # Panics
    /// If the key or the value is longer than its limit: no map held it.
    pub fn take(&mut self, key: &[u8], value: &[u8]) {
        // STA-9: what only the other map holds goes, what is the same stays the other's.
        while let Some((absent, _)) = self.others.next_if(|(other, _)| *other < key) {
            self.tree.remove(absent);
        }
        let other = self.others.next_if(|(other, _)| *other == key);
        if other.is_none_or(|(_, other)| **other != *value) {
            self.tree.insert(key, value.into());
        }
    }

    /// The map of the entries that were taken, without changes to take.
    #[must_use]
    pub fn finish(mut self) -> Map {
        for (absent, _) in self.others {
            self.tree.remove(absent);
        }
        Map::unchanged(self.tree)
    }
}

#[cfg(test)]
mod tests;
