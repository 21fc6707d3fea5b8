//! Lanes: what is acknowledged, what is promised, and what is proven. BFT-1.

use std::vec::Vec;

use quorate_types::{LaneSeq, ReplicaId, UnixTime};

use super::{Lane, Lanes, Placement};
use crate::fixtures::{Fixture, tip_of};
use crate::limits::LANE_WINDOW_BATCHES;
use crate::message::{Batch, Tip};

const LANE: u16 = 1;

fn lane(fixture: &Fixture) -> Lane {
    Lane::new(usize::from(LANE), origin(fixture), 4)
}

fn origin(fixture: &Fixture) -> Tip {
    fixture.origin().frontier_of(ReplicaId::new(LANE))
}

fn take(lane: &mut Lane, batch: &Batch) -> Placement {
    let placement = lane.place(batch, batch.digest());
    if placement == Placement::Next {
        lane.acknowledge(batch, batch.digest());
    }
    placement
}

#[test]
fn batches_are_acknowledged_in_order_and_once_bft_1() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let batches = fixture.chain(LANE, lane.executed, (3, "a"));
    assert_eq!(take(&mut lane, &batches[1]), Placement::Ahead, "a gap");
    assert_eq!(take(&mut lane, &batches[0]), Placement::Next);
    assert_eq!(take(&mut lane, &batches[0]), Placement::Known);
    assert_eq!(take(&mut lane, &batches[1]), Placement::Next);
    assert_eq!(lane.acknowledged, tip_of(&batches[1]));
}

#[test]
fn another_batch_at_an_acknowledged_position_is_a_fork_bft_1() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let one = fixture.batch(LANE, lane.executed, "a");
    let other = fixture.batch(LANE, lane.executed, "b");
    take(&mut lane, &one);
    assert_eq!(take(&mut lane, &other), Placement::Forked);
    assert_eq!(take(&mut lane, &fixture.batch(LANE, tip_of(&other), "c")), Placement::Forked);
    assert_eq!(lane.acknowledged, tip_of(&one));
}

#[test]
fn what_was_promised_behind_a_gap_is_the_only_batch_that_fits_there_bft_1() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let batches = fixture.chain(LANE, lane.executed, (2, "a"));
    lane.promise(LaneSeq::new(2), batches[1].digest());
    take(&mut lane, &batches[0]);
    let other = fixture.batch(LANE, tip_of(&batches[0]), "b");
    assert_eq!(take(&mut lane, &other), Placement::Forked);
    assert_eq!(take(&mut lane, &batches[1]), Placement::Next);
}

#[test]
#[should_panic(expected = "BFT-1")]
fn a_second_promise_for_one_position_is_a_mistake_of_ours() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    lane.promise(LaneSeq::new(2), fixture.batch(LANE, lane.executed, "a").digest());
    lane.promise(LaneSeq::new(2), fixture.batch(LANE, lane.executed, "b").digest());
}

#[test]
#[should_panic(expected = "BFT-1")]
fn acknowledging_what_does_not_follow_is_a_mistake_of_ours() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let batches = fixture.chain(LANE, lane.executed, (2, "a"));
    lane.acknowledge(&batches[1], batches[1].digest());
}

#[test]
fn a_batch_beyond_the_window_is_not_kept_but_a_promise_holds_there_p09() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let far = |content| {
        let digest = lane.executed.digest;
        let seq = LaneSeq::new(LANE_WINDOW_BATCHES);
        fixture.batch(LANE, Tip { seq, digest }, content)
    };
    let (one, other) = (far("a"), far("b"));
    assert_eq!(lane.place(&one, one.digest()), Placement::OutOfWindow);
    lane.promise(one.header.header.seq, one.digest());
    assert_eq!(lane.place(&one, one.digest()), Placement::OutOfWindow);
    assert_eq!(lane.place(&other, other.digest()), Placement::Forked);
    let tip = Tip { seq: LaneSeq::new(u64::MAX), ..lane.executed };
    let last = fixture.batch(LANE, tip, "a");
    assert_eq!(lane.place(&last, last.digest()), Placement::OutOfWindow, "B17");
}

