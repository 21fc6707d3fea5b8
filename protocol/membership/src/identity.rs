//! A server's identity: one key for life, whose secret half forgets.
//!
//! Settled point 31; specification of the cryptography, pitfalls 3 and 9. A root is a hash of the
//! scheme, its depth, the first epoch and the top of a tree of one-time steps. The leaf that stands
//! as many places from the left as epochs have passed since the first certifies the key of that
//! epoch, and is erased then: who captures the server later can certify no key of an epoch that is
//! over, nor another key of the present one (G6).
//!
//! The identity key is the first root. It stays, while another tree takes the place of the first
//! before that ends: [`later_root`](crate::later_root). Which root an identity has is in the
//! server's record.
//!
//! A signature carries the first epoch and leads to the root, so whoever checks it learns which
//! period the epoch must have from what the root itself binds.
//!
//! # Invariants
//! - MEM-12: a signature by an identity counts in one epoch, the one whose leaf made it.
//!
//! # Not here
//! Files: making a new secret durable and erasing the old one before a certificate is shown is the
//! caller's.

use alloc::vec::Vec;
use core::fmt;

use quorate_crypto::{Domain, SignatureCheck, hash_of};
use quorate_kes::{Blake3Tree, Exhausted, IDENTITY_DEPTH, Period, SecretKey, Seed, Tree, periods};
use quorate_machine::{Plant, planted};
use quorate_types::limits::IDENTITY_SIGNATURE_BYTES_MAX;
use quorate_types::{Digest, Epoch, IdentityKey, IdentityRoot, PublicKey};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};
use zeroize::Zeroizing;

/// The sum composition over Ed25519; 1 was a plain Ed25519 key, which nobody accepts any more.
const SCHEME: u8 = 2;

/// Epochs whose keys a tree of an identity can certify, the first included.
pub const IDENTITY_EPOCHS: u32 = periods(IDENTITY_DEPTH);

const _: () = assert!(
    IdentitySignature::BYTES <= IDENTITY_SIGNATURE_BYTES_MAX,
    "whatever carries a signature has room for it"
);

type Secret<T> = SecretKey<T, IDENTITY_DEPTH>;

/// The root of an identity whose tree has this top.
fn identity_root(first_epoch: Epoch, top: PublicKey) -> IdentityRoot {
    let depth = u8::try_from(IDENTITY_DEPTH).expect("a depth is below 32");
    let hash = hash_of(Domain::Identity, &((SCHEME, depth), (first_epoch, top)));
    IdentityRoot::new(*hash.as_bytes())
}

/// The place of an epoch in the tree; none before the first.
fn period(first_epoch: Epoch, epoch: Epoch) -> Option<Period> {
    let passed = epoch.get().checked_sub(first_epoch.get())?;
    u32::try_from(passed).ok().map(Period::new)
}

/// A signature by an [`IdentityKey`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentitySignature {
    first_epoch: Epoch,
    by_leaf: quorate_kes::Signature<IDENTITY_DEPTH>,
}

impl IdentitySignature {
    /// Length of its encoding in bytes.
    pub const BYTES: usize = 1 + 8 + quorate_kes::Signature::<IDENTITY_DEPTH>::BYTES;

    /// What is left to check for this to be a signature about this epoch by the identity with this
    /// root: one of its leaf. `None` if the leaf is not the one of the epoch (MEM-12).
    #[must_use]
    pub fn check(
        &self,
        root: IdentityRoot,
        epoch: Epoch,
        digest: Digest,
    ) -> Option<SignatureCheck> {
        if planted(Plant::LeafOfAnyEpoch) {
            let of = |period| self.leads_to(Period::new(period));
            (0..IDENTITY_EPOCHS).filter_map(of).find(|found| *found == root)?;
        } else {
            // MEM-12: the path of one period leads to the root, that of the epoch.
            self.root(epoch).filter(|found| *found == root)?;
        }
        Some(self.check_of_leaf(digest))
    }

    /// The root that this leads to if it is about the epoch; `None` if no tree with its first epoch
    /// has a leaf for that.
    #[must_use]
    pub fn root(&self, epoch: Epoch) -> Option<IdentityRoot> {
        self.leads_to(period(self.first_epoch, epoch)?)
    }

    fn leads_to(&self, period: Period) -> Option<IdentityRoot> {
        let top = self.by_leaf.root::<Blake3Tree>(period)?;
        Some(identity_root(self.first_epoch, top))
    }

    /// The signature of the leaf, for whoever knows already that it is the right one.
    pub(crate) const fn check_of_leaf(&self, digest: Digest) -> SignatureCheck {
        self.by_leaf.check_of_leaf(digest)
    }

    /// The first epoch of the tree.
    pub(crate) const fn first_epoch(&self) -> Epoch {
        self.first_epoch
    }
}

/// Holds the secret of an identity.
pub trait IdentitySigner: fmt::Debug {
    /// The key that the identity is recognised by.
    fn identity_key(&self) -> IdentityKey;

    /// The root of its tree.
    fn root(&self) -> IdentityRoot;

