//! What follows on an attempt that was given up: settled point 14; and what a draw binds: 27.
use std::vec::Vec;

use quorate_types::NodeId;

use super::harness::Town;
use crate::handover::{Attempt, Stage};
use crate::limits::{ATTEMPTS_OF_GROUP, GROUPS_DRAWN_MAX};
use crate::service::HandoverRefusal;

fn nodes(attempt: &Attempt) -> Vec<NodeId> {
    attempt.seats.iter().map(|seat| seat.node).collect()
}

#[test]
fn a_group_that_failed_is_tried_once_more_and_then_another_is_drawn() {
    let mut town = Town::new(12, 1);
    town.prepare();
    let first = town.underway();
    let session = town.session();
    town.deal(town.group()[0]).unwrap();
    town.give_up();
    let again = town.underway();
    assert_eq!((again.attempt.number, &again.attempt.seats), (1, &first.attempt.seats));
    assert!(again.dealings.is_empty(), "no dealing serves twice");
    assert_ne!(town.session(), session);

    town.give_up();
    assert!(matches!(town.stage(), Stage::Redrawing(_)));
    let redraw = town.redraw();
    town.take(redraw).unwrap();
    let other = town.underway();
    assert_eq!(other.attempt.number, 2);
    assert_ne!(nodes(&other.attempt), nodes(&first.attempt));
    assert_eq!(other.randomness, first.randomness, "ids come from the first");
    let shares = town.finish();
    town.turn(shares);
    assert_eq!(town.group(), nodes(&other.attempt));
}

#[test]
fn behind_three_groups_the_old_one_keeps_the_key_however_long_it_takes() {
    let mut town = Town::new(12, 1);
    town.prepare();
    let mut groups = Vec::new();
    for drawn in 0..GROUPS_DRAWN_MAX {
        if drawn > 0 {
            let redraw = town.redraw();
            town.take(redraw).unwrap();
        }
        groups.push(nodes(&town.underway().attempt));
        (0..ATTEMPTS_OF_GROUP).for_each(|_| town.give_up());
    }
    groups.dedup();
    assert_eq!(groups.len(), 3);
    for number in 6..9 {
        let attempt = town.underway().attempt;
        assert_eq!((attempt.number, nodes(&attempt)), (number, town.group()));
        town.give_up();
    }
    let (group, shares) = (town.group(), town.finish());
    town.turn(shares);
    assert_eq!(town.group(), group);
    town.live_an_epoch();
}

#[test]
fn mem_56_an_epoch_is_as_old_as_the_time_since_its_done_however_many_attempts_there_were() {
    let mut town = Town::new(4, 1);
    town.prepare();
    (0..ATTEMPTS_OF_GROUP).for_each(|_| town.give_up());
    let redraw = town.redraw();
    town.take(redraw).unwrap();
    let before = town.time();
    let shares = town.finish();
    let (created, done) = (town.decided().header.created, town.time());
    assert!(before < created && created == done, "MEM-56: {created:?}, DONE at {done:?}");
    town.turn(shares);
    assert_eq!(town.configuration.configuration().created, done, "MEM-56");
}

#[test]
fn a_member_that_came_too_late_for_the_freeze_has_its_seat_in_the_next_attempt() {
    // Decision 24: three of four have deposited, one of them may lie.
    let mut town = Town::new(4, 1);
    let late = town.number_of(town.group()[3]);
    town.servers().into_iter().filter(|server| *server != late).for_each(|server| {
        town.deposit(server).unwrap();
    });
    town.freeze();
    assert_eq!(town.deposit(late), Err(HandoverRefusal::NotNow), "a draw is to come");
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let first = town.underway().attempt;
    assert_eq!(nodes(&first), town.group(), "too few candidates: the old group stays");
    assert!(first.seats[3].keys.is_none());

    town.deposit(late).unwrap();
    assert_eq!(town.deposit(late), Err(HandoverRefusal::NotNow), "the first counts");
    assert_eq!(town.underway().attempt, first, "nothing changes in an attempt");
    town.give_up();
    let second = town.underway().attempt;
    assert!(second.seats.iter().all(|seat| seat.keys.is_some()));
    let shares = town.finish();
    town.turn(shares);
}

#[test]
fn who_is_not_of_the_group_deposits_before_the_freeze_or_not_at_all() {
    let mut town = Town::new(8, 1);
    let group = town.group();
    let outside = |town: &Town| {
        let mut servers = town.servers().into_iter();
        servers.find(|it| group.iter().all(|member| town.number_of(*member) != *it)).unwrap()
    };
    let stranger = outside(&town);
    town.servers().into_iter().filter(|server| *server != stranger).for_each(|server| {
        town.deposit(server).unwrap();
    });
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    assert_eq!(town.deposit(stranger), Err(HandoverRefusal::NotNow), "MEM-23");
}

#[test]
fn mem_23_the_draw_binds_every_change_and_every_deposit() {
    // Settled point 27: with other changes it is another signature, so nothing is ground.
    let frozen = |prepare: &dyn Fn(&mut Town)| {
        let mut town = Town::new(8, 1);
        town.servers()[..7].to_vec().into_iter().for_each(|server| {
            town.deposit(server).unwrap();
        });
        prepare(&mut town);
        town.freeze();
        town.frozen().fixed
    };
    let plain = frozen(&|_| ());
    let added = frozen(&|town| drop(town.add(20)));
    let removed = frozen(&|town| drop(town.remove(1)));
    let deposited = frozen(&|town| town.deposit(town.servers()[7]).unwrap());
    let all = [plain.changes, added.changes, removed.changes, deposited.changes];
    for (place, left) in all.iter().enumerate() {
        assert!(all[place + 1..].iter().all(|right| left != right), "MEM-23: {place}");
    }
    assert_eq!(plain, frozen(&|_| ()), "the same for the same");
}
