//! An identity signs about one epoch at a time, and only what it binds itself is believed.
use std::vec::Vec;

use quorate_crypto::Verifier;
use quorate_crypto::real::RealVerifier;
use quorate_kes::{Blake3Tree, IdealTree, Seed};
use quorate_types::{Digest, Epoch, IdentityKey, IdentityRoot};
use quorate_wire::{DecodeError, decode, encode};

use super::{IDENTITY_EPOCHS, Identity, IdentitySignature, IdentitySigner};
use crate::testing::{identity, identity_in, registry};

const DIGEST: Digest = Digest::new([9; 32]);

fn is_valid(signature: &IdentitySignature, key: IdentityKey, epoch: u64) -> bool {
    let check = signature.check(key.first_root(), Epoch::new(epoch), DIGEST);
    check.is_some_and(|check| registry().is_valid(&check))
}

/// An identity whose first epoch is 7 and whose last is 22.
fn late() -> Identity<IdealTree> {
    Identity::generate_short(IdealTree(registry()), Seed::new([3; 32]), (Epoch::new(7), 4))
}

#[test]
fn mem_12_a_signature_counts_in_the_epoch_of_its_leaf_and_in_no_other() {
    let mut identity = late();
    let key = identity.identity_key();
    for epoch in 7..=22 {
        assert_eq!((identity.epoch(), identity.identity_key()), (Epoch::new(epoch), key));
        let signature = identity.sign_as_identity(&DIGEST);
        let valid: Vec<u64> = (0..40).filter(|epoch| is_valid(&signature, key, *epoch)).collect();
        assert_eq!(valid, [epoch], "MEM-12");
        assert_eq!(identity.evolve().is_ok(), epoch < 22);
    }
    assert_eq!((identity.epoch(), identity.remaining()), (Epoch::new(22), 0));
}

#[test]
fn mem_12_no_epoch_outside_of_the_tree_has_a_leaf() {
    let signature = late().sign_as_identity(&DIGEST);
    let key = late().identity_key();
    for epoch in [0, 6, 7 + u64::from(IDENTITY_EPOCHS), 7 + (1 << 32), u64::MAX] {
        let check = signature.check(key.first_root(), Epoch::new(epoch), DIGEST);
        assert_eq!(check, None, "epoch {epoch}");
    }
}

#[test]
fn whoever_claims_another_first_epoch_is_another_identity() {
    let signature = late().sign_as_identity(&DIGEST);
    let moved = IdentitySignature { first_epoch: Epoch::new(8), ..signature };
    assert!(!(0..40).any(|epoch| is_valid(&moved, late().identity_key(), epoch)));
    let seed = || Seed::new([3; 32]);
    let tree = || IdealTree(registry());
    let other = Identity::generate_short(tree(), seed(), (Epoch::new(8), 4));
    assert_ne!(other.identity_key(), late().identity_key(), "one root, two identities");
}

#[test]
fn a_key_of_an_epoch_that_could_itself_sign_is_no_identity() {
    // What was a plain identity once: the key is the leaf, and the path leads elsewhere.
    let signature = identity(1).sign_as_identity(&DIGEST);
    let leaf = signature.check(identity(1).root(), Epoch::ZERO, DIGEST).unwrap().key;
    assert_eq!(signature.check(IdentityRoot::new(*leaf.as_bytes()), Epoch::ZERO, DIGEST), None);
    let plain = [&[1][..], &[3; 64]].concat();
    let refused = DecodeError::UnknownTag { of: "IdentitySignature", tag: 1 };
    assert_eq!(decode::<IdentitySignature>(&plain), Err(refused));
}

#[test]
fn a_secret_comes_back_from_its_bytes_in_every_epoch() {
    let mut identity = late();
    loop {
        let bytes = identity.to_bytes();
        let read = Identity::from_bytes(IdealTree(registry()), &bytes).unwrap();
        assert_eq!(read.identity_key(), identity.identity_key());
        assert_eq!(read.sign_as_identity(&DIGEST), identity.sign_as_identity(&DIGEST));
        assert!(Identity::from_bytes(IdealTree(registry()), &bytes[1..]).is_err());
        if identity.evolve().is_err() {
            break;
        }
    }
}

#[test]
fn a_signature_comes_back_from_its_bytes() {
    let signature = identity_in(1, Epoch::new(5)).sign_as_identity(&DIGEST);
    let bytes = encode(&signature);
    assert_eq!(bytes.len(), IdentitySignature::BYTES);
    assert_eq!(decode(&bytes), Ok(signature));
}

#[test]
fn an_identity_of_production_signs_with_ed25519() {
    let identity = Identity::generate(Blake3Tree, Seed::new([3; 32]), Epoch::ZERO);
    let signature = identity.sign_as_identity(&DIGEST);
    let check = signature.check(identity.root(), Epoch::ZERO, DIGEST).unwrap();
    assert!(RealVerifier.is_valid(&check));
    assert_eq!(identity.remaining() + 1, IDENTITY_EPOCHS);
}
