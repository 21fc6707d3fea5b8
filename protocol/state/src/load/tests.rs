//! What is loaded is what was taken, whatever stands beside it, and what is the same is shared.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::Load;
use crate::node::Node;
use crate::tree::Tree;
use crate::{Bytes, Map};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn map_of<'a>(entries: impl IntoIterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>) -> Map {
    let mut map = Map::new();
    entries.into_iter().for_each(|(key, value)| map.insert(key, value));
    map
}

fn load<'a>(other: &Map, entries: impl IntoIterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>) -> Map {
    let mut load = Load::beside(other);
    entries.into_iter().for_each(|(key, value)| load.take(key, value));
    load.finish()
}

fn nodes(tree: &Tree) -> BTreeSet<*const Node> {
    let mut pending: Vec<&Node> = tree.top.as_deref().into_iter().collect();
    let mut found = BTreeSet::new();
    while let Some(node) = pending.pop() {
        found.insert(core::ptr::from_ref(node));
        pending.extend(node.left.as_deref());
        pending.extend(node.right.as_deref());
    }
    found
}

fn model() -> impl Strategy<Value = Model> {
    let bytes = || proptest::collection::vec(0_u8..3, 0..4);
    proptest::collection::btree_map(bytes(), bytes(), 0..40)
}

proptest! {
    #[test]
    fn sta_9_what_is_loaded_is_what_was_taken(held in model(), other in model()) {
        let (mut other, mut expected) = (map_of(&other), map_of(&held));
        let before = other.snapshot();
        // From the top down nothing is found beside, and the map is the same all the same.
        let loads = [load(&other, &held), load(&other, held.iter().rev())];
        for mut loaded in loads {
            loaded.audit();
            prop_assert_eq!(loaded.bytes(), expected.bytes());
            prop_assert_eq!(loaded.root(), expected.root());
            prop_assert!(loaded.take_changes().is_empty());
        }
        prop_assert_eq!(other.root(), before.root(), "STA-4: it only stood beside");
    }
}

#[test]
fn sta_9_what_both_hold_is_in_memory_once() {
    const ENTRIES: u32 = 10_000;
    const CHANGED: u32 = 10;
    let key = |number: u32| number.to_be_bytes().to_vec();
    let held: Model = (0..ENTRIES).map(|number| (key(number), key(number))).collect();
    let mut other = map_of(&held);
    other.root();
    let mut now = held;
    for number in 0..CHANGED {
        now.insert(key(number * 997), Vec::from(*b"another value"));
        now.remove(&key(number * 997 + 1));
        now.insert(key(ENTRIES + number), Vec::from(*b"new"));
    }
    let loaded = load(&other, &now);
    let own = nodes(&loaded).difference(&nodes(&other)).count();
    // A change makes the nodes above it anew: 2 ln n of them, and those that it parts or joins.
    assert!(own < 2_000, "{own} of {ENTRIES} nodes are in memory twice");
    let shared = |key: &[u8], map: &Map| map.get_shared(key).map(Bytes::as_ptr);
    assert_eq!(shared(&key(5), &loaded), shared(&key(5), &other));
    assert_ne!(shared(&key(997), &loaded), shared(&key(997), &other));
}
