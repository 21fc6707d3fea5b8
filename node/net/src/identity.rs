//! Who is who: peers, the keys of links, the system's id, and the secret seed of this process.
//!
//! A peer is 32 bytes that stay and nothing else: no name, no address, no X.509. A client is the
//! key that its links prove; which node holds a key, [`Recognise`](crate::Recognise) says.

use std::fmt;

use zeroize::Zeroizing;

/// 32 public bytes that say who somebody is: a type for each meaning, so that none is taken for
/// another.
macro_rules! identities {
    ($($(#[doc = $doc:literal])* $name:ident;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The one with these bytes.
            #[must_use]
            pub const fn new(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            /// The first four bytes in hex: enough for a log line.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0[..4])
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }
    )*};
}

identities! {
    /// A peer: for a node the key that stays, for a client its Ed25519 public key.
    PeerKey;
    /// The Ed25519 public key that TLS proved on a connection; whether it is a point on the curve
    /// shows in the handshake.
    LinkKey;
    /// The id of a system; peers of different systems refuse each other.
    SystemId;
}

impl LinkKey {
    /// The client that is this key.
    #[must_use]
    pub const fn client(&self) -> PeerKey {
        PeerKey(self.0)
    }
}

/// The Ed25519 seed of this process; never printed, erased when dropped.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// Takes the 32 secret bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
