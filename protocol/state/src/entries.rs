//! Entries of a tree in ascending order of key.

use alloc::vec::Vec;
use core::ops::Bound;

use crate::Bytes;
use crate::node::{Link, Node};

/// Entries in ascending order of key.
#[derive(Clone)]
pub struct Entries<'a> {
    /// The next node on top, below it the nodes of which the left side is done.
    pending: Vec<&'a Node>,
}

impl core::fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "entries, {} subtrees pending", self.pending.len())
    }
}

impl<'a> Entries<'a> {
    /// The entries from a lower bound on.
    pub(crate) fn new(top: &'a Link, lower: Bound<&[u8]>) -> Self {
        let mut pending = Vec::new();
        let mut link = top;
        while let Some(node) = link.as_deref() {
            let is_below = match lower {
                Bound::Included(lower) => *node.key < *lower,
                Bound::Excluded(lower) => *node.key <= *lower,
                Bound::Unbounded => false,
            };
            if is_below {
                link = &node.right;
            } else {
                pending.push(node);
                link = &node.left;
            }
        }
        Self { pending }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a Bytes);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.pending.pop()?;
        let mut link = &node.right;
        while let Some(lower) = link.as_deref() {
            self.pending.push(lower);
            link = &lower.left;
        }
        Some((&node.key, &node.value))
    }
}
