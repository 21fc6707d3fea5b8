//! A dealer proves that it made the point with which it sealed.
//!
//! Schnorr, J. Cryptology 1991 (knowledge of a discrete logarithm), made non-interactive by hashing
//! (Fiat and Shamir 1986). The challenge names the attempt and the dealer, so that the proof of one
//! is worth nothing for another; why there has to be one is told in [`crate::sealing`] (THR-14).

use zeroize::Zeroizing;

use crate::parameters::ShareIndex;
use crate::point::KeyPoint;
use crate::public::exactly;
use crate::scalar::Scalar;
use crate::seed::Session;
use crate::sizes::{MAKER_PROOF_BYTES, SCALAR_BYTES};

/// Names the derivations for BLAKE3; a change of one changes every proof.
const CHALLENGE_DERIVATION: &str = "quorate 2026-11-23 threshold maker challenge v1";
const NONCE_DERIVATION: &str = "quorate 2026-11-23 threshold maker nonce v1";

/// What the proof is about: who sealed with this point, and in which attempt.
pub(crate) struct Sealing<'a> {
    pub(crate) session: Session,
    pub(crate) dealer: ShareIndex,
    pub(crate) ephemeral: &'a KeyPoint,
}

/// The proof of a dealer that it knows the logarithm of its ephemeral point, as it travels:
/// challenge and response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MakerProof(pub(crate) [u8; MAKER_PROOF_BYTES]);

impl MakerProof {
    /// The proof for a point that was made of this secret; made again it is the same.
    pub(crate) fn prove(sealing: &Sealing<'_>, secret: &Scalar) -> Self {
        let nonce = sealing.nonce(secret);
        let challenge = sealing.challenge(&KeyPoint::of(&nonce));
        let response = nonce.add(&challenge.mul(secret));
        let mut bytes = [0; MAKER_PROOF_BYTES];
        let (first, second) = bytes.split_at_mut(SCALAR_BYTES);
        first.copy_from_slice(challenge.encode().as_ref());
        second.copy_from_slice(response.encode().as_ref());
        Self(bytes)
    }

    /// Did the one who sealed know what the point was made of?
    pub(crate) fn is_of(&self, sealing: &Sealing<'_>) -> bool {
        let (challenge, response) = self.0.split_at(SCALAR_BYTES);
        let scalar = |bytes| exactly(bytes).and_then(Scalar::decode);
        let (Ok(challenge), Ok(response)) = (scalar(challenge), scalar(response)) else {
            return false;
        };
        let against = Scalar::from_u16(0).sub(&challenge);
        let commitment = KeyPoint::of(&response).add(&sealing.ephemeral.mul(&against));
        *sealing.challenge(&commitment).encode() == *challenge.encode()
    }
}

impl Sealing<'_> {
    fn describe(&self, hasher: &mut blake3::Hasher) {
        hasher.update(self.session.as_bytes());
        hasher.update(&self.dealer.encode());
        hasher.update(&self.ephemeral.encode());
    }

    fn challenge(&self, commitment: &KeyPoint) -> Scalar {
        let mut hasher = blake3::Hasher::new_derive_key(CHALLENGE_DERIVATION);
        self.describe(&mut hasher);
        hasher.update(&commitment.encode());
        Scalar::from_hash(&hasher)
    }

    /// Follows from the secret and what is proved: two proofs with one nonce would give the secret
    /// away.
    fn nonce(&self, secret: &Scalar) -> Scalar {
        let mut hasher = Zeroizing::new(blake3::Hasher::new_derive_key(NONCE_DERIVATION));
        hasher.update(secret.encode().as_ref());
        self.describe(&mut hasher);
        Scalar::from_hash(&hasher)
    }
}
