//! Small objects in the tree.

use quorate_store::error::StoreError;
use quorate_store::objects::{Change, OBJECT_KEY_BYTES_MAX, Objects, Space};

use crate::scratch::{Scratch, copy};

fn put<'a>(space: Space, key: &'a [u8], value: &'a [u8]) -> Change<'a> {
    Change { space, key, value: Some(value) }
}

#[test]
fn persisted_objects_survive_a_crash_of_the_process() {
    let scratch = Scratch::new();
    let path = scratch.join("objects");
    let objects = Objects::open(&path).expect("created");
    let long = vec![3; 50_000];
    objects
        .write(&[put(Space::Mutable, b"k", b"1"), put(Space::Content, b"k", &long)])
        .expect("written");
    objects.write(&[put(Space::Meta, b"k", b"3")]).expect("written");
    objects.persist().expect("persisted");
    let crashed = scratch.join("crashed");
    copy(&path, &crashed);

    let objects = Objects::open(&crashed).expect("reopened");
    let get = |space| objects.get(space, b"k").expect("readable");
    assert_eq!(get(Space::Mutable).as_deref(), Some(&b"1"[..]), "STO-10");
    assert_eq!(get(Space::Content), Some(long), "STO-10");
    assert_eq!(get(Space::Meta).as_deref(), Some(&b"3"[..]), "STO-10");
    assert_eq!(objects.get(Space::Meta, b"other").expect("readable"), None);
}

#[test]
fn keys_are_scanned_in_order_within_their_space_and_the_limit() {
    let scratch = Scratch::new();
    let objects = Objects::open(&scratch.join("objects")).expect("created");
    for index in (0..100_u8).rev() {
        objects.write(&[put(Space::Content, &[index, 7], &[index])]).expect("written");
    }
    objects.write(&[put(Space::Mutable, &[50], b"elsewhere")]).expect("written");
    let pairs = objects.scan(Space::Content, [40].as_slice()..=&[255; 32], 3).expect("scanned");
    assert_eq!(pairs, [40, 41, 42].map(|index| (vec![index, 7], vec![index])));
    let keys =
        objects.scan_keys(Space::Content, [98, 8].as_slice()..=&[255; 32], 10).expect("scanned");
    assert_eq!(keys, [vec![99, 7]]);
    let keys = objects.scan_keys(Space::Content, [2].as_slice()..=&[3, 7], 10).expect("scanned");
    assert_eq!(keys, [vec![2, 7], vec![3, 7]]);
    assert!(objects.contains(Space::Content, &[5, 7]).expect("readable"));
}

#[test]
fn removed_objects_are_gone_after_a_restart() {
    let scratch = Scratch::new();
    let path = scratch.join("objects");
    let objects = Objects::open(&path).expect("created");
    objects.write(&[put(Space::Mutable, b"k", b"1")]).expect("written");
    objects.persist().expect("persisted");
    let removal = Change { space: Space::Mutable, key: b"k", value: None };
    objects.write(&[removal]).expect("written");
    objects.persist().expect("persisted");
    drop(objects);
    let objects = Objects::open(&path).expect("reopened: no handle keeps the lock");
    assert_eq!(objects.get(Space::Mutable, b"k").expect("readable"), None, "STO-10");
}

#[test]
fn a_store_in_use_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.join("objects");
    let _first = Objects::open(&path).expect("created");
    let error = Objects::open(&path).expect_err("in use");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
}

#[test]
fn a_key_beyond_the_limit_is_refused_and_its_batch_has_no_effect() {
    let scratch = Scratch::new();
    let objects = Objects::open(&scratch.join("objects")).expect("created");
    let long = vec![1; OBJECT_KEY_BYTES_MAX + 1];
    let error = objects
        .write(&[put(Space::Meta, b"k", b"1"), put(Space::Meta, &long, b"2")])
        .expect_err("too long");
    assert!(matches!(error, StoreError::TooLarge { .. }));
    assert_eq!(objects.get(Space::Meta, b"k").expect("readable"), None);
    objects.persist().expect("STO-11: a refusal is no failure");
}
