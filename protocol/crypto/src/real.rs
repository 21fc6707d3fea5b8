//! Ed25519 as production uses it, under the validation rule of ZIP 215.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use ed25519_zebra::{SigningKey, VerificationKey, VerificationKeyBytes, batch};
use quorate_types::{PublicKey, Signature};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::hash::{Domain, Hasher};
use crate::signature::{SignatureCheck, Signer, Verifier};

/// Fewest signatures for which a batch is cheaper than single checks.
pub const BATCH_SIGNATURES_MIN: usize = 2;

/// An Ed25519 secret key; erased when dropped.
pub struct RealSigner {
    key: SigningKey,
    public_key: PublicKey,
}

impl core::fmt::Debug for RealSigner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RealSigner({:?})", self.public_key)
    }
}

impl RealSigner {
    /// The key of this 32-byte seed (RFC 8032 section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let public_key = PublicKey::new(VerificationKeyBytes::from(&key).into());
        Self { key, public_key }
    }
}

impl Drop for RealSigner {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl ZeroizeOnDrop for RealSigner {}

impl Signer for RealSigner {
    fn public_key(&self) -> PublicKey {
        self.public_key
    }

    fn sign(&self, digest: &quorate_types::Digest) -> Signature {
        Signature::new(self.key.sign(digest.as_bytes()).to_bytes())
    }
}

/// Checks Ed25519 signatures under ZIP 215.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealVerifier;

fn signature(check: &SignatureCheck) -> ed25519_zebra::Signature {
    ed25519_zebra::Signature::from_bytes(check.signature.as_bytes())
}

/// Coefficients that nobody can choose: they follow from all that is checked.
fn coefficients(checks: &[SignatureCheck]) -> ChaCha20Rng {
    let mut hasher = Hasher::new(Domain::BatchVerification);
    for check in checks {
        hasher.update(check.key.as_bytes());
        hasher.update(check.digest.as_bytes());
        hasher.update(check.signature.as_bytes());
    }
    ChaCha20Rng::from_seed(*hasher.finish().as_bytes())
}

impl Verifier for RealVerifier {
    fn is_valid(&self, check: &SignatureCheck) -> bool {
        VerificationKey::try_from(*check.key.as_bytes())
            .and_then(|key| key.verify(&signature(check), check.digest.as_bytes()))
            .is_ok()
    }

    fn are_valid(&self, checks: &[SignatureCheck]) -> bool {
        if checks.len() < BATCH_SIGNATURES_MIN {
            return checks.iter().all(|check| self.is_valid(check));
        }
        // CRY-2: the cofactored equation of ZIP 215, as for single signatures.
        let mut verifier = batch::Verifier::new();
        let signatures: Vec<_> = checks.iter().map(signature).collect();
        for (check, signature) in checks.iter().zip(signatures) {
            let key = VerificationKeyBytes::from(*check.key.as_bytes());
            verifier.queue((key, signature, check.digest.as_bytes()));
        }
        verifier.verify(coefficients(checks)).is_ok()
    }
}

/// Fewest signatures for which a batch is cheaper than single checks with keys that are known.
const BATCH_OF_KNOWN_MIN: usize = 3;

/// Checks like [`RealVerifier`], and knows the keys that sign most: their points are computed once
/// and not for each signature, which is a fifth of a check. The answers are the same.
#[derive(Debug, Default, Clone)]
pub struct AcquaintedVerifier {
    known: BTreeMap<PublicKey, VerificationKey>,
}

impl AcquaintedVerifier {
    /// Knows these keys; those that are no points are left to [`RealVerifier`], which refuses them.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let point = |key: PublicKey| Some((key, VerificationKey::try_from(*key.as_bytes()).ok()?));
        Self { known: keys.into_iter().filter_map(point).collect() }
    }
}

impl Verifier for AcquaintedVerifier {
    fn is_valid(&self, check: &SignatureCheck) -> bool {
        match self.known.get(&check.key) {
            Some(key) => key.verify(&signature(check), check.digest.as_bytes()).is_ok(),
            None => RealVerifier.is_valid(check),
        }
    }

    fn are_valid(&self, checks: &[SignatureCheck]) -> bool {
        if checks.len() < BATCH_OF_KNOWN_MIN {
            return checks.iter().all(|check| self.is_valid(check));
        }
        RealVerifier.are_valid(checks)
    }
}

#[cfg(test)]
mod tests;
