//! What a key holds, or that it holds nothing, for whoever knows the root.
//!
//! A proof is the search path of the key: each node on it with the digest of the child that the
//! search does not enter. Where the search ends there is the key's own node, or nothing.

use alloc::vec::Vec;
use core::fmt;

use quorate_types::Digest;
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::Bytes;
use crate::limits::{KEY, PATH_NODES, VALUE};
use crate::node::{Node, Side, digest_of, node_digest, root_digest, value_digest};
use crate::tree::Tree;

/// A node that the search for the key passes.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Step {
    key: Bytes,
    value: Digest,
    /// The child on the side where the key is not.
    other: Digest,
}

/// The node of the key.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Found {
    value: Bytes,
    left: Digest,
    right: Digest,
}

/// Proof of what a key holds, or that it holds nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    entry_count: u64,
    /// From the top downwards.
    steps: Vec<Step>,
    found: Option<Found>,
}

/// Why a proof shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ProofError {
    /// It belongs to another key, to another state, or to none.
    WrongRoot,
    /// The key stands on the path on which it is said to be searched.
    KeyOnPath,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongRoot => "the proof is not of this key under this root",
            Self::KeyOnPath => "the key stands on its own search path",
        })
    }
}

impl core::error::Error for ProofError {}

fn hashed(link: Option<Digest>) -> Digest {
    link.expect("STA-2: proofs are made after the root was computed")
}

impl Proof {
    /// The proof of a key in a tree whose digests are known.
    pub(crate) fn new(tree: &Tree, key: &[u8]) -> Self {
        let mut steps = Vec::new();
        let mut place: Option<&Node> = tree.top.as_deref();
        while let Some((node, side)) = place.and_then(|node| Some((node, node.side_of(key)?))) {
            let other = match side {
                Side::Left => &node.right,
                Side::Right => &node.left,
            };
            let (key, value) = (Bytes::from(&*node.key), hashed(node.value_digest));
            steps.push(Step { key, value, other: digest_of(other) });
            place = node.child(side).as_deref();
        }
        let found = place.map(|node| Found {
            value: Bytes::clone(&node.value),
            left: digest_of(&node.left),
            right: digest_of(&node.right),
        });
        Self { entry_count: tree.entry_count as u64, steps, found }
    }

    /// What the key holds in the state with this root (STA-5).
    ///
    /// Requires: the root is one that a map had, for instance since a quorum has signed it.
    ///
    /// # Errors
    /// [`ProofError`] if the proof shows nothing about this key under this root.
    pub fn verify(&self, root: Digest, key: &[u8]) -> Result<Option<&[u8]>, ProofError> {
        let mut scratch = Vec::new();
        let mut digest = self.found.as_ref().map_or(Digest::ZERO, |found| {
            let children = [found.left, found.right];
            node_digest(key, value_digest(&found.value), children, &mut scratch)
        });
        // STA-5: the key alone says to which side each step goes, and the root binds the rest.
        for step in self.steps.iter().rev() {
            if *step.key == *key {
                return Err(ProofError::KeyOnPath);
            }
            let is_left = *key < *step.key;
            let children = if is_left { [digest, step.other] } else { [step.other, digest] };
            digest = node_digest(&step.key, step.value, children, &mut scratch);
        }
        if root_digest(self.entry_count, digest) != root {
            return Err(ProofError::WrongRoot);
        }
        Ok(self.found.as_ref().map(|found| &*found.value))
    }

    /// Number of entries of the state, if the proof is verified.
    #[must_use]
    pub const fn entry_count(&self) -> u64 {
        self.entry_count
    }
}

impl Encode for Step {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.key);
        self.value.encode(writer);
        self.other.encode(writer);
    }
}

impl Decode for Step {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: reader.bytes(KEY)?.into(),
            value: Decode::decode(reader)?,
            other: Decode::decode(reader)?,
        })
    }
}

impl Encode for Found {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.value);
        self.left.encode(writer);
        self.right.encode(writer);
    }
}

impl Decode for Found {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            value: reader.bytes(VALUE)?.into(),
            left: Decode::decode(reader)?,
            right: Decode::decode(reader)?,
        })
    }
}

impl Encode for Proof {
    fn encode(&self, writer: &mut Writer) {
        self.entry_count.encode(writer);
        writer.sequence(&self.steps);
        self.found.encode(writer);
    }
}

impl Decode for Proof {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            entry_count: Decode::decode(reader)?,
            steps: reader.sequence(PATH_NODES)?,
            found: Decode::decode(reader)?,
        })
    }
}
