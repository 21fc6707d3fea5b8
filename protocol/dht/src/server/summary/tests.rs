//! Digests are the same exactly where what is held is the same, however they came about.

use std::collections::BTreeMap;
use std::vec::Vec;

use quorate_types::{Digest, NodeId, ObjectId};

use super::{Piece, Summary};
use crate::limits::LISTED_NAMES_MAX;
use crate::message::Held;
use crate::object::{ObjectKey, Stamp, WriterId};
use crate::ring::tests::ring_of;
use crate::server::tests::Random;

type Store = BTreeMap<ObjectKey, Option<Stamp>>;

fn list(store: &Store, (first, last): Piece) -> Vec<Held> {
    let range = store.range(first..=last).take(LISTED_NAMES_MAX);
    range.map(|(key, stamp)| Held { key: *key, stamp: *stamp }).collect()
}

/// Walks to the end; `meanwhile` happens behind each page.
fn walk(
    summary: &mut Summary,
    store: &mut Store,
    mut meanwhile: impl FnMut(&mut Summary, &mut Store),
) {
    let mut piece = summary.begin_walk();
    while let Some(some) = piece {
        let held = list(store, some);
        meanwhile(summary, store);
        piece = summary.take_page(&held);
    }
}

fn digests(summary: &Summary) -> Vec<Digest> {
    let places: Vec<usize> = (0..summary.cell_count()).collect();
    summary.digests(&places).0
}

fn key(random: &mut Random) -> ObjectKey {
    let mut id = [0; 32];
    // Few first bytes, so that cells have many objects and pages end inside of them.
    id[0] = u8::try_from(random.below(3) * 100).expect("below 256");
    id[31] = u8::try_from(random.below(256)).expect("below 256");
    id[30] = u8::try_from(random.below(4)).expect("below 256");
    let id = ObjectId::new(id);
    [ObjectKey::Chunk(id), ObjectKey::Manifest(id), ObjectKey::Register(id)]
        [usize::try_from(random.below(3)).expect("small")]
}

fn change(random: &mut Random, summary: &mut Summary, store: &mut Store) {
    let key = key(random);
    let stamp = Stamp {
        sequence: random.below(5),
        writer: WriterId::new([0; 16]),
        value: Digest::new([0; 32]),
    };
    let stamp = key.content_kind().is_none().then_some(stamp);
    if random.below(4) == 0 {
        store.remove(&key)
    } else {
        store.insert(key, stamp)
    };
    summary.touch(&key);
}

fn fresh(ring: &crate::ring::Ring, node: NodeId, store: &mut Store) -> Summary {
    let mut summary = Summary::new(ring, node);
    walk(&mut summary, store, |_, _| {});
    summary
}

#[test]
fn what_changed_is_listed_again_and_the_digests_are_those_of_a_walk_over_all() {
    let ring = ring_of(5);
    let node = ring.servers()[2];
    for seed in 0..8 {
        let mut random = Random(seed);
        let mut store = Store::new();
        let mut summary = Summary::new(&ring, node);
        assert!(!summary.is_complete() && !summary.is_current());
        for _ in 0..6 {
            for _ in 0..random.below(900) {
                change(&mut random, &mut summary, &mut store);
            }
            walk(&mut summary, &mut store, |summary, store| {
                if random.below(2) == 0 {
                    change(&mut random, summary, store);
                }
            });
            assert!(summary.is_complete());
            // What changed during the walk is seen by the next one at the latest.
            walk(&mut summary, &mut store, |_, _| {});
            assert!(summary.is_current());
            assert_eq!(digests(&summary), digests(&fresh(&ring, node, &mut store)), "seed {seed}");
        }
    }
}

#[test]
fn one_object_more_or_another_stamp_changes_the_digest_of_its_cell_alone() {
    let ring = ring_of(4);
    let node = ring.servers()[0];
    let mut random = Random(1);
    let mut store = Store::new();
    for _ in 0..700 {
        change(&mut random, &mut Summary::new(&ring, node), &mut store);
    }
    let before = digests(&fresh(&ring, node, &mut store));
    for _ in 0..40 {
        let old = store.clone();
        change(&mut random, &mut Summary::new(&ring, node), &mut store);
        let after = digests(&fresh(&ring, node, &mut store));
        let differing = before.iter().zip(&after).filter(|(one, other)| one != other).count();
        assert_eq!(differing, usize::from(old != store));
        store = old;
    }
}

#[test]
fn a_walk_that_was_abandoned_is_made_up_for() {
    let ring = ring_of(4);
    let node = ring.servers()[0];
    let mut random = Random(2);
    let mut store = Store::new();
    let mut summary = Summary::new(&ring, node);
    for _ in 0..600 {
        change(&mut random, &mut summary, &mut store);
    }
    let piece = summary.begin_walk().expect("nothing was listed yet");
    let page = list(&store, piece);
    assert!(summary.take_page(&page).is_some(), "more than a page");
    summary.abandon_walk();
    assert!(!summary.is_walking() && !summary.is_current());
    walk(&mut summary, &mut store, |_, _| {});
    assert_eq!(digests(&summary), digests(&fresh(&ring, node, &mut store)));
}
