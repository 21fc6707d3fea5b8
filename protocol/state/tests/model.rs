//! The map against a `BTreeMap` and against a root computed naively from the sorted entries.

use std::collections::BTreeMap;
use std::ops::Bound;

use expect_test::expect_file;
use proptest::prelude::*;
use quorate_crypto::{Domain, Hasher, hash};
use quorate_machine::ServiceState;
use quorate_state::{Map, Section};
use quorate_types::Digest;
use quorate_wire::vector;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// The digest of a subtree straight from the definition: the entry whose key hashes highest
/// stands on top, the lower keys to its left, the higher to its right.
fn naive_digest(entries: &[(&Vec<u8>, &Vec<u8>)]) -> Digest {
    let rank = |key: &[u8]| hash(Domain::StatePriority, key).as_bytes()[..8].to_vec();
    let top = (0..entries.len()).max_by_key(|&index| rank(entries[index].0));
    let Some(top) = top else { return Digest::ZERO };
    let (key, value) = entries[top];
    let mut hasher = Hasher::new(Domain::StateNode);
    hasher.update(&u32::try_from(key.len()).expect("keys are short").to_be_bytes());
    hasher.update(key);
    hasher.update(hash(Domain::StateValue, value).as_bytes());
    hasher.update(naive_digest(&entries[..top]).as_bytes());
    hasher.update(naive_digest(&entries[top + 1..]).as_bytes());
    hasher.finish()
}

fn naive_root(model: &Model) -> Digest {
    let entries: Vec<_> = model.iter().collect();
    let mut hasher = Hasher::new(Domain::StateRoot);
    hasher.update(&(model.len() as u64).to_be_bytes());
    hasher.update(naive_digest(&entries).as_bytes());
    hasher.finish()
}

fn map_of(model: &Model) -> Map {
    let mut map = Map::new();
    for (key, value) in model {
        map.insert(key, value);
    }
    map
}

#[derive(Clone, Debug)]
enum Action {
    Insert(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    Root,
    Snapshot,
    Rollback,
    TakeChanges,
}

/// Few different keys, some of them at the length from which nodes do not hold them inside.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let short = || proptest::collection::vec(0_u8..4, 0..4);
    prop_oneof![
        4 => short(),
        1 => (36_usize..40, short()).prop_map(|(zeros, end)| [vec![0; zeros], end].concat()),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (key(), proptest::collection::vec(any::<u8>(), 0..4))
            .prop_map(|(key, value)| Action::Insert(key, value)),
        4 => key().prop_map(Action::Remove),
        2 => Just(Action::Root),
        2 => Just(Action::Snapshot),
        1 => Just(Action::Rollback),
        1 => Just(Action::TakeChanges),
    ]
}

fn check_equal(map: &Map, model: &Model) {
    map.audit();
    assert_eq!(map.len(), model.len());
    let bytes: usize = model.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert_eq!(map.bytes(), bytes as u64);
    assert!(map.iter().map(|(k, v)| (k, &**v)).eq(model.iter().map(|(k, v)| (&**k, &**v))));
}

fn run(actions: &[Action]) {
    let (mut map, mut model) = (Map::new(), Model::new());
    // What somebody knows who applied the changes taken so far; rolling back starts him anew.
    let mut follower = Model::new();
    let mut snapshots = Vec::new();
    for action in actions {
        match action {
            Action::Insert(key, value) => {
                map.insert(key, value);
                model.insert(key.clone(), value.clone());
            }
            Action::Remove(key) => {
                let removed = map.remove(key).map(|value| value.to_vec());
                assert_eq!(removed, model.remove(key));
            }
            Action::Root => assert_eq!(map.root(), naive_root(&model), "STA-1"),
            Action::Snapshot => snapshots.push((map.snapshot(), model.clone())),
            Action::Rollback => {
                if let Some((snapshot, then)) = snapshots.last() {
                    map = Map::from_snapshot(snapshot);
                    model = then.clone();
                    follower = then.clone();
                }
            }
            Action::TakeChanges => {
                let changes = map.take_changes();
                assert!(changes.is_sorted_by(|one, other| one.0 < other.0));
                for (key, value) in changes {
                    match value {
                        Some(value) => follower.insert(key.to_vec(), value.to_vec()),
                        None => follower.remove(&*key),
                    };
                }
                assert_eq!(follower, model, "STA-8: the changes are the difference");
            }
        }
        check_equal(&map, &model);
    }
    for (snapshot, then) in &snapshots {
        assert_eq!(snapshot.root(), naive_root(then), "STA-4");
        assert!(snapshot.iter().map(|(k, v)| (k.to_vec(), v.to_vec())).eq(then.clone()));
        check_equal(&Map::from_snapshot(snapshot), then);
    }
}

proptest! {
    #[test]
    fn sta_1_to_4_and_8_hold_for_any_actions(
        actions in proptest::collection::vec(action(), 0..120)
    ) {
        run(&actions);
    }

    #[test]
    fn sta_1_the_same_entries_by_another_history_give_the_same_root(
        entries in proptest::collection::btree_map(key(), key(), 0..40),
        passing in proptest::collection::vec(key(), 0..20),
    ) {
        let mut detour = Map::new();
        for key in &passing {
            detour.insert(key, b"passing");
        }
        for (key, value) in entries.iter().rev() {
            detour.insert(key, value);
            detour.root();
        }
        for key in passing.iter().filter(|key| !entries.contains_key(*key)) {
            detour.remove(key);
        }
        prop_assert_eq!(detour.root(), map_of(&entries).root());
        prop_assert_eq!(detour.root(), naive_root(&entries));
    }

    #[test]
    fn reads_from_any_bound_agree_with_the_model(
        entries in proptest::collection::btree_map(key(), key(), 0..40),
        bound in key(),
        count_max in 0_usize..8,
    ) {
        let map = map_of(&entries);
        let scanned: Vec<_> =
            map.scan(&bound, count_max).iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
        let expected: Vec<_> = entries.range(bound.clone()..).take(count_max)
            .map(|(k, v)| (k.clone(), v.clone())).collect();
        prop_assert_eq!(scanned, expected);
        let above = map.iter_from(Bound::Excluded(&bound)).count();
        prop_assert_eq!(above, entries.keys().filter(|key| **key > bound).count());
        prop_assert_eq!(map.get(&bound), entries.get(&bound).map(Vec::as_slice));
    }
}

