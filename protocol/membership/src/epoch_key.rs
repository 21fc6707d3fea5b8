//! An identity key's statement about the key that signs in one epoch.
//!
//! Settled point 31: the identity key signs nothing else in normal operation. At most one statement
//! of a server counts in an epoch, since the leaf that signs it is erased behind it: the one whose
//! key stands in the certified configuration, where one does. Rarely the same statement names the
//! root that is to take the place of the identity's ([`later_root`](crate::later_root)).
//!
//! Invariants: MEM-12, MEM-18.

use quorate_crypto::{Domain, SignatureCheck, Verifier, hash_of};
use quorate_types::limits::IDENTITY_SIGNATURE_BYTES_MAX;
use quorate_types::{Digest, Epoch, IdentityKey, IdentityRoot, MemberRecord, PublicKey, SystemId};

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
    /// The root that certifies the keys of later epochs, if it is to be another.
    pub successor: Option<IdentityRoot>,
}

quorate_wire::fields!(EpochKeyStatement { system, identity_key, epoch, epoch_key, successor });

impl EpochKeyStatement {
    /// The statement about the first key of a server that founds a system.
    #[must_use]
    pub const fn founding(identity_key: IdentityKey, epoch_key: PublicKey) -> Self {
        let successor = None;
        Self { system: None, identity_key, epoch: Epoch::ZERO, epoch_key, successor }
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
        Self { system, identity_key, epoch, epoch_key, successor: None }
    }

    /// The same, with the root that is to take the place of the identity's.
    #[must_use]
    pub const fn naming(self, successor: Option<IdentityRoot>) -> Self {
        Self { successor, ..self }
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

    /// What is left to check of a signature on the statement by the identity while it has this
    /// root. `None` if it is not one by the leaf of this epoch (MEM-12).
    #[must_use]
    pub fn check(
        &self,
        signature: &IdentitySignature,
        root: IdentityRoot,
    ) -> Option<SignatureCheck> {
        signature.check(root, self.epoch, self.digest())
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
        + (1 + IdentityRoot::BYTES)
        + IDENTITY_SIGNATURE_BYTES_MAX;

    /// Signs a statement with the identity key.
    #[must_use]
    pub fn issue(statement: EpochKeyStatement, identity: &dyn IdentitySigner) -> Self {
        Self { statement, signature: statement.sign(identity) }
    }

    /// What is left to check of the signature of the identity while it has this root. `None` if it
    /// is not one by the leaf of this epoch (MEM-12).
    #[must_use]
    pub fn check(&self, root: IdentityRoot) -> Option<SignatureCheck> {
        self.statement.check(&self.signature, root)
    }

    /// The key that it names, if it is of this system, server and epoch, and valid.
    #[must_use]
    pub fn key_of(
        &self,
        (system, record, epoch): (SystemId, &MemberRecord, Epoch),
        verifier: &dyn Verifier,
    ) -> Option<PublicKey> {
        let (identity_key, key) = (record.identity_key, self.statement.epoch_key);
        let expected = EpochKeyStatement::of_system(system, identity_key, epoch, key)
            .naming(self.statement.successor);
        (self.statement == expected && self.is_valid(record.root(), verifier)).then_some(key)
    }

    /// Did the identity say this while it had this root?
    #[must_use]
    pub fn is_valid(&self, root: IdentityRoot, verifier: &dyn Verifier) -> bool {
        self.check(root).is_some_and(|check| verifier.is_valid(&check))
    }

    /// How many epochs of the tree that it is by have passed.
    pub(crate) fn passed(&self) -> u64 {
        self.statement.epoch.get().saturating_sub(self.signature.first_epoch().get())
    }

    /// The root that it is by; `None` if there is no leaf of that epoch in a tree like that.
    #[must_use]
    pub fn root(&self) -> Option<IdentityRoot> {
        self.signature.root(self.statement.epoch)
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
