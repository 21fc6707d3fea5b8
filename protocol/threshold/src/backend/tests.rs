//! The library against known answers, a naive second opinion, and hostile points (THR-2).

use std::vec::Vec;

use super::{Active, Backend, UNIFORM_BYTES};
use crate::rejected::Rejected;
use crate::sizes::{PUBLIC_KEY_BYTES, SIGNATURE_BYTES};
use crate::testing::naive::Number;

type Scalar = <Active as Backend>::Scalar;

/// From hexadecimal.
fn bytes<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
    assert_eq!(text.len(), 2 * LENGTH);
    core::array::from_fn(byte)
}

fn scalar(byte: u8) -> Scalar {
    Active::scalar_from_uniform(&[byte; UNIFORM_BYTES])
}

fn number(scalar: &Scalar) -> Number {
    Number::from_bytes(&Active::scalar_to_bytes(scalar))
}

/// The compressed identity of either group.
fn identity<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[0] = 0xc0;
    bytes
}

/// What decoding says of compressed points with the small coordinates 0, 1, 2 and so on.
fn refusals_of_small_coordinates<const LENGTH: usize, Point>(
    decode: impl Fn(&[u8; LENGTH]) -> Result<Point, Rejected>,
) -> Vec<Option<Rejected>> {
    let at = |coordinate: u8| {
        let mut bytes = [0; LENGTH];
        bytes[0] = 0x80;
        bytes[LENGTH - 1] = coordinate;
        decode(&bytes).err()
    };
    (0..32).map(at).collect()
}

#[test]
fn the_signature_of_a_published_test_vector_comes_out() {
    // From the test vectors of the Ethereum consensus layer: sign, zero message.
    let secret = bytes("263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3");
    let key = bytes(
        "a491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20fd6e10c1b77654d067c0618f6\
         e5a7f79a",
    );
    let signature = bytes(
        "b6ed936746e01f8ecf281f020953fbf1f01debd5657c4a383940b020b26507f6076334f91e2366c96e9ab279\
         fb5158090352ea1c5b0c9274504f4f0e7053af24802e51e4568d164fe986834f41e55c8e850ce1f98458c0cf\
         c9ab380b55285a55",
    );
    let tag = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

    let secret = Active::scalar_from_bytes(&secret).unwrap();
    let point = Active::g1_base_mul(&secret);
    assert_eq!(Active::g1_encode(&point), key);
    assert_eq!(Active::sign(&secret, tag, &[0; 32]), Some(signature));

    let decoded = Active::g2_decode(&signature).unwrap();
    assert!(Active::verify(&point, tag, &[0; 32], &decoded));
    assert!(!Active::verify(&point, tag, &[1; 32], &decoded));
    assert!(!Active::verify(&point, b"another tag", &[0; 32], &decoded));
}

#[test]
fn field_arithmetic_agrees_with_the_schoolbook() {
    for byte in [1, 0x5a, 0xfe, 0xff] {
        let (left, right) = (scalar(byte), scalar(byte ^ 0x33));
        let (naive_left, naive_right) = (number(&left), number(&right));
        assert_eq!(number(&Active::scalar_add(&left, &right)), naive_left.add(naive_right));
        assert_eq!(number(&Active::scalar_sub(&left, &right)), naive_left.sub(naive_right));
        assert_eq!(number(&Active::scalar_sub(&right, &left)), naive_right.sub(naive_left));
        assert_eq!(number(&Active::scalar_mul(&left, &right)), naive_left.mul(naive_right));
        assert_eq!(number(&Active::scalar_invert(&left)), naive_left.invert());
        assert_eq!(Active::scalar_to_bytes(&left).as_slice(), naive_left.to_bytes());
    }
    assert_eq!(number(&Active::scalar_from_u16(0xabcd)), Number::small(0xabcd));
    let zero = Active::scalar_from_u16(0);
    assert!(Active::scalar_is_zero(&zero) && Active::scalar_is_zero(&Active::scalar_invert(&zero)));
}

#[test]
fn a_wide_uniform_string_is_reduced_as_the_schoolbook_reduces_it() {
    let uniform: [u8; UNIFORM_BYTES] = core::array::from_fn(|at| u8::try_from(at * 3 + 7).unwrap());
    let digits = uniform.iter().fold(Number::small(0), |value, byte| {
        value.mul(Number::small(256)).add(Number::small(u16::from(*byte)))
    });
    assert_eq!(number(&Active::scalar_from_uniform(&uniform)), digits);
}

