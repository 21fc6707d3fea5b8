//! An identity key's statement about the key that signs in one epoch.
//!
//! Settled point 31: the identity key signs nothing else in normal operation, so that it can become
//! forward secure without a change of any message. At most one statement of a server counts in an
//! epoch: the one in the certified configuration.

use quorate_crypto::{Domain, IdentitySigner, SignatureCheck, hash_of, identity_check};
use quorate_types::limits::IDENTITY_SIGNATURE_BYTES_MAX;
use quorate_types::{Digest, Epoch, IdentityKey, IdentitySignature, PublicKey, SystemId};

use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::codec::{FORMAT, read_format};

/// What the identity key says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochKeyStatement {
    /// The system; none in epoch 0, whose keys are part of what the system's id is the hash of.
    pub system: Option<SystemId>,
    /// The identity that speaks.
    pub identity_key: IdentityKey,
    /// The epoch.
    pub epoch: Epoch,
    /// The key that signs in the epoch.
    pub epoch_key: PublicKey,
}

quorate_wire::fields!(EpochKeyStatement { system, identity_key, epoch, epoch_key });

impl EpochKeyStatement {
    /// The statement about the first key of a server that founds a system.
    #[must_use]
    pub const fn founding(identity_key: IdentityKey, epoch_key: PublicKey) -> Self {
        Self { system: None, identity_key, epoch: Epoch::ZERO, epoch_key }
    }

    /// The statement about the key of any epoch of a system.
    #[must_use]
    pub fn of_system(
        system: SystemId,
        identity_key: IdentityKey,
        epoch: Epoch,
        epoch_key: PublicKey,
    ) -> Self {
        let system = (epoch != Epoch::ZERO).then_some(system);
        Self { system, identity_key, epoch, epoch_key }
    }

    fn digest(&self) -> Digest {
        hash_of(Domain::EpochKey, self)
    }

    /// Signs the statement with the identity key.
    #[must_use]
    pub fn sign(&self, identity: &(impl IdentitySigner + ?Sized)) -> IdentitySignature {
        identity.sign_as_identity(&self.digest())
    }

    /// The check of a signature on the statement.
    #[must_use]
    pub fn check(&self, signature: IdentitySignature) -> SignatureCheck {
        identity_check(self.identity_key, self.digest(), signature)
    }
}

/// The statement with the identity key's signature: what a server shows on its links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochKeyCertificate {
    /// What is said.
    pub statement: EpochKeyStatement,
    /// The identity key's signature.
    pub signature: IdentitySignature,
}

impl EpochKeyCertificate {
    /// Longest encoding in bytes, with the longest signature to come.
    pub const BYTES_MAX: usize = 1
        + (1 + SystemId::BYTES)
        + IdentityKey::BYTES
        + 8
        + PublicKey::BYTES
        + IDENTITY_SIGNATURE_BYTES_MAX;

    /// Signs a statement with the identity key.
    #[must_use]
    pub fn issue(statement: EpochKeyStatement, identity: &(impl IdentitySigner + ?Sized)) -> Self {
        Self { statement, signature: statement.sign(identity) }
    }

    /// The check of the identity key's signature.
    #[must_use]
    pub fn check(&self) -> SignatureCheck {
        self.statement.check(self.signature)
    }
}

impl Encode for EpochKeyCertificate {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(FORMAT);
        self.statement.encode(writer);
        self.signature.encode(writer);
    }
}

impl Decode for EpochKeyCertificate {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_format(reader, "EpochKeyCertificate")?;
        Ok(Self { statement: Decode::decode(reader)?, signature: Decode::decode(reader)? })
    }
}

#[cfg(test)]
mod tests;
