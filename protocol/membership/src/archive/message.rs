//! What is asked of the chain on a server, and what it answers.

use alloc::vec::Vec;

use quorate_types::Epoch;
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::limits::{ARCHIVE_DELTA_BYTES_MAX, ARCHIVE_DELTAS_MAX, ARCHIVE_PART_BYTES};

const PART: Limit = Limit::new("bytes of a part", ARCHIVE_PART_BYTES);
const DELTA: Limit = Limit::new("bytes of a delta", ARCHIVE_DELTA_BYTES_MAX);
const DELTAS: Limit = Limit::new("deltas of an answer", ARCHIVE_DELTAS_MAX);

/// A request for the configuration with which the chain begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetFirst {
    /// From which of its bytes on.
    pub from: u32,
}

/// A part of the configuration with which the chain begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FirstPart {
    /// Its epoch.
    pub epoch: Epoch,
    /// How many bytes it has.
    pub length: u32,
    /// Where the part begins.
    pub from: u32,
    /// Up to [`ARCHIVE_PART_BYTES`] bytes; fewer only at the end.
    pub bytes: Vec<u8>,
}

/// A request for what the epochs behind this one changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetDeltas {
    /// The last epoch that is known.
    pub after: Epoch,
}

/// What some epochs changed, without a gap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deltas {
    /// The epoch before the first of them.
    pub after: Epoch,
    /// Encoded deltas: as many as fit [`ARCHIVE_PART_BYTES`], one at least; none if the server does
    /// not have the next one.
    pub deltas: Vec<Vec<u8>>,
}

// tidy: messages
/// A message about the chain on a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ArchiveMessage {
    /// Send me the configuration with which your chain begins.
    GetFirst(GetFirst),
    /// A part of it.
    First(FirstPart),
    /// Send me what epochs changed.
    GetDeltas(GetDeltas),
    /// What they changed.
    Deltas(Deltas),
}

quorate_wire::variants!(ArchiveMessage {
    1 => GetFirst,
    2 => First,
    3 => GetDeltas,
    4 => Deltas,
});

quorate_wire::fields!(GetFirst { from });
quorate_wire::fields!(GetDeltas { after });

impl Encode for FirstPart {
    fn encode(&self, writer: &mut Writer) {
        self.epoch.encode(writer);
        self.length.encode(writer);
        self.from.encode(writer);
        writer.bytes(&self.bytes);
    }
}

impl Decode for FirstPart {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: Decode::decode(reader)?,
            length: Decode::decode(reader)?,
            from: Decode::decode(reader)?,
            bytes: reader.bytes(PART)?,
        })
    }
}

impl Encode for Deltas {
    fn encode(&self, writer: &mut Writer) {
        self.after.encode(writer);
        writer.count(self.deltas.len());
        self.deltas.iter().for_each(|delta| writer.bytes(delta));
    }
}

impl Decode for Deltas {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let after = Decode::decode(reader)?;
        let deltas =
            (0..reader.count(DELTAS)?).map(|_| reader.bytes(DELTA)).collect::<Result<_, _>>()?;
        Ok(Self { after, deltas })
    }
}

#[cfg(test)]
mod tests;
