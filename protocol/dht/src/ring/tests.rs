//! Placement follows the ids around the ring, over the servers that have a place there.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::collections::BTreeSet;

use quorate_types::{
    Configuration, Epoch, FailureDomain, IdentityKey, MemberRecord, MemberStatus, NodeId, ObjectId,
    PublicKey, Resilience, SoftwareVersion, SystemId, UnixTime,
};

use super::{Ring, TooFewServers};

fn member(first_byte: u8, status: MemberStatus) -> MemberRecord {
    let key = PublicKey::new([first_byte; 32]);
    MemberRecord {
        id: NodeId::new([first_byte; 32]),
        identity_key: IdentityKey::new(*key.as_bytes()),
        later_root: None,
        epoch_key: Some(key),
        address: String::from("localhost:1"),
        probe_port: 1,
        failure_domain: FailureDomain(String::new()),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        status,
        is_on_ring: status == MemberStatus::Active,
        is_in_pool: false,
    }
}

fn configuration(members: Vec<MemberRecord>) -> Configuration {
    let resilience = Resilience::new(1).unwrap();
    Configuration {
        system: SystemId::new([1; 32]),
        epoch: Epoch::new(9),
        ring_epoch: Epoch::new(5),
        storage: resilience,
        membership: resilience,
        authority_key: PublicKey::new([2; 32]),
        membership_group: Vec::new(),
        created: UnixTime::ZERO,
        members: members.into_iter().map(Arc::new).collect(),
    }
}

/// A ring of so many servers at uneven distances.
pub(crate) fn ring_of(count: u8) -> Ring {
    let active = (1..=count).map(|number| member(number * 21 - number % 3, MemberStatus::Active));
    Ring::new(&configuration(active.collect())).unwrap()
}

fn first_bytes(ring: &Ring, id: u8) -> Vec<u8> {
    let group = ring.group(ObjectId::new([id; 32]));
    group.members().iter().map(|node| node.as_bytes()[0]).collect()
}

#[test]
fn the_group_is_the_servers_that_follow_the_id_and_wraps() {
    let active = [10, 20, 30, 40, 50, 60].map(|id| member(id, MemberStatus::Active));
    let ring = Ring::new(&configuration(active.to_vec())).unwrap();
    assert_eq!(first_bytes(&ring, 5), [10, 20, 30, 40]);
    assert_eq!(first_bytes(&ring, 20), [20, 30, 40, 50], "an id's own server comes first");
    assert_eq!(first_bytes(&ring, 45), [50, 60, 10, 20]);
    assert_eq!(first_bytes(&ring, 61), [10, 20, 30, 40]);
}

#[test]
fn the_ring_stays_as_it_was_made_whatever_becomes_of_its_servers() {
    let mut members = [10, 20, 30, 40, 50].map(|id| member(id, MemberStatus::Active));
    members[1].is_on_ring = false;
    members[2].status = MemberStatus::Inactive;
    members[3].status = MemberStatus::Removed;
    let ring = Ring::new(&configuration(members.to_vec())).unwrap();
    assert_eq!(first_bytes(&ring, 15), [30, 40, 50, 10], "a server added since holds nothing");
    assert_eq!(ring.epoch, Epoch::new(5), "nor does its epoch change");
}

#[test]
fn every_group_has_distinct_members_dht_6() {
    let active: Vec<_> = (1..=9).map(|id| member(id * 25, MemberStatus::Active)).collect();
    let ring = Ring::new(&configuration(active)).unwrap();
    for id in 0..=255 {
        let distinct: BTreeSet<u8> = first_bytes(&ring, id).into_iter().collect();
        assert_eq!(distinct.len(), 4, "DHT-6");
    }
}

#[test]
fn fewer_servers_than_a_group_are_refused() {
    let active = [10, 20, 30].map(|id| member(id, MemberStatus::Active)).to_vec();
    let refused = Ring::new(&configuration(active));
    assert_eq!(refused.err(), Some(TooFewServers { on_ring: 3, needed: 4 }));
}