#[test]
fn executing_beyond_what_is_acknowledged_moves_the_acknowledgement_there() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let batches = fixture.chain(LANE, lane.executed, (4, "a"));
    take(&mut lane, &batches[0]);
    lane.execute_upto(tip_of(&batches[2]));
    assert_eq!((lane.acknowledged, lane.executed), (tip_of(&batches[2]), tip_of(&batches[2])));
    assert_eq!(take(&mut lane, &batches[3]), Placement::Next);
}

#[test]
fn an_abandoned_branch_is_left_and_its_rows_prove_nothing_13b() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let ours = fixture.chain(LANE, lane.executed, (2, "a"));
    let theirs = fixture.chain(LANE, lane.executed, (4, "b"));
    ours.iter().for_each(|batch| assert_eq!(take(&mut lane, batch), Placement::Next));
    for from in [0, 1, 3] {
        lane.take_row(&fixture.row(from, LANE, tip_of(&ours[1])));
    }
    assert_eq!(lane.proven(3, LaneSeq::new(99)), LaneSeq::new(2));
    assert!(!lane.execute_upto(tip_of(&theirs[2])), "nothing was acknowledged there");
    assert_eq!(lane.executed, tip_of(&theirs[2]));
    assert_eq!(lane.linked_rows(LaneSeq::ZERO).count(), 0, "BFT-1: that branch is dead");
    lane.take_row(&fixture.row(0, LANE, tip_of(&theirs[2])));
    assert_eq!(lane.linked_rows(LaneSeq::ZERO).count(), 1);
}

#[test]
fn a_lane_forked_at_the_executed_position_is_acknowledged_no_more() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let ours = fixture.chain(LANE, lane.executed, (2, "a"));
    let theirs = fixture.chain(LANE, lane.executed, (1, "b"));
    ours.iter().for_each(|batch| assert_eq!(take(&mut lane, batch), Placement::Next));
    assert!(lane.execute_upto(tip_of(&theirs[0])));
    assert!(lane.is_forked, "BFT-1: another digest was acknowledged there");
}

#[test]
fn executing_never_goes_back() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let batches = fixture.chain(LANE, lane.executed, (4, "a"));
    batches.iter().for_each(|batch| assert_eq!(take(&mut lane, batch), Placement::Next));
    assert!(!lane.execute_upto(tip_of(&batches[2])), "it is what was acknowledged");
    lane.execute_upto(tip_of(&batches[0]));
    assert_eq!(lane.executed, tip_of(&batches[2]));
    assert_eq!(lane.acknowledged, tip_of(&batches[3]), "BFT-1: nothing is forgotten");
}

#[test]
fn a_row_counts_where_its_tip_lies_on_the_chain_and_a_replicas_last_one_counts() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let batches = fixture.chain(LANE, lane.executed, (3, "a"));
    let fork = fixture.chain(LANE, lane.executed, (3, "b"));
    batches.iter().for_each(|batch| assert_eq!(take(&mut lane, batch), Placement::Next));
    assert!(lane.take_row(&fixture.row(0, LANE, tip_of(&batches[0]))));
    assert!(lane.take_row(&fixture.row(0, LANE, tip_of(&batches[2]))));
    assert!(!lane.take_row(&fixture.row(0, LANE, tip_of(&batches[2]))), "it says it again");
    assert!(lane.take_row(&fixture.row(2, LANE, tip_of(&batches[1]))));
    assert!(lane.take_row(&fixture.row(3, LANE, tip_of(&fork[2]))), "news, but not linked");
    assert_eq!(lane.proven(3, LaneSeq::new(99)), LaneSeq::ZERO);
    assert!(lane.take_row(&fixture.row(1, LANE, tip_of(&batches[0]))));
    assert_eq!(lane.proven(3, LaneSeq::new(99)), LaneSeq::new(1));
    assert_eq!(lane.proven(2, LaneSeq::new(99)), LaneSeq::new(2));
    assert_eq!(lane.proven(2, LaneSeq::new(1)), LaneSeq::new(1), "the quota");
}

