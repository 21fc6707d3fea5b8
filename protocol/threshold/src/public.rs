//! The bytes that the world sees: a public key that never changes, and a signature under it.
//!
//! draft-irtf-cfrg-bls-signature-05, minimal public key: keys in G1, signatures in G2.

use core::fmt;

use crate::domain::Domain;
use crate::point::{KeyPoint, SignaturePoint};
use crate::rejected::Rejected;
use crate::sizes::{PUBLIC_KEY_BYTES, SIGNATURE_BYTES};

/// A public key: a compressed point of G1. Plain bytes; every use checks the point again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey([u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    /// The key with these bytes, unchecked: [`Self::verify`] checks them.
    #[must_use]
    pub const fn new(bytes: [u8; PUBLIC_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn of(point: &KeyPoint) -> Self {
        Self(point.encode())
    }

    /// Reads a key and checks that it is a point of the subgroup and not the identity.
    ///
    /// # Errors
    /// [`Rejected::WrongLength`], or what a point may be refused for.
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejected> {
        let bytes = exactly(bytes)?;
        KeyPoint::decode(bytes)?;
        Ok(Self(*bytes))
    }

    /// The compressed point.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.0
    }

    /// Whether `signature` is this key's on `message` for the purpose `domain`.
    ///
    /// # Errors
    /// [`Rejected::SignatureInvalid`], or what either point may be refused for.
    pub fn verify(
        &self,
        domain: Domain,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), Rejected> {
        let key = KeyPoint::decode(&self.0)?;
        let signature = SignaturePoint::decode(&signature.0)?;
        if key.verifies(domain.tag(), message, &signature) {
            Ok(())
        } else {
            Err(Rejected::SignatureInvalid)
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hexadecimal(out, "PublicKey", &self.0)
    }
}

/// A signature: a compressed point of G2. Plain bytes; every use checks the point again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature([u8; SIGNATURE_BYTES]);

impl Signature {
    /// The signature with these bytes, unchecked: [`PublicKey::verify`] checks them.
    #[must_use]
    pub const fn new(bytes: [u8; SIGNATURE_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn of(point: &SignaturePoint) -> Self {
        Self(point.encode())
    }

    /// Reads a signature and checks that it is a point of the subgroup and not the identity.
    ///
    /// # Errors
    /// [`Rejected::WrongLength`], or what a point may be refused for.
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejected> {
        let bytes = exactly(bytes)?;
        SignaturePoint::decode(bytes)?;
        Ok(Self(*bytes))
    }

    /// The compressed point.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SIGNATURE_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hexadecimal(out, "Signature", &self.0)
    }
}

/// `bytes` as an array of the length of the format.
pub(crate) fn exactly<const LENGTH: usize>(bytes: &[u8]) -> Result<&[u8; LENGTH], Rejected> {
    let refused = Rejected::WrongLength { expected: LENGTH, got: bytes.len() };
    bytes.as_array().ok_or(refused)
}

fn write_hexadecimal(out: &mut fmt::Formatter<'_>, name: &str, bytes: &[u8]) -> fmt::Result {
    write!(out, "{name}(")?;
    for byte in bytes {
        write!(out, "{byte:02x}")?;
    }
    out.write_str(")")
}

#[cfg(test)]
mod tests;
