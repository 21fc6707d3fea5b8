//! A delta in pieces of bounded size, each of which proves that it belongs to the others.
//!
//! The pieces are the leaves of a Merkle tree. Whether the delta under a root is right shows only
//! when all of it is there; but no liar can put a piece of its own among those of others.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::merkle::{self, MerkleProof};
use quorate_types::{Digest, Epoch};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer, encode};

use crate::delta::Delta;
use crate::limits::{CHUNK_BYTES, CHUNKS_MAX, DELTA_BYTES_MAX};

const BYTES: Limit = Limit::new("chunk bytes", CHUNK_BYTES);

/// A piece of an encoded delta.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// The epoch that the delta leads to.
    pub epoch: Epoch,
    /// Merkle root over all pieces.
    pub root: Digest,
    /// Where the piece stands.
    pub proof: MerkleProof,
    /// Up to [`CHUNK_BYTES`] bytes.
    pub bytes: Vec<u8>,
}

impl Chunk {
    /// Its position, and how many there are; nothing if it is not under its root or there are
    /// more than there may be.
    #[must_use]
    pub fn place(&self) -> Option<(usize, usize)> {
        let index = usize::try_from(self.proof.index).ok()?;
        let count = usize::try_from(self.proof.leaf_count).ok()?;
        let is_last = index + 1 == count;
        let has_length = self.bytes.len() == CHUNK_BYTES || (is_last && !self.bytes.is_empty());
        let is_right = count <= CHUNKS_MAX
            && has_length
            && self.proof.root(merkle::leaf(&self.bytes)) == Some(self.root);
        is_right.then_some((index, count))
    }
}

/// A delta as it goes over links; shared by all who pass it on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedDelta {
    chunks: Vec<Arc<Chunk>>,
}

impl EncodedDelta {
    /// Cuts a delta; nothing if it is longer than [`DELTA_BYTES_MAX`].
    #[must_use]
    pub fn of(delta: &Delta) -> Option<Self> {
        let bytes = encode(delta);
        if bytes.len() > DELTA_BYTES_MAX {
            return None;
        }
        let epoch = delta.certified.header.epoch;
        let leaves: Vec<Digest> = bytes.chunks(CHUNK_BYTES).map(merkle::leaf).collect();
        let root = merkle::root(&leaves);
        let chunk = |(index, bytes): (usize, &[u8])| {
            let proof = merkle::prove(&leaves, index)?;
            Some(Arc::new(Chunk { epoch, root, proof, bytes: bytes.to_vec() }))
        };
        Some(Self { chunks: bytes.chunks(CHUNK_BYTES).enumerate().filter_map(chunk).collect() })
    }

    /// Puts pieces together that are all there, in order and under one root.
    pub(crate) const fn joined(chunks: Vec<Arc<Chunk>>) -> Self {
        Self { chunks }
    }

    /// The pieces in order.
    #[must_use]
    pub fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// The epoch that it leads to.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.chunks.first().map(|chunk| chunk.epoch)
    }

    /// The Merkle root over the pieces.
    #[must_use]
    pub fn root(&self) -> Option<Digest> {
        self.chunks.first().map(|chunk| chunk.root)
    }

    /// What the pieces hold together.
    ///
    /// # Errors
    /// [`DecodeError`] if that is no delta.
    pub fn decode(&self) -> Result<Delta, DecodeError> {
        let mut bytes = Vec::with_capacity(self.chunks.len() * CHUNK_BYTES);
        self.chunks.iter().for_each(|chunk| bytes.extend_from_slice(&chunk.bytes));
        quorate_wire::decode(&bytes)
    }
}

impl Encode for Chunk {
    fn encode(&self, writer: &mut Writer) {
        self.epoch.encode(writer);
        self.root.encode(writer);
        self.proof.encode(writer);
        writer.bytes(&self.bytes);
    }
}

impl Decode for Chunk {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: Decode::decode(reader)?,
            root: Decode::decode(reader)?,
            proof: Decode::decode(reader)?,
            bytes: reader.bytes(BYTES)?,
        })
    }
}

#[cfg(test)]
mod tests {
    //! The longest delta that goes over links, and one key more.
    use quorate_types::PublicKey;
    use quorate_wire::encode;

    use super::{CHUNK_BYTES, CHUNKS_MAX, DELTA_BYTES_MAX, EncodedDelta};
    use crate::delta::Delta;
    use crate::testing::World;

    #[test]
    fn a_delta_that_is_longer_than_may_be_is_not_cut() {
        let world = World::new(12, 1);
        let mut delta = Delta::between(&world.first, &world.following(&world.first)).unwrap();
        let key: PublicKey = delta.keys[0].1;
        delta.keys.clear();
        let empty_bytes = encode(&delta).len();
        delta.keys.push((0, key));
        let key_bytes = encode(&delta).len() - empty_bytes;

        let count = (DELTA_BYTES_MAX - empty_bytes) / key_bytes;
        delta.keys = (0..).map(|place| (place, key)).take(count).collect();
        let longest = EncodedDelta::of(&delta).expect("it is as long as may be");
        assert_eq!(longest.chunks().len(), CHUNKS_MAX);
        for (place, chunk) in longest.chunks().iter().enumerate() {
            assert_eq!(chunk.place(), Some((place, CHUNKS_MAX)));
        }
        let last = longest.chunks().last().unwrap();
        assert!(last.bytes.len() + key_bytes > CHUNK_BYTES, "nothing more goes in");

        delta.keys.push((0, key));
        assert_eq!(EncodedDelta::of(&delta), None);
    }
}
