//! A proof holds for whoever has the configurations, and what was signed can be read.
use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_bft::message::{CheckpointStatement, Phase, Vote};
use quorate_crypto::Signer;
use quorate_crypto::real::RealSigner;
use quorate_membership::monitor::evidence::{
    Contradiction, Misdeed, SignedStatement, StatementKind, framed,
};
use quorate_membership::monitor::{Accusation, Conviction, Evidence, Unfounded};
use quorate_types::{
    Configuration, Digest, Epoch, FailureDomain, GroupConfiguration, GroupId, GroupMember,
    IdentityKey, MemberRecord, MemberStatus, NodeId, PublicKey, ReadMode, ReplicaId, Resilience,
    Slot, SoftwareVersion, SystemId, UnixTime, View,
};

use super::{Said, Unproven, about, check, read_statement};
use crate::error::ClientError;
use crate::explanation::Kind;

const LIAR: NodeId = NodeId::new([2; 32]);

fn signer() -> RealSigner {
    RealSigner::from_seed(&[5; 32])
}

fn configuration(epoch: u64) -> Configuration {
    let identity_key = IdentityKey::new([9; 32]);
    let liar = MemberRecord {
        id: LIAR,
        identity_key,
        later_root: None,
        epoch_key: Some(signer().public_key()),
        address: String::from("192.0.2.1:9600"),
        probe_port: 9600,
        failure_domain: FailureDomain(String::from("bergen")),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        status: MemberStatus::Active,
        is_on_ring: true,
        is_in_pool: false,
    };
    let one = Resilience::new(1).unwrap();
    Configuration {
        system: SystemId::new([1; 32]),
        ring_epoch: Epoch::ZERO,
        epoch: Epoch::new(epoch),
        storage: one,
        membership: one,
        authority_key: PublicKey::new([4; 32]),
        membership_group: vec![LIAR],
        created: UnixTime::ZERO,
        members: vec![Arc::new(liar)],
    }
}

fn vote(cut: u8) -> SignedStatement {
    let (system, group, epoch) = (SystemId::new([1; 32]), GroupId::new([3; 32]), Epoch::new(7));
    let member = GroupMember { node: LIAR, key: signer().public_key() };
    let engine = GroupConfiguration {
        system,
        group,
        epoch,
        members: vec![member; 4],
        resilience: Resilience::new(1).unwrap(),
        authority_key: PublicKey::new([4; 32]),
        read_mode: ReadMode::Ordered,
        base_slot: Slot::ZERO,
        base_digest: Digest::ZERO,
    };
    let choice = (View::new(6), Slot::new(5), Digest::new([cut; 32]));
    let vote = Vote::sign((Phase::Commit, &engine), choice, (ReplicaId::new(0), &signer()));
    let word = vote.word(Phase::Commit, &engine);
    let kind = StatementKind::of(word.domain).unwrap();
    SignedStatement { kind, bytes: word.bytes, signature: word.signature }
}

/// Two votes in epoch 7, of which this log heard.
fn proof(epoch: u64) -> Conviction {
    let both = Contradiction { first: vote(1), second: vote(2) };
    let evidence = Evidence { server: LIAR, misdeed: Misdeed::Contradiction(both) };
    let accusation = Accusation { evidence, certificate: None };
    Conviction { epoch: Epoch::new(epoch), slot: Slot::new(9), accusation }
}

fn verdict(proof: Conviction, known: &[&Configuration]) -> Result<(), Unproven> {
    let known: BTreeMap<_, _> = known.iter().map(|one| (one.epoch, *one)).collect();
    check(proof, &known).verdict
}

#[test]
fn two_votes_convict_with_the_configurations_of_their_epochs_and_without_them_do_not() {
    let [seventh, eighth] = [7, 8].map(configuration);
    assert_eq!(verdict(proof(7), &[&seventh]), Ok(()));
    assert_eq!(verdict(proof(8), &[&seventh, &eighth]), Ok(()), "it came an epoch later");
    let lacks = |epoch| Err(Unproven::NoConfiguration(Epoch::new(epoch)));
    assert_eq!(verdict(proof(8), &[&eighth]), lacks(7));
    assert_eq!(verdict(proof(8), &[&seventh]), lacks(8));
    let mut forged = proof(7);
    let Misdeed::Contradiction(both) = &mut forged.accusation.evidence.misdeed else {
        unreachable!("it was made of two votes");
    };
    both.second.signature = both.first.signature;
    let refused = Err(Unproven::Unfounded(Unfounded::BadSignature));
    assert_eq!(verdict(forged, &[&seventh]), refused);
}

#[test]
fn a_proof_against_another_server_than_was_asked_about_is_none_against_this_one() {
    assert_eq!(about(LIAR, proof(7)).unwrap(), proof(7));
    let other = NodeId::new([3; 32]);
    let refused = about(other, proof(7)).unwrap_err();
    assert!(
        matches!(refused, ClientError::OtherProof { asked, got } if (asked, got) == (other, LIAR)),
        "{refused}"
    );
    let said = refused.explain();
    assert_eq!((said.kind, said.code), (Kind::Damaged, "evidence-other"));
    assert!(said.what.contains(&LIAR.to_string()), "{said}");
}

#[test]
fn what_was_signed_can_be_read() {
    let cut = Said::Cut { view: View::new(6), slot: Slot::new(5), cut: Digest::new([1; 32]) };
    assert_eq!(read_statement(&vote(1)), Some(cut));
    let state = CheckpointStatement {
        slot: Slot::new(8),
        cut: Digest::ZERO,
        time: UnixTime::ZERO,
        root: Digest::new([3; 32]),
        is_last: false,
    };
    let frame = (SystemId::new([1; 32]), GroupId::new([3; 32]), Epoch::new(7));
    let said = |kind, bytes| read_statement(&SignedStatement { kind, bytes, ..vote(1) });
    let checkpoint = framed(frame, &state);
    assert_eq!(said(StatementKind::Checkpoint, checkpoint.clone()), Some(Said::State(state)));
    assert_eq!(said(StatementKind::Commit, checkpoint), None, "it is not of that kind");
    assert_eq!(said(StatementKind::Commit, vec![0; 9]), None, "it has no frame");
    let (session, dealing) = (Digest::new([4; 32]), Digest::new([5; 32]));
    let dealt = framed(frame, &((session, 2_u16), dealing));
    let expected = Said::Dealing { session, dealer: 2, dealing };
    assert_eq!(said(StatementKind::Dealing, dealt), Some(expected));
}
