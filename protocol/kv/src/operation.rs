//! What a client may ask for, and how it is written.

use alloc::vec::Vec;

use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};

pub(crate) const KEY: Limit = Limit::new("key bytes", KEY_BYTES_MAX);
pub(crate) const VALUE: Limit = Limit::new("value bytes", VALUE_BYTES_MAX);

/// One request to the service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KvOperation {
    /// What does the key hold?
    Get {
        /// Up to [`KEY_BYTES_MAX`] bytes.
        key: Vec<u8>,
    },
    /// Let the key hold the value.
    Put {
        /// Up to [`KEY_BYTES_MAX`] bytes.
        key: Vec<u8>,
        /// Up to [`VALUE_BYTES_MAX`] bytes.
        value: Vec<u8>,
    },
    /// If the key holds `expected`, let it hold `new`.
    CompareAndSwap {
        /// Up to [`KEY_BYTES_MAX`] bytes.
        key: Vec<u8>,
        /// What the key must hold; `None`: the key must be absent.
        expected: Option<Vec<u8>>,
        /// What the key holds afterwards; `None`: the key is removed.
        new: Option<Vec<u8>>,
    },
}

impl KvOperation {
    /// The bytes that a client sends. Above the limits they are refused with a reply.
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
}

pub(crate) fn write_optional(writer: &mut Writer, value: Option<&Vec<u8>>) {
    value.is_some().encode(writer);
    if let Some(value) = value {
        writer.bytes(value);
    }
}

pub(crate) fn read_optional(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, DecodeError> {
    bool::decode(reader)?.then(|| reader.bytes(VALUE)).transpose()
}

impl Encode for KvOperation {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Get { key } => {
                writer.tag(1);
                writer.bytes(key);
            }
            Self::Put { key, value } => {
                writer.tag(2);
                writer.bytes(key);
                writer.bytes(value);
            }
            Self::CompareAndSwap { key, expected, new } => {
                writer.tag(3);
                writer.bytes(key);
                write_optional(writer, expected.as_ref());
                write_optional(writer, new.as_ref());
            }
        }
    }
}

impl Decode for KvOperation {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Get { key: reader.bytes(KEY)? }),
            2 => Ok(Self::Put { key: reader.bytes(KEY)?, value: reader.bytes(VALUE)? }),
            3 => Ok(Self::CompareAndSwap {
                key: reader.bytes(KEY)?,
                expected: read_optional(reader)?,
                new: read_optional(reader)?,
            }),
            tag => Err(DecodeError::UnknownTag { of: "KvOperation", tag }),
        }
    }
}

#[cfg(test)]
mod tests;
