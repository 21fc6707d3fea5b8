//! An identity key's statement about the key that signs in one epoch.
//!
//! Settled point 31: the identity key signs nothing else in normal operation, so that it can become
//! forward secure without a change of any message. At most one statement of a server counts in an
//! epoch: the one in the certified configuration.

use quorate_crypto::{Domain, IdentitySigner, SignatureCheck, hash_of, identity_check};
use quorate_types::{
    Digest, Epoch, IdentityKey, IdentitySignature, MemberRecord, PublicKey, SystemId,
};

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

    /// The statement that a member's record must be certified by.
    #[must_use]
    pub fn of_member(system: SystemId, epoch: Epoch, member: &MemberRecord) -> Self {
        Self {
            system: (epoch != Epoch::ZERO).then_some(system),
            identity_key: member.identity_key,
            epoch,
            epoch_key: member.epoch_key,
        }
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

#[cfg(test)]
mod tests;
