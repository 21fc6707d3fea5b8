//! A genesis is checked as a whole, and everything else follows from it.
use std::collections::BTreeSet;

use expect_test::expect_file;
use quorate_threshold::{Bls12381, Domain, GroupKey, Seed};
use quorate_types::{Digest, Epoch, NodeId, Resilience};
use quorate_wire::{DecodeError, Limit, decode, encode, vector};

use super::{Genesis, GenesisError};
use crate::admission::AdmissionError;
use crate::election::{elect, membership_replicas, node_id};
use crate::header::commitment_digest;
use crate::limits::ADMISSIONS_MAX;
use crate::testing::{World, genesis, registry};

#[test]
fn a_genesis_comes_back_from_its_bytes_with_the_same_system() {
    let genesis = genesis(7, 1);
    let read: Genesis = decode(&encode(&genesis)).unwrap();
    assert_eq!(read, genesis);
    let system = |genesis: Genesis| genesis.check(&registry()).unwrap().system();
    assert_eq!(system(read), system(genesis.clone()));
    let mut other = genesis.clone();
    other.randomness = Digest::new([6; 32]);
    assert_ne!(system(other), system(genesis));
}

#[test]
fn what_a_founding_makes_has_its_golden_bytes() {
    let world = World::new(4, 1);
    let first = &world.first;
    let record = &first.configuration().members[0];
    let member = record.id;
    let mut admissions = world.genesis.genesis().admissions.iter();
    let admission = admissions.find(|it| it.identity_key() == record.identity_key).unwrap();
    let vectors = [
        vector("genesis", &genesis(4, 1)),
        vector("system", &world.genesis.system()),
        vector("certified_configuration", &world.founding.configuration),
        vector("member_proof", &first.prove(member).unwrap()),
        vector("epoch_key_certificate", &admission.certificate),
    ];
    expect_file!["golden/founding.txt"].assert_eq(&vectors.concat());
}

#[test]
fn mem_10_ids_and_the_group_follow_from_the_randomness_alone() {
    let checked = genesis(10, 1).check(&registry()).unwrap();
    let configuration = checked.configuration();
    assert_eq!(configuration.epoch, Epoch::ZERO);
    assert!(configuration.members.is_sorted_by(|left, right| left.id < right.id));
    for member in &configuration.members {
        let id = node_id(checked.system(), member.identity_key, Digest::new([5; 32]));
        assert_eq!(member.id, id, "MEM-10");
    }
    let mut group = configuration.membership_group.clone();
    assert_eq!(group.iter().collect::<BTreeSet<_>>().len(), 4);
    let mut reversed: std::vec::Vec<_> =
        configuration.members.iter().rev().map(|member| member.id).collect();
    reversed.extend(reversed.clone());
    let again = elect((Digest::new([5; 32]), 0), reversed, Resilience::new(1).unwrap());
    assert_eq!(again, Some(group.clone()), "MEM-10: order and repetition change nothing");

    let mut other = genesis(10, 1);
    other.randomness = Digest::new([6; 32]);
    let mut moved = other.check(&registry()).unwrap().configuration().membership_group;
    group.sort_unstable();
    moved.sort_unstable();
    assert_ne!(moved, group);
}

#[test]
fn too_few_candidates_elect_nobody() {
    let ids = (0..3).map(|byte| NodeId::new([byte; 32]));
    assert_eq!(elect((Digest::ZERO, 0), ids, Resilience::new(1).unwrap()), None);
}

#[test]
fn every_fault_of_a_genesis_is_named() {
    let verdict = |genesis: Genesis| genesis.check(&registry()).map(|_| ());
    assert_eq!(verdict(genesis(6, 2)), Err(GenesisError::TooFewServers { needed: 7, got: 6 }));

    let mut unordered = genesis(4, 1);
    unordered.admissions.swap(0, 1);
    let identity_key = unordered.admissions[1].identity_key();
    assert_eq!(verdict(unordered), Err(GenesisError::Order { identity_key }));

    let mut twice = genesis(4, 1);
    twice.admissions[1] = twice.admissions[0].clone();
    let identity_key = twice.admissions[0].identity_key();
    assert_eq!(verdict(twice), Err(GenesisError::Order { identity_key }));

    let mut shared = genesis(4, 1);
    shared.admissions[2].server.address = shared.admissions[0].server.address.clone();
    let identity_key = shared.admissions[2].identity_key();
    assert_eq!(verdict(shared), Err(GenesisError::Shared { identity_key }));

    let mut changed = genesis(4, 1);
    changed.admissions[3].server.probe_port += 1;
    let identity_key = changed.admissions[3].identity_key();
    let reason = AdmissionError::Possession;
    assert_eq!(verdict(changed), Err(GenesisError::Admission { identity_key, reason }));
}

#[test]
fn a_genesis_takes_as_many_servers_as_links_are_made_for_and_not_one_more() {
    let most = genesis(ADMISSIONS_MAX, 1);
    assert_eq!(decode::<Genesis>(&encode(&most)).as_ref(), Ok(&most));
    assert_eq!(most.check(&registry()).map(|_| ()), Ok(()));
    let more = genesis(ADMISSIONS_MAX + 1, 1);
    let got = ADMISSIONS_MAX + 1;
    let refused = more.clone().check(&registry()).map(|_| ());
    assert_eq!(refused, Err(GenesisError::TooManyServers { got }));
    let limit = Limit::new("admissions", ADMISSIONS_MAX);
    let over = DecodeError::OverLimit { limit, claimed: got };
    assert_eq!(decode::<Genesis>(&encode(&more)), Err(over));
}

#[test]
fn each_member_of_the_group_gets_the_share_of_its_place() {
    let world = World::new(7, 2);
    let group = GroupKey::new(world.founding.commitment.clone()).unwrap();
    assert_eq!(group.public_key(), world.founding.system_key);
    assert_eq!(world.founding.shares.len(), 7);
    for (place, (member, share)) in world.founding.shares.iter().enumerate() {
        assert_eq!(*member, world.group()[place]);
        assert_eq!(usize::from(share.index().get()), place + 1);
        assert_eq!(group.check_share(share), Ok(()));
    }
    let named = world.first.header().header().lineage.commitments;
    assert_eq!(named, commitment_digest(&world.founding.commitment));
    let partial = world.founding.shares[0].1.sign(Domain::Beacon, b"message");
    assert_eq!(group.verify_partial(Domain::Beacon, b"message", &partial), Ok(()));
}

#[test]
fn another_seed_gives_another_key_for_the_same_servers() {
    let world = World::new(4, 1);
    let other = world.genesis.found(&Seed::new([8; 32]), &Bls12381).unwrap();
    assert_ne!(other.system_key, world.founding.system_key);
    assert_eq!(other.configuration.members, world.founding.configuration.members);
}

#[test]
fn the_ordering_engine_gets_the_group_in_the_order_of_shares() {
    let world = World::new(7, 1);
    let group = membership_replicas(&world.first, quorate_types::Slot::ZERO);
    let nodes: std::vec::Vec<_> = group.members.iter().map(|member| member.node).collect();
    assert_eq!(nodes, world.group());
    assert_eq!(group.resilience.replicas(), group.members.len());
}
