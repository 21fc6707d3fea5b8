//! Depth that hostile keys could reach is no danger to the stack.

use super::*;
use crate::node::Node;
use crate::{Chunk, Entries, Proof, Rejected};
use core::ops::Bound;

/// Deeper than any stack of a test thread could take by recursion.
const DEPTH: u32 = 100_000;

/// A chain in which each key is the right child of the one before: what grinding aims at. The
/// priorities are made up.
fn chain() -> Tree {
    let mut top: Link = None;
    let mut entry_bytes = 0;
    for number in (0..DEPTH).rev() {
        let key = number.to_be_bytes();
        let mut node = Node::new(u64::MAX - u64::from(number), &key, key.as_slice().into());
        entry_bytes += 8;
        node.right = top;
        top = Some(Arc::new(node));
    }
    Tree { top, entry_count: DEPTH as usize, entry_bytes }
}

#[test]
fn a_chain_of_hostile_depth_is_hashed_read_proved_cut_and_freed() {
    let mut tree = chain();
    let root = tree.root();
    let last = (DEPTH - 1).to_be_bytes();
    assert_eq!(tree.find(&last).map(|node| &*node.value), Some(&last[..]));
    assert_eq!(Entries::new(&tree.top, Bound::Unbounded).count(), DEPTH as usize);
    assert_eq!(Proof::new(&tree, &last).verify(root, &last), Ok(Some(&last[..])));
    let from = (DEPTH - 3).to_be_bytes();
    let verified = Chunk::new(&tree, Some(&from), 1 << 20).verify(root, Some(&from));
    assert_eq!(verified, Err(Rejected::WrongOrder), "the priorities are made up");
}

#[test]
fn a_chain_of_hostile_depth_is_split_merged_and_copied() {
    let mut tree = chain();
    tree.root();
    let before = tree.clone();
    let key = (DEPTH / 2).to_be_bytes();
    let (mut left, right) = split(remove_top_half(&mut tree, &key), &key);
    left = merge(left, right);
    refresh(&mut left);
    tree.top = left;
    assert_eq!(Entries::new(&tree.top, Bound::Unbounded).count(), DEPTH as usize - 1);
    assert_eq!(Entries::new(&before.top, Bound::Unbounded).count(), DEPTH as usize);
}

fn remove_top_half(tree: &mut Tree, key: &[u8]) -> Link {
    tree.remove(key).expect("the key is in the chain");
    tree.top.take()
}

#[test]
fn sta_2_a_write_clears_the_digests_on_its_path_and_no_others() {
    let mut tree = Tree::default();
    for number in 0..200_u32 {
        tree.insert(&number.to_be_bytes(), [1].as_slice().into());
    }
    tree.root();
    let key = 77_u32.to_be_bytes();
    tree.insert(&key, [2].as_slice().into());
    let mut node = tree.top.as_deref().expect("the tree has entries");
    while let Some(side) = node.side_of(&key) {
        assert!(node.digest.is_none());
        let other = if side == Side::Left { Side::Right } else { Side::Left };
        assert!(node.child(other).as_ref().is_none_or(|child| child.digest.is_some()));
        node = node.child(side).as_deref().expect("the key is in the tree");
    }
    assert!(node.digest.is_none());
    crate::audit::audit(&tree);
}
