//! A server's identity: one key for life, whose secret half forgets.
//!
//! Settled point 31; specification of the cryptography, pitfalls 3 and 9. The identity key is a
//! hash of the scheme, its depth, the first epoch and the root of a tree of one-time steps. The
//! leaf that stands as many places from the left as epochs have passed since the first certifies
//! the key of that epoch, and is erased then: who captures the server later can certify no key of
//! an epoch that is over, nor another key of the present one (G6).
//!
//! A signature carries the first epoch and leads to the root, so whoever checks it learns which
//! period the epoch must have from what the identity key itself binds.
//!
//! # Invariants
//! - MEM-12: a signature by an identity counts in one epoch, the one whose leaf made it.
//!
//! # Not here
//! Files: making a new secret durable and erasing the old one before a certificate is shown is the
//! caller's. A new root before the old one ends: that is a change of the server's record.

use alloc::vec::Vec;
use core::fmt;

use quorate_crypto::{Domain, SignatureCheck, hash_of};
use quorate_kes::{Blake3Tree, Exhausted, IDENTITY_DEPTH, Period, SecretKey, Seed, Tree, periods};
use quorate_machine::{Plant, planted};
use quorate_types::limits::IDENTITY_SIGNATURE_BYTES_MAX;
use quorate_types::{Digest, Epoch, IdentityKey, PublicKey};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};
use zeroize::Zeroizing;

/// The sum composition over Ed25519; 1 was a plain Ed25519 key, which nobody accepts any more.
const SCHEME: u8 = 2;

/// Epochs whose keys an identity can certify, the first included.
pub const IDENTITY_EPOCHS: u32 = periods(IDENTITY_DEPTH);

const _: () = assert!(
    IdentitySignature::BYTES <= IDENTITY_SIGNATURE_BYTES_MAX,
    "whatever carries a signature has room for it"
);

type Secret<T> = SecretKey<T, IDENTITY_DEPTH>;

/// The identity key of a root.
fn identity_key(first_epoch: Epoch, root: PublicKey) -> IdentityKey {
    let depth = u8::try_from(IDENTITY_DEPTH).expect("a depth is below 32");
    let hash = hash_of(Domain::Identity, &((SCHEME, depth), (first_epoch, root)));
    IdentityKey::new(*hash.as_bytes())
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

    /// What is left to check for this to be a signature of the identity about this epoch: one of
    /// its leaf. `None` if the leaf is not the one of the epoch under the identity key (MEM-12).
    #[must_use]
    pub fn check(&self, key: IdentityKey, epoch: Epoch, digest: Digest) -> Option<SignatureCheck> {
        // MEM-12: the path of one period leads to the key, that of the epoch.
        let leads_to_key = |period| {
            let root = self.by_leaf.root::<Blake3Tree>(period)?;
            (identity_key(self.first_epoch, root) == key).then_some(())
        };
        let period = period(self.first_epoch, epoch)?;
        if planted(Plant::LeafOfAnyEpoch) {
            (0..IDENTITY_EPOCHS).map(Period::new).find_map(leads_to_key)?;
        } else {
            leads_to_key(period)?;
        }
        Some(self.by_leaf.check_of_leaf(digest))
    }
}

/// Holds the secret of an identity.
pub trait IdentitySigner: fmt::Debug {
    /// The key that the identity is recognised by.
    fn identity_key(&self) -> IdentityKey;

    /// The epoch about which it signs now.
    fn epoch(&self) -> Epoch;

    /// Signs a digest that was made under a domain, about its present epoch.
    fn sign_as_identity(&self, digest: &Digest) -> IdentitySignature;
}

/// The secret of an identity in one epoch; erased when dropped.
#[derive(Debug)]
pub struct Identity<T> {
    first_epoch: Epoch,
    secret: Secret<T>,
}

impl<T: Tree> Identity<T> {
    /// Most bytes that a secret takes.
    pub const BYTES_MAX: usize = 8 + Secret::<T>::BYTES_MAX;

    /// The identity of a seed, whose first epoch is this. Takes a fifth of a second.
    #[must_use]
    pub fn generate(tree: T, seed: Seed, first_epoch: Epoch) -> Self {
        Self { first_epoch, secret: SecretKey::generate(tree, seed) }
    }

    /// An identity that ends after `2^height` epochs and is made in moments.
    ///
    /// # Panics
    /// If the height is not 1 to 12.
    #[must_use]
    pub fn generate_short(tree: T, seed: Seed, (first_epoch, height): (Epoch, usize)) -> Self {
        Self { first_epoch, secret: SecretKey::generate_short(tree, seed, height) }
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
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 + secret.len()));
        bytes.extend_from_slice(&self.first_epoch.get().to_be_bytes());
        bytes.extend_from_slice(&secret);
        bytes
    }

    /// The secret with these bytes.
    ///
    /// # Errors
    /// [`DecodeError`] if they are no secret of an identity, or damaged (KES-4).
    pub fn from_bytes(tree: T, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (first_epoch, secret) = bytes.split_first_chunk().ok_or(DecodeError::Truncated)?;
        let first_epoch = Epoch::new(u64::from_be_bytes(*first_epoch));
        Ok(Self { first_epoch, secret: SecretKey::from_bytes(tree, secret)? })
    }
}

impl<T: Tree + fmt::Debug> IdentitySigner for Identity<T> {
    fn identity_key(&self) -> IdentityKey {
        identity_key(self.first_epoch, self.secret.root())
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