#[test]
fn a_row_ahead_links_when_the_batches_come() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let batches = fixture.chain(LANE, lane.executed, (2, "a"));
    lane.take_row(&fixture.row(0, LANE, tip_of(&batches[1])));
    assert_eq!(lane.linked_rows(LaneSeq::ZERO).count(), 0);
    let claims: Vec<_> = lane.claims_ahead().collect();
    assert_eq!(claims, [(ReplicaId::new(0), tip_of(&batches[1]))]);
    batches.iter().for_each(|batch| assert_eq!(take(&mut lane, batch), Placement::Next));
    assert_eq!(lane.linked_rows(LaneSeq::ZERO).count(), 1);
    assert_eq!(lane.claims_ahead().count(), 0);
}

#[test]
fn a_claim_beyond_the_window_is_nothing_to_fetch_b17() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let tip = Tip { seq: LaneSeq::new(u64::MAX), ..lane.executed };
    assert!(lane.take_row(&fixture.row(0, LANE, tip)));
    assert_eq!(lane.claims_ahead().count(), 0);
    assert_eq!(lane.proven(1, LaneSeq::new(99)), LaneSeq::ZERO);
}

/// A replica claims far too much and is repaired: what it says then counts.
#[test]
fn who_claimed_too_much_once_proves_what_it_says_later_b17() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let batches = fixture.chain(LANE, lane.executed, (2, "a"));
    let fork = fixture.chain(LANE, lane.executed, (9, "b"));
    batches.iter().for_each(|batch| assert_eq!(take(&mut lane, batch), Placement::Next));
    let giant = Tip { seq: LaneSeq::new(u64::MAX), ..lane.executed };
    for (liar, claim) in [(0, giant), (2, tip_of(&fork[8]))] {
        assert!(lane.take_row(&fixture.row(liar, LANE, claim)));
        assert_eq!(lane.linked_rows(LaneSeq::ZERO).count(), 0, "it holds nothing of the chain");
    }
    for from in [0, 2] {
        assert!(lane.take_row(&fixture.row(from, LANE, tip_of(&batches[1]))));
    }
    assert_eq!(lane.proven(2, LaneSeq::new(99)), LaneSeq::new(2));
}

#[test]
fn who_said_too_much_on_the_chain_takes_it_back_by_its_next_row_b17() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let batches = fixture.chain(LANE, lane.executed, (2, "a"));
    batches.iter().for_each(|batch| assert_eq!(take(&mut lane, batch), Placement::Next));
    lane.take_row(&fixture.row(0, LANE, tip_of(&batches[1])));
    lane.take_row(&fixture.row(0, LANE, tip_of(&batches[0])));
    assert_eq!(lane.proven(1, LaneSeq::new(99)), LaneSeq::new(1));
}

/// A clock that a liar set far ahead is forgotten with its next vector.
#[test]
fn the_last_vector_of_a_replica_gives_its_clock_b17() {
    let fixture = Fixture::new();
    let origin = fixture.origin().frontier();
    let mut lanes = Lanes::new(&origin);
    for clock in [5, u64::MAX, 7] {
        let tip = origin[usize::from(LANE)];
        lanes.take_vector(&fixture.row_at(2, (LANE, tip), UnixTime::from_micros(clock)));
    }
    let clocks: Vec<u64> = lanes.latest().map(|vector| vector.clock.as_micros()).collect();
    assert_eq!(clocks, [7]);
}

