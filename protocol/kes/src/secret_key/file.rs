//! The bytes of a secret key, for a file of its own.
//!
//! ```text
//! version u8 | period u32 | root [32] | leaf's seed [32] | one per level, the lowest first:
//!   0 | key [32]                         periods over
//!   1 | key [32] | ahead | seed [32]     periods to come
//!   2                                    never made: the key is a short one
//! hash of all of it [32]
//!
//! ahead: nodes [32] that wait for their right neighbour, siblings [32] of the leftmost path
//! ```
//! What was built ahead is public. How many nodes that are follows from the period, and to read
//! them makes no leaf again (KES-3).

use alloc::vec::Vec;

use quorate_crypto::{Domain, hash};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};
use zeroize::Zeroizing;

use super::{Beside, SecretKey};
use crate::ahead::Ahead;
use crate::period::{Period, periods};
use crate::signature::climb;
use crate::tree::{Seed, Tree, leaf_node};

const VERSION: u8 = 2;
const OVER: u8 = 0;
const TO_COME: u8 = 1;
const NEVER: u8 = 2;

impl<T: Tree, const DEPTH: usize> SecretKey<T, DEPTH> {
    /// Most bytes that a key takes.
    pub const BYTES_MAX: usize =
        1 + 4 + 32 + Seed::BYTES + DEPTH * (1 + 32 + Seed::BYTES + Ahead::bytes_max(DEPTH)) + 32;

    /// The bytes of the key, erased when dropped.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Room for all of it: a writer that grows would leave copies behind.
        let mut writer = Writer::with_capacity(Self::BYTES_MAX);
        writer.tag(VERSION);
        self.period.get().encode(&mut writer);
        self.root.encode(&mut writer);
        writer.raw(self.leaf.as_bytes());
        for beside in &self.beside {
            match beside {
                Beside::Over { key } => {
                    writer.tag(OVER);
                    key.encode(&mut writer);
                }
                Beside::ToCome { key, seed, ahead } => {
                    writer.tag(TO_COME);
                    key.encode(&mut writer);
                    ahead.write(&mut writer);
                    writer.raw(seed.as_bytes());
                }
                Beside::Never => writer.tag(NEVER),
            }
        }
        hash(Domain::IdentityFile, writer.as_bytes()).encode(&mut writer);
        Zeroizing::new(writer.into_bytes())
    }

    /// The key with these bytes.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no key of this depth, or their parts do not belong together
    /// (KES-4).
    pub fn from_bytes(tree: T, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (content, checksum) = bytes.split_last_chunk().ok_or(DecodeError::Truncated)?;
        let is_intact = hash(Domain::IdentityFile, content).as_bytes() == checksum;
        let mut reader = Reader::new(content);
        let key = Self::read(tree, &mut reader)?;
        // KES-4: damage is found by the hash, a mistake of a writer by the way to the root.
        match reader.remaining() {
            0 if is_intact && key.is_whole() => Ok(key),
            0 => Err(DecodeError::NotCanonical { of: "a secret key" }),
            count => Err(DecodeError::TrailingBytes { count }),
        }
    }

    fn read(tree: T, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.tag()?;
        if version != VERSION {
            return Err(DecodeError::UnknownTag { of: "a secret key", tag: version });
        }
        let period = Period::new(Decode::decode(reader)?);
        let (root, leaf) = (Decode::decode(reader)?, Seed::new(reader.array()?));
        let mut beside = Vec::with_capacity(DEPTH);
        for height in 0..DEPTH {
            beside.push(read_beside((period, height), reader)?);
        }
        Ok(Self { tree, root, period, leaf, beside })
    }

    /// KES-4: the path goes where the period says, and leads from the leaf to the root.
    fn is_whole(&self) -> bool {
        let is_over = |beside: &Beside| matches!(beside, Beside::Over { .. });
        let turns_fit = (0..)
            .zip(&self.beside)
            .all(|(height, beside)| self.period.is_right_at(height) == is_over(beside));
        let leaf = leaf_node(&self.tree.leaf(&self.leaf));
        let root = climb::<T>(leaf, self.period, self.beside.iter().map(Beside::key));
        self.period.get() < periods(DEPTH) && turns_fit && root == self.root
    }
}

fn read_beside(
    (period, height): (Period, usize),
    reader: &mut Reader<'_>,
) -> Result<Beside, DecodeError> {
    match reader.tag()? {
        OVER => Ok(Beside::Over { key: Decode::decode(reader)? }),
        NEVER => Ok(Beside::Never),
        TO_COME => {
            let key = Decode::decode(reader)?;
            let ahead = Ahead::read((height, period.within(height) + 1), reader)?;
            Ok(Beside::ToCome { key, seed: Seed::new(reader.array()?), ahead })
        }
        tag => Err(DecodeError::UnknownTag { of: "a level of a secret key", tag }),
    }
}
