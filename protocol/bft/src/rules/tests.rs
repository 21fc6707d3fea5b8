//! Which cut may follow which. BFT-2.

use alloc::sync::Arc;
use std::vec;
use std::vec::Vec;

use quorate_types::{Digest, LaneSeq, ReplicaId, Slot, UnixTime};

use super::{CutFault, delta, judge, slot_time};
use crate::fixtures::{Fixture, tip_of};
use crate::limits::LANE_QUOTA_BATCHES;
use crate::message::{AckVector, Batch, Cut, HashedCut, Tip};

const LANE: u16 = 1;
const LEADER: u16 = 0;

fn check(fixture: &Fixture, cut: &Cut, parent: &HashedCut) -> Result<(), CutFault> {
    judge(&fixture.group, ReplicaId::new(LEADER), cut, parent)
}

fn tip(fixture: &Fixture) -> Tip {
    fixture.origin().frontier_of(ReplicaId::new(LANE))
}

fn rows(fixture: &Fixture, senders: &[u16], batch: &Batch) -> Vec<Arc<AckVector>> {
    senders.iter().map(|&from| fixture.row(from, LANE, tip_of(batch))).collect()
}

/// A sound cut of so many batches.
fn sound(fixture: &Fixture, count: usize) -> Cut {
    let batches = fixture.chain(LANE, tip(fixture), (count, "a"));
    let rows = rows(fixture, &[0, 1, 2], &batches[count - 1]);
    fixture.cut(&fixture.origin(), (LANE, &batches), rows)
}

#[test]
fn a_proven_extension_is_sound_bft_2() {
    let fixture = Fixture::new();
    for count in [1, 2, usize::try_from(LANE_QUOTA_BATCHES).expect("small")] {
        assert_eq!(check(&fixture, &sound(&fixture, count), &fixture.origin()), Ok(()));
    }
}

#[test]
fn another_parent_or_slot_is_refused() {
    let fixture = Fixture::new();
    let cut = Cut { parent: Digest::ZERO, ..sound(&fixture, 1) };
    assert_eq!(check(&fixture, &cut, &fixture.origin()), Err(CutFault::Parent));
    for slot in [0, 2, u64::MAX] {
        let cut = Cut { slot: Slot::new(slot), ..sound(&fixture, 1) };
        assert_eq!(check(&fixture, &cut, &fixture.origin()), Err(CutFault::Parent));
    }
}

#[test]
fn a_tip_that_does_not_extend_the_parents_is_refused_13b() {
    let fixture = Fixture::new();
    let first = HashedCut::new(sound(&fixture, 2));
    let back =
        Cut { tips: fixture.origin().frontier(), ..fixture.cut(&first, (LANE, &[]), Vec::new()) };
    assert_eq!(check(&fixture, &back, &first), Err(CutFault::Chain), "goes back");
    let fork = fixture.chain(LANE, tip(&fixture), (4, "b"));
    let proof = rows(&fixture, &[0, 1, 2], &fork[3]);
    let other = fixture.cut(&first, (LANE, &fork[2..]), proof.clone());
    assert_eq!(check(&fixture, &other, &first), Err(CutFault::Chain), "another branch");
    let mut same = fixture.cut(&first, (LANE, &[]), proof);
    same.tips[usize::from(LANE)] = tip_of(&fork[1]);
    assert_eq!(check(&fixture, &same, &first), Err(CutFault::Chain), "same position");
    let mut idle = sound(&fixture, 1);
    idle.links[3] = vec![Digest::ZERO];
    assert_eq!(check(&fixture, &idle, &fixture.origin()), Err(CutFault::Chain), "links of nothing");
    let mut short = sound(&fixture, 2);
    short.links[usize::from(LANE)].pop();
    assert_eq!(check(&fixture, &short, &fixture.origin()), Err(CutFault::Chain), "missing link");
}

#[test]
fn a_lane_beyond_its_quota_is_refused_24() {
    let fixture = Fixture::new();
    let count = usize::try_from(LANE_QUOTA_BATCHES).expect("small") + 1;
    assert_eq!(check(&fixture, &sound(&fixture, count), &fixture.origin()), Err(CutFault::Quota));
    let mut far = sound(&fixture, 1);
    far.tips[usize::from(LANE)].seq = LaneSeq::new(u64::MAX);
    assert_eq!(check(&fixture, &far, &fixture.origin()), Err(CutFault::Quota), "B17");
}

