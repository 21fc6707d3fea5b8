//! A map as it was at one moment, shared with the live map.

use core::fmt;
use core::ops::Bound;

use quorate_types::Digest;

use crate::tree::Tree;
use crate::{Bytes, Chunk, Entries, Proof};

/// The entries of a map at one moment. Cheap to clone; STA-4: it never changes, since a shared
/// node is copied before it is written.
#[derive(Clone)]
pub struct Snapshot {
    tree: Tree,
    root: Digest,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot {:?} of {} entries", self.root, self.len())
    }
}

impl Snapshot {
    pub(crate) const fn new(tree: Tree, root: Digest) -> Self {
        Self { tree, root }
    }

    pub(crate) const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The digest of all entries and their number.
    #[must_use]
    pub const fn root(&self) -> Digest {
        self.root
    }

    /// Number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.tree.entry_count
    }

    /// Are there no entries?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tree.entry_count == 0
    }

    /// Bytes in the keys and values of all entries.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.tree.entry_bytes
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.tree.find(key).map(|node| &*node.value)
    }

    /// The value of a key, to be kept without copying it.
    #[must_use]
    pub fn get_shared(&self, key: &[u8]) -> Option<&Bytes> {
        self.tree.find(key).map(|node| &node.value)
    }

    /// The entries in ascending order of key.
    #[must_use]
    pub fn iter(&self) -> Entries<'_> {
        self.iter_from(Bound::Unbounded)
    }

    /// The entries from a lower bound on, in ascending order of key.
    #[must_use]
    pub fn iter_from(&self, lower: Bound<&[u8]>) -> Entries<'_> {
        Entries::new(&self.tree.top, lower)
    }

    /// Proves to whoever knows the root what a key holds, or that it holds nothing.
    #[must_use]
    pub fn prove(&self, key: &[u8]) -> Proof {
        Proof::new(&self.tree, key)
    }

    /// The entries that follow the key `from`, all from the start if there is none, with what a
    /// receiver needs to check them against the root.
    ///
    /// The chunk ends before the entries' part of its encoding passes `bytes_max`, but holds at
    /// least one entry if any follows. The boundary comes on top: up to two paths of the tree.
    #[must_use]
    pub fn chunk(&self, from: Option<&[u8]>, bytes_max: usize) -> Chunk {
        Chunk::new(&self.tree, from, bytes_max)
    }
}
