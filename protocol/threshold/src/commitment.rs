//! What a dealer publishes about its polynomial: one point for each coefficient.
//!
//! Feldman 1987: the exponents commit to the polynomial, and anyone can compute from
//! them the public point of the value at any index.
//!
//! # Invariants
//! - THR-4: a commitment has exactly as many points as the threshold, and none is the identity.

use alloc::vec::Vec;

use crate::parameters::{Parameters, ShareIndex};
use crate::point::KeyPoint;
use crate::polynomial::Polynomial;
use crate::public::PublicKey;
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::sizes::PUBLIC_KEY_BYTES;

/// The points of a polynomial from the constant term upwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    parameters: Parameters,
    points: Vec<KeyPoint>,
}

impl Commitment {
    pub(crate) fn to(polynomial: &Polynomial, parameters: Parameters) -> Self {
        let points = polynomial.coefficients().iter().map(KeyPoint::of).collect();
        Self::new(points, parameters).expect("THR-3 gives the number of points, none the identity")
    }

    /// Requires every point in the subgroup.
    fn new(points: Vec<KeyPoint>, parameters: Parameters) -> Result<Self, Rejected> {
        let expected = parameters.threshold();
        if points.len() != expected {
            return Err(Rejected::WrongDegree { expected, got: points.len() });
        }
        if points.iter().any(KeyPoint::is_identity) {
            return Err(Rejected::Identity);
        }
        Ok(Self { parameters, points })
    }

    /// Reads what [`Self::encode`] wrote, for a sharing of these parameters.
    ///
    /// # Errors
    /// [`Rejected::WrongLength`], [`Rejected::WrongDegree`], and what a point may be refused for:
    /// [`Rejected::BadPointEncoding`], [`Rejected::NotOnCurve`], [`Rejected::NotInSubgroup`],
    /// [`Rejected::Identity`].
    pub fn decode(bytes: &[u8], parameters: Parameters) -> Result<Self, Rejected> {
        let (points, rest) = bytes.as_chunks::<PUBLIC_KEY_BYTES>();
        let expected = parameters.threshold();
        if !rest.is_empty() {
            let expected = expected * PUBLIC_KEY_BYTES;
            return Err(Rejected::WrongLength { expected, got: bytes.len() });
        }
        if points.len() != expected {
            return Err(Rejected::WrongDegree { expected, got: points.len() });
        }
        let points = points.iter().map(KeyPoint::decode).collect::<Result<_, _>>()?;
        Self::new(points, parameters)
    }

    /// The compressed points one after the other: 48 bytes for each share that signs.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.points.iter().flat_map(KeyPoint::encode).collect()
    }

    /// The size of the sharing that this commits to.
    #[must_use]
    pub const fn parameters(&self) -> Parameters {
        self.parameters
    }

    /// The public key of the secret that is shared: the constant term.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey::of(self.constant_term())
    }

    pub(crate) fn constant_term(&self) -> &KeyPoint {
        self.points.first().expect("THR-4: the threshold is at least one")
    }

    /// The public point of the value at `index`; the identity where that value is zero.
    pub(crate) fn evaluate(&self, index: ShareIndex) -> KeyPoint {
        let mut above = self.points.iter().rev();
        let leading = *above.next().expect("THR-4: the threshold is at least one");
        above.fold(leading, |value, term| value.mul_small(index.get()).add(term))
    }

    /// The weighted sum of commitments to polynomials of the same parameters, at least one.
    ///
    /// # Errors
    /// [`Rejected::Identity`] if a coefficient cancels; dealers with checked subshares cannot
    /// bring that about on purpose.
    pub(crate) fn weighted_sum(terms: &[(&Self, &Scalar)]) -> Result<Self, Rejected> {
        let (first, _weight) = terms.first().expect("a sum has at least one term");
        let parameters = first.parameters;
        let alike = terms.iter().all(|(term, _weight)| term.parameters == parameters);
        assert!(alike, "THR-4: a sum of commitments of unlike parameters");

        let sum_at = |degree: usize| {
            let weighted = |(term, weight): &(&Self, &Scalar)| {
                term.points.get(degree).map(|point| point.mul(weight))
            };
            let sum = terms.iter().filter_map(weighted).reduce(|sum, point| sum.add(&point));
            sum.expect("THR-4: every commitment has a point of each degree")
        };
        Self::new((0..parameters.threshold()).map(sum_at).collect(), parameters)
    }
}

#[cfg(test)]
mod tests;
