//! How a file of any size becomes objects: fixed-size chunks under a tree of manifest nodes.
//!
//! FORMAT, for ever: a file is cut into chunks of [`CHUNK_BYTES`], the last one shorter. Their ids
//! are grouped by [`MANIFEST_FANOUT`] into nodes, these again, until one node holds all: the root,
//! which also carries the length and the plain BLAKE3 of the whole file. The id of the file is the
//! id of the root. Every shape follows from the length, so there is one manifest for given bytes.
//!
//! ```text
//! root   version, tag 1, length, BLAKE3 of the file, ids of its children
//! inner  version, tag 2, level, bytes below, ids of its children
//! chunk  bytes
//! ```
//! The children of a node of level 1 are chunks, those of a higher level are nodes of one less.
//!
//! # Invariants
//! - DHT-8: a node is accepted only at the level, with the bytes below and with the number of
//!   children that the length of the file gives it.

mod builder;
mod reader;

use alloc::vec::Vec;
use core::fmt;

use quorate_types::ObjectId;
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::limits::{CHUNK_BYTES, FILE_BYTES_MAX, MANIFEST_FANOUT, MANIFEST_LEVELS_MAX};
use crate::object::{ContentKind, ObjectKey};

pub use builder::ManifestBuilder;
pub use reader::{ChunkPlace, ManifestReader, Wanted};

const CHILDREN: Limit = Limit::new("manifest children", MANIFEST_FANOUT);
const FORMAT_VERSION: u8 = 1;
const ROOT_TAG: u8 = 1;
const INNER_TAG: u8 = 2;

/// The two numbers of the format; others than [`Shape::FORMAT`] exist in tests alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shape {
    chunk_bytes: u64,
    fanout: u64,
}

impl Shape {
    const FORMAT: Self = Self { chunk_bytes: CHUNK_BYTES as u64, fanout: MANIFEST_FANOUT as u64 };

    /// Bytes below a full child of a node of this level.
    const fn child_bytes(self, level: u8) -> u64 {
        let mut bytes = self.chunk_bytes;
        let mut below = 1;
        while below < level {
            bytes = bytes.saturating_mul(self.fanout);
            below += 1;
        }
        bytes
    }

    /// The level of the root over a file of this length: the lowest that holds it.
    const fn root_level(self, length: u64) -> u8 {
        let mut level = 1;
        while self.child_bytes(level).saturating_mul(self.fanout) < length {
            level += 1;
        }
        level
    }

    /// Children of a node of this level with so many bytes below it.
    const fn child_count(self, level: u8, length: u64) -> u64 {
        length.div_ceil(self.child_bytes(level))
    }
}

/// Why a manifest is not followed, or not built.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManifestError {
    /// The bytes do not hash to the id.
    WrongHash,
    /// The bytes are no manifest node.
    Encoding(DecodeError),
    /// The node is of a later version of the format.
    UnknownVersion(u8),
    /// The node does not belong where it stands: level, length or number of children.
    Shape,
    /// The file is longer than [`FILE_BYTES_MAX`].
    TooLong,
    /// A chunk has no bytes or too many, or follows a shorter one.
    ChunkLength(usize),
    /// Nobody asked for a node.
    NotWanted,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongHash => f.write_str("the manifest does not hash to its id"),
            Self::Encoding(error) => write!(f, "no manifest: {error}"),
            Self::UnknownVersion(version) => {
                write!(f, "manifest version {version}, only {FORMAT_VERSION} is known")
            }
            Self::Shape => f.write_str("the manifest's parts do not add up"),
            Self::TooLong => write!(f, "longer than {FILE_BYTES_MAX} bytes"),
            Self::ChunkLength(bytes) => {
                write!(f, "a chunk of {bytes} bytes; all but the last have {CHUNK_BYTES}")
            }
            Self::NotWanted => f.write_str("no manifest node is wanted now"),
        }
    }
}

impl core::error::Error for ManifestError {}

impl From<DecodeError> for ManifestError {
    fn from(error: DecodeError) -> Self {
        Self::Encoding(error)
    }
}

/// A manifest node with its id, to be stored as content of kind [`ContentKind::Manifest`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManifestNode {
    /// The id: hash of the bytes.
    pub id: ObjectId,
    /// The encoding.
    pub bytes: Vec<u8>,
}

impl ManifestNode {
    fn new(node: &Node) -> Self {
        let bytes = quorate_wire::encode(node);
        Self { id: ContentKind::Manifest.key_of(&bytes).id(), bytes }
    }
}

/// What a node says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Head {
    Root { length: u64, file_hash: [u8; 32] },
    Inner { level: u8, length: u64 },
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Node {
    head: Head,
    children: Vec<ObjectId>,
}

impl Encode for Node {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(FORMAT_VERSION);
        match self.head {
            Head::Root { length, file_hash } => {
                writer.tag(ROOT_TAG);
                length.encode(writer);
                writer.raw(&file_hash);
            }
            Head::Inner { level, length } => {
                writer.tag(INNER_TAG);
                level.encode(writer);
                length.encode(writer);
            }
        }
        writer.sequence(&self.children);
    }
}

impl Node {
    /// Reads a node whose id is known.
    fn read(id: ObjectId, bytes: &[u8]) -> Result<Self, ManifestError> {
        if !ObjectKey::Manifest(id).is_name_of(bytes) {
            return Err(ManifestError::WrongHash);
        }
        let mut reader = Reader::new(bytes);
        let version = reader.tag()?;
        if version != FORMAT_VERSION {
            return Err(ManifestError::UnknownVersion(version));
        }
        let head = match reader.tag()? {
            ROOT_TAG => {
                let length = Decode::decode(&mut reader)?;
                Head::Root { length, file_hash: reader.array()? }
            }
            INNER_TAG => {
                let level = Decode::decode(&mut reader)?;
                Head::Inner { level, length: Decode::decode(&mut reader)? }
            }
            tag => return Err(DecodeError::UnknownTag { of: "manifest node", tag }.into()),
        };
        let children = reader.sequence(CHILDREN)?;
        reader.finish()?;
        Ok(Self { head, children })
    }

    fn has_children(&self, count: u64) -> bool {
        self.children.len() as u64 == count
    }
}

const _: () = assert!(Shape::FORMAT.root_level(FILE_BYTES_MAX) == MANIFEST_LEVELS_MAX);

#[cfg(test)]
mod tests;
