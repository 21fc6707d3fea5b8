//! What a delta says, and what is refused.
use std::string::ToString;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use quorate_threshold::SIGNATURE_BYTES;
use quorate_types::{MemberRecord, MemberStatus};
use quorate_wire::{DecodeError, decode, encode};

use super::{Broken, Chain, Delta};
use crate::VerifiedConfiguration;
use crate::rejected::Rejected;
use crate::testing::{World, epoch_signer, schemes};
use quorate_crypto::Signer;

/// Takes away, changes, silences and adds servers outside the membership group.
fn churn(world: &World, old: &VerifiedConfiguration) -> VerifiedConfiguration {
    world.after(old, |members| {
        let is_free = |member: &MemberRecord| !world.group().contains(&member.id);
        let free: Vec<_> = members.iter().filter(|member| is_free(member)).map(|m| m.id).collect();
        members.retain(|member| member.id != free[0]);
        let find = |id| move |member: &&mut MemberRecord| member.id == id;
        members.iter_mut().find(find(free[1])).unwrap().status = MemberStatus::Inactive;
        members.iter_mut().find(find(free[2])).unwrap().address = "moved.example:1".to_string();
        let key = epoch_signer(77, old.epoch().next()).public_key();
        members.iter_mut().find(find(free[3])).unwrap().epoch_key = Some(key);
        members.push(world.newcomer(50));
        members.push(world.newcomer(51));
    })
}

#[test]
fn a_delta_makes_the_next_configuration_and_holds_no_more_than_what_changed() {
    let world = World::new(12, 1);
    let next = churn(&world, &world.first);
    let delta = Delta::between(&world.first, &next).unwrap();
    assert_eq!((delta.gone.len(), delta.changed.len(), delta.keys.len()), (1, 4, 5));
    let delta: Delta = decode(&encode(&delta)).unwrap();
    assert_eq!(delta.apply(&world.first, &schemes()), Ok(next.clone()));
    assert_eq!(Delta::between(&next, &world.first), None, "MEM-3: there is no way back");
    assert_eq!(delta.apply(&next, &schemes()), Err(Rejected::WrongEpoch));
}

#[test]
fn keys_that_change_take_36_bytes_each() {
    let world = World::new(12, 1);
    let next = world.following(&world.first);
    let delta = Delta::between(&world.first, &next).unwrap();
    let shared = encode(&delta.certified).len() + 1 + 3 * 4;
    assert_eq!(encode(&delta).len(), shared + 12 * 36);
}

#[test]
fn what_a_liar_makes_of_a_delta_is_refused() {
    let world = World::new(12, 1);
    let next = churn(&world, &world.first);
    let good = Delta::between(&world.first, &next).unwrap();
    let refused = |change: &dyn Fn(&mut Delta)| {
        let mut delta = good.clone();
        change(&mut delta);
        delta.apply(&world.first, &schemes()).unwrap_err()
    };

    let forged = refused(&|delta| {
        delta.certified.signature = quorate_threshold::Signature::new([1; SIGNATURE_BYTES]);
    });
    assert!(matches!(forged, Rejected::ThresholdSignature(_)), "MEM-1: {forged}");
    let root = refused(&|delta| delta.certified.header.member_root.clone_from(&world.first.hash()));
    assert!(matches!(root, Rejected::ThresholdSignature(_)), "MEM-1: {root}");
    let moved = refused(&|delta| delta.changed[0].address = "liar.example:1".to_string());
    assert_eq!(moved, Rejected::MemberRoot, "MEM-1: the root is compared");
    assert_eq!(refused(&|delta| delta.keys[0].1 = delta.keys[1].1), Rejected::MemberRoot);
    let count = refused(&|delta| delta.gone.clear());
    assert!(matches!(count, Rejected::MemberCount { .. }), "{count}");
    let previous = refused(&|delta| delta.certified.header.lineage.previous = next.hash());
    assert_eq!(previous, Rejected::WrongHeader);

    let mut kept = world.first.configuration().members.iter();
    let kept = kept.rfind(|member| world.group().contains(&member.id)).unwrap();
    let unchanged = MemberRecord { epoch_key: None, ..kept.as_ref().clone() };
    let shapes: [&dyn Fn(&mut Delta); 7] = [
        &|delta| delta.gone.push(12),
        &|delta| delta.gone = vec![delta.gone[0], delta.gone[0]],
        &|delta| delta.changed.swap(0, 1),
        &|delta| delta.keys.swap(0, 1),
        &|delta| delta.keys.push((99, delta.keys[0].1)),
        &|delta| delta.changed[0].epoch_key = Some(delta.keys[0].1),
        &|delta| {
            let place = delta.changed.partition_point(|record| record.id < unchanged.id);
            delta.changed.insert(place, unchanged.clone());
        },
    ];
    for shape in shapes {
        assert_eq!(refused(shape), Rejected::DeltaShape, "MEM-61: one way to say it");
    }
}

