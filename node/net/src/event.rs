//! What the transport tells its caller.

use std::net::SocketAddr;

use crate::error::{DownReason, HandshakeError};
use crate::frame::Class;
use crate::hello::PeerKind;
use crate::identity::PeerKey;

/// One event. For each peer they come in this order: `Up`, its frames, `Down` after the last of
/// them, and only then the next `Up`.
#[derive(Debug)]
pub enum Event {
    /// A peer is connected; from now on frames can be sent to it.
    Up {
        /// The peer.
        peer: PeerKey,
        /// Node or client.
        kind: PeerKind,
        /// The protocol version agreed with it.
        version: u16,
    },
    /// A peer is gone (a client: its last session); what was queued for it is dropped.
    Down {
        /// The peer.
        peer: PeerKey,
        /// Node or client.
        kind: PeerKind,
        /// Why its main connection ended.
        reason: DownReason,
    },
    /// Frames of any number of peers: `Control` before `Ordered` before `Bulk`, peers in turns.
    Frames(Vec<Inbound>),
    /// A connection did not come up. Dropped (and counted) if the caller is slow.
    HandshakeFailed {
        /// The node that was dialled; of who dialled us, the key that it proved: a client's own, or
        /// one that may be a node's.
        peer: Option<PeerKey>,
        /// The address dialled or dialling.
        address: SocketAddr,
        /// Whether we dialled.
        dialled: bool,
        /// What went wrong.
        error: HandshakeError,
    },
}

/// A received frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Who sent it: a client is the key that TLS proved, a node was recognised by it.
    pub peer: PeerKey,
    /// Node or client.
    pub kind: PeerKind,
    /// Its class.
    pub class: Class,
    /// Its body; what it means is the caller's business.
    pub bytes: Vec<u8>,
}

/// What became of a frame given to `send`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Queued (for a client: for at least one of its sessions). It may still be lost with the
    /// connection.
    Queued,
    /// Dropped: the peer's queue of this class is full.
    Full,
    /// Dropped: the peer is not connected, or not known.
    Down,
    /// Dropped: no queue of this peer could ever take a frame of this size in this class.
    TooLarge,
}
