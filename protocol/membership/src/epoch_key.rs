//! An identity key's statement about the key that signs in one epoch.
//!
//! Settled point 31: the identity key signs nothing else in normal operation. At most one statement
//! of a server counts in an epoch, since the leaf that signs it is erased behind it: the one whose
//! key stands in the certified configuration, where one does.
//!
//! Invariants: MEM-12.

use quorate_crypto::{Domain, SignatureCheck, Verifier, hash_of};
use quorate_types::limits::IDENTITY_SIGNATURE_BYTES_MAX;
use quorate_types::{Digest, Epoch, IdentityKey, PublicKey, SystemId};

use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::codec::{FORMAT, read_format};
use crate::identity::{IdentitySignature, IdentitySigner};

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

    /// Whether it names a system as it should: all but those about epoch 0 do.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        self.system.is_none() == (self.epoch == Epoch::ZERO)
    }

    /// Signs the statement with the identity key, whatever its present epoch is.
    #[must_use]
    pub fn sign(&self, identity: &dyn IdentitySigner) -> IdentitySignature {
        identity.sign_as_identity(&self.digest())
    }

    /// What is left to check of a signature on the statement. `None` if it is not one by the leaf
    /// of this epoch of this identity (MEM-12).
    #[must_use]
    pub fn check(&self, signature: &IdentitySignature) -> Option<SignatureCheck> {
        signature.check(self.identity_key, self.epoch, self.digest())
    }
}

/// The statement with the identity key's signature: what a server shows on its links.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    pub fn issue(statement: EpochKeyStatement, identity: &dyn IdentitySigner) -> Self {
        Self { statement, signature: statement.sign(identity) }
    }

    /// What is left to check of the identity key's signature. `None` if it is not one by the leaf
    /// of this epoch of this identity (MEM-12).
    #[must_use]
    pub fn check(&self) -> Option<SignatureCheck> {
        self.statement.check(&self.signature)
    }

    /// Did the identity say this?
    #[must_use]
    pub fn is_valid(&self, verifier: &dyn Verifier) -> bool {
        self.check().is_some_and(|check| verifier.is_valid(&check))
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