    /// The epoch about which it signs now.
    fn epoch(&self) -> Epoch;

    /// Signs a digest that was made under a domain, about its present epoch.
    fn sign_as_identity(&self, digest: &Digest) -> IdentitySignature;
}

/// The secret of an identity in one epoch; erased when dropped.
#[derive(Debug)]
pub struct Identity<T> {
    identity_key: IdentityKey,
    first_epoch: Epoch,
    secret: Secret<T>,
}

impl<T: Tree> Identity<T> {
    /// Most bytes that a secret takes.
    pub const BYTES_MAX: usize = IdentityKey::BYTES + 8 + Secret::<T>::BYTES_MAX;

    /// The identity of a seed, whose first epoch is this. Takes a fifth of a second.
    #[must_use]
    pub fn generate(tree: T, seed: Seed, first_epoch: Epoch) -> Self {
        Self::beginning(first_epoch, SecretKey::generate(tree, seed))
    }

    /// An identity that ends after `2^height` epochs and is made in moments.
    ///
    /// # Panics
    /// If the height is not 1 to 12.
    #[must_use]
    pub fn generate_short(tree: T, seed: Seed, (first_epoch, height): (Epoch, usize)) -> Self {
        Self::beginning(first_epoch, SecretKey::generate_short(tree, seed, height))
    }

    /// An identity whose first tree this is.
    fn beginning(first_epoch: Epoch, secret: Secret<T>) -> Self {
        let root = identity_root(first_epoch, secret.root());
        Self { identity_key: IdentityKey::new(*root.as_bytes()), first_epoch, secret }
    }

    /// The tree that is to take the place of an identity's. Takes a fifth of a second.
    #[must_use]
    pub fn generate_successor(
        tree: T,
        seed: Seed,
        (identity_key, first_epoch): (IdentityKey, Epoch),
    ) -> Self {
        Self { identity_key, first_epoch, secret: SecretKey::generate(tree, seed) }
    }

    /// As [`Identity::generate_successor`], with `2^height` epochs.
    ///
    /// # Panics
    /// If the height is not 1 to 12.
    #[must_use]
    pub fn generate_short_successor(
        tree: T,
        seed: Seed,
        (identity_key, first_epoch, height): (IdentityKey, Epoch, usize),
    ) -> Self {
        Self { identity_key, first_epoch, secret: SecretKey::generate_short(tree, seed, height) }
    }

    /// The period of the tree in which it is.
    #[must_use]
    pub fn period(&self) -> u32 {
        self.secret.period().get()
    }

    /// Moves on to the next epoch: nothing is left that could sign about this one.
    ///
    /// # Errors
    /// [`Exhausted`] in the last epoch of the tree.
    pub fn evolve(&mut self) -> Result<(), Exhausted> {
        self.secret.evolve()
    }

    /// Epochs that are left behind the present one.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        self.secret.remaining()
    }

    /// The bytes of the secret, for a file of its own; erased when dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let secret = self.secret.to_bytes();
        // Allocated once: a buffer that grows would leave copies behind.
        let length = IdentityKey::BYTES + 8 + secret.len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        bytes.extend_from_slice(self.identity_key.as_bytes());
        bytes.extend_from_slice(&self.first_epoch.get().to_be_bytes());
        bytes.extend_from_slice(&secret);
        bytes
    }

    /// The secret with these bytes.
    ///
    /// # Errors
    /// [`DecodeError`] if they are no secret of an identity, or damaged (KES-4).
    pub fn from_bytes(tree: T, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (identity_key, rest) = bytes.split_first_chunk().ok_or(DecodeError::Truncated)?;
        let (first_epoch, secret) = rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        Ok(Self {
            identity_key: IdentityKey::new(*identity_key),
            first_epoch: Epoch::new(u64::from_be_bytes(*first_epoch)),
            secret: SecretKey::from_bytes(tree, secret)?,
        })
    }
}

impl<T: Tree + fmt::Debug> IdentitySigner for Identity<T> {
    fn identity_key(&self) -> IdentityKey {
        self.identity_key
    }

    fn root(&self) -> IdentityRoot {
        identity_root(self.first_epoch, self.secret.root())
    }

    fn epoch(&self) -> Epoch {
        Epoch::new(self.first_epoch.get().saturating_add(u64::from(self.secret.period().get())))
    }

    fn sign_as_identity(&self, digest: &Digest) -> IdentitySignature {
        IdentitySignature { first_epoch: self.first_epoch, by_leaf: self.secret.sign(digest) }
    }
}

impl Encode for IdentitySignature {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(SCHEME);
        self.first_epoch.encode(writer);
        self.by_leaf.encode(writer);
    }
}

impl Decode for IdentitySignature {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            SCHEME => {
                Ok(Self { first_epoch: Decode::decode(reader)?, by_leaf: Decode::decode(reader)? })
            }
            tag => Err(DecodeError::UnknownTag { of: "IdentitySignature", tag }),
        }
    }
}

#[cfg(test)]
mod tests;
