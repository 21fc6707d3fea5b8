//! Evidence convicts who signed both, and nobody else.
use std::boxed::Box;

use proptest::prelude::*;
use quorate_crypto::{Signer, hash};
use quorate_types::{Digest, Epoch, GroupId, NodeId, Slot, SystemId, View};
use quorate_wire::{decode, encode};

use super::{
    Accused, Contradiction, Evidence, Misdeed, SignedStatement, StatementKind, TwoKeys, Unfounded,
    framed,
};
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::identity::IdentitySigner;
use crate::testing::{epoch_signer, identity, identity_in, registry};

const SYSTEM: SystemId = SystemId::new([1; 32]);
const EPOCH: Epoch = Epoch::new(3);
const FRAME: (SystemId, GroupId, Epoch) = (SYSTEM, GroupId::new([2; 32]), EPOCH);

fn accused(server: usize) -> Accused {
    Accused {
        system: SYSTEM,
        epoch: EPOCH,
        epoch_key: Some(epoch_signer(server, EPOCH).public_key()),
        identity_key: identity(server).identity_key(),
        root: identity(server).root(),
    }
}

fn vote(
    kind: StatementKind,
    frame: (SystemId, GroupId, Epoch),
    (view, slot, digest): (u64, u64, u8),
) -> SignedStatement {
    let choice = (View::new(view), (Slot::new(slot), Digest::new([digest; 32])));
    let bytes = framed(frame, &choice);
    let signature = epoch_signer(0, EPOCH).sign(&hash(kind.domain(), &bytes));
    SignedStatement { kind, bytes, signature }
}

fn check(first: SignedStatement, second: SignedStatement) -> Result<(), Unfounded> {
    let misdeed = Misdeed::Contradiction(Contradiction { first, second });
    let evidence = Evidence { server: NodeId::new([9; 32]), misdeed };
    assert_eq!(decode::<Evidence>(&encode(&evidence)), Ok(evidence.clone()));
    evidence.check(&accused(0), &registry())
}

#[test]
fn mem_44_two_votes_for_one_slot_of_one_view_convict() {
    let prepare = |choice| vote(StatementKind::Prepare, FRAME, choice);
    assert_eq!(check(prepare((0, 5, 1)), prepare((0, 5, 2))), Ok(()));
    let same = check(prepare((0, 5, 1)), prepare((0, 5, 1)));
    assert_eq!(same, Err(Unfounded::NoConflict));
    let other_slot = check(prepare((0, 5, 1)), prepare((0, 6, 2)));
    assert_eq!(other_slot, Err(Unfounded::DifferentDecisions));
    let other_view = check(prepare((0, 5, 1)), prepare((1, 5, 2)));
    assert_eq!(other_view, Err(Unfounded::DifferentDecisions));
}

#[test]
fn a_leader_is_convicted_by_a_proposal_and_a_vote() {
    let proposal = vote(StatementKind::Proposal, FRAME, (0, 5, 1));
    assert_eq!(check(proposal.clone(), vote(StatementKind::Prepare, FRAME, (0, 5, 2))), Ok(()));
    let own = check(proposal.clone(), vote(StatementKind::Prepare, FRAME, (0, 5, 1)));
    assert_eq!(own, Err(Unfounded::NoConflict));
    let phases = check(proposal, vote(StatementKind::Commit, FRAME, (0, 5, 2)));
    assert_eq!(phases, Err(Unfounded::DifferentDecisions));
}

#[test]
fn votes_in_two_groups_or_epochs_are_no_conflict() {
    let vote = |frame, digest| vote(StatementKind::Commit, frame, (0, 5, digest));
    let elsewhere = (SYSTEM, GroupId::new([3; 32]), EPOCH);
    assert_eq!(check(vote(FRAME, 1), vote(elsewhere, 2)), Err(Unfounded::DifferentDecisions));
    let later = (SYSTEM, FRAME.1, Epoch::new(4));
    assert_eq!(check(vote(FRAME, 1), vote(later, 2)), Err(Unfounded::DifferentDecisions));
    assert_eq!(check(vote(later, 1), vote(later, 2)), Err(Unfounded::WrongEpoch));
    let foreign = (SystemId::new([4; 32]), FRAME.1, EPOCH);
    assert_eq!(check(vote(foreign, 1), vote(foreign, 2)), Err(Unfounded::WrongSystem));
}

#[test]
fn nobody_is_convicted_by_the_signatures_of_another() {
    let first = vote(StatementKind::Prepare, FRAME, (0, 5, 1));
    let mut second = vote(StatementKind::Prepare, FRAME, (0, 5, 2));
    second.signature = first.signature;
    assert_eq!(check(first, second), Err(Unfounded::BadSignature));
}

#[test]
fn a_statement_that_decides_nothing_is_malformed() {
    let good = vote(StatementKind::Prepare, FRAME, (0, 5, 1));
    let length = good.bytes.len() - Digest::BYTES;
    for length in [0, length - 1, length] {
        let mut short = good.clone();
        short.bytes.truncate(length);
        assert_eq!(check(good.clone(), short), Err(Unfounded::Malformed));
    }
}

fn certificate(server: usize, epoch: u64, key: usize) -> Box<EpochKeyCertificate> {
    let (identity_key, epoch) = (identity(server).identity_key(), Epoch::new(epoch));
    let epoch_key = epoch_signer(key, EPOCH).public_key();
    let statement = EpochKeyStatement::of_system(SYSTEM, identity_key, epoch, epoch_key);
    Box::new(EpochKeyCertificate::issue(statement, &identity_in(server, statement.epoch)))
}

#[test]
fn two_keys_for_one_epoch_convict() {
    let check = |first, second| {
        let misdeed = Misdeed::TwoKeys(TwoKeys { first, second });
        let evidence = Evidence { server: NodeId::new([9; 32]), misdeed };
        assert_eq!(decode::<Evidence>(&encode(&evidence)), Ok(evidence.clone()));
        evidence.check(&accused(0), &registry())
    };
    assert_eq!(check(certificate(0, 3, 0), certificate(0, 3, 1)), Ok(()));
    assert_eq!(check(certificate(0, 0, 0), certificate(0, 0, 1)), Ok(()));
    let once = check(certificate(0, 3, 0), certificate(0, 3, 0));
    assert_eq!(once, Err(Unfounded::NoConflict));
    let in_turn = check(certificate(0, 3, 0), certificate(0, 4, 1));
    assert_eq!(in_turn, Err(Unfounded::DifferentDecisions));
    let another = check(certificate(0, 3, 0), certificate(1, 3, 1));
    assert_eq!(another, Err(Unfounded::WrongIdentity));
    let mut forged = certificate(0, 3, 1);
    forged.signature = certificate(0, 3, 0).signature;
    assert_eq!(check(certificate(0, 3, 0), forged), Err(Unfounded::BadSignature));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_come_back(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        if let Ok(evidence) = decode::<Evidence>(&bytes) {
            prop_assert_eq!(encode(&evidence), bytes);
        }
    }
}
