//! A header says what its configuration says, has one encoding, and takes `f + 1` shares to sign.
use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use quorate_threshold::{Bls12381, GroupKey, PartialSignature};
use quorate_types::{Digest, Epoch, NodeId, PublicKey, Resilience, SystemId, UnixTime};
use quorate_wire::{DecodeError, decode, encode};

use super::{CertifiedHeader, ConfigurationHeader, Lineage};
use crate::rejected::Rejected;
use crate::testing::World;

/// A header of plain bytes.
fn plain() -> ConfigurationHeader {
    let lineage = Lineage {
        previous: Digest::new([0x33; 32]),
        attempt: 2,
        randomness: Digest::new([0x44; 32]),
        commitments: Digest::new([0x55; 32]),
    };
    ConfigurationHeader {
        system: SystemId::new([0x22; 32]),
        epoch: Epoch::new(7),
        ring_epoch: Epoch::new(6),
        lineage,
        storage: Resilience::new(1).unwrap(),
        membership: Resilience::new(3).unwrap(),
        authority_key: PublicKey::new([0x66; 32]),
        created: UnixTime::from_micros(258),
        membership_group: vec![NodeId::new([0x77; 32]), NodeId::new([0x88; 32])],
        member_count: 9,
        member_root: Digest::new([0x99; 32]),
    }
}

#[test]
fn the_encoding_and_the_hash_of_a_header_are_fixed() {
    let wide = |byte: &str| byte.repeat(32);
    let golden = [
        "01",
        &wide("22"),
        "0000000000000007",
        "0000000000000006",
        &wide("33"),
        "00000002",
        &wide("44"),
        &wide("55"),
        "00010003",
        &wide("66"),
        "0000000000000102",
        "00000002",
        &wide("77"),
        &wide("88"),
        "00000009",
        &wide("99"),
    ];
    let hex: String = encode(&plain()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden.concat());
    let golden = "ea6100cf2cd76726133df561b4c2161856bb675b20f90227cafefb1d364e7139";
    assert_eq!(plain().hash().to_hex(), golden);
}

#[test]
fn a_header_and_its_certified_form_come_back_from_their_bytes() {
    let world = World::new(4, 1);
    let certified = world.first.header().certified().clone();
    assert_eq!(decode::<CertifiedHeader>(&encode(&certified)), Ok(certified.clone()));
    let mut bytes = encode(&certified.header);
    assert_eq!(decode::<ConfigurationHeader>(&bytes), Ok(certified.header));
    bytes[0] = 2;
    let refused = DecodeError::UnknownTag { of: "ConfigurationHeader", tag: 2 };
    assert_eq!(decode::<ConfigurationHeader>(&bytes), Err(refused));
}

#[test]
fn mem_9_a_header_follows_from_configuration_and_lineage_and_changes_with_each_part() {
    let world = World::new(4, 1);
    let configuration = world.first.configuration().clone();
    let header = world.first.header().header().clone();
    assert_eq!(ConfigurationHeader::of(&configuration, header.lineage), header, "MEM-9");
    let mut moved = configuration.clone();
    Arc::make_mut(&mut moved.members[0]).address.push('0');
    assert_ne!(ConfigurationHeader::of(&moved, header.lineage).hash(), header.hash());
    let mut lineage = header.lineage;
    lineage.attempt = 1;
    assert_ne!(ConfigurationHeader::of(&configuration, lineage).hash(), header.hash());
}

#[test]
fn a_weak_quorum_of_partials_certifies_and_a_liar_is_named() {
    let world = World::new(4, 1);
    let header = world.first.header().header().clone();
    let group = GroupKey::new(world.founding.commitment.clone()).unwrap();
    let good: Vec<_> = world.founding.shares[..2]
        .iter()
        .map(|(_, share)| header.sign_partial(share, &Bls12381))
        .collect();
    let (certified, bad) = header.clone().certify(&group, &good, &Bls12381).unwrap();
    assert!(bad.is_empty());
    assert_eq!(certified, *world.first.header().certified());
    assert!(header.clone().certify(&group, &good[..1], &Bls12381).is_err());

    let lie = PartialSignature::new(world.founding.shares[2].1.index(), *good[0].signature());
    let mixed = [lie, good[0], good[1]];
    let (certified, bad) = header.certify(&group, &mixed, &Bls12381).unwrap();
    assert_eq!(bad, [lie.index()]);
    assert_eq!(certified, *world.first.header().certified());
}

#[test]
fn mem_1_a_header_that_was_changed_or_signed_by_another_system_is_refused() {
    let world = World::new(4, 1);
    let (key, certified) = (&world.founding.system_key, world.first.header().certified());
    assert!(certified.verify(key, &Bls12381).is_ok());
    let mut forged = certified.clone();
    forged.header.created = forged.header.created.after(quorate_types::Duration::from_micros(1));
    let refused = forged.verify(key, &Bls12381);
    assert!(matches!(refused, Err(Rejected::ThresholdSignature(_))), "MEM-1");
    let stranger = quorate_threshold::PublicKey::new([0; 48]);
    let refused = certified.verify(&stranger, &Bls12381);
    assert!(matches!(refused, Err(Rejected::ThresholdSignature(_))), "MEM-1");
}

#[test]
fn a_header_of_impossible_shape_is_refused_even_with_a_good_signature() {
    let world = World::new(4, 1);
    let key = &world.founding.system_key;
    let configuration = world.first.configuration().clone();
    let lineage = world.first.header().header().lineage;
    let verdict = |configuration, lineage| {
        let certified = world.certify(configuration, lineage).certified;
        certified.verify(key, &Bls12381).map(|_| ())
    };

    let mut previous = lineage;
    previous.previous = Digest::new([1; 32]);
    assert_eq!(verdict(configuration.clone(), previous), Err(Rejected::Predecessor));
    let mut later = configuration.clone();
    later.epoch = Epoch::new(1);
    assert_eq!(verdict(later, lineage), Err(Rejected::Predecessor));
    let mut short = configuration.clone();
    short.membership_group.pop();
    assert_eq!(verdict(short, lineage), Err(Rejected::GroupShape));
    let mut twice = configuration.clone();
    twice.membership_group[1] = twice.membership_group[0];
    assert_eq!(verdict(twice, lineage), Err(Rejected::GroupShape));
    let mut few = configuration;
    few.members.pop();
    assert_eq!(verdict(few, lineage), Err(Rejected::TooFewActive { needed: 4, got: 3 }));
}
