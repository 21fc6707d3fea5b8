//! The first frame each way on each connection: is this the same system, and which version?
//!
//! ```text
//! hello   magic [8] | version_min u16 | version_max u16 | system id [32] | role u8 | link u8 |
//!         session u64 | proof: count u16, bytes
//! refuse  code u8 | text (UTF-8, for people)
//! ```
//! Integers are little-endian. Magic and version range stay where they are in every version, so
//! that an unknown version is refused by name and not as garbage. A node shows in its proof whose
//! the key is that TLS proved; a client is its key and shows nothing.
//!
//! # Invariants
//! - NET-4: both sides choose the same version: the highest that is in both ranges.

use std::fmt;

use crate::identity::SystemId;
use crate::limits::{HELLO_BYTES_MAX, PROOF_BYTES_MAX, REFUSE_TEXT_BYTES_MAX};

const MAGIC: [u8; 8] = *b"quorate\0";
const PREFIX_BYTES: usize = 12;
const HELLO_BYTES: usize = PREFIX_BYTES + 32 + 1 + 1 + 8 + 2;

const _: () = assert!(HELLO_BYTES + PROOF_BYTES_MAX <= HELLO_BYTES_MAX);

/// The protocol versions that a process speaks, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    /// The oldest version.
    pub min: u16,
    /// The newest version.
    pub max: u16,
}

impl VersionRange {
    /// The highest version in both ranges (NET-4), if there is one.
    #[must_use]
    pub fn highest_common(self, other: Self) -> Option<u16> {
        let (low, high) = (self.min.max(other.min), self.max.min(other.max));
        (low <= high).then_some(high)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.min, self.max)
    }
}

/// What a peer is to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerKind {
    /// A known server.
    Node,
    /// Anyone else: authenticated by its key, authorised (or not) by the caller.
    Client,
}

/// Which of the two connections of a pair of peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// Carries the classes `Control` and `Ordered`.
    Main,
    /// Carries the class `Bulk`.
    Bulk,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) versions: VersionRange,
    pub(crate) system: SystemId,
    pub(crate) role: PeerKind,
    pub(crate) link: Link,
    pub(crate) session: u64,
    pub(crate) proof: Vec<u8>,
}

/// What the first bytes of a peer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParsedHello {
    /// A hello of a version that we speak.
    Hello(Hello, u16),
    /// A hello whose range has no version of ours; nothing else of it can be read.
    Foreign(VersionRange),
    /// Not a hello.
    Malformed(&'static str),
}

impl Hello {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HELLO_BYTES + self.proof.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.versions.min.to_le_bytes());
        bytes.extend_from_slice(&self.versions.max.to_le_bytes());
        bytes.extend_from_slice(self.system.as_bytes());
        bytes.push(u8::from(self.role == PeerKind::Client));
        bytes.push(u8::from(self.link == Link::Bulk));
        bytes.extend_from_slice(&self.session.to_le_bytes());
        let proof = u16::try_from(self.proof.len()).expect("PROOF_BYTES_MAX was checked");
        bytes.extend_from_slice(&proof.to_le_bytes());
        bytes.extend_from_slice(&self.proof);
        bytes
    }
}

/// Reads a hello as far as a common version allows.
pub(crate) fn parse_hello(bytes: &[u8], ours: VersionRange) -> ParsedHello {
    let Some((prefix, rest)) = bytes.split_at_checked(PREFIX_BYTES) else {
        return ParsedHello::Malformed("too short for a hello");
    };
    if prefix[..8] != MAGIC {
        return ParsedHello::Malformed("no quorate magic");
    }
    let min = u16::from_le_bytes([prefix[8], prefix[9]]);
    let max = u16::from_le_bytes([prefix[10], prefix[11]]);
    let versions = VersionRange { min, max };
    let Some(version) = ours.highest_common(versions) else {
        return ParsedHello::Foreign(versions);
    };
    match parse_rest(rest, versions) {
        Ok(hello) => ParsedHello::Hello(hello, version),
        Err(reason) => ParsedHello::Malformed(reason),
    }
}

