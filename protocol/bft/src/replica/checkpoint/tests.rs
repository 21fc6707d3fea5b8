//! Which statements about states count, how many are kept, and what a state lets go of.

use quorate_machine::RecordNumber;
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
        is_last: false,
    };
    let signer = &fixture.signers[usize::from(from)];
    Checkpoint::sign(&fixture.group, statement, (ReplicaId::new(from), signer))
}

#[test]
fn one_statement_of_a_replica_about_a_slot_counts_the_last_b17() {
    let fixture = Fixture::new();
    let mut checkpoints = Checkpoints::new(Slot::ZERO, 4);
    checkpoints.take(said(&fixture, 0, 4, 1));
    // Two lied about slots to come, one after the other; repaired, they say what is true.
    for liar in [1, 2] {
        let lie = said(&fixture, liar, 4, 2);
        assert_eq!(checkpoints.take(lie), None);
        assert_eq!(checkpoints.take(lie), None, "it says it again");
    }
    assert!(checkpoints.certificate(Slot::new(4), 3).is_none());
    let of_the_lie = checkpoints.certificate(Slot::new(4), 2).map(|it| it.statement.root);
    assert_eq!(of_the_lie, Some(Digest::new([2; 32])), "each counts once");
    for repaired in [1, 2] {
        let before = checkpoints.take(said(&fixture, repaired, 4, 1));
        assert_eq!(before, Some(said(&fixture, repaired, 4, 2)), "that it lied is shown");
    }
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

/// What a liar said of slots that never come makes room for what it says when it is repaired.
#[test]
fn who_spoke_of_slots_far_ahead_certifies_the_next_checkpoints_b17() {
    let fixture = Fixture::new();
    let mut checkpoints = Checkpoints::new(Slot::ZERO, 4);
    for far in 0..2 * STATEMENTS_MAX as u64 {
        checkpoints.take(said(&fixture, 2, u64::MAX - far, 1));
    }
    for slot in [4, 8] {
        checkpoints.take(said(&fixture, 2, slot, 1));
        checkpoints.take(said(&fixture, 3, slot, 1));
        assert!(checkpoints.certificate(Slot::new(slot), 2).is_some(), "slot {slot}");
    }
}

#[test]
fn an_installed_state_lets_go_of_what_stands_before_it_when_its_slot_is_passed() {
    let mut checkpoints = Checkpoints::new(Slot::ZERO, 4);
    for (slot, record) in [(5, 50), (8, 80), (9, 90), (11, 110)] {
        checkpoints.installed.insert(Slot::new(slot), RecordNumber::new(record));
    }
    let expected =
        [(4, None), (5, Some(50)), (7, None), (9, Some(90)), (10, None), (11, Some(110))];
    for (slot, record) in expected {
        let upto = checkpoints.record_upto(Slot::new(slot));
        assert_eq!(upto, record.map(RecordNumber::new), "up to slot {slot}");
    }
}
