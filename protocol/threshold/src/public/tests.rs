//! Keys and signatures as bytes: checked when read, checked again when used.

use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{PublicKey, Signature};
use crate::domain::Domain;
use crate::rejected::Rejected;
use crate::sizes::{PUBLIC_KEY_BYTES, SIGNATURE_BYTES};
use crate::testing::committee;

#[test]
fn key_and_signature_come_back_from_their_bytes() {
    let committee = committee(1, 1);
    let key = committee.group.public_key();
    let signature = *committee.shares[0].sign(Domain::Group, b"message").signature();
    assert_eq!(PublicKey::decode(key.as_bytes()), Ok(key));
    assert_eq!(Signature::decode(signature.as_bytes()), Ok(signature));
    assert_eq!(key.verify(Domain::Group, b"message", &signature), Ok(()));
}

#[test]
fn a_signature_counts_for_its_message_and_domain_alone() {
    let committee = committee(1, 1);
    let key = committee.group.public_key();
    let signature = *committee.shares[0].sign(Domain::Beacon, b"message").signature();
    let refused = Err(Rejected::SignatureInvalid);
    assert_eq!(key.verify(Domain::Beacon, b"massage", &signature), refused);
    for domain in [Domain::Configuration, Domain::Group, Domain::ProofOfPossession] {
        assert_eq!(key.verify(domain, b"message", &signature), refused);
    }
}

#[test]
fn unchecked_bytes_are_refused_when_used() {
    let committee = committee(1, 1);
    let signature = *committee.shares[0].sign(Domain::Group, b"message").signature();
    let no_key = PublicKey::new([0; PUBLIC_KEY_BYTES]);
    let refused = no_key.verify(Domain::Group, b"message", &signature);
    assert_eq!(refused, Err(Rejected::BadPointEncoding));

    // The identity as key and as signature would satisfy the pairing equation for every message.
    let mut identity_key = [0; PUBLIC_KEY_BYTES];
    identity_key[0] = 0xc0;
    let mut identity_signature = [0; SIGNATURE_BYTES];
    identity_signature[0] = 0xc0;
    let (key, signature) = (PublicKey::new(identity_key), Signature::new(identity_signature));
    assert_eq!(key.verify(Domain::Group, b"message", &signature), Err(Rejected::Identity));
    let key = committee.group.public_key();
    assert_eq!(key.verify(Domain::Group, b"message", &signature), Err(Rejected::Identity));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(key) = PublicKey::decode(&bytes) {
            prop_assert_eq!(key.as_bytes().as_slice(), bytes.as_slice());
        }
        if let Ok(signature) = Signature::decode(&bytes) {
            prop_assert_eq!(signature.as_bytes().as_slice(), bytes.as_slice());
        }
    }

    #[test]
    fn hostile_bytes_of_the_right_length_never_panic(bytes in vec(any::<u8>(), 144..145)) {
        let (key, signature) = bytes.split_at(PUBLIC_KEY_BYTES);
        let key = PublicKey::new(key.try_into().unwrap());
        let signature = Signature::new(signature.try_into().unwrap());
        assert!(key.verify(Domain::Group, b"message", &signature).is_err());
    }
}
