//! The treap: writing in place where nobody shares, on copies of the path where somebody does.
//!
//! Nothing here recurses. Every write clears the digests of the nodes it passes (STA-2), and
//! [`refresh`] computes what is missing.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Bound;

use quorate_types::Digest;

use crate::key::Key;
use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::node::{Link, Node, Side, digest_of, priority, root_digest};
use crate::{Bytes, Entries};

/// The entries of a map or of a snapshot, for reading: what both say is said here.
#[derive(Clone, Default)]
pub struct Tree {
    pub(crate) top: Link,
    pub(crate) entry_count: usize,
    pub(crate) entry_bytes: u64,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.len())
    }
}

/// What an insertion or removal found.
pub(crate) struct Written {
    /// The key as the tree holds or held it.
    pub(crate) key: Key,
    /// The value that was replaced or removed.
    pub(crate) before: Option<Bytes>,
}

impl Tree {
    /// Number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entry_count
    }

    /// Are there no entries?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entry_count == 0
    }

    /// Bytes in the keys and values of all entries.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.entry_bytes
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.get_shared(key).map(|value| &**value)
    }

    /// The value of a key, to be kept without copying it.
    #[must_use]
    pub fn get_shared(&self, key: &[u8]) -> Option<&Bytes> {
        self.find(key).map(|node| &node.value)
    }

    /// The entries in ascending order of key.
    #[must_use]
    pub fn iter(&self) -> Entries<'_> {
        self.iter_from(Bound::Unbounded)
    }

    /// The entries from a lower bound on, in ascending order of key.
    #[must_use]
    pub fn iter_from(&self, lower: Bound<&[u8]>) -> Entries<'_> {
        Entries::new(&self.top, lower)
    }

    /// The node of a key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&Node> {
        let mut node = self.top.as_deref()?;
        while let Some(side) = node.side_of(key) {
            node = node.child(side).as_deref()?;
        }
        Some(node)
    }

    /// Sets the value of a key.
    ///
    /// # Panics
    /// If the key or the value is longer than its limit.
    pub(crate) fn insert(&mut self, key: &[u8], value: Bytes) -> Written {
        assert!(key.len() <= KEY_BYTES_MAX, "STA-3: a key of {} bytes", key.len());
        assert!(value.len() <= VALUE_BYTES_MAX, "STA-3: a value of {} bytes", value.len());
        self.entry_bytes += value.len() as u64;
        let written = insert(&mut self.top, key, value);
        if let Some(before) = &written.before {
            self.entry_bytes -= before.len() as u64;
        } else {
            self.entry_bytes += key.len() as u64;
            self.entry_count += 1;
        }
        written
    }

    /// Removes a key; nothing happens if it is absent.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<Written> {
        self.find(key)?;
        let written = remove(&mut self.top, key);
        let before = written.before.as_ref().map_or(0, |before| before.len());
        self.entry_bytes -= key.len() as u64 + before as u64;
        self.entry_count -= 1;
        Some(written)
    }

    /// The root; computes what has changed since the last call.
    pub(crate) fn root(&mut self) -> Digest {
        refresh(&mut self.top);
        root_digest(self.entry_count as u64, digest_of(&self.top))
    }
}

/// The node at a place, for changing it: its own copy if it is shared, without its digest.
fn touch(link: &mut Link) -> &mut Node {
    // STA-4: a node that a snapshot shares is copied here, before anything is written to it.
    let node = Arc::make_mut(link.as_mut().expect("the caller has seen a node here"));
    node.digest = None;
    node
}

fn insert(top: &mut Link, key: &[u8], value: Bytes) -> Written {
    let priority = priority(key);
    let mut link = top;
    while link.as_ref().is_some_and(|node| node.outranks(priority, key)) {
        let node = touch(link);
        let side = node.side_of(key).expect("a key has one priority, so it outranks itself not");
        link = node.child_mut(side);
    }
    if link.as_ref().is_some_and(|node| *node.key == *key) {
        let node = touch(link);
        node.value_digest = None;
        let before = Some(core::mem::replace(&mut node.value, value));
        return Written { key: node.key.clone(), before };
    }
    let mut node = Node::new(priority, key, value);
    (node.left, node.right) = split(link.take(), key);
    let key = node.key.clone();
    *link = Some(Arc::new(node));
    Written { key, before: None }
}

/// Removes a key that is in the tree.
fn remove(top: &mut Link, key: &[u8]) -> Written {
    let mut link = top;
    while let Some(side) = link.as_ref().and_then(|node| node.side_of(key)) {
        link = touch(link).child_mut(side);
    }
    let node = touch(link);
    let written = Written { key: node.key.clone(), before: Some(Arc::clone(&node.value)) };
    let (left, right) = (node.left.take(), node.right.take());
    *link = merge(left, right);
    written
}

/// Hangs the top of `tree` into the empty place `hole`, and leaves in `tree` the child on `side`.
/// Returns the place that the child has left.
fn hang<'a>(hole: &'a mut Link, tree: &mut Link, side: Side) -> &'a mut Link {
    *hole = tree.take();
    let place = touch(hole).child_mut(side);
    *tree = place.take();
    place
}

/// Splits a tree into the keys below `key` and those above; the key itself is in neither.
fn split(mut tree: Link, key: &[u8]) -> (Link, Link) {
    let (mut left, mut right) = (None, None);
    let (mut left_hole, mut right_hole) = (&mut left, &mut right);
    while let Some(side) = tree.as_ref().and_then(|node| node.side_of(key)) {
        match side {
            Side::Right => left_hole = hang(left_hole, &mut tree, side),
            Side::Left => right_hole = hang(right_hole, &mut tree, side),
        }
    }
    assert!(tree.is_none(), "STA-1: a key below its own priority is in the tree twice");
    (left, right)
}

/// Joins two trees of which the left has the lower keys.
fn merge(mut left: Link, mut right: Link) -> Link {
    let mut top = None;
    let mut hole = &mut top;
    while let (Some(lower), Some(higher)) = (&left, &right) {
        hole = if lower.outranks(higher.priority, &higher.key) {
            hang(hole, &mut left, Side::Right)
        } else {
            hang(hole, &mut right, Side::Left)
        };
    }
    *hole = left.or(right);
    top
}

/// Computes the missing digests of a tree, children before parents.
fn refresh(top: &mut Link) {
    let mut scratch = Vec::new();
    // The nodes on the way down are taken out of their parents and hung back when they are done.
    let mut path: Vec<(Arc<Node>, Side)> = Vec::new();
    path.extend(take_unsealed(top, Side::Left));
    while let Some((arc, _)) = path.last_mut() {
        let node = Arc::make_mut(arc);
        let child = take_unsealed(&mut node.left, Side::Left)
            .or_else(|| take_unsealed(&mut node.right, Side::Right));
        if let Some(child) = child {
            path.push(child);
            continue;
        }
        node.seal(&mut scratch);
        let (done, side) = path.pop().expect("the loop has just seen it");
        match path.last_mut() {
            None => *top = Some(done),
            Some((parent, _)) => *Arc::make_mut(parent).child_mut(side) = Some(done),
        }
    }
}

fn take_unsealed(link: &mut Link, side: Side) -> Option<(Arc<Node>, Side)> {
    let arc = link.take_if(|node| node.digest.is_none())?;
    Some((arc, side))
}

#[cfg(test)]
mod tests;
