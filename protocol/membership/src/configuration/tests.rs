//! A configuration proves itself under one key; each single change of it is found.
use std::sync::Arc;
use std::vec::Vec;

use quorate_types::{Epoch, MemberRecord, MemberStatus, NodeId};
use quorate_wire::{decode, encode};

use super::{CertifiedConfiguration, VerifiedConfiguration, held_or_new};
use crate::delta::Delta;
use crate::header::Lineage;
use crate::limits::PIECE_BYTES;
use crate::rejected::Rejected;
use crate::testing::{World, schemes};

#[test]
fn mem_1_a_configuration_verifies_under_the_one_key_in_every_epoch() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    for configuration in [&world.first, &next] {
        let certified = configuration.to_certified();
        let bytes = encode(&certified);
        assert_eq!(configuration.to_bytes(), bytes, "the same without a copy");
        let read: CertifiedConfiguration = decode(&bytes).unwrap();
        assert_eq!(read, certified);
        let verified = read.verify(&world.founding.system_key, &schemes());
        assert_eq!(verified.as_ref(), Ok(configuration), "MEM-1");
        let verified = read.verify_after(&world.first, &schemes());
        assert_eq!(verified.as_ref(), Ok(configuration), "MEM-1");
    }
    assert_eq!(next.header().header().lineage.previous, world.first.hash());
}

#[test]
fn mem_1_members_that_the_header_does_not_name_are_refused() {
    let world = World::new(7, 1);
    let good = world.first.to_certified();
    let verdict = |certified: &CertifiedConfiguration| {
        let key = &world.founding.system_key;
        let verdict = certified.verify(key, &schemes()).map(|_| ());
        let after = certified.clone().verify_after(&world.first, &schemes()).map(|_| ());
        assert_eq!(after, verdict, "MEM-1: both are the same check");
        verdict
    };

    let mut moved = good.clone();
    Arc::make_mut(&mut moved.members[3]).address.push('1');
    assert_eq!(verdict(&moved), Err(Rejected::MemberRoot), "MEM-1");
    let mut fewer = good.clone();
    fewer.members.pop();
    assert_eq!(verdict(&fewer), Err(Rejected::MemberCount { expected: 7, got: 6 }));
    let mut swapped = good;
    swapped.members.swap(0, 1);
    assert_eq!(verdict(&swapped), Err(Rejected::MemberOrder));
}

/// Which of the records are in memory once for both.
fn shared(one: &VerifiedConfiguration, other: &VerifiedConfiguration) -> Vec<NodeId> {
    let others = &other.configuration().members;
    let is_shared = |member: &&Arc<MemberRecord>| others.iter().any(|it| Arc::ptr_eq(it, member));
    one.configuration().members.iter().filter(is_shared).map(|member| member.id).collect()
}

#[test]
fn a_configuration_is_given_away_in_short_pieces_and_not_behind_a_failure() {
    let configuration = World::new(100, 1).first;
    let bytes = configuration.to_bytes();
    let mut pieces = Vec::new();
    let given = configuration.give_bytes(|piece| {
        pieces.push(piece.to_vec());
        Ok::<_, ()>(())
    });
    assert_eq!((given, pieces.concat()), (Ok(()), bytes));
    assert!(pieces.len() > 1, "or nothing is shown");
    let record = configuration.configuration().members.iter().map(|it| encode(it).len()).max();
    let longest = PIECE_BYTES + record.unwrap();
    assert!(pieces.iter().all(|piece| piece.len() <= longest));

    let mut taken = 0;
    let given = configuration.give_bytes(|_| {
        taken += 1;
        Err("full")
    });
    assert_eq!((given, taken), (Err("full"), 1));
}

#[test]
fn what_two_configurations_have_in_common_is_in_memory_once() {
    let world = World::new(12, 1);
    // Founders all have keys in the first epoch, and who is in no group has none behind it.
    let base = world.after(&world.first, |_| {});
    let next = world.after(&base, |members| {
        let group = &base.configuration().membership_group;
        let gone = members.iter().position(|member| !group.contains(&member.id)).unwrap();
        members.remove(gone);
        members.push(world.newcomer(20));
    });
    let stays = |member: &&Arc<MemberRecord>| next.configuration().members.contains(member);
    let stay: Vec<_> =
        base.configuration().members.iter().filter(stays).map(|member| member.id).collect();
    assert_eq!(stay.len(), 7, "all but one that went, and the group with its keys");
    assert_eq!(shared(&base, &next), [], "it was made of records of its own");

    let read: CertifiedConfiguration = decode(&next.to_bytes()).unwrap();
    let after = read.verify_after(&base, &schemes()).unwrap();
    assert_eq!((&after, after.leaves()), (&next, next.leaves()));
    assert_eq!(shared(&base, &after), stay);

    let delta = Delta::between(&base, &next).unwrap();
    let applied = delta.apply(&base, &schemes()).unwrap();
    assert_eq!((&applied, applied.leaves()), (&next, next.leaves()));
    assert_eq!(shared(&base, &applied), stay);
}

