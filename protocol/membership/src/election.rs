//! Ids, the membership group and its place in the ordering engine: functions of public values.
//!
//! Settled point 27: an id is drawn from the randomness of the epoch of admission and kept for
//! life; the group is the candidates with the smallest lottery numbers, so that neither the gaps on
//! the ring nor a server's own choices matter.
//!
//! Invariants: MEM-10.

use alloc::vec::Vec;

use quorate_crypto::{Domain, Hasher, hash};
use quorate_types::{
    Digest, GroupConfiguration, GroupId, GroupMember, IdentityKey, NodeId, PublicKey, ReadMode,
    Resilience, Slot, SystemId,
};

use crate::epoch_configuration::EpochConfiguration;

/// The id of a server that is admitted in the epoch of this randomness.
#[must_use]
pub fn node_id(system: SystemId, identity_key: IdentityKey, randomness: Digest) -> NodeId {
    let mut hasher = Hasher::new(Domain::Node);
    hasher.update(system.as_bytes()).update(identity_key.as_bytes()).update(randomness.as_bytes());
    NodeId::new(*hasher.finish().as_bytes())
}

fn lottery_number(randomness: Digest, attempt: u32, id: NodeId) -> Digest {
    let mut hasher = Hasher::new(Domain::Group);
    hasher.update(b"membership lottery").update(randomness.as_bytes());
    hasher.update(&attempt.to_be_bytes()).update(id.as_bytes());
    hasher.finish()
}

/// MEM-10: the membership group of an attempt in the order of share indices; nothing if there are
/// too few candidates.
#[must_use]
pub fn elect(
    (randomness, attempt): (Digest, u32),
    candidates: impl IntoIterator<Item = NodeId>,
    resilience: Resilience,
) -> Option<Vec<NodeId>> {
    let number = |id| (lottery_number(randomness, attempt, id), id);
    let mut drawn: Vec<_> = candidates.into_iter().map(number).collect();
    drawn.sort_unstable();
    drawn.dedup();
    let group = drawn.get(..resilience.replicas())?;
    Some(group.iter().map(|(_, id)| *id).collect())
}

/// MEM-10: as [`elect`], where so many of the old group's members keep their seats, if so many are
/// there: those whom the lot favours among them. The others compete with the candidates only if
/// they are such themselves.
#[must_use]
pub(crate) fn elect_beside(
    (randomness, attempt): (Digest, u32),
    (candidates, (old, kept)): (Vec<NodeId>, (Vec<NodeId>, usize)),
    resilience: Resilience,
) -> Option<Vec<NodeId>> {
    let in_order = |some: Vec<NodeId>| {
        let mut some: Vec<_> =
            some.into_iter().map(|id| (lottery_number(randomness, attempt, id), id)).collect();
        some.sort_unstable();
        some.dedup();
        some
    };
    let mut staying = in_order(old);
    staying.truncate(kept);
    let mut others = in_order(candidates);
    others.retain(|drawn| !staying.contains(drawn));
    let wanted = resilience.replicas().checked_sub(staying.len())?;
    staying.extend(others.get(..wanted)?);
    staying.sort_unstable();
    Some(staying.into_iter().map(|(_, id)| id).collect())
}

/// What stands for the key of a member of a group that has deposited none, or that another
/// configuration tells: no point of the curve, so that nobody can sign under it.
pub const UNKNOWN_KEY: PublicKey = {
    let mut bytes = [0; PublicKey::BYTES];
    bytes[0] = 2;
    PublicKey::new(bytes)
};

/// The group of the membership service, the same in every epoch.
#[must_use]
pub fn membership_group_id(system: SystemId) -> GroupId {
    let mut hasher = Hasher::new(Domain::Group);
    hasher.update(b"membership group").update(system.as_bytes());
    GroupId::new(*hasher.finish().as_bytes())
}

/// What the ordering engine of the membership service is started with; `base_slot` is the last
/// slot of the epoch before.
///
/// # Panics
/// Never: a verified configuration has a record for each member of its group.
#[must_use]
pub fn membership_replicas(
    configuration: impl Into<EpochConfiguration>,
    base_slot: Slot,
) -> GroupConfiguration {
    let configuration = configuration.into();
    let servers = configuration.configuration();
    let member = |id: &NodeId| {
        let record = servers.member(*id).expect("MEM-1: the group is among the members");
        GroupMember { node: *id, key: record.epoch_key.unwrap_or(UNKNOWN_KEY) }
    };
    GroupConfiguration {
        system: servers.system,
        group: membership_group_id(servers.system),
        epoch: servers.epoch,
        members: servers.membership_group.iter().map(member).collect(),
        resilience: servers.membership,
        authority_key: servers.authority_key,
        read_mode: ReadMode::Ordered,
        base_slot,
        base_digest: hash(Domain::EpochStart, configuration.hash().as_bytes()),
    }
}
