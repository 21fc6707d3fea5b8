//! Systems that tests look at; nobody has signed them.

use std::sync::Arc;

use quorate_types::{
    Configuration, Epoch, FailureDomain, IdentityKey, MemberRecord, MemberStatus, NodeId,
    PublicKey, Resilience, SoftwareVersion, SystemId, UnixTime,
};

/// Ids are in the order of the numbers.
pub(crate) fn id(number: u32) -> NodeId {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    NodeId::new(id)
}

/// A server with duties that holds objects.
pub(crate) fn member(number: u32) -> MemberRecord {
    MemberRecord {
        id: id(number),
        identity_key: IdentityKey::new([2; 32]),
        later_root: None,
        epoch_key: Some(PublicKey::new([3; 32])),
        address: String::from("server.example:4700"),
        probe_port: 4701,
        failure_domain: FailureDomain(String::new()),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        status: MemberStatus::Active,
        is_on_ring: true,
        is_in_pool: false,
    }
}

/// A system without a membership group whose groups would bear so many bad servers.
pub(crate) fn system(
    members: impl IntoIterator<Item = MemberRecord>,
    (storage, membership): (u16, u16),
) -> Configuration {
    Configuration {
        system: SystemId::new([1; 32]),
        epoch: Epoch::ZERO,
        ring_epoch: Epoch::ZERO,
        storage: Resilience::new(storage).expect("f is in range"),
        membership: Resilience::new(membership).expect("f is in range"),
        authority_key: PublicKey::new([5; 32]),
        membership_group: Vec::new(),
        created: UnixTime::ZERO,
        members: members.into_iter().map(Arc::new).collect(),
    }
}
