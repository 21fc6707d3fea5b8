//! A recipient that was cheated proves it: it opens its envelope to all, and no other.
//!
//! Chaum and Pedersen, CRYPTO'92 (equality of discrete logarithms), made non-interactive by hashing
//! (Fiat and Shamir 1986); as accusation of a dealer: Schultz, Liskov and Liskov (MPSS, TISSEC'10),
//! where an accusation can be verified without exposing other keys.
//!
//! The complaint shows the point that dealer and recipient share, with a proof that the recipient's
//! key made it. Everybody uncovers the subshare and compares it with the commitment: one of the two
//! lied, and all find the same one. The dealer knew that point, since it made the ephemeral one
//! (THR-14): so whoever it works with learns nothing of other envelopes of the recipient.
//!
//! # Invariants
//! - THR-13: an honest dealer is never found to lie, and a cheated recipient always proves it.

use core::fmt;

use zeroize::Zeroizing;

use crate::dealing::{CheckedDealing, Subshare};
use crate::parameters::ShareIndex;
use crate::point::KeyPoint;
use crate::public::exactly;
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::sealing::{DecryptionKey, EncryptionKey, Envelope, SealedSubshares};
use crate::sizes::{COMPLAINT_BYTES, INDEX_BYTES, PUBLIC_KEY_BYTES, SCALAR_BYTES};

/// Names the derivations for BLAKE3; a change of one changes every complaint.
const CHALLENGE_DERIVATION: &str = "quorate 2026-11-21 threshold complaint challenge v1";
const NONCE_DERIVATION: &str = "quorate 2026-11-21 threshold complaint nonce v1";

/// What a recipient finds in its envelope.
#[derive(Debug)]
pub enum Opened {
    /// The subshare that the dealer promised.
    Owed(Subshare),
    /// Something else, and the proof of it.
    Complaint(Complaint),
}

/// Who of a dealer and a recipient that complains lied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The envelope does not hold what the commitment promises.
    DealerLied,
    /// It does, or the complaint proves nothing.
    RecipientLied,
}

/// A recipient's proof of what its envelope holds.
#[derive(Clone)]
pub struct Complaint {
    recipient: ShareIndex,
    shared: KeyPoint,
    challenge: Scalar,
    response: Scalar,
}

impl fmt::Debug for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Complaint(of {})", self.recipient)
    }
}

impl Complaint {
    /// The proof for an envelope that is sealed for this key.
    pub(crate) fn prove(envelope: &Envelope<'_>, key: &DecryptionKey) -> Self {
        let shared = envelope.sealed.ephemeral.mul(&key.secret);
        let nonce = nonce(envelope, &key.secret);
        let commitments = [KeyPoint::of(&nonce), envelope.sealed.ephemeral.mul(&nonce)];
        let challenge = challenge(envelope, &shared, &commitments);
        let response = nonce.add(&challenge.mul(&key.secret));
        Self { recipient: envelope.recipient, shared, challenge, response }
    }

    /// Who complains.
    #[must_use]
    pub const fn recipient(&self) -> ShareIndex {
        self.recipient
    }

    /// Who lied, the dealer or the recipient with this key: the same for all who ask.
    ///
    /// # Errors
    /// [`Rejected::IndexTooLarge`], [`Rejected::WrongShareCount`], [`Rejected::EphemeralUnproved`]:
    /// not about this dealing.
    pub fn judge(
        &self,
        dealing: &CheckedDealing,
        sealed: &SealedSubshares,
        key: &EncryptionKey,
    ) -> Result<Verdict, Rejected> {
        sealed.check_is_of(dealing)?;
        dealing.dealing().commitment().parameters().check_index(self.recipient)?;
        let envelope = Envelope { dealing, sealed, recipient: self.recipient, key };
        // THR-13: the proof stands for the recipient, the commitment for the dealer.
        let is_cheated = self.is_proved(&envelope) && envelope.unmask(&self.shared).is_none();
        Ok(if is_cheated { Verdict::DealerLied } else { Verdict::RecipientLied })
    }

    /// Has the shared point the same logarithm to the ephemeral point as the key to the generator?
    fn is_proved(&self, envelope: &Envelope<'_>) -> bool {
        let against = Scalar::from_u16(0).sub(&self.challenge);
        let commitments = [
            KeyPoint::of(&self.response).add(&envelope.key.0.mul(&against)),
            envelope.sealed.ephemeral.mul(&self.response).add(&self.shared.mul(&against)),
        ];
        let expected = challenge(envelope, &self.shared, &commitments);
        *expected.encode() == *self.challenge.encode()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`Rejected::WrongLength`], [`Rejected::IndexZero`], [`Rejected::IndexTooLarge`],
    /// [`Rejected::ScalarOutOfRange`], and what a point may be refused for.
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejected> {
        let bytes: &[u8; COMPLAINT_BYTES] = exactly(bytes)?;
        let (recipient, rest) = bytes.split_at(INDEX_BYTES);
        let (shared, rest) = rest.split_at(PUBLIC_KEY_BYTES);
        let (challenge, response) = rest.split_at(SCALAR_BYTES);
        Ok(Self {
            recipient: ShareIndex::decode(*exactly(recipient)?)?,
            shared: KeyPoint::decode(exactly(shared)?)?,
            challenge: Scalar::decode(exactly(challenge)?)?,
            response: Scalar::decode(exactly(response)?)?,
        })
    }

    /// Recipient, shared point, challenge and response; public.
    #[must_use]
    pub fn encode(&self) -> [u8; COMPLAINT_BYTES] {
        let mut bytes = [0; COMPLAINT_BYTES];
        let (recipient, rest) = bytes.split_at_mut(INDEX_BYTES);
        let (shared, rest) = rest.split_at_mut(PUBLIC_KEY_BYTES);
        let (challenge, response) = rest.split_at_mut(SCALAR_BYTES);
        recipient.copy_from_slice(&self.recipient.encode());
        shared.copy_from_slice(&self.shared.encode());
        challenge.copy_from_slice(self.challenge.encode().as_ref());
        response.copy_from_slice(self.response.encode().as_ref());
        bytes
    }
}

/// What the proof is about: all of it goes into the challenge.
fn describe(hasher: &mut blake3::Hasher, envelope: &Envelope<'_>) {
    let dealing = envelope.dealing.dealing();
    hasher.update(dealing.session().as_bytes());
    hasher.update(&dealing.dealer().encode());
    hasher.update(&envelope.recipient.encode());
    hasher.update(&envelope.key.encode());
    hasher.update(&envelope.sealed.ephemeral.encode());
}

fn challenge(envelope: &Envelope<'_>, shared: &KeyPoint, commitments: &[KeyPoint; 2]) -> Scalar {
    let mut hasher = blake3::Hasher::new_derive_key(CHALLENGE_DERIVATION);
    describe(&mut hasher, envelope);
    hasher.update(&shared.encode());
    commitments.iter().for_each(|commitment| {
        hasher.update(&commitment.encode());
    });
    Scalar::from_hash(&hasher)
}

/// Follows from the key and the envelope: two proofs with one nonce would give the key away, and
/// the same proof made again gives nothing.
fn nonce(envelope: &Envelope<'_>, secret: &Scalar) -> Scalar {
    let mut hasher = Zeroizing::new(blake3::Hasher::new_derive_key(NONCE_DERIVATION));
    hasher.update(secret.encode().as_ref());
    describe(&mut hasher, envelope);
    Scalar::from_hash(&hasher)
}

#[cfg(test)]
mod tests;
