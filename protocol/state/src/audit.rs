//! The checker of the tree's invariants.

use alloc::vec;

use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::node::{Node, priority};
use crate::tree::Tree;

/// A node with the bounds that its ancestors set.
struct Visit<'a> {
    node: &'a Node,
    low: Option<&'a [u8]>,
    high: Option<&'a [u8]>,
}

/// Checks STA-1, STA-2 and STA-3 of a whole tree.
///
/// # Panics
/// If one does not hold.
pub(crate) fn audit(tree: &Tree) {
    let (mut entry_count, mut entry_bytes) = (0, 0);
    let mut pending = vec![];
    pending.extend(tree.top.as_deref().map(|node| Visit { node, low: None, high: None }));
    while let Some(Visit { node, low, high }) = pending.pop() {
        check_node(node);
        assert!(low.is_none_or(|low| *low < *node.key), "STA-1: search order");
        assert!(high.is_none_or(|high| *node.key < *high), "STA-1: search order");
        entry_count += 1;
        entry_bytes += (node.key.len() + node.value.len()) as u64;
        let key = Some(&*node.key);
        pending.extend(node.left.as_deref().map(|node| Visit { node, low, high: key }));
        pending.extend(node.right.as_deref().map(|node| Visit { node, low: key, high }));
    }
    assert_eq!(tree.entry_count, entry_count, "STA-3: number of entries");
    assert_eq!(tree.entry_bytes, entry_bytes, "STA-3: bytes of entries");
}

fn check_node(node: &Node) {
    assert!(node.key.len() <= KEY_BYTES_MAX, "STA-3: key length");
    assert!(node.value.len() <= VALUE_BYTES_MAX, "STA-3: value length");
    assert_eq!(node.priority, priority(&node.key), "STA-1: the priority is the key's");
    for child in [&node.left, &node.right].into_iter().flatten() {
        assert!(node.outranks(child.priority, &child.key), "STA-1: heap order");
        let is_stale = node.digest.is_some() && child.digest.is_none();
        assert!(!is_stale, "STA-2: a digest above an unhashed change");
    }
}