fn parse_rest(rest: &[u8], versions: VersionRange) -> Result<Hello, &'static str> {
    let Some((system, rest)) = rest.split_first_chunk::<32>() else {
        return Err("too short for a system id");
    };
    let Some(([role, link], rest)) = rest.split_first_chunk::<2>() else {
        return Err("too short for a role");
    };
    let Some((session, rest)) = rest.split_first_chunk::<8>() else {
        return Err("too short for a session");
    };
    let session = u64::from_le_bytes(*session);
    let Some((count, proof)) = rest.split_first_chunk::<2>() else {
        return Err("too short for a proof");
    };
    let count = usize::from(u16::from_le_bytes(*count));
    if count != proof.len() || count > PROOF_BYTES_MAX {
        return Err("wrong length of the proof");
    }
    let role = match role {
        0 => PeerKind::Node,
        1 => PeerKind::Client,
        _ => return Err("unknown role"),
    };
    let link = match link {
        0 => Link::Main,
        1 => Link::Bulk,
        _ => return Err("unknown link"),
    };
    if (role == PeerKind::Node) != (session == 0) {
        return Err("a client has a session other than 0, a node has none");
    }
    if role == PeerKind::Client && count > 0 {
        return Err("a client is its key and shows no proof");
    }
    let (system, proof) = (SystemId::new(*system), proof.to_vec());
    Ok(Hello { versions, system, role, link, session, proof })
}

/// Why a connection was refused, as told to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefuseCode {
    /// No common protocol version.
    Version,
    /// Another system.
    System,
    /// The key is not among the known nodes.
    UnknownNode,
    /// A known node called itself a client.
    Role,
    /// Too many client connections.
    ClientsFull,
    /// Too many sessions under one client key.
    SessionsFull,
    /// A bulk connection without its main connection.
    NoMain,
    /// A frame claimed more than the limit.
    FrameTooLarge,
    /// A frame of an unknown kind, or of one that does not belong here.
    FrameKind,
    /// The first frame was not a hello.
    NotHello,
    /// What was shown does not make the key that TLS proved a node's.
    Unrecognised,
    /// Another node was dialled than the one that answered.
    WrongPeer,
    /// A code that this version does not know.
    Other(u8),
}

impl RefuseCode {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Version => 1,
            Self::System => 2,
            Self::UnknownNode => 3,
            Self::Role => 4,
            Self::ClientsFull => 5,
            Self::SessionsFull => 6,
            Self::NoMain => 7,
            Self::FrameTooLarge => 8,
            Self::FrameKind => 9,
            Self::NotHello => 10,
            Self::Unrecognised => 11,
            Self::WrongPeer => 12,
            Self::Other(code) => code,
        }
    }

    const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Version,
            2 => Self::System,
            3 => Self::UnknownNode,
            4 => Self::Role,
            5 => Self::ClientsFull,
            6 => Self::SessionsFull,
            7 => Self::NoMain,
            8 => Self::FrameTooLarge,
            9 => Self::FrameKind,
            10 => Self::NotHello,
            11 => Self::Unrecognised,
            12 => Self::WrongPeer,
            other => Self::Other(other),
        }
    }
}

/// The body of a refusal.
pub(crate) fn encode_refuse(code: RefuseCode, text: &str) -> Vec<u8> {
    let mut bytes = vec![code.to_byte()];
    bytes.extend(text.bytes().take(REFUSE_TEXT_BYTES_MAX));
    bytes
}

/// Reads a refusal; its text is cut and stripped of everything that could disturb a log.
pub(crate) fn parse_refuse(bytes: &[u8]) -> (RefuseCode, String) {
    let Some((code, text)) = bytes.split_first() else {
        return (RefuseCode::Other(0), String::new());
    };
    let text = text.iter().take(REFUSE_TEXT_BYTES_MAX);
    let text = text.map(|byte| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '?',
    });
    (RefuseCode::from_byte(*code), text.collect())
}

#[cfg(test)]
mod tests;
