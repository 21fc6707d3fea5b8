//! A state that is older than what was asked for helps nobody: it is neither served nor taken.

use std::sync::Arc;

use quorate_bft::message::{FetchState, Message};
use quorate_types::Slot;

use crate::follower::{Follower, ME, OTHERS, every};

/// The slots of the states that the replica serves to who needs the one after this slot, or a later
/// one.
fn served(story: &mut Follower, slot_min: u64) -> Vec<u64> {
    let fetch = FetchState { slot_min: Slot::new(slot_min), after: None };
    let slot = |message| match message {
        Message::StateChunk(part) => Some(part.cut.slot.get()),
        _ => None,
    };
    story.answers(Message::FetchState(fetch)).into_iter().filter_map(slot).collect()
}

#[test]
fn no_stable_state_is_served_to_who_needs_a_later_one() {
    let mut story = Follower::new(every(4));
    (0..4).for_each(|_| drop(story.slot()));
    assert_eq!(story.cluster.mark("bft.checkpoint_stable"), 1);
    assert_eq!(served(&mut story, 4), [4]);
    assert_eq!(served(&mut story, 5), [0; 0]);
    assert_eq!(story.cluster.mark("bft.state_not_served"), 1);
    story.restart();
    assert_eq!(served(&mut story, 4), [4], "the log shows that it is stable");
}

#[test]
fn no_state_that_f_others_vouch_for_is_served_to_who_needs_a_later_one() {
    let mut story = Follower::new(every(4));
    story.vouchers = &OTHERS[..1];
    (0..4).for_each(|_| drop(story.slot()));
    assert_eq!(story.cluster.mark("bft.checkpoint_stable"), 0, "two of four say the same");
    assert_eq!(served(&mut story, 4), [4]);
    assert_eq!(served(&mut story, 5), [0; 0]);
}

#[test]
fn a_state_older_than_what_was_asked_for_is_not_taken() {
    for (slot, is_taken) in [(4, false), (12, true), (16, true)] {
        let mut story = Follower::new(every(4));
        let tips = story.cluster.origin_tips();
        let asked = story.distant(12, &tips);
        let (_, source) = story.certify_ahead(&asked);
        let source = source.expect("somebody is asked for the state");
        let part = story.state_after(&story.distant(slot, &tips));
        story.cluster.deliver(source, ME, Message::StateChunk(Arc::new(part)));
        let expected = if is_taken { slot } else { 0 };
        assert_eq!(story.executed(), Slot::new(expected), "it needs the state after slot 12");
    }
}
