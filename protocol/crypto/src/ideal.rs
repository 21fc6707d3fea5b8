//! Signatures that nobody can forge because one registry makes and checks them all.
//!
//! For the simulator: a signature is a 16-byte tag, keyed with a secret of the registry, of the
//! signer's public key and the digest. Whoever holds no [`IdealSigner`] of a key cannot make its
//! tags, as with the real scheme, at a hundredth of the time. Sizes are those of the real scheme.

use quorate_types::{Digest, PublicKey, Signature};

use crate::signature::{SignatureCheck, Signer, Verifier};

const TAG_BYTES: usize = 16;

/// Makes signers and checks what they sign.
#[derive(Clone)]
pub struct IdealRegistry {
    secret: [u8; 32],
}

/// The secret key of the ideal scheme.
#[derive(Clone)]
pub struct IdealSigner {
    registry: IdealRegistry,
    public_key: PublicKey,
}

impl core::fmt::Debug for IdealRegistry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("IdealRegistry")
    }
}

impl core::fmt::Debug for IdealSigner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "IdealSigner({:?})", self.public_key)
    }
}

impl IdealRegistry {
    /// The registry of one simulation.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The signer of a seed; the same seed gives the same key.
    #[must_use]
    pub fn signer(&self, seed: &[u8; 32]) -> IdealSigner {
        let public_key = PublicKey::new(*blake3::keyed_hash(&self.secret, seed).as_bytes());
        IdealSigner { registry: self.clone(), public_key }
    }

    fn tag(&self, key: &PublicKey, digest: &Digest) -> Signature {
        let mut input = [0; 64];
        input[..32].copy_from_slice(key.as_bytes());
        input[32..].copy_from_slice(digest.as_bytes());
        let hash = blake3::keyed_hash(&self.secret, &input);
        let mut bytes = [0; 64];
        bytes[..TAG_BYTES].copy_from_slice(&hash.as_bytes()[..TAG_BYTES]);
        Signature::new(bytes)
    }
}

impl Signer for IdealSigner {
    fn public_key(&self) -> PublicKey {
        self.public_key
    }

    fn sign(&self, digest: &Digest) -> Signature {
        self.registry.tag(&self.public_key, digest)
    }
}

impl Verifier for IdealRegistry {
    fn is_valid(&self, check: &SignatureCheck) -> bool {
        self.tag(&check.key, &check.digest) == check.signature
    }

    fn are_valid(&self, checks: &[SignatureCheck]) -> bool {
        checks.iter().all(|check| self.is_valid(check))
    }
}

#[cfg(test)]
mod tests {
    //! A tag fits one signer, one digest and one registry.
    use quorate_types::Digest;

    use super::IdealRegistry;
    use crate::signature::{SignatureCheck, Signer, Verifier};

    #[test]
    fn a_tag_fits_one_signer_one_digest_and_one_registry() {
        let registry = IdealRegistry::new([1; 32]);
        let signer = registry.signer(&[2; 32]);
        let digest = Digest::new([3; 32]);
        let good =
            SignatureCheck { key: signer.public_key(), digest, signature: signer.sign(&digest) };
        assert!(registry.is_valid(&good));
        let other = registry.signer(&[4; 32]);
        assert!(!registry.is_valid(&SignatureCheck { key: other.public_key(), ..good }));
        assert!(!registry.is_valid(&SignatureCheck { digest: Digest::ZERO, ..good }));
        assert!(!IdealRegistry::new([9; 32]).are_valid(&[good]));
    }
}
