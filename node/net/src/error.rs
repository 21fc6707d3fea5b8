//! What can go wrong with a connection, by name, and what the operator can do about it.

use std::io;

use thiserror::Error;

use crate::credential::Unrecognised;
use crate::hello::{RefuseCode, VersionRange};
use crate::identity::{LinkKey, PeerKey, SystemId};

/// The transport could not be created.
#[derive(Debug, Error)]
pub enum BindError {
    /// The listening address cannot be used.
    #[error("cannot listen on {address}: {source}; choose a free port or stop its owner")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// A value of the configuration makes no sense.
    #[error("{field} cannot be {value}: {remedy}")]
    Config {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What to set instead.
        remedy: &'static str,
    },
}

/// A connection that never came up.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// TCP did not connect.
    #[error("cannot connect: {0}; is the peer running and the address right?")]
    Connect(#[source] io::Error),
    /// TCP, TLS or hello took too long.
    #[error("the peer did not finish {step} in time")]
    Deadline {
        /// What it was doing.
        step: HandshakeStep,
    },
    /// The TLS handshake failed.
    #[error("TLS handshake failed: {0}")]
    Tls(#[source] io::Error),
    /// Another node than the one dialled answered.
    #[error("dialled {expected:?} but {got:?} answered; check the address of this peer")]
    WrongPeer {
        /// The node that was dialled.
        expected: PeerKey,
        /// The node that answered.
        got: PeerKey,
    },
    /// The key that TLS proved is not shown to be a node's.
    #[error("the key {key:?} is not taken for a server's: {why}")]
    Unrecognised {
        /// The key.
        key: LinkKey,
        /// Why not.
        why: Unrecognised,
    },
    /// What is believed of peers was renewed during the handshake.
    #[error("what is believed of peers was renewed meanwhile")]
    Renewed,
    /// The connection broke during the hello.
    #[error("connection lost during the hello: {0}")]
    Lost(#[source] io::Error),
    /// The first frame is no hello.
    #[error("the peer's first frame is no hello: {0}")]
    NotHello(&'static str),
    /// No common protocol version.
    #[error("no common protocol version: ours {ours}, theirs {theirs}; upgrade the older side")]
    Version {
        /// What we speak.
        ours: VersionRange,
        /// What the peer speaks.
        theirs: VersionRange,
    },
    /// The peer belongs to another system.
    #[error("the peer belongs to system {theirs:?}, we to {ours:?}")]
    System {
        /// Our system.
        ours: SystemId,
        /// The peer's system.
        theirs: SystemId,
    },
    /// A node whose key is not among the known ones.
    #[error("{0:?} calls itself a node and is not in the configuration")]
    UnknownNode(PeerKey),
    /// The peer's role does not fit (a known node as client, a client as server).
    #[error("{0:?} has the wrong role for this connection")]
    Role(PeerKey),
    /// Too many client connections.
    #[error("already {max} client connections")]
    ClientsFull {
        /// The limit.
        max: usize,
    },
    /// Too many sessions under one client key.
    #[error("already {max} sessions under this client key")]
    SessionsFull {
        /// The limit.
        max: usize,
    },
    /// A bulk connection while the main connection is down.
    #[error("bulk connection without a main connection")]
    NoMain,
    /// Evicted by newer connections before it finished its hello.
    #[error("too many unfinished connections; this was the oldest")]
    Evicted,
    /// The other side refused us.
    #[error("the peer refused us ({code:?}): {text}")]
    Refused {
        /// Its reason.
        code: RefuseCode,
        /// Its words, printable ASCII.
        text: String,
    },
    /// The transport was closed or the peer removed meanwhile.
    #[error("closed on our side")]
    Closed,
}

/// A step of the handshake that has a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeStep {
    /// Opening the TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The exchange of hellos.
    Hello,
}

impl std::fmt::Display for HandshakeStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Tls => "the TLS handshake",
            Self::Hello => "the hello",
        })
    }
}

