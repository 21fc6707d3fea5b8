//! Encodings that the wire crate does not have: texts and threshold signatures.

use alloc::string::String;

use quorate_threshold::{PUBLIC_KEY_BYTES, PublicKey, SIGNATURE_BYTES, Signature};
use quorate_wire::{DecodeError, Limit, Reader, Writer};

/// Version of the documents of this crate that are kept for years: the first byte of each.
pub(crate) const FORMAT: u8 = 1;
/// The same of documents with records of servers. In 1 a record did not say whether its server is
/// in the pool, nor since when it has its root.
pub(crate) const RECORDS_FORMAT: u8 = 2;

pub(crate) fn read_format(reader: &mut Reader<'_>, of: &'static str) -> Result<(), DecodeError> {
    read_format_of(FORMAT, reader, of)
}

pub(crate) fn read_format_of(
    format: u8,
    reader: &mut Reader<'_>,
    of: &'static str,
) -> Result<(), DecodeError> {
    match reader.tag()? {
        tag if tag == format => Ok(()),
        tag => Err(DecodeError::UnknownTag { of, tag }),
    }
}

pub(crate) fn read_text(reader: &mut Reader<'_>, limit: Limit) -> Result<String, DecodeError> {
    String::from_utf8(reader.bytes(limit)?).or(Err(DecodeError::NotCanonical { of: limit.name }))
}

pub(crate) fn write_signature(writer: &mut Writer, signature: &Signature) {
    writer.raw(signature.as_bytes());
}

pub(crate) fn read_signature(reader: &mut Reader<'_>) -> Result<Signature, DecodeError> {
    reader.array::<SIGNATURE_BYTES>().map(Signature::new)
}

pub(crate) fn write_system_key(writer: &mut Writer, key: &PublicKey) {
    writer.raw(key.as_bytes());
}

pub(crate) fn read_system_key(reader: &mut Reader<'_>) -> Result<PublicKey, DecodeError> {
    let bytes = reader.array::<PUBLIC_KEY_BYTES>()?;
    PublicKey::decode(&bytes).or(Err(DecodeError::NotCanonical { of: "system key" }))
}
