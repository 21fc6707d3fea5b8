//! How public files about a founding lie on a disk: a name, a version, the content, and a hash that
//! tells a damaged copy from a forgery.

use std::path::Path;

use quorate_client::explanation::Explanation;
use quorate_wire::{Decode, Encode, Writer, decode};

use super::error::{FoundingError, GenesisFault};
use super::place;

/// Longest genesis that is read, in bytes.
pub const GENESIS_BYTES_MAX: u64 = 64 * 1024 * 1024;

const MAGIC_BYTES: usize = 16;
const HASH_BYTES: usize = blake3::OUT_LEN;

/// What a file begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    pub(super) magic: &'static [u8; MAGIC_BYTES],
    pub(super) version: u16,
}

impl Label {
    /// The bytes of a file.
    pub(super) fn seal(self, content: &impl Encode) -> Vec<u8> {
        let mut writer = Writer::with_capacity(4096);
        writer.raw(self.magic);
        self.version.encode(&mut writer);
        content.encode(&mut writer);
        let hash = blake3::hash(writer.as_bytes());
        writer.raw(hash.as_bytes());
        writer.into_bytes()
    }

    /// The version of a file that begins with this name.
    pub(super) fn version_of(self, bytes: &[u8]) -> Result<u16, GenesisFault> {
        let rest = bytes.strip_prefix(self.magic.as_slice()).ok_or(GenesisFault::Foreign)?;
        let version = rest.first_chunk::<{ size_of::<u16>() }>();
        let version = version.ok_or_else(|| GenesisFault::Damaged(String::from("it is cut")))?;
        Ok(u16::from_be_bytes(*version))
    }

    /// The content of a file.
    pub(super) fn open<T: Decode>(self, bytes: &[u8]) -> Result<T, GenesisFault> {
        let version = self.version_of(bytes)?;
        if version != self.version {
            return Err(GenesisFault::Version(version));
        }
        let damaged = |what: String| GenesisFault::Damaged(what);
        let cut = || damaged(String::from("it is cut"));
        let (content, hash) = bytes.split_last_chunk::<HASH_BYTES>().ok_or_else(cut)?;
        if blake3::hash(content) != blake3::Hash::from(*hash) {
            return Err(damaged(String::from("the hash at its end does not fit")));
        }
        let content = content.get(MAGIC_BYTES + size_of::<u16>()..).ok_or_else(cut)?;
        decode(content).map_err(|error| damaged(error.to_string()))
    }
}

/// Reads a file that is not too long.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, FoundingError> {
    let failed = |error: std::io::Error| Explanation::of_io("read", path, &error);
    if std::fs::metadata(path).map_err(failed)?.len() > GENESIS_BYTES_MAX {
        let (path, fault) = (path.to_path_buf(), GenesisFault::Foreign);
        return Err(FoundingError::Genesis { path, fault });
    }
    Ok(std::fs::read(path).map_err(failed)?)
}

/// Writes a file that must not exist yet.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), FoundingError> {
    Ok(place::write_new(path, bytes)?)
}
