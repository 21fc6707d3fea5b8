//! Where the replica groups of a configuration are: the same answer at servers and clients.

use quorate_crypto::{Domain, hash};
use quorate_dht::{Ring, TooFewServers};
use quorate_membership::VerifiedConfiguration;
use quorate_types::{GroupConfiguration, GroupId, GroupMember, NodeId, ObjectId, ReadMode, Slot};

/// Frames of replica groups; the group follows.
pub const ORDERING: u8 = 1;
/// Frames of the storage DHT.
pub const STORAGE: u8 = 2;
/// Frames about configurations and their freshness.
pub const CONFIGURATION: u8 = 3;

/// The group of the key-value service: placed on the ring like an object.
///
/// # Errors
/// [`TooFewServers`] if the ring is smaller than a group.
pub fn key_value_group(
    configuration: &VerifiedConfiguration,
) -> Result<GroupConfiguration, TooFewServers> {
    let servers = configuration.configuration();
    let system = servers.system;
    let point = hash(Domain::Group, &[b"key-value".as_slice(), system.as_bytes()].concat());
    let group = Ring::new(servers)?.group(ObjectId::new(*point.as_bytes()));
    let member = |node: &NodeId| {
        let record = servers.member(*node).expect("the ring is made of members");
        GroupMember { node: *node, key: record.epoch_key }
    };
    Ok(GroupConfiguration {
        system,
        group: GroupId::new(*point.as_bytes()),
        epoch: servers.epoch,
        members: group.members().iter().map(member).collect(),
        resilience: servers.storage,
        authority_key: servers.authority_key,
        read_mode: ReadMode::Ordered,
        base_slot: Slot::ZERO,
        base_digest: hash(Domain::EpochStart, configuration.hash().as_bytes()),
    })
}
