//! Short, padded and foreign certificates are refused by name (B08, B09).

use std::vec;
use std::vec::Vec;

use quorate_types::{
    Digest, Epoch, GroupConfiguration, GroupId, GroupMember, NodeId, ReadMode, ReplicaId,
    ReplicaSet, Resilience, Slot, SystemId,
};
use quorate_wire::{decode, encode};

use super::Certificate;
use crate::ideal::{IdealRegistry, IdealSigner};
use crate::signature::{Signer, Verifier};
use crate::verified::Rejected;

fn group() -> (IdealRegistry, Vec<IdealSigner>, GroupConfiguration) {
    let registry = IdealRegistry::new([0; 32]);
    let signers: Vec<_> = (0..4).map(|seed| registry.signer(&[seed; 32])).collect();
    let member = |(index, signer): (u8, &IdealSigner)| GroupMember {
        node: NodeId::new([index; 32]),
        key: signer.public_key(),
    };
    let configuration = GroupConfiguration {
        system: SystemId::new([1; 32]),
        group: GroupId::new([2; 32]),
        epoch: Epoch::ZERO,
        members: (0..).zip(&signers).map(member).collect(),
        resilience: Resilience::new(1).unwrap(),
        authority_key: signers[0].public_key(),
        read_mode: ReadMode::Ordered,
        base_slot: Slot::ZERO,
        base_digest: Digest::ZERO,
    };
    (registry, signers, configuration)
}

fn certificate(signers: &[IdealSigner], digest: Digest, who: &[u16]) -> Certificate {
    let sign = |&index: &u16| (ReplicaId::new(index), signers[usize::from(index)].sign(&digest));
    Certificate::new(who.iter().map(sign))
}

#[test]
fn a_quorum_of_signatures_convinces() {
    let (registry, signers, group) = group();
    let digest = Digest::new([5; 32]);
    let good = certificate(&signers, digest, &[3, 0, 2]);
    let mut checks = vec![];
    assert_eq!(good.checks(digest, (&group, 3), &mut checks), Ok(()));
    assert!(registry.are_valid(&checks));
    assert_eq!(decode::<Certificate>(&encode(&good)), Ok(good.clone()));
    let mut checks = vec![];
    good.checks(Digest::ZERO, (&group, 3), &mut checks).unwrap();
    assert!(!registry.are_valid(&checks), "the right set over another digest");
}

#[test]
fn the_same_signer_twice_counts_once() {
    let (_, signers, group) = group();
    let digest = Digest::new([5; 32]);
    let short = certificate(&signers, digest, &[1, 1, 2]);
    let refused = short.checks(digest, (&group, 3), &mut vec![]);
    assert_eq!(refused, Err(Rejected::ShortCertificate { got: 2, needed: 3 }), "CRY-3");
}

#[test]
fn excess_bits_and_wrong_counts_are_refused() {
    let (_, signers, group) = group();
    let digest = Digest::new([5; 32]);
    let mut excess = certificate(&signers, digest, &[0, 1, 2]);
    excess.signers = ReplicaSet::from_bits(0b1_0000_0111);
    let refused = excess.checks(digest, (&group, 3), &mut vec![]);
    assert_eq!(refused, Err(Rejected::ExcessBits), "CRY-3");
    let mut padded = certificate(&signers, digest, &[0, 1, 2]);
    padded.signatures.push(padded.signatures[0]);
    let refused = padded.checks(digest, (&group, 3), &mut vec![]);
    assert_eq!(refused, Err(Rejected::SignatureCount));
}
