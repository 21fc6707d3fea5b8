//! Fixed-size byte strings that name or prove something: ids, digests, keys, signatures.

use alloc::string::String;
use core::fmt;

/// Why a text is not the hexadecimal form of a fixed-size byte string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HexError {
    /// The text has another number of characters than twice the bytes.
    Length {
        /// Characters that the type needs.
        expected: usize,
        /// Characters that were given.
        got: usize,
    },
    /// The character at this position is not `0-9` or `a-f`.
    Character {
        /// Position of the character, from 0.
        position: usize,
    },
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, got } => {
                write!(f, "expected {expected} hexadecimal characters, got {got}")
            }
            Self::Character { position } => {
                write!(f, "character {position} is not one of 0-9 and a-f")
            }
        }
    }
}

impl core::error::Error for HexError {}

fn nibble(character: u8, position: usize) -> Result<u8, HexError> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        _ => Err(HexError::Character { position }),
    }
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let characters = text.as_bytes();
    if characters.len() != 2 * N {
        return Err(HexError::Length { expected: 2 * N, got: characters.len() });
    }
    let mut bytes = [0; N];
    for (index, pair) in characters.chunks_exact(2).enumerate() {
        bytes[index] = (nibble(pair[0], 2 * index)? << 4) | nibble(pair[1], 2 * index + 1)?;
    }
    Ok(bytes)
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// The first eight bytes in hexadecimal: enough to tell things apart, proof of nothing.
fn name_of(bytes: &[u8; 32]) -> String {
    bytes.iter().take(8).map(|byte| alloc::format!("{byte:02x}")).collect()
}

macro_rules! byte_string {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Length in bytes.
            pub const BYTES: usize = $bytes;

            /// Wraps the bytes as they are.
            #[must_use]
            pub const fn new(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// Reads the lowercase hexadecimal form.
            ///
            /// # Errors
            /// [`HexError`] names the wrong length or the first wrong character.
            pub fn from_hex(text: &str) -> Result<Self, HexError> {
                parse_hex(text).map(Self)
            }

            /// The lowercase hexadecimal form.
            #[must_use]
            pub fn to_hex(self) -> String {
                alloc::format!("{self}")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0[..4])
            }
        }
    };
}

byte_string!(
    /// A BLAKE3 hash under one domain of `quorate-crypto`.
    Digest, 32
);
byte_string!(
    /// An Ed25519 public key: of an epoch, of a client, or of the authority.
    PublicKey, 32
);
byte_string!(
    /// What a server is recognised by for its whole life. No key to check just any signature with:
    /// a hash to which the signatures of the identity lead, each in its epoch.
    IdentityKey, 32
);
byte_string!(
    /// One of the trees of leaves by which an identity signs: the hash of scheme, depth, first
    /// epoch and root. The identity key is that of the first; later ones take its place one after
    /// the other, and the configuration says which it is.
    IdentityRoot, 32
);
byte_string!(
    /// An Ed25519 signature, or the ideal one of the simulator in the same size.
    Signature, 64
);
byte_string!(
    /// A server known to the membership service, for its whole life; its place on the ring.
    NodeId, 32
);
byte_string!(
    /// A client: its Ed25519 public key.
    ClientId, 32
);
byte_string!(
    /// One replicated group, so that nothing signed for one group counts in another.
    GroupId, 32
);
byte_string!(
    /// One system, so that nothing signed in one system counts in another.
    SystemId, 32
);
byte_string!(
    /// An object of the storage DHT: a point on the ring.
    ObjectId, 32
);

impl Digest {
    /// The digest of nothing: marks an absent child or the start of a chain, never a hash.
    pub const ZERO: Self = Self([0; 32]);
}

impl IdentityKey {
    /// What people call the server: the first 16 hexadecimal digits. It has this name from the
    /// moment at which its keys are made; its id is its place on the ring of one system.
    #[must_use]
    pub fn name(&self) -> String {
        name_of(&self.0)
    }

    /// The root with which the identity began.
    #[must_use]
    pub const fn first_root(&self) -> IdentityRoot {
        IdentityRoot::new(self.0)
    }
}

impl ClientId {
    /// The key that the client signs with.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        PublicKey::new(self.0)
    }
}

impl PublicKey {
    /// What people call the holder of the key: its first 16 hexadecimal digits.
    #[must_use]
    pub fn name(&self) -> String {
        name_of(&self.0)
    }

    /// The client that signs with this key.
    #[must_use]
    pub const fn client(&self) -> ClientId {
        ClientId::new(self.0)
    }
}
