//! Reading commitments: round trips, and every hostile form refused by name (THR-4, THR-2).

use std::vec::Vec;

use proptest::prelude::{any, prop_assert_eq, proptest};

use super::Commitment;
use crate::rejected::Rejected;
use crate::sizes::PUBLIC_KEY_BYTES;
use crate::testing::{deal_fresh, parameters};

fn encoded(threshold: u16, share_count: u16) -> Vec<u8> {
    deal_fresh(parameters(threshold, share_count), 1).dealing.commitment().encode()
}

#[test]
fn a_commitment_comes_back_from_its_bytes() {
    let commitment = deal_fresh(parameters(3, 7), 1).dealing.commitment().clone();
    assert_eq!(Commitment::decode(&commitment.encode(), parameters(3, 7)), Ok(commitment));
}

#[test]
fn thr_4_a_commitment_of_another_degree_is_refused() {
    for threshold in [1, 2, 4] {
        let refused = Rejected::WrongDegree { expected: 3, got: usize::from(threshold) };
        assert_eq!(Commitment::decode(&encoded(threshold, 7), parameters(3, 7)), Err(refused));
    }
    let refused = Rejected::WrongDegree { expected: 3, got: 0 };
    assert_eq!(Commitment::decode(&[], parameters(3, 7)), Err(refused));
}

#[test]
fn a_commitment_of_broken_length_is_refused() {
    let mut bytes = encoded(2, 4);
    bytes.pop();
    let refused = Rejected::WrongLength { expected: 96, got: 95 };
    assert_eq!(Commitment::decode(&bytes, parameters(2, 4)), Err(refused));
}

#[test]
fn thr_4_an_identity_in_any_place_is_refused() {
    for place in 0..3 {
        let mut bytes = encoded(3, 7);
        let point = &mut bytes[place * PUBLIC_KEY_BYTES..][..PUBLIC_KEY_BYTES];
        point.fill(0);
        point[0] = 0xc0;
        assert_eq!(Commitment::decode(&bytes, parameters(3, 7)), Err(Rejected::Identity));
    }
}

#[test]
fn thr_2_a_point_outside_the_subgroup_in_any_place_is_refused() {
    // The coordinate 4 belongs to the curve, not to the subgroup.
    for place in 0..3 {
        let mut bytes = encoded(3, 7);
        let point = &mut bytes[place * PUBLIC_KEY_BYTES..][..PUBLIC_KEY_BYTES];
        point.fill(0);
        point[0] = 0x80;
        point[PUBLIC_KEY_BYTES - 1] = 4;
        assert_eq!(Commitment::decode(&bytes, parameters(3, 7)), Err(Rejected::NotInSubgroup));
    }
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>, threshold in 1..8_u16) {
        let parameters = parameters(threshold, 8);
        if let Ok(commitment) = Commitment::decode(&bytes, parameters) {
            prop_assert_eq!(commitment.encode(), bytes);
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_or_reads_as_itself(
        at in 0..144_usize,
        bit in 0..8_u32,
        mark in any::<bool>(),
    ) {
        let mut bytes = encoded(3, 7);
        bytes[at] ^= 1 << bit;
        if mark {
            bytes[at / PUBLIC_KEY_BYTES * PUBLIC_KEY_BYTES] |= 0x80;
        }
        if let Ok(commitment) = Commitment::decode(&bytes, parameters(3, 7)) {
            prop_assert_eq!(commitment.encode(), bytes);
        }
    }
}
