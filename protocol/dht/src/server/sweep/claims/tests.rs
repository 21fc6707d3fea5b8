//! What several listings say: nothing that too few hold is wanted, nothing that enough hold is
//! overlooked, and nobody stands still.

use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use quorate_types::{Digest, NodeId, ObjectId};

use super::{Pages, behind, is_page, read};
use crate::limits::LISTED_NAMES_MAX;
use crate::message::Held;
use crate::object::{ObjectKey, Stamp, WriterId};
use crate::server::tests::Random;

const LAST: ObjectKey = ObjectKey::Register(ObjectId::new([255; 32]));

fn node(number: u8) -> NodeId {
    NodeId::new([number; 32])
}

fn key(number: u64) -> ObjectKey {
    let mut id = [0; 32];
    id[24..].copy_from_slice(&number.to_be_bytes());
    ObjectKey::Register(ObjectId::new(id))
}

fn stamp(sequence: u64) -> Stamp {
    Stamp { sequence, writer: WriterId::new([0; 16]), value: Digest::new([0; 32]) }
}

type Store = BTreeMap<ObjectKey, Stamp>;

fn page(store: &Store, first: ObjectKey) -> Vec<Held> {
    let held = |(key, stamp): (&ObjectKey, &Stamp)| Held { key: *key, stamp: Some(*stamp) };
    store.range(first..).map(held).take(LISTED_NAMES_MAX).collect()
}

/// Reads page after page to the end of the cell.
fn sweep(own: &Store, others: &[Store], enough: usize) -> BTreeMap<ObjectKey, Stamp> {
    let mut wanted = BTreeMap::new();
    let mut first = Some(key(0));
    while let Some(from) = first {
        let pages: Pages =
            (0..).zip(others).map(|(number, store)| (node(number), page(store, from))).collect();
        assert!(pages.values().all(|held| is_page(held, (from, LAST))));
        let reading = read(&page(own, from), &pages, LAST, enough);
        for want in reading.wanted {
            assert!(want.holders.len() >= enough, "DHT-13");
            assert!(wanted.insert(want.key, want.stamp.expect("a version")).is_none(), "once");
        }
        assert!(reading.next > first || reading.next.is_none(), "pages go on");
        first = reading.next;
    }
    wanted
}

#[test]
fn wanted_is_what_enough_others_hold_in_a_higher_version_and_nothing_else_dht_13() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let count = 3 * (1 + usize::try_from(seed % 2).expect("small"));
        let enough = count / 3 + 1;
        let mut stores = vec![Store::new(); count + 1];
        for _ in 0..random.below(3000) {
            let store = usize::try_from(random.below(count as u64 + 1)).expect("small");
            stores[store].insert(key(random.below(700)), stamp(1 + random.below(4)));
        }
        let own = stores.pop().expect("the last one");
        let mut expected = BTreeMap::new();
        for key in stores.iter().flat_map(BTreeMap::keys).copied().collect::<BTreeSet<_>>() {
            let mut stamps: Vec<Stamp> =
                stores.iter().filter_map(|store| store.get(&key)).copied().collect();
            stamps.sort_unstable();
            stamps.reverse();
            let enough_hold = stamps.get(enough - 1).filter(|stamp| own.get(&key) < Some(stamp));
            expected.extend(enough_hold.map(|stamp| (key, *stamp)));
        }
        assert_eq!(sweep(&own, &stores, enough), expected, "seed {seed}");
    }
}

#[test]
fn content_that_the_server_has_is_not_wanted_whoever_else_has_it() {
    let chunk = |number| Held::content(ObjectKey::Chunk(key(number).id()));
    let last = ObjectKey::Chunk(ObjectId::new([255; 32]));
    let pages: Pages = (0..3).map(|number| (node(number), vec![chunk(1), chunk(2)])).collect();
    let reading = read(&[chunk(1)], &pages, last, 2);
    let keys: Vec<ObjectKey> = reading.wanted.iter().map(|want| want.key).collect();
    assert_eq!((keys, reading.next), (vec![chunk(2).key], None));
}

#[test]
fn a_page_out_of_order_out_of_its_piece_or_of_another_kind_is_none() {
    let held = |number| Held { key: key(number), stamp: None };
    let piece = (key(2), key(9));
    assert!(is_page(&[held(2), held(9)], piece));
    assert!(is_page(&[], piece));
    let stamped = Held { stamp: Some(stamp(1)), ..Held::content(ObjectKey::Chunk(key(3).id())) };
    for wrong in [
        vec![held(3), held(3)],
        vec![held(4), held(3)],
        vec![held(1)],
        vec![held(10)],
        vec![stamped],
    ] {
        assert!(!is_page(&wrong, piece), "{wrong:?}");
    }
}

#[test]
fn who_ends_its_pages_before_enough_others_is_behind() {
    let full = |from: u64| {
        let held = move |number| Held { key: key(from + number), stamp: None };
        (0..LISTED_NAMES_MAX as u64).map(held).collect::<Vec<_>>()
    };
    let short = vec![Held { key: key(1), stamp: None }];
    let pages: Pages = [(node(1), full(0)), (node(2), full(1000)), (node(3), short.clone())].into();
    assert_eq!(behind(&pages, LAST, 2), [node(1)]);
    let pages: Pages = [(node(1), full(0)), (node(2), full(0)), (node(3), short)].into();
    assert!(behind(&pages, LAST, 2).is_empty(), "two that end there may both be right");
    assert!(behind(&Pages::new(), LAST, 2).is_empty());
}
