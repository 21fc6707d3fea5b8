//! What may be asked of the membership service.

use quorate_types::{IdentityKey, NodeId};

use crate::authority::{AddCertificate, RemoveCertificate};

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MembershipOperation {
    /// The authority lets a server join, or says that it has moved.
    Add(AddCertificate),
    /// The authority removes a server.
    Remove(RemoveCertificate),
    /// The page of the certified configuration that begins at this id.
    GetConfiguration(NodeId),
    /// Recorded changes of servers with identity keys from this one on.
    GetPending(IdentityKey),
    /// The record of a server.
    GetMember(NodeId),
}

quorate_wire::variants!(MembershipOperation {
    1 => Add,
    2 => Remove,
    3 => GetConfiguration,
    4 => GetPending,
    5 => GetMember,
});