#[test]
fn a_log_longer_than_the_window_is_acknowledged_again_bft_1() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let batches = fixture.chain(LANE, lane.executed, (100, "a"));
    let (even, odd): (Vec<_>, Vec<_>) = (0..100).partition(|index| index % 2 == 0);
    for index in odd.into_iter().chain(even) {
        lane.replay(batches[index].clone(), batches[index].digest());
    }
    assert_eq!(lane.acknowledged, tip_of(&batches[99]), "in whatever order the records stand");
}

#[test]
fn a_log_of_two_branches_promises_the_later_one_bft_1() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let left = fixture.chain(LANE, lane.executed, (2, "a"));
    let kept = fixture.chain(LANE, lane.executed, (4, "b"));
    for batch in [&left[0], &left[1], &kept[3]] {
        lane.replay(batch.clone(), batch.digest());
    }
    lane.execute_upto(tip_of(&kept[2]));
    let other = fixture.batch(LANE, tip_of(&kept[2]), "c");
    assert_eq!(take(&mut lane, &other), Placement::Forked);
    let next = lane.take_next().expect("it waits");
    assert_eq!(take(&mut lane, &next), Placement::Next);
}

#[test]
fn a_promise_binds_also_when_its_batch_waits_no_more_bft_1() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let left = fixture.chain(LANE, lane.executed, (3, "a"));
    let kept = fixture.chain(LANE, lane.executed, (2, "b"));
    lane.execute_upto(tip_of(&kept[0]));
    left[1..].iter().for_each(|batch| lane.replay(batch.clone(), batch.digest()));
    let next = lane.take_next().expect("it waits");
    assert_eq!(take(&mut lane, &next), Placement::Forked);
    assert_eq!(take(&mut lane, &kept[1]), Placement::Forked);
    let binding: Vec<_> = lane.binding().collect();
    assert_eq!(binding, [left[1].digest(), left[2].digest()]);
}

#[test]
fn what_was_acknowledged_on_a_branch_that_was_left_binds_until_it_is_executed_bft_1() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let ours = fixture.chain(LANE, lane.executed, (3, "a"));
    let theirs = fixture.chain(LANE, lane.executed, (3, "b"));
    ours.iter().for_each(|batch| assert_eq!(take(&mut lane, batch), Placement::Next));
    assert_eq!(lane.binding().count(), 0, "the chain says it");
    assert!(lane.execute_upto(tip_of(&theirs[0])));
    assert_eq!(lane.binding().collect::<Vec<_>>(), [ours[1].digest(), ours[2].digest()]);
    lane.execute_upto(tip_of(&theirs[1]));
    assert_eq!(lane.binding().collect::<Vec<_>>(), [ours[2].digest()]);
}

#[test]
fn what_a_log_promises_first_is_not_acknowledged_otherwise_by_what_follows_there_bft_1() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let left = fixture.chain(LANE, lane.executed, (3, "a"));
    let kept = fixture.chain(LANE, lane.executed, (3, "b"));
    lane.execute_upto(tip_of(&kept[0]));
    for batch in [&left[1], &kept[1], &left[2], &kept[2]] {
        lane.replay(batch.clone(), batch.digest());
    }
    assert_eq!(lane.acknowledged, tip_of(&kept[0]));
    assert_eq!(lane.binding().collect::<Vec<_>>(), [left[1].digest(), left[2].digest()]);
}

#[test]
fn what_a_log_acknowledges_first_stays_acknowledged_bft_1() {
    let fixture = Fixture::new();
    let mut lane = lane(&fixture);
    let ours = fixture.chain(LANE, lane.executed, (2, "a"));
    let theirs = fixture.chain(LANE, lane.executed, (2, "b"));
    for batch in ours.iter().chain(&theirs) {
        lane.replay(batch.clone(), batch.digest());
    }
    assert_eq!(lane.acknowledged, tip_of(&ours[1]));
    assert_eq!(lane.binding().count(), 0, "{lane:?}");
    assert_eq!(lane.place(&ours[1], ours[1].digest()), Placement::Known);
}