#[test]
fn every_single_change_changes_the_root() {
    let model: Model = (0..50_u8).map(|n| (vec![n, 1], vec![n, 2])).collect();
    let mut roots = vec![map_of(&model).root(), Map::new().root()];
    for key in model.keys() {
        let mut fewer = model.clone();
        let value = fewer.remove(key).expect("the key is of the model");
        roots.push(naive_root(&fewer));
        roots.push(map_of(&fewer).root());
        let mut map = map_of(&model);
        map.root();
        let other_value = [value.as_slice(), b"x"].concat();
        map.insert(key, &other_value);
        roots.push(map.root());
        map.insert(key, &value);
        assert_eq!(map.root(), roots[0]);
        map.remove(key);
        map.insert(&[key.as_slice(), b"x"].concat(), &value);
        roots.push(map.root());
    }
    let pairs = model.len();
    roots.sort();
    roots.dedup();
    // Each of the removed ones stands twice: from the map and from the definition.
    assert_eq!(roots.len(), 2 + 3 * pairs);
}

#[test]
fn a_key_and_a_value_cannot_trade_bytes() {
    let root = |key: &[u8], value: &[u8]| {
        let mut map = Map::new();
        map.insert(key, value);
        map.root()
    };
    assert_ne!(root(b"ab", b"c"), root(b"a", b"bc"));
    assert_ne!(root(b"", b""), Map::new().root());
}

#[test]
fn sta_4_a_snapshot_stays_as_it_was_while_the_map_is_written() {
    let mut map = Map::new();
    for number in 0..500_u32 {
        map.insert(&number.to_be_bytes(), b"old");
    }
    let snapshot = map.snapshot();
    for number in 0..1000_u32 {
        if number % 3 == 0 {
            map.remove(&number.to_be_bytes());
        } else {
            map.insert(&number.to_be_bytes(), b"new");
        }
    }
    let later = map.root();
    assert_eq!(snapshot.len(), 500);
    assert!(snapshot.iter().all(|(_, value)| **value == *b"old"));
    assert_ne!(snapshot.root(), later);
    assert_eq!(Map::from_snapshot(&snapshot).root(), snapshot.root());
    drop(snapshot);
    assert_eq!(map.root(), later);
    map.audit();
}

#[test]
fn roots_proofs_and_chunks_have_their_golden_bytes() {
    let mut map = map_of(&(0..20_u8).map(|n| (vec![n; usize::from(n)], vec![n])).collect());
    let snapshot = map.snapshot();
    let vectors = [
        vector("root_of_nothing", &Map::new().root()),
        vector("root", &map.root()),
        vector("proof_of_presence", &snapshot.prove(&[3, 3, 3])),
        vector("proof_of_absence", &snapshot.prove(&[3, 3])),
        vector("chunk", &snapshot.chunk(Some(&[3, 3, 3]), 60)),
    ];
    expect_file!["golden/state.txt"].assert_eq(&vectors.concat());
}

#[test]
fn a_snapshot_may_be_read_by_another_thread() {
    const fn check<T: Send + Sync>() {}
    check::<quorate_state::Snapshot>();
    check::<Map>();
}

#[test]
#[should_panic(expected = "STA-3: a value")]
fn sta_3_a_value_over_the_limit_is_a_fault_of_the_caller() {
    Map::new().insert(b"", &vec![0; quorate_state::limits::VALUE_BYTES_MAX + 1]);
}

#[test]
#[should_panic(expected = "STA-3: a key")]
fn sta_3_a_key_over_the_limit_is_a_fault_of_the_caller() {
    Map::new().insert(&[0; quorate_state::limits::KEY_BYTES_MAX + 1], b"");
}

#[test]
fn sections_do_not_see_each_other() {
    let mut map = Map::new();
    Section::new(&mut map, 1).put(b"k", b"one".to_vec());
    Section::new(&mut map, 2).put(b"k", b"two".to_vec());
    Section::new(&mut map, 2).put(b"", b"empty".to_vec());
    Section::new(&mut map, 3).put(b"a", b"three".to_vec());
    assert_eq!(map.len(), 4);
    let mut section = Section::new(&mut map, 2);
    assert_eq!(section.get(b"k"), Some(b"two".to_vec()));
    assert_eq!(section.get(b"a"), None);
    let all = section.scan(b"", 10);
    assert_eq!(all, vec![(vec![], b"empty".to_vec()), (b"k".to_vec(), b"two".to_vec())]);
    assert_eq!(section.scan(b"l", 10), vec![]);
    assert_eq!(section.scan(b"", 1).len(), 1);
    section.remove(b"k");
    assert_eq!(section.get(b"k"), None);
    assert_eq!(Section::new(&mut map, 1).get(b"k"), Some(b"one".to_vec()));
}