#[test]
fn only_scalars_below_the_order_are_read() {
    let order = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";
    let below = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000";
    assert!(Active::scalar_from_bytes(&bytes(order)).is_none());
    assert!(Active::scalar_from_bytes(&[0xff; 32]).is_none());
    assert!(Active::scalar_from_bytes(&bytes(below)).is_some());
    assert!(Active::scalar_is_zero(&Active::scalar_from_bytes(&[0; 32]).unwrap()));
}

#[test]
fn products_of_points_distribute_over_sums_of_scalars() {
    let (left, right) = (scalar(3), scalar(9));
    let sum = Active::scalar_add(&left, &right);
    let base = Active::g1_base_mul(&scalar(7));
    let apart = Active::g1_add(&Active::g1_mul(&base, &left), &Active::g1_mul(&base, &right));
    assert_eq!(Active::g1_mul(&base, &sum), apart);
    assert_eq!(
        Active::g1_mul(&base, &Active::scalar_from_u16(300)),
        Active::g1_mul_small(&base, 300)
    );

    let one = Active::scalar_from_u16(1);
    assert_eq!(Active::g1_mul(&Active::g1_base_mul(&one), &left), Active::g1_base_mul(&left));
    let nothing = Active::g1_base_mul(&Active::scalar_from_u16(0));
    assert!(Active::g1_is_identity(&nothing));
    assert!(Active::g1_is_identity(&Active::g1_mul(&base, &Active::scalar_from_u16(0))));
    assert_eq!(Active::g1_add(&nothing, &base), base);
    assert_eq!(Active::g1_add(&base, &base), Active::g1_mul_small(&base, 2));
}

#[test]
fn thr_2_the_identity_is_refused_in_both_groups() {
    assert_eq!(Active::g1_decode(&identity::<PUBLIC_KEY_BYTES>()).err(), Some(Rejected::Identity));
    assert_eq!(Active::g2_decode(&identity::<SIGNATURE_BYTES>()).err(), Some(Rejected::Identity));
}

#[test]
fn thr_2_points_off_the_curve_and_outside_the_subgroup_are_refused_by_name() {
    let key_refusals = refusals_of_small_coordinates(Active::g1_decode);
    let signature_refusals = refusals_of_small_coordinates(Active::g2_decode);
    for refusals in [key_refusals, signature_refusals] {
        assert!(refusals.contains(&Some(Rejected::NotOnCurve)), "{refusals:?}");
        assert!(refusals.contains(&Some(Rejected::NotInSubgroup)), "{refusals:?}");
        // A point of the subgroup with so small a coordinate is a chance of one in 2^120.
        let expected = [Some(Rejected::NotOnCurve), Some(Rejected::NotInSubgroup)];
        assert!(refusals.iter().all(|refusal| expected.contains(refusal)), "{refusals:?}");
    }
}

#[test]
fn thr_2_encodings_that_are_not_canonical_are_refused() {
    let good = Active::g1_encode(&Active::g1_base_mul(&scalar(7)));
    assert!(Active::g1_decode(&good).is_ok());
    let without_the_mark_of_compression =
        core::array::from_fn(|at| good[at] & if at == 0 { 0x7f } else { 0xff });
    let above_the_field = core::array::from_fn(|at| if at == 0 { 0x9f } else { 0xff });
    let mut identity_with_a_rest = identity();
    identity_with_a_rest[PUBLIC_KEY_BYTES - 1] = 1;
    let mut identity_with_a_sign = identity();
    identity_with_a_sign[0] = 0xe0;
    for bad in [
        without_the_mark_of_compression,
        above_the_field,
        identity_with_a_rest,
        identity_with_a_sign,
        [0; PUBLIC_KEY_BYTES],
        [0xff; PUBLIC_KEY_BYTES],
    ] {
        assert_eq!(Active::g1_decode(&bad).err(), Some(Rejected::BadPointEncoding), "{bad:02x?}");
    }
}

#[test]
fn a_secret_of_zero_signs_nothing() {
    assert_eq!(Active::sign(&Active::scalar_from_u16(0), b"tag", b"message"), None);
}
