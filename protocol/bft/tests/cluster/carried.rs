//! What is alive behind a checkpoint or an installed state is written again: it outlives the
//! records from before, and so binds the replica in its next life.

use std::sync::Arc;

use quorate_bft::limits::FETCH_SLOTS_MAX;
use quorate_bft::message::{HashedCut, Message, Phase, SignedHeader, ViewChange};
use quorate_bft::{Parameters, Record};
use quorate_types::{Digest, Duration, Slot, View};

use crate::follower::{Beyond, Follower, Fork, ME, OTHERS, every};
use crate::forge::tip_of;

#[test]
fn an_acknowledgement_outlives_the_records_from_before_a_checkpoint_13() {
    let mut story = Follower::new(every(2));
    let [ours, other] = story.rivals(1, None);
    story.say(Message::Batch(Arc::clone(&ours)));
    story.outlive_what_was_recorded();
    story.restart();
    story.say(Message::Batch(other));
    assert_eq!(story.acknowledged(1), Some(tip_of(&ours)), "BFT-1");
}

#[test]
fn a_promise_behind_a_gap_outlives_the_records_from_before_a_checkpoint_19() {
    let mut story = Follower::new(every(2));
    let [gap, ours, other] = story.promise_behind_a_gap();
    // Another cut is decided, and nobody needs this one any more.
    story.outlive_what_was_recorded();
    story.restart();
    story.say(Message::Batch(gap));
    story.say(Message::Batch(other));
    assert_eq!(story.acknowledged(0), Some(tip_of(&ours)), "BFT-1");
}

#[test]
fn what_was_acknowledged_on_a_branch_that_was_left_outlives_the_records_too_13() {
    let mut story = Follower::new(every(2));
    let Fork { taken, .. } = story.fork();
    let cut = story.cut(&story.last, &taken);
    story.decide(vec![cut]);
    story.say(Message::Batch(Arc::clone(&taken)));
    assert_eq!(story.executed(), story.last.slot);
    story.outlive_what_was_recorded();
    story.restart();
    story.say(Message::Batch(story.cluster.batch(1, tip_of(&taken), "beside")));
    assert_eq!(story.acknowledged(1), Some(tip_of(&taken)), "BFT-1: nothing else at its position");
}

#[test]
fn decided_slots_that_wait_for_bodies_outlive_the_records_from_before_a_checkpoint() {
    let mut story = Follower::new(every(2));
    let (mut parent, mut cuts, mut batches) = (story.last.clone(), Vec::new(), Vec::new());
    for _ in 0..2 * FETCH_SLOTS_MAX {
        let (cut, batch) = story.next_slot(&parent);
        parent = cut.clone();
        cuts.push(cut);
        batches.push(batch);
    }
    let behind = cuts.split_off(FETCH_SLOTS_MAX);
    story.decide(cuts);
    story.decide(behind);
    for batch in batches.drain(..4) {
        story.say(Message::Batch(batch));
        story.certify();
    }
    assert_eq!(story.executed(), Slot::new(4));
    assert!(matches!(story.first_record(), Record::Checkpoint { .. }), "the rest is released");
    story.restart();
    // The votes at the end of the first half are the only ones that one answer reaches.
    let first_half: Vec<u64> = (5..=FETCH_SLOTS_MAX as u64).collect();
    assert_eq!(story.slots_above(4), first_half, "nobody else may have them");
}

/// In view 1 the replica accepts four cuts in a row, each with a batch inside, and commits three of
/// them; then the first two are decided, and their checkpoints stable.
fn with_open_slots() -> (Follower, Vec<HashedCut>) {
    let parameters = Parameters { slots_in_flight: 4, ..every(1) };
    let mut story = Follower::new(parameters);
    story.start_view_1();
    let (mut parent, mut tip) = (story.last.clone(), story.cluster.origin_tip(1));
    let mut cuts = Vec::new();
    for _ in 0..4 {
        let batch = story.cluster.batch(1, tip, "x");
        let cut = story.cluster.cut_inline(&parent, &batch);
        (tip, parent) = (tip_of(&batch), cut.clone());
        story.say(story.cluster.proposal(1, &cut, Some(batch)));
        cuts.push(cut);
    }
    assert_eq!(story.cluster.mark("bft.accepted"), 4);
    for cut in &cuts[..3] {
        for voter in [0, 2] {
            let vote = story.cluster.vote(Phase::Prepare, voter, (1, cut));
            story.say(Message::Prepare(vote));
        }
    }
    assert_eq!(story.cluster.mark("bft.prepared"), 3);
    for cut in &cuts[..2] {
        story.decide(vec![cut.clone()]);
        story.certify();
    }
    assert!(matches!(story.first_record(), Record::Checkpoint { .. }), "the rest is released");
    (story, cuts)
}

#[test]
fn a_vote_on_an_open_slot_outlives_the_records_from_before_a_checkpoint_2() {
    let (mut story, cuts) = with_open_slots();
    story.restart();
    assert_eq!(story.cluster.replica(ME).view(), (View::new(1), true), "BFT-7");
    let other = story.cluster.batch(2, story.cluster.origin_tip(2), "other");
    let rival = story.cut(&cuts[1], &other);
    story.say(story.cluster.proposal(1, &rival, None));
    let votes = story.cluster.sent_by(ME).filter_map(|(_, _, message)| match message {
        Message::Prepare(vote) if vote.slot == rival.slot => Some(vote.digest),
        _ => None,
    });
    let mut votes: Vec<Digest> = votes.collect();
    votes.dedup();
    assert_eq!(votes, [cuts[2].digest()], "BFT-4");
}

