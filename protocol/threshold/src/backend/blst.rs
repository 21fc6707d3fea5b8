//! The backend on the library `blst`, with the only unsafe code of this crate.
//!
//! Its safe wrappers are used where they suffice: decoding, addition, signing, pairing. The safe
//! `verify` of `blst::min_pk` does not: it hands the work to a pool of threads, and protocol code
//! has none. Every secret passes through `blst_fr` and `blst_p1_mult`, which take constant time.
//!
//! Invariants: THR-2, stated in [`super`].

#![expect(unsafe_code, reason = "field arithmetic and point products exist in blst only as C")]

use blst::{
    BLST_ERROR, Pairing, blst_fr, blst_fr_add, blst_fr_from_scalar, blst_fr_from_uint64,
    blst_fr_inverse, blst_fr_mul, blst_fr_sub, blst_p1, blst_p1_affine, blst_p1_mult, blst_p2,
    blst_p2_affine, blst_p2_mult, blst_scalar, blst_scalar_fr_check, blst_scalar_from_be_bytes,
    blst_scalar_from_bendian, blst_scalar_from_fr, min_pk,
};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{Backend, UNIFORM_BYTES};
use crate::rejected::Rejected;
use crate::sizes::{PUBLIC_KEY_BYTES, SCALAR_BYTES, SIGNATURE_BYTES};

/// Bits of a scalar that a point product reads.
const SCALAR_BITS: usize = 255;

/// Bits of a small factor.
const SMALL_BITS: usize = 16;

/// The library.
pub(crate) struct Blst;

/// A scalar in Montgomery form.
#[derive(Clone)]
pub(crate) struct Scalar(blst_fr);

impl Drop for Scalar {
    fn drop(&mut self) {
        self.0.l.zeroize();
    }
}

impl ZeroizeOnDrop for Scalar {}

impl Scalar {
    /// Plain little-endian form; erased when dropped.
    fn plain(&self) -> blst_scalar {
        let mut plain = blst_scalar::default();
        // SAFETY: both pointers come from references to initialised values of the very types that
        // the function reads and writes; it keeps neither.
        unsafe { blst_scalar_from_fr(&raw mut plain, &raw const self.0) };
        plain
    }

    fn from_plain(plain: &blst_scalar) -> Self {
        let mut scalar = Self(blst_fr::default());
        // SAFETY: as in `plain`.
        unsafe { blst_fr_from_scalar(&raw mut scalar.0, plain) };
        scalar
    }
}

impl Backend for Blst {
    type Scalar = Scalar;
    type G1 = blst_p1;
    type G2 = blst_p2;

    fn scalar_from_u16(value: u16) -> Scalar {
        let limbs = [u64::from(value), 0, 0, 0];
        let mut scalar = Scalar(blst_fr::default());
        // SAFETY: the input points to the four limbs that the function reads, the output to an
        // initialised value of its type; it keeps neither.
        unsafe { blst_fr_from_uint64(&raw mut scalar.0, limbs.as_ptr()) };
        scalar
    }

    fn scalar_from_bytes(bytes: &[u8; SCALAR_BYTES]) -> Option<Scalar> {
        let mut plain = blst_scalar::default();
        // SAFETY: the input points to the 32 bytes that the function reads, the output to an
        // initialised value of its type; it keeps neither.
        unsafe { blst_scalar_from_bendian(&raw mut plain, bytes.as_ptr()) };
        // SAFETY: the pointer comes from a reference to an initialised value of its type.
        let below_the_order = unsafe { blst_scalar_fr_check(&raw const plain) };
        below_the_order.then(|| Scalar::from_plain(&plain))
    }

    fn scalar_from_uniform(bytes: &[u8; UNIFORM_BYTES]) -> Scalar {
        let mut plain = blst_scalar::default();
        // SAFETY: the input points to as many bytes as the length says, the output to an
        // initialised value of its type; the function keeps neither. Its result only says whether
        // the scalar is zero.
        unsafe { blst_scalar_from_be_bytes(&raw mut plain, bytes.as_ptr(), UNIFORM_BYTES) };
        Scalar::from_plain(&plain)
    }

    fn scalar_to_bytes(scalar: &Scalar) -> [u8; SCALAR_BYTES] {
        let mut bytes = scalar.plain().b;
        bytes.reverse();
        bytes
    }

    fn scalar_is_zero(scalar: &Scalar) -> bool {
        scalar.0.l.iter().fold(0, |all, limb| all | limb) == 0
    }

    fn scalar_add(left: &Scalar, right: &Scalar) -> Scalar {
        let mut sum = Scalar(blst_fr::default());
        // SAFETY: all three pointers come from references to initialised values of the type that
        // the function reads and writes; it keeps none.
        unsafe { blst_fr_add(&raw mut sum.0, &raw const left.0, &raw const right.0) };
        sum
    }

    fn scalar_sub(left: &Scalar, right: &Scalar) -> Scalar {
        let mut difference = Scalar(blst_fr::default());
        // SAFETY: as in `scalar_add`.
        unsafe { blst_fr_sub(&raw mut difference.0, &raw const left.0, &raw const right.0) };
        difference
    }

    fn scalar_mul(left: &Scalar, right: &Scalar) -> Scalar {
        let mut product = Scalar(blst_fr::default());
        // SAFETY: as in `scalar_add`.
        unsafe { blst_fr_mul(&raw mut product.0, &raw const left.0, &raw const right.0) };
        product
    }

