//! A map as it was at one moment, shared with the live map.

use core::fmt;
use core::ops::Deref;

use quorate_types::Digest;

use crate::tree::Tree;
use crate::{Chunk, Proof};

/// The entries of a map at one moment. Cheap to clone; STA-4: it never changes, since a shared
/// node is copied before it is written.
#[derive(Clone)]
pub struct Snapshot {
    tree: Tree,
    root: Digest,
}

/// The root names every entry.
impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.root == other.root
    }
}

impl Eq for Snapshot {}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "snapshot {:?} of {} entries", self.root, self.len())
    }
}

impl Deref for Snapshot {
    type Target = Tree;

    fn deref(&self) -> &Tree {
        &self.tree
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