/// Why a connection that was up ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DownReason {
    /// The peer closed it.
    #[error("closed by the peer")]
    PeerClosed,
    /// The network broke it.
    #[error("connection broke: {0}")]
    Io(io::ErrorKind),
    /// The peer claimed a frame over the limit.
    #[error("the peer claimed a frame of {claimed} bytes")]
    FrameTooLarge {
        /// The claim.
        claimed: usize,
    },
    /// A frame of an unknown kind, or of one that does not belong on this connection.
    #[error("a frame of kind {0} does not belong here")]
    FrameKind(u8),
    /// A frame was not completed in time.
    #[error("the peer did not finish a frame in time")]
    FrameDeadline,
    /// No byte for too long.
    #[error("the peer is silent")]
    Silent,
    /// The peer takes no bytes.
    #[error("the peer takes no bytes")]
    Stalled,
    /// The peer refused us.
    #[error("the peer refused us ({code:?}): {text}")]
    Refused {
        /// Its reason.
        code: RefuseCode,
        /// Its words, printable ASCII.
        text: String,
    },
    /// A newer connection of the same peer took its place.
    #[error("replaced by a newer connection")]
    Replaced,
    /// A client that nobody had vouched for made room for a newer one.
    #[error("too many clients that showed no certificate; this was the oldest")]
    Displaced,
    /// The peer is no longer known.
    #[error("the peer was removed")]
    Removed,
    /// The key that the peer proved when it connected is no longer taken for its own.
    #[error("the key of the peer is no longer taken: {0}")]
    Unrecognised(Unrecognised),
    /// The caller asked for it.
    #[error("disconnected by us")]
    Disconnected,
    /// The transport was closed.
    #[error("the transport was closed")]
    Shutdown,
}

impl HandshakeError {
    /// The counter of this error.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Connect(_) => Cause::Connect,
            Self::Deadline { .. } => Cause::HandshakeDeadline,
            Self::Tls(_) => Cause::Tls,
            Self::WrongPeer { .. } => Cause::WrongPeer,
            Self::Unrecognised { why, .. } => why.cause(),
            Self::Renewed => Cause::Renewed,
            Self::Lost(_) => Cause::Lost,
            Self::NotHello(_) => Cause::NotHello,
            Self::Version { .. } => Cause::Version,
            Self::System { .. } => Cause::System,
            Self::UnknownNode(_) => Cause::UnknownNode,
            Self::Role(_) => Cause::Role,
            Self::ClientsFull { .. } => Cause::ClientsFull,
            Self::SessionsFull { .. } => Cause::SessionsFull,
            Self::NoMain => Cause::NoMain,
            Self::Evicted => Cause::Evicted,
            Self::Refused { .. } => Cause::RefusedByPeer,
            Self::Closed => Cause::Shutdown,
        }
    }

    /// What the other side is told, if it can still be told anything.
    pub(crate) const fn refusal(&self) -> Option<RefuseCode> {
        match self {
            Self::NotHello(_) => Some(RefuseCode::NotHello),
            Self::Version { .. } => Some(RefuseCode::Version),
            Self::System { .. } => Some(RefuseCode::System),
            Self::UnknownNode(_) => Some(RefuseCode::UnknownNode),
            Self::Role(_) => Some(RefuseCode::Role),
            Self::ClientsFull { .. } => Some(RefuseCode::ClientsFull),
            Self::SessionsFull { .. } => Some(RefuseCode::SessionsFull),
            Self::NoMain => Some(RefuseCode::NoMain),
            Self::WrongPeer { .. } => Some(RefuseCode::WrongPeer),
            Self::Unrecognised { .. } => Some(RefuseCode::Unrecognised),
            Self::Connect(_)
            | Self::Deadline { .. }
            | Self::Tls(_)
            | Self::Renewed
            | Self::Lost(_)
            | Self::Evicted
            | Self::Refused { .. }
            | Self::Closed => None,
        }
    }
}

impl Unrecognised {
    const fn cause(self) -> Cause {
        match self {
            Self::Malformed => Cause::ProofMalformed,
            Self::OtherKey => Cause::ProofOtherKey,
            Self::OtherSystem => Cause::ProofOtherSystem,
            Self::OtherEpoch => Cause::ProofOtherEpoch,
            Self::SecondKey => Cause::ProofSecondKey,
            Self::Forged => Cause::ProofForged,
        }
    }
}

