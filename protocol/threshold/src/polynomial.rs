//! The secret polynomial of a dealer: its value at zero is shared, its value at an index is a part.
//!
//! Shamir 1979.
//!
//! # Invariants
//! - THR-3: a polynomial has exactly as many coefficients as the threshold, and none is zero, so
//!   its degree is the threshold minus one.

use alloc::vec::Vec;

use crate::parameters::ShareIndex;
use crate::scalar::Scalar;
use crate::seed::Derivation;

/// Coefficients from the constant term upwards; each erased when dropped.
#[derive(Debug)]
pub(crate) struct Polynomial(Vec<Scalar>);

impl Polynomial {
    /// A polynomial with `constant` as its value at zero, the rest derived; without `constant`,
    /// all derived.
    pub(crate) fn derive(derivation: &Derivation<'_>, constant: Option<&Scalar>) -> Self {
        let threshold = derivation.parameters.threshold();
        // Of full capacity at once: a vector that grows leaves copies behind.
        let mut coefficients = Vec::with_capacity(threshold);
        let first = constant.cloned();
        coefficients.push(first.unwrap_or_else(|| derivation.coefficient(0)));
        coefficients.extend((1..).map(|degree| derivation.coefficient(degree)).take(threshold - 1));

        assert!(coefficients.len() == threshold, "THR-3: {} coefficients", coefficients.len());
        // A key share is never zero, and a hash hits zero with a chance of one in 2^255.
        assert!(!coefficients.iter().any(Scalar::is_zero), "THR-3: a coefficient is zero");
        Self(coefficients)
    }

    pub(crate) fn coefficients(&self) -> &[Scalar] {
        &self.0
    }

    /// The value at `index`, by Horner's rule, in constant time for this degree.
    pub(crate) fn evaluate(&self, index: ShareIndex) -> Scalar {
        let at = Scalar::from_u16(index.get());
        self.0.iter().rev().fold(Scalar::from_u16(0), |value, term| value.mul(&at).add(term))
    }
}

#[cfg(test)]
mod tests;
