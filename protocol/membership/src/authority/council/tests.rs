//! So many keys as the council wants have to have signed, each for itself, and nobody else.
use std::vec::Vec;

use quorate_crypto::ideal::IdealSigner;
use quorate_crypto::{Domain, Signer, hash};
use quorate_types::{Digest, Epoch, PublicKey};
use quorate_wire::{decode, encode};

use super::{Council, CouncilError, Endorsement};
use crate::testing::{epoch_signer, registry};

fn holders(count: usize) -> Vec<IdealSigner> {
    (0..count).map(|holder| epoch_signer(holder, Epoch::ZERO)).collect()
}

fn council(threshold: u16, holders: &[IdealSigner]) -> Council {
    Council::new(threshold, holders.iter().map(Signer::public_key).collect()).unwrap()
}

fn digest(text: &[u8]) -> Digest {
    hash(Domain::NodeCertificate, text)
}

fn endorsed(text: &[u8], by: &[IdealSigner]) -> Endorsement {
    let mut endorsement = Endorsement::default();
    by.iter().for_each(|signer| endorsement.add(&digest(text), signer));
    endorsement
}

#[test]
fn so_many_keys_as_the_threshold_says_are_enough_and_one_less_is_not() {
    let all = holders(5);
    let council = council(3, &all);
    let verdict =
        |by: &[IdealSigner]| council.has_endorsed(digest(b"it"), &endorsed(b"it", by), &registry());
    assert!(!verdict(&[]) && !verdict(&all[..2]));
    assert!(verdict(&all[..3]) && verdict(&all[2..]) && verdict(&all));
    let twice = [all[0].clone(), all[1].clone(), all[1].clone()];
    assert!(!verdict(&twice), "a key counts once");
}

#[test]
fn a_signature_of_another_key_or_under_another_statement_spoils_the_whole() {
    let all = holders(5);
    let council = council(2, &all[..3]);
    let verdict = |word: &Endorsement| council.has_endorsed(digest(b"it"), word, &registry());
    assert!(!verdict(&endorsed(b"it", &all[..4])), "the fourth is not of the council");
    let mut mixed = endorsed(b"it", &all[..2]);
    mixed.join(&endorsed(b"that", &all[2..3]));
    assert!(!verdict(&mixed));
    let mut swapped = endorsed(b"it", &all[..2]);
    swapped.0.reverse();
    assert!(!verdict(&swapped), "there is one encoding");
    swapped.0[0] = swapped.0[1];
    assert!(!verdict(&swapped), "a key counts once");
}

#[test]
fn signatures_that_were_collected_apart_are_joined() {
    let all = holders(3);
    let council = council(3, &all);
    let mut joined = endorsed(b"it", &all[2..]);
    joined.join(&endorsed(b"it", &all[..1]));
    assert!(!council.has_endorsed(digest(b"it"), &joined, &registry()));
    joined.join(&endorsed(b"it", &all[..2]));
    assert!(council.has_endorsed(digest(b"it"), &joined, &registry()));
    assert_eq!(joined.keys().collect::<Vec<_>>(), council.keys);
    assert_eq!(decode::<Endorsement>(&encode(&joined)), Ok(joined));
    assert_eq!(decode::<Council>(&encode(&council)), Ok(council));
}

#[test]
fn keys_that_cannot_be_a_council_are_refused() {
    let key = |number: u8| PublicKey::new([number; 32]);
    let of = |threshold, count| Council::new(threshold, (0..count).map(key).collect()).err();
    assert_eq!(of(1, 0), Some(CouncilError::Count(0)));
    assert_eq!(of(1, 17), Some(CouncilError::Count(17)));
    assert_eq!(
        (of(0, 3), of(4, 3)),
        (Some(CouncilError::Threshold(0)), Some(CouncilError::Threshold(4)),)
    );
    assert_eq!((of(3, 3), of(1, 16)), (None, None));
    let twice = Council::new(1, [key(1), key(1)].into());
    assert_eq!(twice, Err(CouncilError::Order));
    let unordered = Council { threshold: 1, keys: [key(2), key(1)].into() };
    assert_eq!(unordered.check(), Err(CouncilError::Order));
}
