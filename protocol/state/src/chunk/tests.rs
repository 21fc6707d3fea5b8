//! Chunks that a liar builds from the very tree that the root commits to.

use std::vec::Vec;

use super::*;
use crate::node::value_digest;
use crate::{Map, Snapshot};

fn sample() -> Snapshot {
    let mut map = Map::new();
    for number in 0..40_u8 {
        map.insert(&[number], &[number; 3]);
    }
    map.snapshot()
}

fn check(chunk: &Chunk, expected: Rejected) {
    let snapshot = sample();
    let verified = chunk.clone().verify(snapshot.root(), chunk.from());
    assert_eq!(verified, Err(expected));
}

/// The middle of the sample: entries behind key 9.
fn middle() -> Chunk {
    sample().chunk(Some(&[9]), 140)
}

#[test]
fn sta_6_an_entry_withheld_in_the_middle_is_noticed() {
    let chunk = middle();
    let mut keys: Vec<Bytes> = Vec::new();
    for item in &chunk.items {
        if let Item::Entry { key, .. } = item {
            keys.push(Bytes::clone(key));
        }
    }
    keys.sort();
    keys.pop().expect("the chunk has entries");
    assert!(keys.len() >= 5);
    for hidden in keys {
        let mut lie = chunk.clone();
        for item in &mut lie.items {
            if let Item::Entry { key, value } = item
                && *key == hidden
            {
                *item = Item::Outside { key: Bytes::clone(key), value: value_digest(value) };
            }
        }
        check(&lie, Rejected::Incomplete);
    }
}

/// The chunk of a range, with the subtree of one key cut off if it is met.
fn pruned(snapshot: &Snapshot, range: Range<'_>, hidden: Option<u8>) -> Chunk {
    let mut items = Vec::new();
    let mut pending = vec![(&snapshot.tree().top, Gap::ALL)];
    while let Some((link, gap)) = pending.pop() {
        let is_hidden = |node: &&crate::node::Node| Some(node.key[0]) == hidden;
        if link.as_deref().filter(is_hidden).is_some() {
            items.push(Item::Pruned(digest_of(link)));
            continue;
        }
        items.push(item(link, gap, range));
        if let (Some(node), false) = (link.as_deref(), range.excludes(gap)) {
            pending.push((&node.right, gap.above(&node.key)));
            pending.push((&node.left, gap.below(&node.key)));
        }
    }
    Chunk { from: range.from.map(Into::into), entry_count: snapshot.len() as u64, items }
}

#[test]
fn sta_6_a_subtree_cut_off_inside_the_range_is_noticed() {
    let snapshot = sample();
    let mut lie_count = 0;
    for last in 12..39_u8 {
        let range = Range { from: Some(&[9]), through: Some(&[last]) };
        for hidden in 10..last {
            let lie = pruned(&snapshot, range, Some(hidden));
            // If the last entry is cut off too, the rest may be a shorter chunk, and a true one.
            if lie.items.iter().any(|item| item.entry_key() == range.through) {
                check(&lie, Rejected::Incomplete);
                lie_count += 1;
            }
        }
    }
    assert!(lie_count > 100);
}

#[test]
fn sta_7_an_empty_chunk_is_refused_unless_nothing_follows() {
    let snapshot = sample();
    let empty = |key: &[u8]| {
        let range = Range { from: Some(key), through: Some(key) };
        pruned(&snapshot, range, None).verify(snapshot.root(), Some(key))
    };
    for key in 0..39 {
        assert_eq!(empty(&[key]), Err(Rejected::NoProgress));
    }
    assert!(empty(&[39]).is_ok_and(|chunk| chunk.is_last() && chunk.entries().is_empty()));
}

#[test]
fn sta_6_items_that_are_not_one_tree_are_refused() {
    let mut short = middle();
    short.items.pop();
    check(&short, Rejected::NotATree);
    let mut long = middle();
    long.items.push(Item::Absent);
    check(&long, Rejected::NotATree);
    let mut empty = middle();
    empty.items.clear();
    check(&empty, Rejected::NotATree);
}

#[test]
fn sta_6_a_boundary_node_sent_as_an_entry_is_refused() {
    let snapshot = sample();
    let mut lie_count = 0;
    for index in 0..middle().items.len() {
        let mut lie = middle();
        let Item::Outside { key, .. } = &lie.items[index] else { continue };
        if **key > [9][..] {
            continue;
        }
        let value = Bytes::clone(snapshot.get_shared(key).unwrap());
        lie.items[index] = Item::Entry { key: Bytes::clone(key), value };
        check(&lie, Rejected::Excess);
        lie_count += 1;
    }
    assert!(lie_count > 0);
}

#[test]
fn sta_6_an_empty_place_has_one_encoding() {
    let bytes = quorate_wire::encode(&Item::Pruned(Digest::ZERO));
    let refused = DecodeError::NotCanonical { of: "state chunk item" };
    assert_eq!(quorate_wire::decode::<Item>(&bytes), Err(refused));
}

#[test]
fn sta_6_nodes_that_could_be_cut_off_are_refused() {
    let snapshot = sample();
    let mut lie = middle();
    let whole = snapshot.chunk(None, usize::MAX);
    let index = lie.items.iter().position(|item| matches!(item, Item::Pruned(_))).unwrap();
    let Item::Pruned(digest) = lie.items[index].clone() else { panic!("just found") };
    let start = (0..whole.items.len())
        .find(|&start| subtree(&whole.items, start).is_some_and(|(_, d)| d == digest))
        .unwrap();
    let (end, _) = subtree(&whole.items, start).unwrap();
    let outside = |item: &Item| {
        let Item::Entry { key, value } = item else { return item.clone() };
        Item::Outside { key: Bytes::clone(key), value: value_digest(value) }
    };
    let opened: Vec<Item> = whole.items[start..end].iter().map(outside).collect();
    lie.items.splice(index..=index, opened);
    check(&lie, Rejected::Excess);
}

/// The end of the subtree whose preorder begins at `start`, and its digest.
fn subtree(items: &[Item], start: usize) -> Option<(usize, Digest)> {
    let mut open = 1;
    for (end, item) in items.iter().enumerate().skip(start) {
        match item {
            Item::Absent | Item::Pruned(_) => open -= 1,
            Item::Outside { .. } | Item::Entry { .. } => open += 1,
        }
        if open == 0 {
            let digest = verify::top_digest(&items[start..=end])?;
            return (digest != Digest::ZERO).then_some((end + 1, digest));
        }
    }
    None
}
