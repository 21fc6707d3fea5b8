//! Proofs of presence and absence, and what liars do to them.

use proptest::prelude::*;
use quorate_state::{Map, Proof};
use quorate_wire::{decode, encode};

const KEYS: [&[u8]; 6] = [b"", b"a", b"ab", b"b", b"ba", b"c"];
const ASKED: [&[u8]; 10] = [b"", b"a", b"aa", b"ab", b"abc", b"b", b"ba", b"bb", b"c", b"d"];

/// The map of those of the six keys whose bits are set.
fn map_of(bits: usize) -> Map {
    let mut map = Map::new();
    for (index, key) in KEYS.iter().enumerate() {
        if bits >> index & 1 == 1 {
            map.insert(key, &[key, b"=".as_slice()].concat());
        }
    }
    map
}

fn sample() -> Map {
    let mut map = Map::new();
    for number in 0..60_u8 {
        map.insert(&[number, 7], &[number; 5]);
    }
    map
}

#[test]
fn sta_5_all_small_maps_prove_presence_and_absence() {
    for bits in 0..1 << KEYS.len() {
        let mut map = map_of(bits);
        let root = map.root();
        for key in ASKED {
            let proof: Proof = decode(&encode(&map.prove(key))).expect("what was encoded decodes");
            assert_eq!(proof, map.prove(key));
            assert_eq!(proof.verify(root, key), Ok(map.get(key)));
            assert_eq!(proof.entry_count(), map.len() as u64);
        }
    }
}

#[test]
fn sta_5_a_proof_says_nothing_about_another_key_or_another_state() {
    for bits in 0..1 << KEYS.len() {
        let mut map = map_of(bits);
        let root = map.root();
        for key in ASKED {
            let proof = map.prove(key);
            for other in ASKED {
                // A proof of absence may serve for every key in the same gap, always rightly.
                if let Ok(value) = proof.verify(root, other) {
                    assert_eq!(value, map.get(other));
                }
            }
            let other_root = map_of(bits ^ 1).root();
            assert!(proof.verify(other_root, key).is_err());
        }
    }
}

#[test]
fn sta_5_each_byte_of_a_proof_is_bound() {
    let mut map = sample();
    let root = map.root();
    for key in [[30, 7], [0, 7], [59, 7], [30, 8], [0, 0], [99, 9]] {
        let bytes = encode(&map.prove(&key));
        for index in 0..bytes.len() {
            for flip in [0x01, 0x02, 0x03, 0x80, 0xff] {
                let mut lie = bytes.clone();
                lie[index] ^= flip;
                let verified = decode::<Proof>(&lie).map(|proof| proof.verify(root, &key).is_ok());
                assert!(!verified.unwrap_or(false), "byte {index} flipped by {flip}");
            }
        }
        for end in 0..bytes.len() {
            assert!(decode::<Proof>(&bytes[..end]).is_err());
        }
    }
}

proptest! {
    #[test]
    fn hostile_bytes_are_refused_without_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        at in any::<prop::sample::Index>(),
    ) {
        let mut map = sample();
        let root = map.root();
        let honest = encode(&map.prove(&[30, 7]));
        let mut mixed = honest.clone();
        mixed.splice(at.index(honest.len()).., noise.iter().copied());
        for bytes in [&noise, &mixed] {
            if let Ok(proof) = decode::<Proof>(bytes) {
                prop_assert_eq!(&encode(&proof), bytes);
                prop_assert_eq!(proof.verify(root, &[30, 7]).is_ok(), *bytes == honest);
            }
        }
    }
}