#[test]
fn documents_with_records_of_another_form_are_refused_by_their_version() {
    let world = World::new(12, 1);
    let delta = Delta::between(&world.first, &churn(&world, &world.first)).unwrap();
    let mut bytes = encode(&delta);
    assert_eq!(bytes[0], 2, "the form of records of today");
    bytes[0] = 1;
    let refused = DecodeError::UnknownTag { of: "Delta", tag: 1 };
    assert_eq!(decode::<Delta>(&bytes), Err(refused));
    let chain = Chain { first: world.first.to_certified(), deltas: vec![delta] };
    let mut bytes = encode(&chain);
    let version = bytes.iter().position(|byte| *byte == 2).unwrap();
    bytes[version] = 1;
    let refused = DecodeError::UnknownTag { of: "Chain", tag: 1 };
    assert_eq!(decode::<Chain>(&bytes), Err(refused));
}

#[test]
fn a_chain_is_checked_with_the_key_alone_and_says_where_it_breaks() {
    let world = World::new(12, 1);
    let second = churn(&world, &world.first);
    let third = world.after(&second, |members| members.retain(|member| member.address.len() > 3));
    let deltas = vec![
        Delta::between(&world.first, &second).unwrap(),
        Delta::between(&second, &third).unwrap(),
    ];
    let chain = Chain { first: world.first.to_certified(), deltas };
    let mut chain: Chain = decode(&encode(&chain)).unwrap();
    let key = world.founding.system_key;

    let mut seen = vec![];
    let last = chain.walk(&key, &schemes(), |configuration| seen.push(configuration.hash()));
    assert_eq!(last, Ok(third.clone()));
    assert_eq!(seen, [world.first.hash(), second.hash(), third.hash()], "MEM-62: every one");

    chain.deltas[1].keys.clear();
    let broken = chain.walk(&key, &schemes(), |_| {}).unwrap_err();
    let reason = Rejected::MemberRoot;
    assert_eq!(broken, Broken { epoch: third.epoch(), verified_count: 2, reason });
    chain.deltas.remove(0);
    let gap = chain.walk(&key, &schemes(), |_| {}).unwrap_err();
    assert_eq!((gap.verified_count, gap.reason), (1, Rejected::WrongEpoch), "MEM-62: no gap");
    let stranger = World::new(4, 1).founding.system_key;
    let other = quorate_threshold::PublicKey::new([7; 48]);
    assert_ne!(stranger, other);
    let foreign = chain.walk(&other, &schemes(), |_| {}).unwrap_err();
    assert!(matches!(foreign.reason, Rejected::ThresholdSignature(_)), "MEM-1: {foreign}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_change_is_carried_by_its_delta(
        moves in proptest::collection::vec((0_usize..40, 0_u8..4), 0..20),
    ) {
        let world = World::new(12, 1);
        let next = world.after(&world.first, |members| {
            for (server, what) in &moves {
                change(&world, members, *server, *what);
            }
        });
        let delta = Delta::between(&world.first, &next).unwrap();
        prop_assert!(delta.changed.len() + delta.gone.len() <= moves.len(), "no more than changed");
        let after = delta.members_after(&world.first.configuration().members);
        prop_assert_eq!(after, Ok(next.configuration().members.clone()));
    }
}

fn change(world: &World, members: &mut Vec<MemberRecord>, server: usize, what: u8) {
    let record = world.newcomer(100 + server);
    if what == 0 && members.iter().all(|member| member.id != record.id) {
        members.push(record);
        return;
    }
    let place = server % members.len();
    if world.group().contains(&members[place].id) {
        return;
    }
    match what {
        1 if members.len() > 6 => drop(members.remove(place)),
        2 => members[place].probe_port ^= 1,
        _ => {
            let key = epoch_signer(server, world.first.epoch()).public_key();
            members[place].epoch_key = Some(key);
        }
    }
}
