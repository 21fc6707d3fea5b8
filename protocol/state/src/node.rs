//! A node of the treap, and the digests that bind it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use quorate_crypto::{Domain, hash};
use quorate_types::Digest;

use crate::Bytes;
use crate::key::Key;

/// A place in the tree: empty, or the node that may be shared with snapshots.
pub(crate) type Link = Option<Arc<Node>>;

/// Which child of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// Lower keys.
    Left,
    /// Higher keys.
    Right,
}

/// One entry with its place in the tree.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) priority: u64,
    /// Digest of the subtree; nothing while the subtree has unhashed changes.
    pub(crate) digest: Option<Digest>,
    /// Digest of the value; nothing while the value is unhashed.
    pub(crate) value_digest: Option<Digest>,
    pub(crate) key: Key,
    pub(crate) value: Bytes,
    pub(crate) left: Link,
    pub(crate) right: Link,
}

impl Node {
    pub(crate) fn new(priority: u64, key: &[u8], value: Bytes) -> Self {
        let (left, right) = (None, None);
        Self { priority, digest: None, value_digest: None, key: key.into(), value, left, right }
    }

    /// Does this node stand above a node of this priority and key?
    pub(crate) fn outranks(&self, priority: u64, key: &[u8]) -> bool {
        rank_order((self.priority, &self.key), (priority, key)).is_gt()
    }

    pub(crate) const fn child(&self, side: Side) -> &Link {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    pub(crate) const fn child_mut(&mut self, side: Side) -> &mut Link {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }

    /// On which side of this node a key belongs; nothing if it is the node's own.
    pub(crate) fn side_of(&self, key: &[u8]) -> Option<Side> {
        match key.cmp(&self.key) {
            Ordering::Less => Some(Side::Left),
            Ordering::Equal => None,
            Ordering::Greater => Some(Side::Right),
        }
    }

    /// Computes the digest of this node from its children's, which are known.
    pub(crate) fn seal(&mut self, scratch: &mut Vec<u8>) {
        let value = *self.value_digest.get_or_insert_with(|| value_digest(&self.value));
        let (left, right) = (digest_of(&self.left), digest_of(&self.right));
        self.digest = Some(node_digest(&self.key, value, [left, right], scratch));
    }
}

/// Frees a tree without recursion, since its depth is in the hands of those who choose keys.
impl Drop for Node {
    fn drop(&mut self) {
        let mut pending = Vec::new();
        pending.extend(self.left.take());
        pending.extend(self.right.take());
        while let Some(link) = pending.pop() {
            if let Some(mut node) = Arc::into_inner(link) {
                pending.extend(node.left.take());
                pending.extend(node.right.take());
            }
        }
    }
}

/// Order of two nodes in the heap, by priority and key: the greater stands above.
pub(crate) fn rank_order(one: (u64, &[u8]), other: (u64, &[u8])) -> Ordering {
    one.cmp(&other)
}

/// The priority of a key: the first 64 bits of its hash.
pub(crate) fn priority(key: &[u8]) -> u64 {
    let digest = hash(Domain::StatePriority, key);
    let (first, _) = digest.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
    u64::from_be_bytes(*first)
}

pub(crate) fn value_digest(value: &[u8]) -> Digest {
    hash(Domain::StateValue, value)
}

/// The digest of a node: its key with the length, its value's digest, its children's digests.
pub(crate) fn node_digest(
    key: &[u8],
    value: Digest,
    children: [Digest; 2],
    scratch: &mut Vec<u8>,
) -> Digest {
    let key_bytes = u32::try_from(key.len()).expect("STA-3: a key is at most 2048 bytes");
    scratch.clear();
    scratch.extend_from_slice(&key_bytes.to_be_bytes());
    scratch.extend_from_slice(key);
    scratch.extend_from_slice(value.as_bytes());
    scratch.extend_from_slice(children[0].as_bytes());
    scratch.extend_from_slice(children[1].as_bytes());
    hash(Domain::StateNode, scratch)
}

/// The root over a tree: binds the number of entries.
pub(crate) fn root_digest(entry_count: u64, top: Digest) -> Digest {
    let mut bytes = [0; 8 + Digest::BYTES];
    bytes[..8].copy_from_slice(&entry_count.to_be_bytes());
    bytes[8..].copy_from_slice(top.as_bytes());
    hash(Domain::StateRoot, &bytes)
}

/// The known digest of a subtree.
///
/// # Panics
/// If it has unhashed changes.
pub(crate) fn digest_of(link: &Link) -> Digest {
    link.as_ref().map_or(Digest::ZERO, |node| {
        node.digest.expect("STA-2: the digest is asked for after it was computed")
    })
}
