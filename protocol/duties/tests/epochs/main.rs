//! Epochs end on servers that host the real machines: the ordering engine with the membership
//! service, the participant of the handover, the responder, and what orders their turns.
//!
//! Signatures of servers are ideal ones, the system's key is a real one.
mod town;

use std::collections::BTreeSet;

use quorate_types::{Epoch, NodeId};

use town::Town;

#[test]
fn epochs_end_one_after_the_other_and_the_group_moves() {
    let mut town = Town::new(8, 3);
    let mut groups = BTreeSet::new();
    groups.insert(town.group());
    for number in 1..=4 {
        town.live_until(Epoch::new(number));
        groups.insert(town.group());
        town.assert_at_rest();
    }
    assert!(groups.len() >= 3, "the membership service moves: {groups:?}");
}

#[test]
fn a_silent_member_of_each_group_holds_no_epoch_up() {
    let mut town = Town::new(9, 5);
    for number in 1..=3 {
        let silent = town.group()[1];
        town.silence(Some(silent));
        town.live_until(Epoch::new(number));
        town.silence(None);
        town.settle();
        town.assert_at_rest();
    }
}

#[test]
fn what_was_ordered_in_one_epoch_is_known_to_the_group_of_the_next() {
    let mut town = Town::new(8, 7);
    let newcomer = town.add(20);
    town.live_until(Epoch::new(1));
    assert!(town.members().contains(&newcomer), "it was added, and is there");
    town.settle();
    let gone: NodeId = town.remove(2);
    town.live_until(Epoch::new(2));
    assert!(!town.active().contains(&gone));
    assert!(town.active().len() == 8);
}
