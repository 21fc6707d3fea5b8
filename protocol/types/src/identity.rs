//! What an identity key signs with.
//!
//! The key that stays becomes forward secure later (sum composition over Ed25519), and that must
//! change no message. So a signature by an identity says itself how it is checked, and an identity
//! key is 32 bytes whatever the scheme: those of the Ed25519 key now, a hash to which signatures
//! of a forward-secure scheme lead later.

use crate::Signature;

/// A signature by an [`IdentityKey`](crate::IdentityKey).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum IdentitySignature {
    /// Ed25519; the identity key is the public key.
    Plain(Signature),
}
