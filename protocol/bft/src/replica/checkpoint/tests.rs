//! Which statements about states count, and how many are kept.

use quorate_types::{Digest, ReplicaId, Slot, UnixTime};

use super::{Checkpoints, STATEMENTS_MAX};
use crate::fixtures::Fixture;
use crate::message::{Checkpoint, CheckpointStatement};

fn said(fixture: &Fixture, from: u16, slot: u64, root: u8) -> Checkpoint {
    let statement = CheckpointStatement {
        slot: Slot::new(slot),
        cut: Digest::new([9; 32]),
        time: UnixTime::ZERO,
        root: Digest::new([root; 32]),
    };
    let signer = &fixture.signers[usize::from(from)];
    Checkpoint::sign(&fixture.group, statement, (ReplicaId::new(from), signer))
}

#[test]
fn the_first_statement_of_a_replica_about_a_slot_counts() {
    let fixture = Fixture::new();
    let mut checkpoints = Checkpoints::new(Slot::ZERO, 4);
    checkpoints.take(said(&fixture, 0, 4, 1));
    checkpoints.take(said(&fixture, 1, 4, 1));
    // A liar that says otherwise later takes nothing back, and helps nothing else.
    checkpoints.take(said(&fixture, 1, 4, 2));
    checkpoints.take(said(&fixture, 2, 4, 2));
    assert!(checkpoints.certificate(Slot::new(4), 3).is_none());
    assert_eq!(
        checkpoints.certificate(Slot::new(4), 2).map(|it| it.certificate.signers().len()),
        Some(2)
    );
    checkpoints.take(said(&fixture, 3, 4, 1));
    let certificate = checkpoints.certificate(Slot::new(4), 3).expect("three agree");
    assert_eq!(certificate.statement.root, Digest::new([1; 32]));
    assert_eq!(certificate.certificate.signers().len(), 3);
}

#[test]
fn of_many_statements_of_a_replica_the_latest_are_kept() {
    let fixture = Fixture::new();
    let mut checkpoints = Checkpoints::new(Slot::ZERO, 4);
    let last = STATEMENTS_MAX as u64 + 3;
    for slot in 1..=last {
        checkpoints.take(said(&fixture, 2, slot, 1));
        checkpoints.take(said(&fixture, 3, slot, 1));
    }
    let kept = (1..=last).filter(|slot| checkpoints.certificate(Slot::new(*slot), 2).is_some());
    let kept: std::vec::Vec<u64> = kept.collect();
    assert_eq!(kept, (4..=last).collect::<std::vec::Vec<u64>>());
}
