//! Who signs for the authority about servers: one key, or some number out of several.
//!
//! One thief of one key must not be able to fill a system with servers of his own, and one lost key
//! must not leave it without anybody who can add one. So the authority can hand its power over
//! servers to a *council*: `threshold` of its keys have to sign. Which council there is stands in
//! the log: at first it is the authority's one key; a certificate of the council that there is
//! appoints the next one.

use alloc::vec::Vec;
use core::fmt;

use quorate_crypto::{SignatureCheck, Signer, Verifier};
use quorate_types::{Digest, PublicKey, Signature};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::limits::COUNCIL_KEYS_MAX;

const KEYS: Limit = Limit::new("council keys", COUNCIL_KEYS_MAX);
const SIGNATURES: Limit = Limit::new("council signatures", COUNCIL_KEYS_MAX);

/// The keys that sign for the authority about servers, and how many of them have to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Council {
    /// How many keys have to sign, 1 to the number of keys.
    pub threshold: u16,
    /// The keys in ascending order, 1 to [`COUNCIL_KEYS_MAX`].
    pub keys: Vec<PublicKey>,
}

/// Why keys are no council.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CouncilError {
    /// There is none, or more than [`COUNCIL_KEYS_MAX`].
    Count(usize),
    /// They are not in ascending order, or one is there twice.
    Order,
    /// So many of them cannot sign.
    Threshold(u16),
}

impl fmt::Display for CouncilError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => {
                write!(f, "{count} keys, a council has 1 to {COUNCIL_KEYS_MAX}")
            }
            Self::Order => f.write_str("a key is there twice, or out of order"),
            Self::Threshold(threshold) => {
                write!(f, "{threshold} signatures, which so many keys cannot make")
            }
        }
    }
}

impl core::error::Error for CouncilError {}

impl Council {
    /// One key that signs alone.
    #[must_use]
    pub fn sole(key: PublicKey) -> Self {
        Self { threshold: 1, keys: alloc::vec![key] }
    }

    /// A council of these keys, in whatever order they are given.
    ///
    /// # Errors
    /// [`CouncilError`].
    pub fn new(threshold: u16, mut keys: Vec<PublicKey>) -> Result<Self, CouncilError> {
        keys.sort_unstable();
        let council = Self { threshold, keys };
        council.check().map(|()| council)
    }

    /// Can these keys be a council?
    ///
    /// # Errors
    /// [`CouncilError`].
    pub fn check(&self) -> Result<(), CouncilError> {
        let count = self.keys.len();
        if count == 0 || count > COUNCIL_KEYS_MAX {
            return Err(CouncilError::Count(count));
        }
        if !self.keys.is_sorted_by(|left, right| left < right) {
            return Err(CouncilError::Order);
        }
        if self.threshold == 0 || usize::from(self.threshold) > count {
            return Err(CouncilError::Threshold(self.threshold));
        }
        Ok(())
    }

    /// Have enough of its keys signed this digest, and nobody else?
    #[must_use]
    pub fn has_endorsed(
        &self,
        digest: Digest,
        endorsement: &Endorsement,
        verifier: &dyn Verifier,
    ) -> bool {
        let Endorsement(words) = endorsement;
        let is_canonical = words.is_sorted_by(|left, right| left.key < right.key);
        let is_own = words.iter().all(|word| self.keys.binary_search(&word.key).is_ok());
        if !is_canonical || !is_own || words.len() < usize::from(self.threshold) {
            return false;
        }
        let check =
            |word: &Word| SignatureCheck { key: word.key, digest, signature: word.signature };
        words.iter().all(|word| verifier.is_valid(&check(word)))
    }
}

/// One key's signature under a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Word {
    key: PublicKey,
    signature: Signature,
}

/// The signatures under a certificate, in ascending order of key. They are collected one by one:
/// one that lacks some is carried to who has not signed yet.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Endorsement(Vec<Word>);

impl Endorsement {
    /// The keys that have signed.
    pub fn keys(&self) -> impl Iterator<Item = PublicKey> {
        self.0.iter().map(|word| word.key)
    }

    /// Signs a digest. A key that has signed already signs anew.
    pub(super) fn add(&mut self, digest: &Digest, signer: &dyn Signer) {
        self.put(Word { key: signer.public_key(), signature: signer.sign(digest) });
    }

    /// Takes over the signatures of another.
    pub(super) fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|word| self.put(*word));
    }

    fn put(&mut self, word: Word) {
        match self.0.binary_search_by_key(&word.key, |there| there.key) {
            Ok(index) => self.0[index] = word,
            Err(index) => self.0.insert(index, word),
        }
    }
}

quorate_wire::fields!(Word { key, signature });

impl Encode for Endorsement {
    fn encode(&self, writer: &mut Writer) {
        writer.sequence(&self.0);
    }
}

impl Decode for Endorsement {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.sequence(SIGNATURES)?))
    }
}

impl Encode for Council {
    fn encode(&self, writer: &mut Writer) {
        self.threshold.encode(writer);
        writer.sequence(&self.keys);
    }
}

impl Decode for Council {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { threshold: Decode::decode(reader)?, keys: reader.sequence(KEYS)? })
    }
}

#[cfg(test)]
mod tests;