impl DownReason {
    /// The counter of this reason.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        match self {
            Self::PeerClosed => Cause::PeerClosed,
            Self::Io(_) => Cause::Lost,
            Self::FrameTooLarge { .. } => Cause::FrameTooLarge,
            Self::FrameKind(_) => Cause::FrameKind,
            Self::FrameDeadline => Cause::FrameDeadline,
            Self::Silent => Cause::Silent,
            Self::Stalled => Cause::Stalled,
            Self::Refused { .. } => Cause::RefusedByPeer,
            Self::Replaced => Cause::Replaced,
            Self::Displaced => Cause::Displaced,
            Self::Removed => Cause::Removed,
            Self::Unrecognised(why) => why.cause(),
            Self::Disconnected => Cause::Disconnected,
            Self::Shutdown => Cause::Shutdown,
        }
    }

    /// What the other side is told, if it broke a rule.
    pub(crate) const fn refusal(&self) -> Option<RefuseCode> {
        match self {
            Self::FrameTooLarge { .. } => Some(RefuseCode::FrameTooLarge),
            Self::FrameKind(_) => Some(RefuseCode::FrameKind),
            Self::Displaced => Some(RefuseCode::ClientsFull),
            Self::Unrecognised(_) => Some(RefuseCode::Unrecognised),
            Self::PeerClosed
            | Self::Io(_)
            | Self::FrameDeadline
            | Self::Silent
            | Self::Stalled
            | Self::Refused { .. }
            | Self::Replaced
            | Self::Removed
            | Self::Disconnected
            | Self::Shutdown => None,
        }
    }
}

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $label:literal,)*) => {
        /// Why connections are refused or end: one counter each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause { $($(#[$doc])* $name,)* }

        impl Cause {
            /// All causes, in the order of their counters.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// A label for metrics, in snake case.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }
        }
    };
}

causes! {
    /// TCP did not connect.
    Connect = "connect",
    /// TCP, TLS or hello took too long.
    HandshakeDeadline = "handshake_deadline",
    /// The TLS handshake failed.
    Tls = "tls",
    /// Another node than the one dialled answered.
    WrongPeer = "wrong_peer",
    /// What a node showed is no proof of its key.
    ProofMalformed = "proof_malformed",
    /// A node showed a proof of another key.
    ProofOtherKey = "proof_other_key",
    /// A node showed a proof for another system.
    ProofOtherSystem = "proof_other_system",
    /// A node showed a proof for another epoch.
    ProofOtherEpoch = "proof_other_epoch",
    /// A node showed a proof of a second key.
    ProofSecondKey = "proof_second_key",
    /// A node showed a proof that is not signed by whom it names.
    ProofForged = "proof_forged",
    /// What is believed of peers was renewed during the handshake.
    Renewed = "renewed",
    /// The network broke the connection.
    Lost = "lost",
    /// The first frame was no hello.
    NotHello = "not_hello",
    /// No common protocol version.
    Version = "version",
    /// Another system.
    System = "system",
    /// A node that is not known.
    UnknownNode = "unknown_node",
    /// The wrong role.
    Role = "role",
    /// Too many client connections.
    ClientsFull = "clients_full",
    /// Too many sessions under one client key.
    SessionsFull = "sessions_full",
    /// A bulk connection without its main connection.
    NoMain = "no_main",
    /// An unfinished connection that made room for a newer one.
    Evicted = "evicted",
    /// The other side refused us.
    RefusedByPeer = "refused_by_peer",
    /// The peer closed.
    PeerClosed = "peer_closed",
    /// A frame over the limit was claimed.
    FrameTooLarge = "frame_too_large",
    /// A frame that does not belong there.
    FrameKind = "frame_kind",
    /// A frame was not finished in time.
    FrameDeadline = "frame_deadline",
    /// No byte for too long.
    Silent = "silent",
    /// The peer took no bytes for too long.
    Stalled = "stalled",
    /// A newer connection took the place.
    Replaced = "replaced",
    /// A stranger that made room for a newer one.
    Displaced = "displaced",
    /// The peer is no longer known.
    Removed = "removed",
    /// The caller asked for it.
    Disconnected = "disconnected",
    /// The transport was closed.
    Shutdown = "shutdown",
}
