//! Merkle trees over lists, with proofs that bind the position and the number of leaves.
//!
//! Leaves and inner nodes hash under different domains, and the root binds the number of leaves,
//! so no proof for one shape, level or position passes for another. A level of odd length
//! promotes its last node unchanged.

use alloc::vec;
use alloc::vec::Vec;

use quorate_types::Digest;
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::hash::{Domain, Hasher, hash};

/// Deepest tree: no list is longer than 2^40.
pub const DEPTH_MAX: usize = 40;

const SIBLINGS: Limit = Limit::new("merkle siblings", DEPTH_MAX);

/// Proof that a leaf stands at a position of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MerkleProof {
    /// Position of the leaf, from 0.
    pub index: u64,
    /// Leaves in the list.
    pub leaf_count: u64,
    /// Nodes beside the path, from the leaf upwards.
    pub siblings: Vec<Digest>,
}

impl Encode for MerkleProof {
    fn encode(&self, writer: &mut Writer) {
        self.index.encode(writer);
        self.leaf_count.encode(writer);
        writer.sequence(&self.siblings);
    }
}

impl Decode for MerkleProof {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            index: Decode::decode(reader)?,
            leaf_count: Decode::decode(reader)?,
            siblings: reader.sequence(SIBLINGS)?,
        })
    }
}

/// The digest of a leaf's bytes.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Digest {
    hash(Domain::MerkleLeaf, bytes)
}

fn node(left: Digest, right: Digest) -> Digest {
    let mut hasher = Hasher::new(Domain::MerkleNode);
    hasher.update(left.as_bytes()).update(right.as_bytes());
    hasher.finish()
}

fn bind(top: Digest, leaf_count: u64) -> Digest {
    let mut hasher = Hasher::new(Domain::MerkleRoot);
    hasher.update(&leaf_count.to_be_bytes()).update(top.as_bytes());
    hasher.finish()
}

fn level_above(level: &[Digest]) -> Vec<Digest> {
    let combine = |pair: &[Digest]| match pair {
        [left, right] => node(*left, *right),
        [last] => *last,
        _ => unreachable!("chunks of two have one or two elements"),
    };
    level.chunks(2).map(combine).collect()
}

/// The root over the leaves' digests.
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level_above(&level);
    }
    bind(level.first().copied().unwrap_or(Digest::ZERO), leaves.len() as u64)
}

/// The proof of the leaf at `index`, or nothing if there is no such leaf.
#[must_use]
pub fn prove(leaves: &[Digest], index: usize) -> Option<MerkleProof> {
    leaves.get(index)?;
    let mut siblings = vec![];
    let (mut level, mut position) = (leaves.to_vec(), index);
    while level.len() > 1 {
        siblings.extend(level.get(position ^ 1));
        level = level_above(&level);
        position /= 2;
    }
    Some(MerkleProof { index: index as u64, leaf_count: leaves.len() as u64, siblings })
}

impl MerkleProof {
    /// The root that this proof gives to a leaf; nothing if the proof has the wrong shape.
    #[must_use]
    pub fn root(&self, leaf: Digest) -> Option<Digest> {
        if self.index >= self.leaf_count || self.leaf_count > 1 << DEPTH_MAX {
            return None;
        }
        let mut siblings = self.siblings.iter();
        let (mut digest, mut position, mut width) = (leaf, self.index, self.leaf_count);
        while width > 1 {
            if position ^ 1 < width {
                let sibling = *siblings.next()?;
                digest =
                    if position % 2 == 0 { node(digest, sibling) } else { node(sibling, digest) };
            }
            position /= 2;
            width = width.div_ceil(2);
        }
        siblings.next().is_none().then(|| bind(digest, self.leaf_count))
    }
}

#[cfg(test)]
mod tests;
