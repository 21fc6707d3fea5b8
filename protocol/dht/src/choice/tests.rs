//! The highest stamp counts, unless no correct server can have stored it.

use alloc::vec::Vec;

use quorate_types::{Digest, Resilience};

use super::{Choice, Known, choose};
use crate::limits::SEQUENCE_SKIP_MAX;
use crate::object::{Stamp, WriterId};

fn stamp(sequence: u64) -> Stamp {
    Stamp { sequence, writer: WriterId::new([1; 16]), value: Digest::ZERO }
}

fn check(sequences: &[u64], expected: Choice) {
    let replies: Vec<_> =
        sequences.iter().map(|&sequence| (sequence > 0).then(|| stamp(sequence))).collect();
    check_knowing(Known::default(), &replies, expected);
}

fn check_knowing(known: Known, replies: &[Option<Stamp>], expected: Choice) {
    let choice = choose(Resilience::new(1).unwrap(), replies, known);
    assert_eq!(choice, expected, "{replies:?} {known:?}");
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

#[test]
fn who_waited_in_vain_goes_on_from_what_is_not_contradicted() {
    let far = Some(stamp(3 * SEQUENCE_SKIP_MAX));
    let late = Known { is_late: true, ..Known::default() };
    check_knowing(late, &[None, None, far], Choice::Highest(far));
    check_knowing(late, &[None, None, far, None], Choice::Highest(None));
}

#[test]
fn a_level_that_a_quorum_refuses_is_passed_over() {
    let (low, far) = (Some(stamp(7)), Some(stamp(3 * SEQUENCE_SKIP_MAX)));
    let refused = Known { level_max: Some(2), is_late: false };
    check_knowing(refused, &[low, None, far], Choice::Wait);
    check_knowing(refused, &[low, None, far, None], Choice::Highest(low));
}

#[test]
fn what_is_hidden_below_a_refused_level_is_not_passed_over_dht_7() {
    // Two have taken since what was refused, over a completed write that a stale server lacks.
    let (old, far) = (Some(stamp(7)), Some(stamp(3 * SEQUENCE_SKIP_MAX)));
    for is_late in [false, true] {
        let refused = Known { level_max: Some(2), is_late };
        let expected = if is_late { Choice::Highest(far) } else { Choice::Wait };
        check_knowing(refused, &[old, far, far], expected);
    }
}
