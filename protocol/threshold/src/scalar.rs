//! Integers modulo the group order: secrets first of all, so erased when dropped and never shown.
//!
//! Erasure covers the value in its last place. Copies that a move leaves on the stack are out of
//! reach of safe code; the process must not be dumped or swapped (specification, pitfall 2).

use core::fmt;

use zeroize::Zeroizing;

use crate::backend::{Active, Backend, UNIFORM_BYTES};
use crate::rejected::Rejected;
use crate::sizes::SCALAR_BYTES;

/// An integer modulo the group order.
#[derive(Clone)]
pub(crate) struct Scalar(pub(crate) <Active as Backend>::Scalar);

impl Scalar {
    pub(crate) fn from_u16(value: u16) -> Self {
        Self(Active::scalar_from_u16(value))
    }

    pub(crate) fn from_uniform(bytes: &[u8; UNIFORM_BYTES]) -> Self {
        Self(Active::scalar_from_uniform(bytes))
    }

    /// Uniform, and following from all that was hashed.
    pub(crate) fn from_hash(hasher: &blake3::Hasher) -> Self {
        let mut uniform = Zeroizing::new([0; UNIFORM_BYTES]);
        Zeroizing::new(hasher.finalize_xof()).fill(uniform.as_mut());
        Self::from_uniform(&uniform)
    }

    /// From canonical big-endian bytes.
    pub(crate) fn decode(bytes: &[u8; SCALAR_BYTES]) -> Result<Self, Rejected> {
        Active::scalar_from_bytes(bytes).map(Self).ok_or(Rejected::ScalarOutOfRange)
    }

    /// Canonical big-endian bytes, erased when dropped.
    pub(crate) fn encode(&self) -> Zeroizing<[u8; SCALAR_BYTES]> {
        Zeroizing::new(Active::scalar_to_bytes(&self.0))
    }

    pub(crate) fn is_zero(&self) -> bool {
        Active::scalar_is_zero(&self.0)
    }

    pub(crate) fn add(&self, right: &Self) -> Self {
        Self(Active::scalar_add(&self.0, &right.0))
    }

    pub(crate) fn sub(&self, right: &Self) -> Self {
        Self(Active::scalar_sub(&self.0, &right.0))
    }

    pub(crate) fn mul(&self, right: &Self) -> Self {
        Self(Active::scalar_mul(&self.0, &right.0))
    }

    /// The inverse; of zero, zero.
    pub(crate) fn invert(&self) -> Self {
        Self(Active::scalar_invert(&self.0))
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Scalar(redacted)")
    }
}
