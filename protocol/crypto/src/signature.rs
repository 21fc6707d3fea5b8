//! Signing and checking, whatever the scheme.

use core::fmt::Debug;

use quorate_types::{Digest, PublicKey, Signature};

/// One thing to check: this key made this signature on this digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SignatureCheck {
    /// Who is said to have signed.
    pub key: PublicKey,
    /// What is said to be signed.
    pub digest: Digest,
    /// The proof.
    pub signature: Signature,
}

/// Holds one secret key.
pub trait Signer: Send + Sync + Debug {
    /// The key that others check with.
    fn public_key(&self) -> PublicKey;
    /// Signs a digest that was made under a domain.
    fn sign(&self, digest: &Digest) -> Signature;
}

/// Checks signatures of anybody.
pub trait Verifier: Send + Sync + Debug {
    /// Is this one valid?
    fn is_valid(&self, check: &SignatureCheck) -> bool;
    /// Are all of them valid? CRY-2: the same answer as asking one by one.
    fn are_valid(&self, checks: &[SignatureCheck]) -> bool;
}