#[test]
fn fewer_rows_than_a_quorum_prove_nothing_b08() {
    let fixture = Fixture::new();
    let batches = fixture.chain(LANE, tip(&fixture), (1, "a"));
    let clock = UnixTime::from_micros(2_000);
    let again = fixture.row_at(1, (LANE, tip_of(&batches[0])), clock);
    let mut twice = rows(&fixture, &[0, 1], &batches[0]);
    twice.push(again);
    for rows in [rows(&fixture, &[0, 3], &batches[0]), twice, Vec::new()] {
        let cut = fixture.cut(&fixture.origin(), (LANE, &batches), rows);
        assert_eq!(check(&fixture, &cut, &fixture.origin()), Err(CutFault::Unproven), "BFT-2");
    }
}

#[test]
fn a_row_ahead_of_the_tip_counts_only_with_its_links() {
    let fixture = Fixture::new();
    let batches = fixture.chain(LANE, tip(&fixture), (3, "a"));
    let mut proof = rows(&fixture, &[0, 1], &batches[0]);
    proof.extend(rows(&fixture, &[2], &batches[2]));
    let mut cut = fixture.cut(&fixture.origin(), (LANE, &batches[..1]), proof);
    assert_eq!(check(&fixture, &cut, &fixture.origin()), Err(CutFault::Unproven));
    cut.links[usize::from(LANE)] = batches.iter().map(|it| it.header.header.body).collect();
    assert_eq!(check(&fixture, &cut, &fixture.origin()), Ok(()));
    let digests = delta(&fixture.group, &cut, &fixture.origin().frontier());
    assert_eq!(digests, [batches[0].digest()], "links beyond the tip are not ordered");
}

#[test]
fn two_branches_acknowledged_by_two_halves_prove_neither_5_4_1() {
    let fixture = Fixture::new();
    let left = fixture.chain(LANE, tip(&fixture), (2, "a"));
    let right = fixture.chain(LANE, tip(&fixture), (2, "b"));
    for batches in [&left, &right] {
        let mut proof = rows(&fixture, &[0, 1], &left[1]);
        proof.extend(rows(&fixture, &[2, 3], &right[1]));
        let mut cut = fixture.cut(&fixture.origin(), (LANE, &batches[..1]), proof);
        cut.links[usize::from(LANE)] = batches.iter().map(|it| it.header.header.body).collect();
        assert_eq!(check(&fixture, &cut, &fixture.origin()), Err(CutFault::Unproven), "BFT-2");
    }
}

#[test]
fn rows_out_of_order_doubled_or_crowded_are_refused() {
    let fixture = Fixture::new();
    let batches = fixture.chain(LANE, tip(&fixture), (1, "a"));
    let sound = rows(&fixture, &[0, 1, 2], &batches[0]);
    let mut reversed = sound.clone();
    reversed.reverse();
    let mut doubled = sound.clone();
    doubled.push(Arc::clone(&sound[2]));
    let mut crowded = sound;
    for clock in [5, 6] {
        let clock = UnixTime::from_micros(clock);
        crowded.push(fixture.row_at(2, (LANE, tip_of(&batches[0])), clock));
    }
    for rows in [reversed, doubled, crowded] {
        let cut = fixture.cut(&fixture.origin(), (LANE, &batches), rows);
        assert_eq!(check(&fixture, &cut, &fixture.origin()), Err(CutFault::Rows));
    }
}

fn with_inline(fixture: &Fixture, parent: &HashedCut, batch: &Batch) -> Cut {
    Cut { inline: Some(batch.header), ..fixture.cut(parent, (LANE, &[]), Vec::new()) }
}

#[test]
fn an_inline_batch_is_the_next_of_the_leaders_lane_19() {
    let fixture = Fixture::new();
    let origin = fixture.origin();
    let own = fixture.chain(LEADER, origin.frontier_of(ReplicaId::new(LEADER)), (2, "a"));
    let foreign = fixture.batch(LANE, tip(&fixture), "a");
    let sound = with_inline(&fixture, &origin, &own[0]);
    assert_eq!(check(&fixture, &sound, &origin), Ok(()));
    for batch in [&own[1], &foreign] {
        let cut = with_inline(&fixture, &origin, batch);
        assert_eq!(
            check(&fixture, &cut, &origin),
            Err(CutFault::Inline),
            "19c: a hole, or not its"
        );
    }
    let parent = HashedCut::new(sound);
    let next = with_inline(&fixture, &parent, &own[1]);
    assert_eq!(check(&fixture, &next, &parent), Ok(()), "19d: behind an inline batch");
    let fork = fixture.batch(LEADER, origin.frontier_of(ReplicaId::new(LEADER)), "b");
    let fork = with_inline(&fixture, &parent, &fixture.batch(LEADER, tip_of(&fork), "c"));
    assert_eq!(check(&fixture, &fork, &parent), Err(CutFault::Inline), "another branch");
}