/// A cut that is written again brings no batch with it: one that was only held would look as if it
/// had been acknowledged.
#[test]
fn an_acknowledged_batch_inside_an_open_cut_is_written_again_beside_it_and_not_in_it_13() {
    let (story, cuts) = with_open_slots();
    let open = &cuts[2..];
    let (mut with_batch, mut without, mut batches) = (0, Vec::new(), Vec::new());
    for record in story.cluster.records(ME) {
        match record {
            Record::Accepted { cut, inline: Some(_), .. } if open.contains(cut) => with_batch += 1,
            Record::Accepted { cut, inline: None, .. } if open.contains(cut) => {
                without.push(cut.digest());
            }
            Record::Batch(batch) => batches.push(batch.digest()),
            _ => {}
        }
    }
    let digests: Vec<Digest> = open.iter().map(|cut| cut.digest()).collect();
    assert_eq!((with_batch, &without[without.len() - 2..]), (0, &digests[..]));
    let inside = open.iter().filter_map(|cut| cut.inline.as_ref());
    for digest in inside.map(SignedHeader::digest) {
        assert!(batches.contains(&digest), "BFT-1: it is acknowledged in its lane");
    }
}

#[test]
fn what_was_prepared_in_an_open_slot_outlives_the_records_from_before_a_checkpoint_3() {
    let (mut story, cuts) = with_open_slots();
    story.restart();
    for wisher in OTHERS {
        story.say(story.cluster.wish(wisher, 2));
    }
    let changes = story.cluster.sent_by(ME).filter_map(|(_, _, message)| match message {
        Message::ViewChange(change) if change.view == View::new(2) => Some(change),
        _ => None,
    });
    let change: &Arc<ViewChange> = changes.last().expect("it enters the view");
    let prepared: Vec<Digest> = change.prepared.iter().map(|one| one.cut.digest()).collect();
    assert_eq!(prepared, [cuts[2].digest()], "it may be decided elsewhere");
}

#[test]
fn a_promise_beyond_the_window_outlives_the_records_from_before_a_checkpoint_19() {
    let mut story = Follower::new(Parameters { slots_in_flight: 4, ..every(1) });
    let Beyond { cuts, batches, inline } = story.accept_beyond_the_window();
    let other = story.cluster.batch(0, tip_of(&batches[batches.len() - 1]), "other");
    for (cut, quota) in cuts.iter().zip(batches.chunks(batches.len() / 2)) {
        story.decide(vec![cut.clone()]);
        for batch in quota {
            story.say(Message::Batch(Arc::clone(batch)));
        }
        assert_eq!(story.executed(), cut.slot);
        story.certify();
    }
    assert!(matches!(story.first_record(), Record::Checkpoint { .. }), "the rest is released");
    story.restart();
    story.say(Message::Batch(other));
    assert_eq!(story.acknowledged(0), Some(tip_of(&inline)), "BFT-1");
}

#[test]
fn what_is_alive_outlives_the_records_from_before_an_installed_state() {
    let mut story = Follower::new(every(1));
    let [ours, other] = story.rivals(1, None);
    story.say(Message::Batch(Arc::clone(&ours)));
    let tips = story.cluster.origin_tips();
    story.install(&story.distant(4, &tips));
    story.install(&story.distant(8, &tips));
    let is_first = |record: &Record| match record {
        Record::Installed { cut, .. } => cut.slot == Slot::new(4),
        _ => false,
    };
    assert!(is_first(story.first_record()), "what stands before the first of them is released");
    story.restart();
    story.say(Message::Batch(other));
    assert_eq!(story.acknowledged(1), Some(tip_of(&ours)), "BFT-1");
}

#[test]
fn an_installed_state_lets_go_of_what_stands_before_it_once_a_later_one_is_stable() {
    let mut story = Follower::new(every(1));
    let (mut parent, mut cuts, mut batches) = (story.last.clone(), Vec::new(), Vec::new());
    for _ in 0..5 {
        let (cut, batch) = story.next_slot(&parent);
        parent = cut.clone();
        cuts.push(cut);
        batches.push(batch);
    }
    // While the state after slot 4 is on its way, slot 5 is decided.
    let (part, source) = story.certify_ahead(&cuts[3].clone());
    story.decide(cuts);
    let source = source.expect("somebody is asked for the state");
    assert!(story.cluster.deliver(source, ME, Message::StateChunk(Arc::new(part))));
    assert_eq!(story.executed(), Slot::new(4));
    assert!(matches!(story.first_record(), Record::Accepted { .. }), "it is not safe yet");
    story.cluster.pass(Duration::from_millis(1));
    story.say(Message::Batch(batches.remove(4)));
    assert_eq!(story.executed(), Slot::new(5));
    story.certify();
    assert!(matches!(story.first_record(), Record::Installed { .. }), "now it is");
}
