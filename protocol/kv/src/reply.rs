//! What the service answers, and how it is written.

use alloc::vec::Vec;

use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::operation::{KEY, read_optional, write_optional};

/// A part of an operation that has a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The key.
    Key,
    /// A value.
    Value,
}

/// One answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KvReply {
    /// To a get: what the key holds; `None` if it is absent.
    Value(Option<Vec<u8>>),
    /// To a put: it happened.
    Done,
    /// To a compare-and-swap: whether the key held what was expected, and so was changed.
    Swapped(bool),
    /// The bytes are no operation; nothing happened.
    Malformed,
    /// A part of the operation is above its limit; nothing happened.
    TooLarge(Part),
    /// A member of the group asked, not a client; nothing happened.
    NotAClient,
}

impl KvReply {
    /// The bytes that a replica answers with.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        quorate_wire::encode(self)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] says what the bytes are instead.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        quorate_wire::decode(bytes)
    }

    /// The answer to bytes that are no operation.
    pub(crate) fn refusal(error: DecodeError) -> Self {
        match error {
            DecodeError::OverLimit { limit, .. } if limit == KEY => Self::TooLarge(Part::Key),
            DecodeError::OverLimit { .. } => Self::TooLarge(Part::Value),
            DecodeError::Truncated
            | DecodeError::TrailingBytes { .. }
            | DecodeError::UnknownTag { .. }
            | DecodeError::NotCanonical { .. } => Self::Malformed,
        }
    }
}

impl Encode for Part {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(match self {
            Self::Key => 1,
            Self::Value => 2,
        });
    }
}

impl Decode for Part {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Key),
            2 => Ok(Self::Value),
            tag => Err(DecodeError::UnknownTag { of: "Part", tag }),
        }
    }
}

impl Encode for KvReply {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Value(value) => {
                writer.tag(1);
                write_optional(writer, value.as_ref());
            }
            Self::Done => writer.tag(2),
            Self::Swapped(is_swapped) => {
                writer.tag(3);
                is_swapped.encode(writer);
            }
            Self::Malformed => writer.tag(4),
            Self::TooLarge(part) => {
                writer.tag(5);
                part.encode(writer);
            }
            Self::NotAClient => writer.tag(6),
        }
    }
}

impl Decode for KvReply {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Value(read_optional(reader)?)),
            2 => Ok(Self::Done),
            3 => Decode::decode(reader).map(Self::Swapped),
            4 => Ok(Self::Malformed),
            5 => Decode::decode(reader).map(Self::TooLarge),
            6 => Ok(Self::NotAClient),
            tag => Err(DecodeError::UnknownTag { of: "KvReply", tag }),
        }
    }
}

#[cfg(test)]
mod tests;
