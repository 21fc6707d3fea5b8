//! The seam between our protocol and a library of curve arithmetic: all that we ask of one.
//!
//! RFC 9380 (hash to the curve), draft-irtf-cfrg-bls-signature-05 section 2 (minimal public key).
//! Everything else in the crate is written against [`Backend`]; [`Active`] names the one in use.
//!
//! # Invariants
//! - THR-2: a decoded point is on the curve, in the subgroup of prime order, and not the identity.

mod blst;

use core::fmt::Debug;

use zeroize::ZeroizeOnDrop;

use crate::rejected::Rejected;
use crate::sizes::{PUBLIC_KEY_BYTES, SCALAR_BYTES, SIGNATURE_BYTES};

/// The backend that this build uses.
pub(crate) type Active = blst::Blst;

/// Bytes that are reduced to one scalar: 256 bits more than the order, so the bias is negligible.
pub(crate) const UNIFORM_BYTES: usize = 64;

/// Arithmetic of BLS12-381.
///
/// Functions that take a `Scalar` and no point, `g1_base_mul` and `sign` handle secrets: they run
/// in a time that does not depend on the value. The others see public values only.
pub(crate) trait Backend {
    /// An integer modulo the group order; erased when dropped.
    type Scalar: Clone + ZeroizeOnDrop;
    /// An element of G1, in the subgroup.
    type G1: Copy + Eq + Debug;
    /// An element of G2, in the subgroup.
    type G2: Copy + Eq + Debug;

    fn scalar_from_u16(value: u16) -> Self::Scalar;
    /// From canonical big-endian bytes; `None` if not below the order.
    fn scalar_from_bytes(bytes: &[u8; SCALAR_BYTES]) -> Option<Self::Scalar>;
    /// Reduces uniform big-endian bytes.
    fn scalar_from_uniform(bytes: &[u8; UNIFORM_BYTES]) -> Self::Scalar;
    /// Canonical big-endian bytes.
    fn scalar_to_bytes(scalar: &Self::Scalar) -> [u8; SCALAR_BYTES];
    fn scalar_is_zero(scalar: &Self::Scalar) -> bool;
    fn scalar_add(left: &Self::Scalar, right: &Self::Scalar) -> Self::Scalar;
    fn scalar_sub(left: &Self::Scalar, right: &Self::Scalar) -> Self::Scalar;
    fn scalar_mul(left: &Self::Scalar, right: &Self::Scalar) -> Self::Scalar;
    /// The inverse; of zero, zero.
    fn scalar_invert(scalar: &Self::Scalar) -> Self::Scalar;

    /// The generator of G1 times a secret.
    fn g1_base_mul(scalar: &Self::Scalar) -> Self::G1;
    fn g1_mul(point: &Self::G1, scalar: &Self::Scalar) -> Self::G1;
    /// Times a small public number, such as an index; much faster.
    fn g1_mul_small(point: &Self::G1, factor: u16) -> Self::G1;
    fn g1_add(left: &Self::G1, right: &Self::G1) -> Self::G1;
    fn g1_is_identity(point: &Self::G1) -> bool;
    fn g1_encode(point: &Self::G1) -> [u8; PUBLIC_KEY_BYTES];
    /// With all checks of THR-2.
    fn g1_decode(bytes: &[u8; PUBLIC_KEY_BYTES]) -> Result<Self::G1, Rejected>;

    fn g2_mul(point: &Self::G2, scalar: &Self::Scalar) -> Self::G2;
    fn g2_add(left: &Self::G2, right: &Self::G2) -> Self::G2;
    fn g2_encode(point: &Self::G2) -> [u8; SIGNATURE_BYTES];
    /// With all checks of THR-2.
    fn g2_decode(bytes: &[u8; SIGNATURE_BYTES]) -> Result<Self::G2, Rejected>;

    /// The hash of `message` under `tag` times the secret; `None` for a secret of zero.
    fn sign(secret: &Self::Scalar, tag: &[u8], message: &[u8]) -> Option<[u8; SIGNATURE_BYTES]>;
    /// Whether `signature` is the hash of `message` times the secret of `key`.
    fn verify(key: &Self::G1, tag: &[u8], message: &[u8], signature: &Self::G2) -> bool;
}

#[cfg(test)]
mod tests;
