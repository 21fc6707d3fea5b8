//! Points of the two groups: G1 for keys and commitments, G2 for signatures.
//!
//! Invariants: THR-2, stated in [`crate::backend`], holds of every point that came as bytes. A sum
//! of such points may be the identity; who needs otherwise asks.

use crate::backend::{Active, Backend};
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::sizes::{PUBLIC_KEY_BYTES, SIGNATURE_BYTES};

/// An element of G1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyPoint(pub(crate) <Active as Backend>::G1);

impl KeyPoint {
    /// The public point of a secret.
    pub(crate) fn of(secret: &Scalar) -> Self {
        Self(Active::g1_base_mul(&secret.0))
    }

    pub(crate) fn decode(bytes: &[u8; PUBLIC_KEY_BYTES]) -> Result<Self, Rejected> {
        Active::g1_decode(bytes).map(Self)
    }

    pub(crate) fn encode(&self) -> [u8; PUBLIC_KEY_BYTES] {
        Active::g1_encode(&self.0)
    }

    pub(crate) fn is_identity(&self) -> bool {
        Active::g1_is_identity(&self.0)
    }

    pub(crate) fn add(&self, right: &Self) -> Self {
        Self(Active::g1_add(&self.0, &right.0))
    }

    pub(crate) fn mul(&self, scalar: &Scalar) -> Self {
        Self(Active::g1_mul(&self.0, &scalar.0))
    }

    pub(crate) fn mul_small(&self, factor: u16) -> Self {
        Self(Active::g1_mul_small(&self.0, factor))
    }

    pub(crate) fn verifies(&self, tag: &[u8], message: &[u8], signature: &SignaturePoint) -> bool {
        Active::verify(&self.0, tag, message, &signature.0)
    }
}

/// An element of G2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignaturePoint(pub(crate) <Active as Backend>::G2);

impl SignaturePoint {
    pub(crate) fn decode(bytes: &[u8; SIGNATURE_BYTES]) -> Result<Self, Rejected> {
        Active::g2_decode(bytes).map(Self)
    }

    pub(crate) fn encode(&self) -> [u8; SIGNATURE_BYTES] {
        Active::g2_encode(&self.0)
    }

    pub(crate) fn add(&self, right: &Self) -> Self {
        Self(Active::g2_add(&self.0, &right.0))
    }

    pub(crate) fn mul(&self, scalar: &Scalar) -> Self {
        Self(Active::g2_mul(&self.0, &scalar.0))
    }
}
