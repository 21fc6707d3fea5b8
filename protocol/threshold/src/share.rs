//! What one member holds: its index and its value of the secret polynomial.
//!
//! # Invariants
//! - THR-5: the scalar of a key share is not zero; zero signs every message with the identity.

use core::fmt;

use zeroize::Zeroizing;

use crate::backend::{Active, Backend};
use crate::domain::Domain;
use crate::parameters::ShareIndex;
use crate::point::KeyPoint;
use crate::public::{PublicKey, Signature, exactly};
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::signature::PartialSignature;
use crate::sizes::{INDEX_BYTES, KEY_SHARE_BYTES};

/// A secret share of the key; erased when dropped. Never part of replicated state or backups.
pub struct KeyShare {
    index: ShareIndex,
    secret: Scalar,
}

impl KeyShare {
    pub(crate) fn new(index: ShareIndex, secret: Scalar) -> Result<Self, Rejected> {
        if secret.is_zero() {
            return Err(Rejected::ScalarZero);
        }
        Ok(Self { index, secret })
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// That it belongs to a sharing is another question: [`crate::GroupKey::check_share`].
    ///
    /// # Errors
    /// [`Rejected::WrongLength`], [`Rejected::IndexZero`], [`Rejected::IndexTooLarge`],
    /// [`Rejected::ScalarOutOfRange`], [`Rejected::ScalarZero`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejected> {
        let bytes: &[u8; KEY_SHARE_BYTES] = exactly(bytes)?;
        let (index, secret) = bytes.split_at(INDEX_BYTES);
        let index = ShareIndex::decode(*exactly(index)?)?;
        Self::new(index, Scalar::decode(exactly(secret)?)?)
    }

    /// Index and scalar, big-endian; secret, erased when dropped.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<[u8; KEY_SHARE_BYTES]> {
        let mut bytes = Zeroizing::new([0; KEY_SHARE_BYTES]);
        let (index, secret) = bytes.split_at_mut(INDEX_BYTES);
        index.copy_from_slice(&self.index.encode());
        secret.copy_from_slice(self.secret.encode().as_ref());
        bytes
    }

    /// The place of this share.
    #[must_use]
    pub const fn index(&self) -> ShareIndex {
        self.index
    }

    /// The public share: the key under which partial signatures of this share verify.
    #[must_use]
    pub fn public_share(&self) -> PublicKey {
        PublicKey::of(&self.public_point())
    }

    /// The partial signature on `message` for the purpose `domain`; always the same for the same.
    ///
    /// The message must bind everything that the signature is to mean: system, epoch, committee.
    #[must_use]
    pub fn sign(&self, domain: Domain, message: &[u8]) -> PartialSignature {
        let signature = Active::sign(&self.secret.0, domain.tag(), message);
        let signature = signature.expect("THR-5: the scalar is not zero");
        PartialSignature::new(self.index, Signature::new(signature))
    }

    pub(crate) fn public_point(&self) -> KeyPoint {
        KeyPoint::of(&self.secret)
    }

    pub(crate) const fn secret(&self) -> &Scalar {
        &self.secret
    }
}

impl fmt::Debug for KeyShare {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyShare({}, redacted)", self.index)
    }
}

#[cfg(test)]
mod tests;
