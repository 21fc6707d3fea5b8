//! The face that participants see, so that the lab can put another scheme in the place of this one.
//!
//! Which scheme runs is injected as one object; the data types are the same for all.

use alloc::collections::BTreeSet;

use crate::domain::Domain;
use crate::group::GroupKey;
use crate::parameters::ShareIndex;
use crate::public::{PublicKey, Signature};
use crate::rejected::Rejected;
use crate::sealing::EncryptionKey;
use crate::share::KeyShare;
use crate::signature::{CombineFailure, Combined, PartialSignature};
use crate::sizes::PUBLIC_KEY_BYTES;

/// A threshold signature scheme: partial signatures, without interaction, that combine to one.
///
/// What an implementation leaves out is as in [`Bls12381`], so that the lab's say only where they
/// differ.
pub trait ThresholdScheme {
    /// The partial signature of `share`; see [`KeyShare::sign`].
    fn sign_partial(&self, share: &KeyShare, domain: Domain, message: &[u8]) -> PartialSignature {
        share.sign(domain, message)
    }

    /// Which of these partial signatures are wrong; see [`GroupKey::wrong_partials`].
    fn wrong_partials(
        &self,
        group: &GroupKey,
        domain: Domain,
        message: &[u8],
        partials: &[PartialSignature],
    ) -> BTreeSet<ShareIndex> {
        group.wrong_partials(domain, message, partials)
    }

    /// The signature of the group; see [`GroupKey::combine`].
    ///
    /// # Errors
    /// Why there is none, and who sent wrong partials.
    fn combine(
        &self,
        group: &GroupKey,
        domain: Domain,
        message: &[u8],
        partials: &[PartialSignature],
    ) -> Result<Combined, CombineFailure> {
        group.combine(domain, message, partials)
    }

    /// Whether a signature is right; see [`PublicKey::verify`].
    ///
    /// # Errors
    /// Why it is not.
    fn verify(
        &self,
        key: &PublicKey,
        domain: Domain,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), Rejected> {
        key.verify(domain, message, signature)
    }

    /// An encryption key whose owner proves to hold the other half; see
    /// [`EncryptionKey::decode_proved`].
    ///
    /// # Errors
    /// Why it is not taken.
    fn decode_proved(
        &self,
        key: &[u8; PUBLIC_KEY_BYTES],
        statement: &[u8],
        proof: &Signature,
    ) -> Result<EncryptionKey, Rejected> {
        EncryptionKey::decode_proved(key, statement, proof)
    }
}

/// BLS signatures over BLS12-381 with keys in G1.
#[derive(Clone, Copy, Debug)]
pub struct Bls12381;

impl ThresholdScheme for Bls12381 {}

#[cfg(test)]
mod tests;
