//! Signing and checking by an identity, whatever the scheme.
//!
//! A plain identity is an Ed25519 key. A forward-secure one comes with epochs: its signature names
//! the leaf key, which is checked as here, and the path from it to the identity key.

use quorate_types::{Digest, IdentityKey, IdentitySignature};

use crate::signature::{SignatureCheck, Signer};

/// Holds the secret of an identity.
pub trait IdentitySigner {
    /// The key that the identity is recognised by.
    fn identity_key(&self) -> IdentityKey;
    /// Signs a digest that was made under a domain.
    fn sign_as_identity(&self, digest: &Digest) -> IdentitySignature;
}

/// Every key can be a plain identity.
impl<S: Signer + ?Sized> IdentitySigner for S {
    fn identity_key(&self) -> IdentityKey {
        IdentityKey::plain(self.public_key())
    }

    fn sign_as_identity(&self, digest: &Digest) -> IdentitySignature {
        IdentitySignature::Plain(self.sign(digest))
    }
}

/// The check of a signature by an identity.
#[must_use]
pub const fn identity_check(
    key: IdentityKey,
    digest: Digest,
    signature: IdentitySignature,
) -> SignatureCheck {
    match signature {
        IdentitySignature::Plain(signature) => {
            SignatureCheck { key: key.as_plain(), digest, signature }
        }
    }
}
