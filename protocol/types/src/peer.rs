//! Whom a machine talks to.

use crate::{ClientId, NodeId};

/// The other end of a link, as the link authenticated it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Peer {
    /// A server.
    Node(NodeId),
    /// A client.
    Client(ClientId),
}
