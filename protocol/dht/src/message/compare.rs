//! What servers of a group say to each other to find what one of them lacks.
//!
//! A comparison goes down a tree of two levels: one digest over all that two servers share, then
//! one per cell. Where cells differ, names are listed. Nothing here is believed by itself: the
//! server that lacks something wants to hear of it from `f + 1` others, and checks what it gets.

use alloc::vec::Vec;

use quorate_types::Digest;
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::Head;
use crate::limits::{COMPARED_CELLS_MAX, LISTED_NAMES_MAX};
use crate::object::{ObjectKey, Stamp, StoredObject};

const CELLS: Limit = Limit::new("compared cells", COMPARED_CELLS_MAX);
const NAMES: Limit = Limit::new("listed names", LISTED_NAMES_MAX);

/// A name under which a server holds something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// The name.
    pub key: ObjectKey,
    /// The stamp of a public-key object; nothing for content, and for what cannot be read.
    pub stamp: Option<Stamp>,
}

quorate_wire::fields!(Held { key, stamp });

impl Held {
    /// Content that a store holds. Its bytes are not looked at: a scrub does that.
    #[must_use]
    pub const fn content(key: ObjectKey) -> Self {
        Self { key, stamp: None }
    }

    /// What a store holds under this name, as [`crate::Record::bytes`] gave it. The signature is
    /// not checked: a wrong stamp makes a difference, and a difference makes a check.
    #[must_use]
    pub fn read(key: ObjectKey, bytes: &[u8]) -> Self {
        let stamp = match (key, quorate_wire::decode::<StoredObject>(bytes)) {
            (ObjectKey::Register(_), Ok(StoredObject::Version(version))) => Some(version.stamp()),
            (ObjectKey::Register(_) | ObjectKey::Chunk(_) | ObjectKey::Manifest(_), _) => None,
        };
        Self { key, stamp }
    }
}

/// Do we hold the same?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compare {
    /// Epoch and operation.
    pub head: Head,
    /// Digest over the digests of all cells that both hold.
    pub root: Digest,
}

quorate_wire::fields!(Compare { head, root });

/// Yes, or the digest of each cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compared {
    /// Epoch and operation.
    pub head: Head,
    /// The cells that both hold, in the order of their names; none if the root is the same.
    pub cells: Vec<Digest>,
}

impl Encode for Compared {
    fn encode(&self, writer: &mut Writer) {
        self.head.encode(writer);
        writer.sequence(&self.cells);
    }
}

impl Decode for Compared {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { head: Decode::decode(reader)?, cells: reader.sequence(CELLS)? })
    }
}

/// What do you hold in this piece of a cell?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListNames {
    /// Epoch and operation.
    pub head: Head,
    /// The lowest name.
    pub first: ObjectKey,
    /// The highest name: the last of the cell.
    pub last: ObjectKey,
}

quorate_wire::fields!(ListNames { head, first, last });

/// The lowest names of the piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Names {
    /// Epoch and operation.
    pub head: Head,
    /// In ascending order; fewer than [`LISTED_NAMES_MAX`] are all.
    pub held: Vec<Held>,
}

impl Encode for Names {
    fn encode(&self, writer: &mut Writer) {
        self.head.encode(writer);
        writer.sequence(&self.held);
    }
}

impl Decode for Names {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { head: Decode::decode(reader)?, held: reader.sequence(NAMES)? })
    }
}
