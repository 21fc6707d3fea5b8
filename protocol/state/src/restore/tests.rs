//! Roots that no map ever had: not even somebody who could choose the root gets further.

use alloc::sync::Arc;

use super::*;
use crate::node::{Link, Node, Side, priority};
use crate::tree::Tree;

fn entry(key: &[u8]) -> Node {
    Node::new(priority(key), key, [1].as_slice().into())
}

/// Two keys, the one that stands on top first.
fn ranked() -> [[u8; 1]; 2] {
    let keys = [[1], [2]];
    if entry(&keys[0]).outranks(priority(&keys[1]), &keys[1]) { keys } else { [keys[1], keys[0]] }
}

fn two(side: Side) -> Link {
    let [top, below] = ranked();
    let mut node = entry(&top);
    *node.child_mut(side) = Some(Arc::new(entry(&below)));
    Some(Arc::new(node))
}

/// What a restoration says to the whole of a tree in one chunk.
fn take_whole(mut tree: Tree) -> Result<bool, Rejected> {
    let mut restore = Restore::new(tree.root());
    restore.take(Chunk::new(&tree, None, usize::MAX))
}

#[test]
fn sta_7_a_count_that_is_not_that_of_the_entries_is_refused() {
    let [top, below] = ranked();
    let right_side = if below < top { Side::Left } else { Side::Right };
    let tree = |entry_count| Tree { top: two(right_side), entry_count, entry_bytes: 4 };
    assert_eq!(take_whole(tree(1)), Err(Rejected::WrongCount));
    assert_eq!(take_whole(tree(2)), Ok(true));
    assert_eq!(take_whole(tree(3)), Err(Rejected::WrongCount));
}

#[test]
fn sta_6_keys_that_are_not_in_search_order_are_refused() {
    let [top, below] = ranked();
    let wrong_side = if below < top { Side::Right } else { Side::Left };
    let tree = Tree { top: two(wrong_side), entry_count: 2, entry_bytes: 4 };
    assert_eq!(take_whole(tree), Err(Rejected::WrongOrder));
}

#[test]
fn sta_7_a_chunk_that_was_refused_leaves_the_restoration_as_it_was() {
    let mut map = Map::new();
    for number in 0..20_u8 {
        map.insert(&[number], &[number]);
    }
    let snapshot = map.snapshot();
    map.insert(&[3], b"other");
    let other = map.snapshot();
    let mut restore = Restore::new(snapshot.root());
    assert_eq!(restore.take(snapshot.chunk(None, 60)), Ok(false));
    let (from, len) = (restore.from().map(<[u8]>::to_vec), restore.len());
    assert_eq!(restore.take(snapshot.chunk(None, 60)), Err(Rejected::WrongPosition));
    assert_eq!(restore.take(other.chunk(restore.from(), 60)), Err(Rejected::WrongRoot));
    assert_eq!((restore.from(), restore.len()), (from.as_deref(), len));
    assert_eq!(restore.entry_count(), Some(20));
    assert_eq!(restore.take(snapshot.chunk(from.as_deref(), usize::MAX)), Ok(true));
}
