//! The highest stamp counts, unless no correct server can have stored it.

use alloc::vec::Vec;

use quorate_types::{Digest, Resilience};

use super::{Choice, choose};
use crate::limits::SEQUENCE_SKIP_MAX;
use crate::object::{Stamp, WriterId};

fn stamp(sequence: u64) -> Stamp {
    Stamp { sequence, writer: WriterId::new([1; 16]), value: Digest::ZERO }
}

fn check(sequences: &[u64], expected: Choice) {
    let replies: Vec<_> =
        sequences.iter().map(|&sequence| (sequence > 0).then(|| stamp(sequence))).collect();
    assert_eq!(choose(Resilience::new(1).unwrap(), &replies), expected, "{sequences:?}");
}

#[test]
fn the_highest_of_a_quorum_counts() {
    check(&[0, 0], Choice::Wait);
    check(&[0, 0, 0], Choice::Highest(None));
    check(&[3, 5, 4], Choice::Highest(Some(stamp(5))));
    check(&[0, 0, SEQUENCE_SKIP_MAX], Choice::Highest(Some(stamp(SEQUENCE_SKIP_MAX))));
}

#[test]
fn a_stamp_that_only_a_liar_can_hold_is_passed_over() {
    let huge = u64::MAX;
    check(&[7, huge, 7], Choice::Wait);
    check(&[7, huge, 7, 6], Choice::Highest(Some(stamp(7))));
    check(&[0, 0, huge, 0], Choice::Highest(None));
}

#[test]
fn a_stamp_far_above_a_laggard_counts_with_a_second_holder_dht_7() {
    let far = 3 * SEQUENCE_SKIP_MAX;
    check(&[0, far, far + 1], Choice::Highest(Some(stamp(far + 1))));
    check(&[0, 0, far], Choice::Wait);
    check(&[0, 0, far, far], Choice::Highest(Some(stamp(far))));
}
