//! Keys as nodes hold them: the short ones inside the node, where the search finds them without
//! following another pointer.

use core::cmp::Ordering;
use core::ops::Deref;

use crate::Bytes;

/// Longest key that is held inside the node, in bytes: a client's id fits, with a section's
/// prefix and a few bytes more.
const INLINE_BYTES_MAX: usize = 38;

/// A key.
#[derive(Clone)]
pub(crate) enum Key {
    /// The first `bytes_used` of the bytes.
    Inline { bytes_used: u8, bytes: [u8; INLINE_BYTES_MAX] },
    /// Too long to be held inside.
    Shared(Bytes),
}

impl From<&[u8]> for Key {
    fn from(key: &[u8]) -> Self {
        match u8::try_from(key.len()) {
            Ok(bytes_used) if key.len() <= INLINE_BYTES_MAX => {
                let mut bytes = [0; INLINE_BYTES_MAX];
                bytes[..key.len()].copy_from_slice(key);
                Self::Inline { bytes_used, bytes }
            }
            Ok(_) | Err(_) => Self::Shared(key.into()),
        }
    }
}

impl Deref for Key {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Inline { bytes_used, bytes } => &bytes[..usize::from(*bytes_used)],
            Self::Shared(bytes) => bytes,
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}