#[test]
fn an_inline_batch_counts_for_the_quota() {
    let fixture = Fixture::new();
    let origin = fixture.origin();
    let count = usize::try_from(LANE_QUOTA_BATCHES).expect("small");
    let from = origin.frontier_of(ReplicaId::new(LEADER));
    let batches = fixture.chain(LEADER, from, (count + 1, "a"));
    let proof: Vec<_> =
        [0, 1, 2].map(|from| fixture.row(from, LEADER, tip_of(&batches[count - 1]))).into();
    let mut cut = fixture.cut(&origin, (LEADER, &batches[..count]), proof);
    assert_eq!(check(&fixture, &cut, &origin), Ok(()));
    cut.inline = Some(batches[count].header);
    assert_eq!(check(&fixture, &cut, &origin), Err(CutFault::Inline));
}

#[test]
fn a_cut_that_orders_nothing_is_refused() {
    let fixture = Fixture::new();
    let cut = fixture.cut(&fixture.origin(), (LANE, &[]), Vec::new());
    assert_eq!(check(&fixture, &cut, &fixture.origin()), Err(CutFault::Empty));
}

#[test]
fn every_fault_has_a_mark_of_its_own() {
    use CutFault::{Chain, Empty, Inline, Parent, Quota, Rows, Unproven};
    let mut marks: Vec<_> =
        [Chain, Empty, Inline, Parent, Quota, Rows, Unproven].map(CutFault::mark).into();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), 7);
}

#[test]
fn lanes_take_turns_at_being_executed_first() {
    let fixture = Fixture::new();
    let origin = fixture.origin();
    let batches: Vec<_> =
        (0..4).map(|lane| fixture.batch(lane, origin.frontier()[usize::from(lane)], "a")).collect();
    let order = |slot| {
        let mut cut = fixture.cut(&origin, (LANE, &[]), Vec::new());
        cut.slot = Slot::new(slot);
        for (lane, batch) in batches.iter().enumerate() {
            cut.tips[lane] = tip_of(batch);
            cut.links[lane] = vec![batch.header.header.body];
        }
        let digests = delta(&fixture.group, &cut, &origin.frontier());
        let lane_of = |digest| batches.iter().position(|batch| batch.digest() == digest);
        digests.into_iter().map(|digest| lane_of(digest).expect("a batch")).collect::<Vec<_>>()
    };
    assert_eq!(order(1), [1, 2, 3, 0]);
    assert_eq!(order(4), [0, 1, 2, 3]);
    assert_eq!(order(7), [3, 0, 1, 2]);
}

#[test]
fn the_time_of_a_slot_lies_between_correct_clocks_and_moves_on_p11() {
    let fixture = Fixture::new();
    let time = |clocks: &[u64], parent: u64| {
        let row = |(from, clock): (u16, &u64)| {
            fixture.row_at(from, (LANE, tip(&fixture)), UnixTime::from_micros(*clock))
        };
        let rows = (0..).zip(clocks).map(row).collect();
        let cut = fixture.cut(&fixture.origin(), (LANE, &[]), rows);
        slot_time(&fixture.group, &cut, UnixTime::from_micros(parent)).as_micros()
    };
    assert_eq!(time(&[100, 200, u64::MAX], 0), 200, "a clock that runs ahead");
    assert_eq!(time(&[0, 200, 300], 0), 200, "a clock that stands");
    assert_eq!(time(&[100, 200, 300], 5_000), 5_001, "time moves on");
    assert_eq!(time(&[100, 200], 50), 51, "too few rows say nothing");
    assert_eq!(time(&[100, 200, 300, 1], 0), 200, "the rows of the lowest senders");
    assert_eq!(time(&[], u64::MAX), u64::MAX, "B17");
}