#[test]
fn a_record_that_is_read_as_it_is_held_is_in_memory_once() {
    let world = World::new(7, 1);
    let held = &world.first.configuration().members;
    // One went, one moved and one came; the others are as they were.
    let (gone, moved, came) = (1, 3, world.newcomer(20));
    let mut records: Vec<MemberRecord> = held.iter().map(|it| MemberRecord::clone(it)).collect();
    records[moved].address.push('1');
    records.remove(gone);
    let place = records.partition_point(|it| it.id < came.id);
    records.insert(place, MemberRecord::clone(&came));

    let read: Vec<_> = held_or_new(held, records.clone().into_iter()).collect();
    assert!(read.iter().map(|it| &**it).eq(&records), "all of them, as they were read");
    let same = held.iter().filter(|it| read.iter().any(|read| Arc::ptr_eq(read, it)));
    let stay = (0..7).filter(|&place| ![gone, moved].contains(&place));
    assert!(same.eq(stay.map(|place| &held[place])), "those that stay are not copied");
}

#[test]
fn a_signed_configuration_that_breaks_a_rule_is_refused_all_the_same() {
    let world = World::new(7, 1);
    let configuration = world.first.configuration().clone();
    let lineage = world.first.header().header().lineage;
    let verdict = |configuration| {
        let certified = world.certify(configuration, lineage);
        certified.verify(&world.founding.system_key, &schemes()).map(|_| ())
    };

    let mut keyless = configuration.clone();
    let outsider = |member: &Arc<MemberRecord>| !keyless.membership_group.contains(&member.id);
    let outsider = keyless.members.iter().position(outsider).unwrap();
    Arc::make_mut(&mut keyless.members[outsider]).epoch_key = None;
    assert_eq!(verdict(keyless.clone()), Err(Rejected::NoEpochKey), "founders have keys");
    let following = Lineage { previous: world.first.hash(), ..lineage };
    let of_next = |configuration| {
        let certified = world.certify(configuration, following);
        certified.verify(&world.founding.system_key, &schemes()).map(|_| ())
    };
    keyless.epoch = Epoch::new(1);
    assert_eq!(of_next(keyless.clone()), Ok(()), "who is in no group may lack a key later");
    for (place, verdict) in [(2, Ok(())), (3, Err(Rejected::NoEpochKey))] {
        let sworn = keyless.membership_group[place];
        let sworn = keyless.members.iter().position(|member| member.id == sworn).unwrap();
        Arc::make_mut(&mut keyless.members[sworn]).epoch_key = None;
        assert_eq!(of_next(keyless.clone()), verdict, "f members may have deposited nothing");
    }
    let mut double = configuration.clone();
    let twin = double.members[1].identity_key;
    Arc::make_mut(&mut double.members[0]).identity_key = twin;
    assert_eq!(verdict(double), Err(Rejected::DuplicateIdentity));
    let mut asleep = configuration.clone();
    let leader = asleep.membership_group[0];
    let position = asleep.members.iter().position(|member| member.id == leader).unwrap();
    Arc::make_mut(&mut asleep.members[position]).status = MemberStatus::Inactive;
    assert_eq!(verdict(asleep), Err(Rejected::GroupMember));
    let mut dead = configuration;
    for member in dead.members.iter_mut().take(4).map(Arc::make_mut) {
        member.status = MemberStatus::Inactive;
    }
    assert_eq!(verdict(dead), Err(Rejected::TooFewActive { needed: 4, got: 3 }));
}

#[test]
fn mem_9_one_member_is_proved_to_whoever_has_only_the_header() {
    let world = World::new(7, 1);
    let header = world.first.header();
    for member in &world.first.configuration().members {
        let proof = world.first.prove(member.id).unwrap();
        let proof: crate::MemberProof = decode(&encode(&proof)).unwrap();
        assert_eq!(proof.verify(header), Ok(&**member));
        let mut moved = proof.clone();
        moved.member.probe_port += 1;
        assert_eq!(moved.verify(header), Err(Rejected::MemberRoot), "MEM-9");
        let next = world.following(&world.first);
        assert_eq!(proof.verify(next.header()), Err(Rejected::MemberRoot), "MEM-9");
        let mut longer = proof;
        longer.path.leaf_count += 1;
        let refused = Rejected::MemberCount { expected: 7, got: 8 };
        assert_eq!(longer.verify(header), Err(refused));
    }
    assert_eq!(world.first.prove(NodeId::new([0; 32])), None);
}

#[test]
fn a_configuration_that_is_read_beside_another_shares_its_records_and_is_the_same() {
    let world = World::new(12, 1);
    let next = world.following(&world.first);
    let bytes = next.to_bytes();
    let read = CertifiedConfiguration::decode_beside(&bytes, &next).unwrap();
    assert_eq!(read, next.to_certified());
    let held = &next.configuration().members;
    assert!(read.members.iter().zip(held).all(|(read, held)| Arc::ptr_eq(read, held)));
    let beside_other = CertifiedConfiguration::decode_beside(&bytes, &world.first);
    assert_eq!(beside_other.as_ref(), Ok(&read));
    let longer = [&bytes[..], &[0]].concat();
    for wrong in (0..bytes.len()).map(|length| &bytes[..length]).chain([&longer[..]]) {
        let expected = decode::<CertifiedConfiguration>(wrong).map(drop);
        let refused = CertifiedConfiguration::decode_beside(wrong, &next).map(drop);
        assert!(expected.is_err() && refused.is_err(), "{} bytes", wrong.len());
    }
}

#[test]
fn no_prefix_of_a_configuration_decodes() {
    let world = World::new(4, 1);
    let bytes = encode(&world.first.to_certified());
    for length in 0..bytes.len() {
        assert!(decode::<CertifiedConfiguration>(&bytes[..length]).is_err());
    }
}
