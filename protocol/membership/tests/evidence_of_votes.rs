//! What the ordering engine signs is what evidence is made of, though neither crate knows the
//! other: the frame and the leading bytes are those that `evidence` expects.

use quorate_bft::message::{
    Checkpoint, CheckpointStatement, Cut, HashedCut, Phase, SignedProposal, Vote,
};
use quorate_crypto::Signer;
use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_membership::monitor::evidence::{
    Accused, Contradiction, Evidence, Misdeed, SignedStatement, StatementKind, Unfounded, framed,
};
use quorate_types::{
    Digest, Epoch, GroupConfiguration, GroupId, GroupMember, IdentityKey, NodeId, PublicKey,
    ReadMode, ReplicaId, Resilience, Signature, Slot, SystemId, UnixTime, View,
};
use quorate_wire::Encode;

fn signer() -> RealSigner {
    RealSigner::from_seed(&[5; 32])
}

fn group() -> GroupConfiguration {
    let member =
        |number| GroupMember { node: NodeId::new([number; 32]), key: signer().public_key() };
    GroupConfiguration {
        system: SystemId::new([1; 32]),
        group: GroupId::new([2; 32]),
        epoch: Epoch::new(3),
        members: (0..4).map(member).collect(),
        resilience: Resilience::new(1).expect("one liar"),
        authority_key: PublicKey::new([4; 32]),
        read_mode: ReadMode::Ordered,
        base_slot: Slot::ZERO,
        base_digest: Digest::ZERO,
    }
}

fn said<T: Encode>(kind: StatementKind, content: &T, signature: Signature) -> SignedStatement {
    let group = group();
    let bytes = framed((group.system, group.group, group.epoch), content);
    SignedStatement { kind, bytes, signature }
}

fn check(first: SignedStatement, second: SignedStatement) -> Result<(), Unfounded> {
    let accused = Accused {
        system: group().system,
        epoch: group().epoch,
        epoch_key: Some(signer().public_key()),
        identity_key: IdentityKey::new([9; 32]),
        root: IdentityKey::new([9; 32]).first_root(),
    };
    let misdeed = Misdeed::Contradiction(Contradiction { first, second });
    Evidence { server: NodeId::new([0; 32]), misdeed }.check(&accused, &RealVerifier)
}

fn vote(phase: Phase, digest: u8) -> SignedStatement {
    let choice = (View::new(6), Slot::new(7), Digest::new([digest; 32]));
    let vote = Vote::sign((phase, &group()), choice, (ReplicaId::new(0), &signer()));
    let kind = match phase {
        Phase::Prepare => StatementKind::Prepare,
        Phase::Commit => StatementKind::Commit,
    };
    said(kind, &(choice.0, (choice.1, choice.2)), vote.signature)
}

fn proposal(time: u64) -> SignedStatement {
    let mut cut = Cut::origin(&group());
    (cut.slot, cut.parent) = (Slot::new(7), Digest::new([u8::try_from(time).expect("small"); 32]));
    let signed = SignedProposal::sign(&group(), (View::new(6), &HashedCut::new(cut)), &signer());
    let content = (signed.view, (signed.slot, signed.digest));
    said(StatementKind::Proposal, &content, signed.signature)
}

fn checkpoint(slot: u64, root: u8) -> SignedStatement {
    let statement = CheckpointStatement {
        slot: Slot::new(slot),
        cut: Digest::ZERO,
        time: UnixTime::ZERO,
        root: Digest::new([root; 32]),
        is_last: false,
    };
    let signed = Checkpoint::sign(&group(), statement, (ReplicaId::new(0), &signer()));
    said(StatementKind::Checkpoint, &statement, signed.signature)
}

#[test]
fn two_votes_of_the_engine_for_one_slot_convict() {
    for phase in [Phase::Prepare, Phase::Commit] {
        assert_eq!(check(vote(phase, 1), vote(phase, 2)), Ok(()));
        assert_eq!(check(vote(phase, 1), vote(phase, 1)), Err(Unfounded::NoConflict));
    }
}

#[test]
fn two_proposals_of_the_engine_for_one_slot_convict_and_so_do_a_proposal_and_a_vote() {
    assert_eq!(check(proposal(1), proposal(2)), Ok(()));
    assert_eq!(check(proposal(1), vote(Phase::Prepare, 1)), Ok(()));
    let phases = check(proposal(1), vote(Phase::Commit, 1));
    assert_eq!(phases, Err(Unfounded::DifferentDecisions));
}

#[test]
fn two_states_of_the_engine_after_one_slot_convict() {
    assert_eq!(check(checkpoint(8, 1), checkpoint(8, 2)), Ok(()));
    let slots = check(checkpoint(8, 1), checkpoint(9, 2));
    assert_eq!(slots, Err(Unfounded::DifferentDecisions));
}
