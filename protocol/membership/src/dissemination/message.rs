//! What servers say to each other about the configurations of epochs.
//!
//! Nothing is believed for its sender's sake: deltas, headers and records are checked under the one
//! key, the rest only moves the receiver to send or to ask. That is why they arrive unverified.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_types::{Digest as Hash, Epoch, MemberRecord};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::dissemination::chunk::Chunk;
use crate::header::CertifiedHeader;
use crate::limits::{CHUNKS_MAX, LEAVES_MAX, RECORDS_MAX};

const LEAVES: Limit = Limit::new("leaves", LEAVES_MAX);
const RECORDS: Limit = Limit::new("records", RECORDS_MAX);
const CHUNKS: Limit = Limit::new("wanted chunks", CHUNKS_MAX);

/// The beginning of the Merkle leaf of a record. Which record it is, the root decides; a leaf only
/// finds it, so half of the hash is enough: two records with one would cost 2^64 hashes.
pub type Leaf = [u8; 16];

/// The newest configuration of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its name.
    pub hash: Hash,
}

/// A request for the delta that leads to an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GetDelta {
    /// The epoch.
    pub epoch: Epoch,
    /// Positions of the chunks that are wanted, ascending; none for all.
    pub wanted: Vec<u16>,
}

/// A request for leaves of a configuration's members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetLeaves {
    /// The name of the configuration.
    pub hash: Hash,
    /// Position of the first.
    pub from: u32,
}

/// Leaves of a configuration's members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaves {
    /// The name of the configuration.
    pub hash: Hash,
    /// Position of the first.
    pub from: u32,
    /// Up to [`LEAVES_MAX`], none left out.
    pub leaves: Vec<Leaf>,
}

/// A request for records of a configuration's members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GetRecords {
    /// The name of the configuration.
    pub hash: Hash,
    /// Their positions, ascending.
    pub positions: Vec<u32>,
}

/// Records of a configuration's members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records {
    /// The name of the configuration.
    pub hash: Hash,
    /// Up to [`RECORDS_MAX`] with their positions.
    pub records: Vec<(u32, Arc<MemberRecord>)>,
}

// tidy: messages
/// A message between servers about the configurations of epochs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A piece of what an epoch changed.
    Chunk(Arc<Chunk>),
    /// This is the newest configuration that I hold.
    Digest(Digest),
    /// This is its signed header: yours is older.
    Header(Box<CertifiedHeader>),
    /// Send me what changed with this epoch.
    GetDelta(GetDelta),
    /// Send me the leaves of this configuration.
    GetLeaves(GetLeaves),
    /// Leaves of it.
    Leaves(Leaves),
    /// Send me these records of it.
    GetRecords(GetRecords),
    /// Records of it.
    Records(Records),
}

quorate_wire::variants!(Message {
    1 => Chunk,
    2 => Digest,
    3 => Header,
    4 => GetDelta,
    5 => GetLeaves,
    6 => Leaves,
    7 => GetRecords,
    8 => Records,
});

quorate_wire::fields!(Digest { epoch, hash });
quorate_wire::fields!(GetLeaves { hash, from });

impl Encode for GetDelta {
    fn encode(&self, writer: &mut Writer) {
        self.epoch.encode(writer);
        writer.sequence(&self.wanted);
    }
}

impl Decode for GetDelta {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { epoch: Decode::decode(reader)?, wanted: reader.sequence(CHUNKS)? })
    }
}

impl Encode for Leaves {
    fn encode(&self, writer: &mut Writer) {
        self.hash.encode(writer);
        self.from.encode(writer);
        writer.count(self.leaves.len());
        self.leaves.iter().for_each(|leaf| writer.raw(leaf));
    }
}

impl Decode for Leaves {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (hash, from) = (Decode::decode(reader)?, Decode::decode(reader)?);
        let leaves =
            (0..reader.count(LEAVES)?).map(|_| reader.array()).collect::<Result<_, _>>()?;
        Ok(Self { hash, from, leaves })
    }
}

impl Encode for GetRecords {
    fn encode(&self, writer: &mut Writer) {
        self.hash.encode(writer);
        writer.sequence(&self.positions);
    }
}

impl Decode for GetRecords {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { hash: Decode::decode(reader)?, positions: reader.sequence(RECORDS)? })
    }
}

impl Encode for Records {
    fn encode(&self, writer: &mut Writer) {
        self.hash.encode(writer);
        writer.sequence(&self.records);
    }
}

impl Decode for Records {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { hash: Decode::decode(reader)?, records: reader.sequence(RECORDS)? })
    }
}

#[cfg(test)]
mod tests;
