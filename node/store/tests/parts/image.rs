//! The on-disk image of a replica's state.

use quorate_store::image::StateImage;

use crate::scratch::{Scratch, copy};

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn pair(key: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (key.into(), value.into())
}

fn load(image: &StateImage) -> (Option<Vec<u8>>, Pairs) {
    let (mark, pairs) = image.load().expect("loaded");
    (mark, pairs.collect::<Result<_, _>>().expect("readable"))
}

#[test]
fn a_fresh_image_has_no_mark_and_no_pairs() {
    let scratch = Scratch::new();
    let image = StateImage::open(&scratch.join("image")).expect("created");
    assert_eq!(load(&image), (None, Vec::new()));
}

#[test]
fn changes_and_mark_survive_a_crash_together_and_come_back_in_key_order() {
    let scratch = Scratch::new();
    let path = scratch.join("image");
    let image = StateImage::open(&path).expect("created");
    let put = |key: &str, value: &str| (key.into(), Some(value.into()));
    image.apply(&[put("b", "2"), put("a", "1"), put("c", "3")], b"first").expect("applied");
    let crashed = scratch.join("crashed");
    copy(&path, &crashed);
    image.apply(&[("b".into(), None), put("a", "9")], b"second").expect("applied");

    let before = StateImage::open(&crashed).expect("reopened");
    let expected = vec![pair("a", "1"), pair("b", "2"), pair("c", "3")];
    assert_eq!(load(&before), (Some(b"first".to_vec()), expected), "STO-8");
    drop(image);
    let after = StateImage::open(&path).expect("reopened");
    let expected = vec![pair("a", "9"), pair("c", "3")];
    assert_eq!(load(&after), (Some(b"second".to_vec()), expected), "STO-8");
    assert_eq!(after.get(b"c").expect("readable").as_deref(), Some(&b"3"[..]));
}

#[test]
fn a_state_transfer_replaces_everything() {
    let scratch = Scratch::new();
    let image = StateImage::open(&scratch.join("image")).expect("created");
    image.apply(&[("old".into(), Some("1".into()))], b"old").expect("applied");
    let (_, mut reading) = image.load().expect("loaded");
    let new = (0..2_000_u32).map(|index| (index.to_be_bytes().to_vec(), vec![1; 100]));
    image.replace_all(new, b"new").expect("replaced");

    let (mark, pairs) = load(&image);
    assert_eq!(mark.as_deref(), Some(&b"new"[..]), "STO-8");
    assert_eq!(pairs.len(), 2_000);
    assert!(pairs.is_sorted());
    let old = reading.next().expect("a pair").expect("readable");
    assert_eq!(old, pair("old", "1"), "a reader keeps the moment at which it began");
}
