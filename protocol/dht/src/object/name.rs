//! The names of objects as text: the kind and the id, as in `chunk:3c1f...`.

use core::fmt;
use core::str::FromStr;

use quorate_types::ObjectId;

use super::ObjectKey;

const CHUNK: &str = "chunk";
const MANIFEST: &str = "manifest";
const REGISTER: &str = "register";

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Chunk(_) => CHUNK,
            Self::Manifest(_) => MANIFEST,
            Self::Register(_) => REGISTER,
        };
        write!(f, "{kind}:{}", self.id().to_hex())
    }
}

/// A text that names no object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAName;

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a name is `{CHUNK}:`, `{MANIFEST}:` or `{REGISTER}:` and 64 hexadecimal digits")
    }
}

impl core::error::Error for NotAName {}

impl FromStr for ObjectKey {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let (kind, id) = text.split_once(':').ok_or(NotAName)?;
        let id = ObjectId::from_hex(id).or(Err(NotAName))?;
        match kind {
            CHUNK => Ok(Self::Chunk(id)),
            MANIFEST => Ok(Self::Manifest(id)),
            REGISTER => Ok(Self::Register(id)),
            _ => Err(NotAName),
        }
    }
}
