//! The live map: what a replica writes to.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Bound, Deref};

use quorate_types::Digest;

use crate::key::Key;
use crate::tree::Tree;
use crate::{Bytes, Proof, Snapshot, audit};

/// A key with its value now; nothing if it has been removed.
pub type Change = (Bytes, Option<Bytes>);

/// An authenticated ordered map from byte strings to byte strings.
#[derive(Default)]
pub struct Map {
    tree: Tree,
    /// Keys written since the changes were last taken.
    changed: BTreeSet<Key>,
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "map of {} entries, {} changed", self.len(), self.changed.len())
    }
}

impl Deref for Map {
    type Target = Tree;

    fn deref(&self) -> &Tree {
        &self.tree
    }
}

impl Map {
    /// The map without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The map as it was at a snapshot, without changes to take.
    #[must_use]
    pub fn from_snapshot(snapshot: &Snapshot) -> Self {
        Self::unchanged(snapshot.tree().clone())
    }

    /// The map of these entries, without changes to take.
    pub(crate) const fn unchanged(tree: Tree) -> Self {
        Self { tree, changed: BTreeSet::new() }
    }

    /// Sets the value of a key.
    ///
    /// # Panics
    /// If the key or the value is longer than its limit: the caller refuses such requests.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) {
        self.insert_shared(key, value.into());
    }

    /// Sets the value of a key without copying the value. Panics as [`Self::insert`].
    pub(crate) fn insert_shared(&mut self, key: &[u8], value: Bytes) {
        let written = self.tree.insert(key, value);
        self.changed.insert(written.key);
    }

    /// Removes a key. Returns the value that it had.
    pub fn remove(&mut self, key: &[u8]) -> Option<Bytes> {
        let written = self.tree.remove(key)?;
        self.changed.insert(written.key);
        written.before
    }

    /// Up to `count_max` entries, beginning with the first key not below `from`.
    #[must_use]
    pub fn scan(&self, from: &[u8], count_max: usize) -> Vec<(Bytes, Bytes)> {
        let entries = self.iter_from(Bound::Included(from)).take(count_max);
        entries.map(|(key, value)| (key.into(), Arc::clone(value))).collect()
    }

    /// The digest of all entries and their number; hashes what has changed since the last call.
    pub fn root(&mut self) -> Digest {
        self.tree.root()
    }

    /// The map as it is now; later writes copy what they change.
    pub fn snapshot(&mut self) -> Snapshot {
        let root = self.tree.root();
        Snapshot::new(self.tree.clone(), root)
    }

    /// Proves to whoever knows the root what a key holds, or that it holds nothing.
    pub fn prove(&mut self, key: &[u8]) -> Proof {
        self.tree.root();
        Proof::new(&self.tree, key)
    }

    /// The keys written since the last call, in ascending order, each with its value now.
    ///
    /// The keys are kept until they are taken, each once; what a [`crate::Restore`] built counts
    /// as written. Applied to the entries at the last call they give the map.
    pub fn take_changes(&mut self) -> Vec<Change> {
        // STA-8: every write has left its key here.
        let changed = core::mem::take(&mut self.changed);
        let change = |key: Key| {
            let value = self.get_shared(&key).map(Arc::clone);
            (Bytes::from(&*key), value)
        };
        changed.into_iter().map(change).collect()
    }

    /// Forgets which keys were written: for a map whose entries lie on the disk already.
    pub fn discard_changes(&mut self) {
        self.changed.clear();
    }

    /// Checks the invariants of the whole tree; for tests and the simulator.
    ///
    /// # Panics
    /// If one does not hold.
    pub fn audit(&self) {
        audit::audit(&self.tree);
    }
}
