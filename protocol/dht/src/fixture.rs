//! Keys and a ring of a few servers, for the tests of single machines.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::Signer;
use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_types::{
    Configuration, Epoch, FailureDomain, IdentityKey, MemberRecord, MemberStatus, NodeId,
    Resilience, SoftwareVersion, SystemId, UnixTime,
};

use crate::ring::Ring;

pub(crate) const SYSTEM: SystemId = SystemId::new([1; 32]);
pub(crate) const EPOCH: Epoch = Epoch::new(1);

/// Whose signatures [`signer`] makes.
pub(crate) fn registry() -> IdealRegistry {
    IdealRegistry::new([9; 32])
}

/// The key with this number: servers count from 1, the authority's is 200.
pub(crate) fn signer(number: u8) -> IdealSigner {
    registry().signer(&[number; 32])
}

/// The server with this number; the numbers are in the order of the ring.
pub(crate) const fn node(number: u8) -> NodeId {
    NodeId::new([number * 16; 32])
}

/// The ring of servers 1 to `servers`, of which one in a group may be bad.
pub(crate) fn ring(epoch: Epoch, servers: u8) -> Ring {
    let member = |number: u8| MemberRecord {
        id: node(number),
        identity_key: IdentityKey::new(*signer(number).public_key().as_bytes()),
        later_root: None,
        epoch_key: Some(signer(number).public_key()),
        address: String::new(),
        probe_port: 1,
        failure_domain: FailureDomain(String::new()),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        status: MemberStatus::Active,
        is_on_ring: true,
        is_in_pool: false,
    };
    let resilience = Resilience::new(1).unwrap();
    let configuration = Configuration {
        system: SYSTEM,
        epoch,
        ring_epoch: epoch,
        storage: resilience,
        membership: resilience,
        authority_key: signer(200).public_key(),
        membership_group: Vec::new(),
        created: UnixTime::ZERO,
        members: (1..=servers).map(member).map(Arc::new).collect(),
    };
    Ring::new(&configuration).unwrap()
}
