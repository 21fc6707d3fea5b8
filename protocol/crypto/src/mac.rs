//! Message authentication between two who share a key: BLAKE3 in keyed mode.

/// A secret shared by the two ends of a link.
#[derive(Clone)]
pub struct MacKey([u8; 32]);

/// Proof that a holder of the key wrote the bytes.
#[derive(Clone, Copy, Debug)]
pub struct MacTag([u8; 32]);

impl core::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MacKey")
    }
}

impl MacKey {
    /// Wraps a secret.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The tag of these bytes.
    #[must_use]
    pub fn tag(&self, bytes: &[u8]) -> MacTag {
        MacTag(*blake3::keyed_hash(&self.0, bytes).as_bytes())
    }

    /// Is this the tag of these bytes? Takes the same time whatever the answer.
    #[must_use]
    pub fn is_valid(&self, bytes: &[u8], tag: &MacTag) -> bool {
        blake3::keyed_hash(&self.0, bytes) == blake3::Hash::from_bytes(tag.0)
    }
}

impl MacTag {
    /// Wraps a tag that came over a link.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The tag as it goes over a link.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    //! A tag fits one key and one message.
    use super::{MacKey, MacTag};

    #[test]
    fn a_tag_fits_one_key_and_one_message() {
        let key = MacKey::new([1; 32]);
        let tag = MacTag::new(*key.tag(b"message").as_bytes());
        assert!(key.is_valid(b"message", &tag));
        assert!(!key.is_valid(b"another", &tag));
        assert!(!MacKey::new([2; 32]).is_valid(b"message", &tag));
    }
}
