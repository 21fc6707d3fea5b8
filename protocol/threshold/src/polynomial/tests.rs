//! Derivation is a function of all its inputs, and evaluation agrees with the schoolbook (THR-3).

use std::vec::Vec;

use super::Polynomial;
use crate::scalar::Scalar;
use crate::seed::{Derivation, Origin};
use crate::testing::naive::Number;
use crate::testing::{index, parameters, seed, session};

fn bytes(scalar: &Scalar) -> Vec<u8> {
    scalar.encode().to_vec()
}

#[test]
fn thr_3_evaluation_agrees_with_the_sum_of_powers() {
    let seed = seed(1);
    let derivation = Derivation {
        origin: Origin::Fresh,
        seed: &seed,
        session: session(1),
        dealer: index(1),
        parameters: parameters(5, 13),
    };
    let polynomial = Polynomial::derive(&derivation, None);
    assert_eq!(polynomial.coefficients().len(), 5);
    for place in [1, 2, 13] {
        let at = Number::small(place);
        let mut power = Number::small(1);
        let mut sum = Number::small(0);
        for coefficient in polynomial.coefficients() {
            sum = sum.add(power.mul(Number::from_bytes(coefficient.encode().as_ref())));
            power = power.mul(at);
        }
        assert_eq!(bytes(&polynomial.evaluate(index(place))), sum.to_bytes());
    }
}

#[test]
fn each_input_of_the_derivation_changes_the_coefficient() {
    let (seed_a, seed_b) = (seed(1), seed(2));
    let base = || Derivation {
        origin: Origin::Fresh,
        seed: &seed_a,
        session: session(1),
        dealer: index(1),
        parameters: parameters(2, 4),
    };
    let variants = [
        base(),
        Derivation { origin: Origin::Reshared, ..base() },
        Derivation { seed: &seed_b, ..base() },
        Derivation { session: session(2), ..base() },
        Derivation { dealer: index(2), ..base() },
        Derivation { parameters: parameters(3, 4), ..base() },
        Derivation { parameters: parameters(2, 5), ..base() },
    ];
    let mut seen: Vec<_> = variants.iter().map(|variant| bytes(&variant.coefficient(1))).collect();
    seen.push(bytes(&base().coefficient(2)));
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count);
    assert_eq!(bytes(&base().coefficient(1)), bytes(&base().coefficient(1)));
}
