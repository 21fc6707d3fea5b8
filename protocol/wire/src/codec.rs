//! Writing and reading: the only code that touches the bytes of a message.

use alloc::vec::Vec;
use core::fmt;

/// A named bound on the length of a sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// What is bounded, for the error message.
    pub name: &'static str,
    /// Largest number of elements.
    pub max: usize,
}

impl Limit {
    /// A bound with its name.
    #[must_use]
    pub const fn new(name: &'static str, max: usize) -> Self {
        Self { name, max }
    }
}

/// Why bytes are not the encoding of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The bytes end inside the value.
    Truncated,
    /// Bytes stand behind the value.
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// A sequence claims to be longer than its bound.
    OverLimit {
        /// The bound.
        limit: Limit,
        /// What was claimed.
        claimed: usize,
    },
    /// A tag that names no variant.
    UnknownTag {
        /// The type with variants.
        of: &'static str,
        /// The tag.
        tag: u8,
    },
    /// Bytes that decode but are not what the value encodes to, or break a rule of the type.
    NotCanonical {
        /// The type whose rule is broken.
        of: &'static str,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "the bytes end inside the value"),
            Self::TrailingBytes { count } => write!(f, "{count} bytes stand behind the value"),
            Self::OverLimit { limit, claimed } => {
                write!(f, "{} claimed, at most {} of {}", claimed, limit.max, limit.name)
            }
            Self::UnknownTag { of, tag } => write!(f, "{of} has no variant with tag {tag}"),
            Self::NotCanonical { of } => write!(f, "not the canonical encoding of {of}"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Collects the bytes of an encoding.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty encoding with room for `bytes`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    /// Begins anew, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a count of elements.
    ///
    /// # Panics
    /// If the count does not fit 32 bits: limits keep every sequence far below.
    pub fn count(&mut self, count: usize) {
        let count = u32::try_from(count).expect("limits keep sequences below 2^32 elements");
        self.raw(&count.to_be_bytes());
    }

    /// Appends the tag of a variant.
    pub fn tag(&mut self, tag: u8) {
        self.bytes.push(tag);
    }

    /// Appends bytes with their count.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    /// Appends elements with their count.
    pub fn sequence<T: Encode>(&mut self, elements: &[T]) {
        self.count(elements.len());
        for element in elements {
            element.encode(self);
        }
    }

    /// The encoding.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What has been written so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads an encoding from front to back.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read yet.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Takes `count` bytes as they are.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if there are fewer.
    pub fn raw(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes a fixed number of bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Takes the tag of a variant.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] at the end.
    pub fn tag(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// Takes a count of elements under its bound.
    ///
    /// # Errors
    /// [`DecodeError::OverLimit`] above the bound.
    pub fn count(&mut self, limit: Limit) -> Result<usize, DecodeError> {
        let claimed = u32::from_be_bytes(self.array()?) as usize;
        if claimed > limit.max {
            return Err(DecodeError::OverLimit { limit, claimed });
        }
        Ok(claimed)
    }

    /// Takes bytes with their count.
    ///
    /// # Errors
    /// As [`Self::count`] and [`Self::raw`].
    pub fn bytes(&mut self, limit: Limit) -> Result<Vec<u8>, DecodeError> {
        let count = self.count(limit)?;
        Ok(self.raw(count)?.to_vec())
    }

    /// Takes elements with their count.
    ///
    /// # Errors
    /// As [`Self::count`], and what an element refuses.
    pub fn sequence<T: Decode>(&mut self, limit: Limit) -> Result<Vec<T>, DecodeError> {
        let count = self.count(limit)?;
        // WIR-2: every element takes at least one byte, so the bytes at hand bound the count.
        if count > self.remaining() {
            return Err(DecodeError::Truncated);
        }
        let mut elements = Vec::new();
        for _ in 0..count {
            elements.push(T::decode(self)?);
        }
        Ok(elements)
    }

    /// Accepts the end of the bytes.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`] if there are more.
    pub const fn finish(&self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(DecodeError::TrailingBytes { count }),
        }
    }
}

/// A value that has one encoding.
pub trait Encode {
    /// Appends the encoding; at least one byte.
    fn encode(&self, writer: &mut Writer);
}

/// A value that can be read back.
pub trait Decode: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// [`DecodeError`] says what the bytes are instead.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// The encoding of a value.
#[must_use]
pub fn encode<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    let mut writer = Writer::with_capacity(256);
    value.encode(&mut writer);
    writer.into_bytes()
}

/// The value that these bytes, all of them, encode.
///
/// # Errors
/// [`DecodeError`] says what the bytes are instead.
pub fn decode<T: Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader)?;
    // WIR-1: nothing stands behind the value, so no second byte string has the same one.
    reader.finish()?;
    Ok(value)
}

/// Implements [`Encode`] and [`Decode`] of a struct: its fields, one after the other.
#[macro_export]
macro_rules! fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::Encode for $name {
            fn encode(&self, writer: &mut $crate::Writer) {
                $( $crate::Encode::encode(&self.$field, writer); )*
            }
        }
        impl $crate::Decode for $name {
            fn decode(reader: &mut $crate::Reader<'_>) -> Result<Self, $crate::DecodeError> {
                Ok(Self { $( $field: $crate::Decode::decode(reader)?, )* })
            }
        }
    };
}

/// Implements [`Encode`] and [`Decode`] of an enum of one-field variants: a tag, then the field.
#[macro_export]
macro_rules! variants {
    ($name:ident { $($tag:literal => $variant:ident),* $(,)? }) => {
        impl $crate::Encode for $name {
            fn encode(&self, writer: &mut $crate::Writer) {
                match self {
                    $( Self::$variant(inner) => {
                        writer.tag($tag);
                        $crate::Encode::encode(inner, writer);
                    } )*
                }
            }
        }
        impl $crate::Decode for $name {
            fn decode(reader: &mut $crate::Reader<'_>) -> Result<Self, $crate::DecodeError> {
                match reader.tag()? {
                    $( $tag => Ok(Self::$variant($crate::Decode::decode(reader)?)), )*
                    tag => Err($crate::DecodeError::UnknownTag { of: stringify!($name), tag }),
                }
            }
        }
    };
}

/// Encodes and decodes an enum without fields as the tag of its variant.
///
/// ```
/// enum Light {
///     Off,
///     On,
/// }
/// quorate_wire::tags!(Light { 1 => Off, 2 => On });
/// assert_eq!(quorate_wire::encode(&Light::On), [2]);
/// ```
#[macro_export]
macro_rules! tags {
    ($name:ident { $($tag:literal => $variant:ident),* $(,)? }) => {
        impl $crate::Encode for $name {
            fn encode(&self, writer: &mut $crate::Writer) {
                writer.tag(match self {
                    $( Self::$variant => $tag, )*
                });
            }
        }
        impl $crate::Decode for $name {
            fn decode(reader: &mut $crate::Reader<'_>) -> Result<Self, $crate::DecodeError> {
                match reader.tag()? {
                    $( $tag => Ok(Self::$variant), )*
                    tag => Err($crate::DecodeError::UnknownTag { of: stringify!($name), tag }),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests;
