//! One rule for single and batch verification, also on crafted signatures.

use std::vec::Vec;

use quorate_types::{Digest, PublicKey, Signature};

use super::{AcquaintedVerifier, RealSigner, RealVerifier};
use crate::signature::{SignatureCheck, Signer, Verifier};

fn check(seed: u8) -> SignatureCheck {
    let signer = RealSigner::from_seed(&[seed; 32]);
    let digest = Digest::new([seed; 32]);
    SignatureCheck { key: signer.public_key(), digest, signature: signer.sign(&digest) }
}

#[test]
fn a_signature_fits_its_key_and_digest_alone() {
    let good = check(1);
    assert!(RealVerifier.is_valid(&good));
    assert!(!RealVerifier.is_valid(&SignatureCheck { key: check(2).key, ..good }));
    assert!(!RealVerifier.is_valid(&SignatureCheck { digest: Digest::new([9; 32]), ..good }));
}

#[test]
fn one_bad_signature_spoils_a_batch() {
    let mut checks: Vec<_> = (0..8).map(check).collect();
    assert!(RealVerifier.are_valid(&checks));
    checks[5].digest = Digest::new([77; 32]);
    assert!(!RealVerifier.are_valid(&checks));
    assert!(RealVerifier.are_valid(&[]));
}

/// The eight points of small order in their canonical encodings (RFC 8032 arithmetic), as the
/// ZIP 215 test set uses them: with R and A of small order and s = 0 the cofactored equation
/// holds for every message, the cofactorless one only for some.
const SMALL_ORDER_POINTS: [&str; 4] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
];

#[test]
fn crafted_signatures_get_the_same_answer_alone_and_in_a_batch() {
    // CRY-2. The cofactorless rule would accept some of these pairs and refuse others.
    for key in SMALL_ORDER_POINTS {
        for point in SMALL_ORDER_POINTS {
            let mut bytes = [0; 64];
            bytes[..32].copy_from_slice(PublicKey::from_hex(point).unwrap().as_bytes());
            let crafted = SignatureCheck {
                key: PublicKey::from_hex(key).unwrap(),
                digest: Digest::new([3; 32]),
                signature: Signature::new(bytes),
            };
            assert!(RealVerifier.is_valid(&crafted), "ZIP 215 accepts {key} {point}");
            assert!(RealVerifier.are_valid(&[crafted, check(4)]));
        }
    }
}

#[test]
fn a_scalar_that_is_not_reduced_is_refused_alone_and_in_a_batch() {
    let mut bytes = *check(1).signature.as_bytes();
    bytes[63] |= 0xf0;
    let bad = SignatureCheck { signature: Signature::new(bytes), ..check(1) };
    assert!(!RealVerifier.is_valid(&bad));
    assert!(!RealVerifier.are_valid(&[bad, check(2)]));
}

#[test]
fn bytes_that_are_no_key_are_refused_and_never_panic() {
    let key = PublicKey::new([0xff; 32]);
    let bad = SignatureCheck { key, ..check(1) };
    assert!(!RealVerifier.is_valid(&bad));
    assert!(!RealVerifier.are_valid(&[bad, check(2)]));
}

#[test]
fn a_verifier_that_knows_some_keys_gives_the_same_answers() {
    // CRY-2, also for keys of small order, and for bytes that are no key.
    let small = PublicKey::from_hex(SMALL_ORDER_POINTS[3]).unwrap();
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(small.as_bytes());
    let crafted = SignatureCheck { key: small, signature: Signature::new(bytes), ..check(1) };
    let no_key = SignatureCheck { key: PublicKey::new([0xff; 32]), ..check(1) };
    let bad = SignatureCheck { digest: Digest::new([9; 32]), ..check(2) };
    let all = [check(1), check(2), check(3), crafted, bad, no_key];
    let acquainted = AcquaintedVerifier::new([0, 1, 3, 5].map(|index: usize| all[index].key));
    for (index, check) in all.iter().enumerate() {
        assert_eq!(acquainted.is_valid(check), index < 4, "{index}");
        for checks in [&all[..index], &all[index..], &[*check, all[0]]] {
            assert_eq!(acquainted.are_valid(checks), RealVerifier.are_valid(checks), "{index}");
        }
    }
}

#[test]
fn a_secret_key_is_erased_when_dropped() {
    // The key of the library is plain data, which would be left where it lies.
    assert!(core::mem::needs_drop::<RealSigner>());
}