    fn scalar_invert(scalar: &Scalar) -> Scalar {
        let mut inverse = Scalar(blst_fr::default());
        // SAFETY: both pointers come from references to initialised values of the type that the
        // function reads and writes; it keeps neither. Zero is an allowed input and gives zero.
        unsafe { blst_fr_inverse(&raw mut inverse.0, &raw const scalar.0) };
        inverse
    }

    fn g1_base_mul(scalar: &Scalar) -> blst_p1 {
        match <&min_pk::SecretKey>::try_from(&scalar.plain()) {
            Ok(secret) => min_pk::AggregatePublicKey::from_public_key(&secret.sk_to_pk()).into(),
            // The order of the group is not a scalar, so what is refused is zero.
            Err(_zero) => blst_p1::default(),
        }
    }

    fn g1_mul(point: &blst_p1, scalar: &Scalar) -> blst_p1 {
        let plain = scalar.plain();
        let mut product = blst_p1::default();
        // SAFETY: the scalar points to 32 bytes, as many as `SCALAR_BITS` needs; the points come
        // from references to initialised values of their type; the function keeps no pointer.
        unsafe { blst_p1_mult(&raw mut product, point, plain.b.as_ptr(), SCALAR_BITS) };
        product
    }

    fn g1_mul_small(point: &blst_p1, factor: u16) -> blst_p1 {
        let factor = factor.to_le_bytes();
        let mut product = blst_p1::default();
        // SAFETY: the factor points to the two bytes that `SMALL_BITS` needs; the points come from
        // references to initialised values of their type; the function keeps no pointer.
        unsafe { blst_p1_mult(&raw mut product, point, factor.as_ptr(), SMALL_BITS) };
        product
    }

    fn g1_add(left: &blst_p1, right: &blst_p1) -> blst_p1 {
        let mut sum = min_pk::AggregatePublicKey::from(*left);
        sum.add_aggregate(&min_pk::AggregatePublicKey::from(*right));
        sum.into()
    }

    fn g1_is_identity(point: &blst_p1) -> bool {
        *point == blst_p1::default()
    }

    fn g1_encode(point: &blst_p1) -> [u8; PUBLIC_KEY_BYTES] {
        min_pk::AggregatePublicKey::from(*point).to_public_key().compress()
    }

    fn g1_decode(bytes: &[u8; PUBLIC_KEY_BYTES]) -> Result<blst_p1, Rejected> {
        let key = min_pk::PublicKey::key_validate(bytes).map_err(refusal)?;
        let point = min_pk::AggregatePublicKey::from_public_key(&key).into();
        assert!(!Self::g1_is_identity(&point), "THR-2: the library let the identity pass");
        Ok(point)
    }

    fn g2_mul(point: &blst_p2, scalar: &Scalar) -> blst_p2 {
        let plain = scalar.plain();
        let mut product = blst_p2::default();
        // SAFETY: as in `g1_mul`.
        unsafe { blst_p2_mult(&raw mut product, point, plain.b.as_ptr(), SCALAR_BITS) };
        product
    }

    fn g2_add(left: &blst_p2, right: &blst_p2) -> blst_p2 {
        let mut sum = min_pk::AggregateSignature::from(*left);
        sum.add_aggregate(&min_pk::AggregateSignature::from(*right));
        sum.into()
    }

    fn g2_encode(point: &blst_p2) -> [u8; SIGNATURE_BYTES] {
        min_pk::AggregateSignature::from(*point).to_signature().compress()
    }

    fn g2_decode(bytes: &[u8; SIGNATURE_BYTES]) -> Result<blst_p2, Rejected> {
        let signature = min_pk::Signature::sig_validate(bytes, true).map_err(refusal)?;
        let point = min_pk::AggregateSignature::from_signature(&signature).into();
        assert!(point != blst_p2::default(), "THR-2: the library let the identity pass");
        Ok(point)
    }

    fn sign(secret: &Scalar, tag: &[u8], message: &[u8]) -> Option<[u8; SIGNATURE_BYTES]> {
        let plain = secret.plain();
        let secret = <&min_pk::SecretKey>::try_from(&plain).ok()?;
        Some(secret.sign(message, tag, &[]).compress())
    }

    fn verify(key: &blst_p1, tag: &[u8], message: &[u8], signature: &blst_p2) -> bool {
        let key: blst_p1_affine = min_pk::AggregatePublicKey::from(*key).to_public_key().into();
        let signature: blst_p2_affine =
            min_pk::AggregateSignature::from(*signature).to_signature().into();
        let mut pairing = Pairing::new(true, tag);
        let outcome = pairing.aggregate(&key, false, &signature, false, message, &[]);
        pairing.commit();
        outcome == BLST_ERROR::BLST_SUCCESS && pairing.finalverify(None)
    }
}

/// Why the library refused the bytes of a point.
fn refusal(error: BLST_ERROR) -> Rejected {
    match error {
        BLST_ERROR::BLST_POINT_NOT_ON_CURVE => Rejected::NotOnCurve,
        BLST_ERROR::BLST_POINT_NOT_IN_GROUP => Rejected::NotInSubgroup,
        BLST_ERROR::BLST_PK_IS_INFINITY => Rejected::Identity,
        BLST_ERROR::BLST_BAD_ENCODING
        | BLST_ERROR::BLST_AGGR_TYPE_MISMATCH
        | BLST_ERROR::BLST_VERIFY_FAIL
        | BLST_ERROR::BLST_BAD_SCALAR
        | BLST_ERROR::BLST_SUCCESS => Rejected::BadPointEncoding,
    }
}
