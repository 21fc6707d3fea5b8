//! What is sealed is read by its recipient alone, and the same seed seals the same.

use std::vec::Vec;

use super::{DecryptionKey, EncryptionKey, SealedSubshares};
use crate::complaint::Opened;
use crate::dealing::{CheckedDealing, Dealer, Dealt};
use crate::parameters::Parameters;
use crate::rejected::Rejected;
use crate::seed::Session;
use crate::testing::{GROUPS, committee, index, parameters, seed, session};

fn keys(parameters: Parameters) -> Vec<DecryptionKey> {
    let key = |recipient: u8| DecryptionKey::derive(&seed(100 + recipient));
    (0..u8::try_from(parameters.share_count()).unwrap()).map(key).collect()
}

fn public(keys: &[DecryptionKey]) -> Vec<Option<EncryptionKey>> {
    keys.iter().map(|key| Some(key.encryption_key())).collect()
}

/// Member 2 of a small committee deals its share to a new one in a session.
fn sealed(
    parameters: Parameters,
    session: Session,
    keys: &[Option<EncryptionKey>],
) -> (Dealt, CheckedDealing, SealedSubshares) {
    let (seed, old) = (seed(5), committee(2, 4));
    let dealer = Dealer { seed: &seed, session, parameters };
    let dealt = dealer.deal_again(&old.shares[1]);
    let sealed = dealer.seal(&dealt, keys).unwrap();
    let checked = dealt.dealing.clone().check_reshared(session, parameters, &old.group).unwrap();
    (dealt, checked, sealed)
}

#[test]
fn each_recipient_opens_its_own_subshare_and_no_other() {
    for (threshold, share_count) in GROUPS {
        let parameters = parameters(threshold, share_count);
        let keys = keys(parameters);
        let (dealt, checked, sealed) = sealed(parameters, session(3), &public(&keys));
        for (key, owner) in keys.iter().zip(parameters.indices()) {
            for (subshare, recipient) in dealt.subshares.iter().zip(parameters.indices()) {
                match key.open(&checked, &sealed, recipient).unwrap() {
                    Opened::Owed(opened) => {
                        assert_eq!(owner, recipient);
                        assert_eq!(*opened.encode(), *subshare.encode());
                    }
                    Opened::Complaint(_) => assert_ne!(owner, recipient),
                }
            }
        }
    }
}

#[test]
fn the_same_seed_and_session_seal_the_same_and_another_session_shares_nothing() {
    let parameters = parameters(2, 4);
    let keys = public(&keys(parameters));
    let (_, _, first) = sealed(parameters, session(3), &keys);
    let (_, _, again) = sealed(parameters, session(3), &keys);
    let (_, _, other) = sealed(parameters, session(4), &keys);
    assert_eq!(first, again, "a dealer that restarts repeats itself");
    assert_ne!(first.ephemeral, other.ephemeral);
    assert!(first.masked.iter().zip(&other.masked).all(|(left, right)| left != right));
}

#[test]
fn no_byte_of_a_subshare_shows() {
    let parameters = parameters(3, 7);
    let (dealt, _, sealed) = sealed(parameters, session(3), &public(&keys(parameters)));
    let bytes = sealed.encode();
    for subshare in &dealt.subshares {
        let secret = subshare.value().encode();
        let shows = |part: &[u8]| bytes.windows(part.len()).any(|at| at == part);
        assert!(!secret.as_chunks::<8>().0.iter().any(|part| shows(part)));
    }
}

#[test]
fn sealed_subshares_come_back_from_their_bytes() {
    let parameters = parameters(2, 4);
    let (_, _, sealed) = sealed(parameters, session(3), &public(&keys(parameters)));
    let bytes = sealed.encode();
    assert_eq!(bytes.len(), 48 + 64 + 4 * 32);
    assert_eq!(SealedSubshares::decode(&bytes, 4).as_ref(), Ok(&sealed));
    let wrong = |share_count| 48 + 64 + 32 * usize::from(share_count);
    for share_count in [3, 5] {
        let refused = Rejected::WrongLength { expected: wrong(share_count), got: bytes.len() };
        assert_eq!(SealedSubshares::decode(&bytes, share_count), Err(refused));
    }
    for end in 0..bytes.len() {
        assert!(SealedSubshares::decode(&bytes[..end], 4).is_err());
    }
}

#[test]
fn sealing_takes_one_key_for_each_subshare() {
    let parameters = parameters(2, 4);
    let keys = public(&keys(parameters));
    let (dealt, ..) = sealed(parameters, session(3), &keys);
    let seed = seed(5);
    let dealer = Dealer { seed: &seed, session: session(3), parameters };
    let refused = Rejected::WrongShareCount { expected: 4, got: 3 };
    assert_eq!(dealer.seal(&dealt, &keys[..3]), Err(refused));
}

#[test]
fn a_recipient_without_a_key_gets_nothing_and_the_others_what_they_are_owed() {
    let parameters = parameters(2, 4);
    let keys = keys(parameters);
    let mut known = public(&keys);
    known[1] = None;
    let (_, checked, sealed) = sealed(parameters, session(3), &known);
    for (key, recipient) in keys.iter().zip(parameters.indices()) {
        let opened = key.open(&checked, &sealed, recipient).unwrap();
        assert_eq!(matches!(opened, Opened::Owed(_)), recipient.get() != 2);
    }
}

#[test]
fn nothing_is_opened_without_the_proof_for_this_dealing_thr_14() {
    let parameters = parameters(2, 4);
    let keys = keys(parameters);
    let (_, checked, good) = sealed(parameters, session(3), &public(&keys));
    let (_, _, other) = sealed(parameters, session(4), &public(&keys));
    let open = |sealed: &SealedSubshares| keys[0].open(&checked, sealed, index(1)).map(|_| ());
    assert_eq!(open(&good), Ok(()));
    let refused = Err(Rejected::EphemeralUnproved { dealer: index(2) });
    assert_eq!(open(&other), refused, "THR-14: of another attempt");
    let elsewhere = SealedSubshares { maker: other.maker, ..good.clone() };
    assert_eq!(open(&elsewhere), refused, "THR-14: of another point");
    let bytes = good.encode();
    for bit in (48 * 8..(48 + 64) * 8).step_by(3) {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let read = SealedSubshares::decode(&changed, 4).unwrap();
        assert_eq!(open(&read), refused, "THR-14: bit {bit}");
    }
}

#[test]
fn a_key_counts_only_with_the_proof_of_its_owner_thr_12() {
    let (key, other) = (DecryptionKey::derive(&seed(1)), DecryptionKey::derive(&seed(2)));
    let (bytes, statement) = (key.encryption_key().encode(), b"node 1, epoch 7");
    let proof = key.prove_possession(statement);
    let read = EncryptionKey::decode_proved(&bytes, statement, &proof);
    assert_eq!(read, Ok(key.encryption_key()), "THR-12");
    assert_eq!(EncryptionKey::decode_vouched(&bytes), read, "once the proof was seen");
    let refused = Err(Rejected::SignatureInvalid);
    assert_eq!(EncryptionKey::decode_proved(&bytes, b"node 2, epoch 7", &proof), refused);
    let foreign = other.prove_possession(statement);
    assert_eq!(EncryptionKey::decode_proved(&bytes, statement, &foreign), refused, "THR-12");
}
