//! The weights against the schoolbook.

use std::vec::Vec;

use super::weights_at_zero;
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::testing::index;
use crate::testing::naive::{Number, interpolate};

#[test]
fn weights_reconstruct_what_the_schoolbook_reconstructs() {
    let places = [9, 2, 128, 1, 77];
    let indices: Vec<_> = places.iter().map(|place| index(*place)).collect();
    let values: Vec<_> = (1..=5).map(|byte| Scalar::from_uniform(&[byte; 64])).collect();

    let weights = weights_at_zero(&indices).unwrap();
    let terms = weights.iter().zip(&values).map(|(weight, value)| weight.mul(value));
    let sum = terms.reduce(|sum, term| sum.add(&term)).unwrap();

    let numbers = values.iter().map(|value| Number::from_bytes(value.encode().as_ref()));
    let points: Vec<_> = places.into_iter().zip(numbers).collect();
    assert_eq!(sum.encode().as_slice(), interpolate(&points).to_bytes());
}

#[test]
fn weights_of_equal_indices_do_not_exist() {
    let refused = weights_at_zero(&[index(1), index(2), index(1)]).err();
    assert_eq!(refused, Some(Rejected::DuplicateIndex { index: index(1) }));
}
