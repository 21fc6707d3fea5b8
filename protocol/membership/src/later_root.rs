//! Another root for an identity: before a tree ends, another takes its place, and the key by which
//! the server is known stays.
//!
//! Settled point 31; specification of the cryptography, pitfall 9. The root that an identity has
//! names the next one, in the very statement that certifies the server's key of an epoch: a leaf
//! signs one statement and no other, so nothing that has to be erased signs twice. The tree that is
//! named shows by its first leaf that the server holds it; that leaf signs nothing else and never
//! lies on a disk. The server deposits both with its keys of that epoch, in the log of the epoch
//! before, and whatever becomes of the deposit becomes of the root.
//!
//! ```text
//! epoch        e-1               e                     e+1
//! old tree     certifies e       certifies e+1 and
//!                                names the new root    erased
//! new tree                       proves itself         certifies e+2, e+3, ...
//! record       old root          old root              new root, key of e+1
//! ```
//! So a key of an epoch is certified by the root in the record of the epoch before, which whoever
//! meets the server has, also if it is behind by an epoch.
//!
//! # Invariants
//! - MEM-18: an identity gets another root only by the word of the one that it has, about an epoch
//!   in which the server has a key; from the next one on no other root certifies its keys.
//! - MEM-72: servers that are asked for no keys name so many roots with an epoch as `RootQuota`
//!   says, and no more; whose tree is in its last quarter is not kept out by others.
//!
//! # Not here
//! What becomes of the deposit: the log's side. Files: the node's.

use quorate_crypto::{Domain, SignatureCheck, hash_of};
use quorate_kes::{Exhausted, Tree};
use quorate_types::{Digest, Epoch, IdentityKey, IdentityRoot, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::identity::{IDENTITY_EPOCHS, Identity, IdentitySignature, IdentitySigner};
use crate::limits::ROOT_EPOCHS_DEFAULT;

mod quota;
pub(crate) use quota::{RootNeed, RootQuota};

/// Servers ask for another root at different times: up to this part of the time later.
const SPREAD_PART: u32 = 6;

/// When an identity gets another root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RootRule {
    /// After so many epochs of a tree at the earliest.
    pub epochs: u32,
}

impl Default for RootRule {
    fn default() -> Self {
        Self { epochs: ROOT_EPOCHS_DEFAULT }
    }
}

impl RootRule {
    /// After how many epochs of its tree this identity gets another: each its own number, so that
    /// servers which were made together do not all do so in one epoch.
    #[must_use]
    pub fn epochs_of(&self, identity_key: IdentityKey) -> u32 {
        let [high, low, ..] = *identity_key.as_bytes();
        let spread = (self.epochs / SPREAD_PART).max(1);
        self.epochs + u32::from(u16::from_be_bytes([high, low])) % spread
    }

    /// Is it time to name another root?
    #[must_use]
    pub fn is_due<T: Tree>(&self, identity: &Identity<T>) -> bool
    where
        Identity<T>: IdentitySigner,
    {
        identity.period() >= self.epochs_of(identity.identity_key())
    }
}

/// Shows that a server holds the tree that is to take the place of its identity's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RootProof(IdentitySignature);

impl RootProof {
    /// The proof by the first leaf of a new tree, which moves on from it.
    ///
    /// # Errors
    /// [`Exhausted`] if the tree has no other leaf.
    ///
    /// # Panics
    /// If the tree is not in its first epoch (MEM-18: no other leaf signs a proof).
    pub fn give<T: Tree>(system: SystemId, successor: &mut Identity<T>) -> Result<Self, Exhausted>
    where
        Identity<T>: IdentitySigner,
    {
        assert!(successor.period() == 0, "MEM-18: the first leaf signs the proof, and no other");
        let digest = digest(system, successor.identity_key(), successor.root());
        let proof = Self(successor.sign_as_identity(&digest));
        successor.evolve()?;
        Ok(proof)
    }

    /// The root that it shows, and what is left to check; `None` if that root could not certify the
    /// key of the epoch behind `epoch`.
    #[must_use]
    pub fn check(
        &self,
        (system, identity_key): (SystemId, IdentityKey),
        epoch: Epoch,
    ) -> Option<(IdentityRoot, SignatureCheck)> {
        let first_epoch = self.0.first_epoch();
        let passed = epoch.next().get().checked_sub(first_epoch.get())?;
        let is_in_tree = (1..u64::from(IDENTITY_EPOCHS)).contains(&passed);
        let root = self.0.root(first_epoch).filter(|_| is_in_tree)?;
        Some((root, self.0.check_of_leaf(digest(system, identity_key, root))))
    }
}

/// Binds whose the tree will be.
fn digest(system: SystemId, identity_key: IdentityKey, root: IdentityRoot) -> Digest {
    hash_of(Domain::RootProof, &(system, (identity_key, root)))
}

impl Encode for RootProof {
    fn encode(&self, writer: &mut Writer) {
        self.0.encode(writer);
    }
}

impl Decode for RootProof {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Decode::decode(reader).map(Self)
    }
}

#[cfg(test)]
mod tests;
