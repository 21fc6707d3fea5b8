//! Key shares as bytes (THR-5), and their silence when shown.

use std::format;
use std::vec::Vec;

use proptest::prelude::{prop_assert_eq, proptest};

use super::KeyShare;
use crate::rejected::Rejected;
use crate::sizes::KEY_SHARE_BYTES;
use crate::testing::{committee, index};

#[test]
fn a_key_share_comes_back_from_its_bytes() {
    let committee = committee(2, 4);
    let share = KeyShare::decode(committee.shares[2].encode().as_ref()).unwrap();
    assert_eq!(share.index(), index(3));
    assert_eq!(committee.group.check_share(&share), Ok(()));
    assert_eq!(Ok(share.public_share()), committee.group.public_share(index(3)));
}

#[test]
fn thr_5_a_key_share_of_zero_is_refused() {
    let mut bytes = [0; KEY_SHARE_BYTES];
    bytes[1] = 1;
    assert_eq!(KeyShare::decode(&bytes).err(), Some(Rejected::ScalarZero));
}

#[test]
fn key_shares_of_bad_index_scalar_or_length_are_refused() {
    assert_eq!(KeyShare::decode(&[0; KEY_SHARE_BYTES]).err(), Some(Rejected::IndexZero));
    let mut bytes = [0xff; KEY_SHARE_BYTES];
    let refused = Rejected::IndexTooLarge { index: 0xffff, max: 128 };
    assert_eq!(KeyShare::decode(&bytes).err(), Some(refused));
    bytes[..2].copy_from_slice(&[0, 1]);
    assert_eq!(KeyShare::decode(&bytes).err(), Some(Rejected::ScalarOutOfRange));
    let refused = Rejected::WrongLength { expected: KEY_SHARE_BYTES, got: 1 };
    assert_eq!(KeyShare::decode(&[1]).err(), Some(refused));
}

#[test]
fn a_key_share_shows_its_index_and_nothing_else() {
    assert_eq!(format!("{:?}", committee(2, 4).shares[0]), "KeyShare(i1, redacted)");
}

#[test]
fn a_share_of_another_index_or_group_is_found_out() {
    let small = committee(2, 4);
    let large = committee(3, 7);
    let refused = Rejected::ShareMismatch { index: index(1) };
    assert_eq!(small.group.check_share(&large.shares[0]), Err(refused));
    let refused = Rejected::IndexTooLarge { index: 7, max: 4 };
    assert_eq!(small.group.check_share(&large.shares[6]), Err(refused));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(share) = KeyShare::decode(&bytes) {
            prop_assert_eq!(share.encode().to_vec(), bytes);
        }
    }
}
