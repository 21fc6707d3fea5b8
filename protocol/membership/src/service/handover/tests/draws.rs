//! MEM-79: a group is drawn from two thirds of those who are asked for keys, or not at all.
use std::vec::Vec;

use quorate_types::NodeId;

use super::harness::Town;
use crate::election::elect;
use crate::epoch_configuration::EpochConfiguration;
use crate::monitor::caps::Held;
use crate::rotation::Rotation;
use crate::service::{MembershipReply, Refusal};
use crate::shortlist::Turnout;

/// These bring keys, and the first group is drawn.
fn draw(town: &mut Town, brought: impl IntoIterator<Item = NodeId>) -> Vec<NodeId> {
    for node in brought {
        town.deposit(town.number_of(node)).unwrap();
    }
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    town.underway().attempt.seats.iter().map(|seat| seat.node).collect()
}

/// Brings the epoch to its end; returns what anybody can tell of who brought keys.
fn finish(town: &mut Town) -> Turnout {
    let former = EpochConfiguration::from(&town.configuration);
    let shares = town.finish();
    town.turn(shares);
    Turnout::between(&former, town.configuration.configuration())
}

/// All servers, in the order of their places on the ring.
fn ring(town: &Town) -> Vec<NodeId> {
    town.configuration.configuration().members.iter().map(|it| it.id).collect()
}

/// Whom the lot falls on among these.
fn lot(town: &Town, candidates: impl IntoIterator<Item = NodeId>) -> Vec<NodeId> {
    let randomness = town.underway().randomness;
    let resilience = town.configuration.configuration().membership;
    elect((randomness, 0), candidates, resilience).unwrap()
}

#[test]
fn mem_79_whoever_holds_back_the_keys_of_others_does_not_choose_the_group() {
    let mut town = Town::new(12, 1);
    let (group, others) = (town.group(), town.outsiders());
    // Of twelve servers five are held back. Three bad ones would be most of who can be drawn beside
    // the members.
    let brought: Vec<_> = group.iter().chain(&others[..3]).copied().collect();
    assert_eq!(draw(&mut town, brought), group, "the group stays");
    for _ in 0..2 {
        town.give_up();
    }
    let redraw = town.redraw();
    town.take(redraw).unwrap();
    let again: Vec<_> = town.underway().attempt.seats.iter().map(|seat| seat.node).collect();
    assert_eq!(again, group, "no group is drawn from them later either");
    let turnout = finish(&mut town);
    assert_eq!(turnout, Turnout { asked: 12, brought: 7 });
    assert!(!turnout.is_enough());
    assert_eq!(town.group(), group);
    let all = ring(&town);
    let drawn = draw(&mut town, all.clone());
    assert_eq!(drawn, lot(&town, all), "in the next epoch it moves");
}

#[test]
fn mem_79_a_third_of_the_servers_keeps_no_group_by_its_silence() {
    let mut town = Town::new(12, 1);
    let others = town.outsiders();
    let brought: Vec<_> = town.group().into_iter().chain(others[..4].iter().copied()).collect();
    let drawn = draw(&mut town, brought.clone());
    assert_eq!(drawn, lot(&town, brought));
}

#[test]
fn mem_79_who_leaves_or_is_evicted_is_not_asked() {
    let mut town = Town::new(12, 1);
    let others = town.outsiders();
    let ring = ring(&town);
    // Two that are not near each other on the ring, so that both can go.
    let place = |node: &NodeId| ring.iter().position(|it| it == node).unwrap();
    let gone = others[0];
    let far = |node: &&NodeId| (4..=8).contains(&place(node).abs_diff(place(&gone)));
    let leaving = *others[1..].iter().find(far).unwrap();
    town.evict(gone);
    let removed = town.remove(town.number_of(leaving));
    assert_eq!(removed, MembershipReply::Recorded(town.epoch()));
    // Seven of the ten that stay are enough; of twelve they would be too few.
    let staying = others.into_iter().filter(|node| *node != gone && *node != leaving);
    let brought: Vec<_> = town.group().into_iter().chain(staying.take(3)).collect();
    let drawn = draw(&mut town, brought.clone());
    assert_eq!(drawn, lot(&town, brought));
    let turnout = finish(&mut town);
    assert_eq!(turnout, Turnout { asked: 10, brought: 7 });
    assert!(turnout.is_enough());
}

#[test]
fn mem_79_where_most_seem_silent_the_others_are_not_the_urn() {
    let mut town = Town::new(12, 1);
    let (group, all) = (town.group(), ring(&town));
    // Whoever loses what is sent to the probe ports has good servers be called silent, and lets
    // their keys through. The caps let few of them go.
    for silent in town.outsiders() {
        town.evict(silent);
    }
    // Neither are the few others the urn, nor those whom the group takes to be dead.
    assert_eq!(draw(&mut town, all), group);
    finish(&mut town);
    assert!(!town.inactive().is_empty() && town.inactive().len() < 6, "{:?}", town.inactive());
}

#[test]
fn who_was_proved_to_lie_is_not_drawn_for_want_of_others() {
    let mut town = Town::new(5, 1);
    let (group, other) = (town.group(), town.outsiders()[0]);
    for liar in [group[3], other] {
        assert_eq!(town.accuse(liar), MembershipReply::Recorded(town.epoch()));
    }
    // One of them can go, and four have to be left. Three others are no group.
    let all = ring(&town);
    assert_eq!(draw(&mut town, all), group, "it is not drawn in the place of the other one");
}

#[test]
fn a_silent_member_does_not_take_the_place_of_others_that_would_be_evicted() {
    let mut town = Town::new(9, 1);
    let (group, all) = (town.group(), ring(&town));
    // Both are near it on the ring, and not near each other: it goes, or both of them.
    let beside = |member: usize| {
        [(7, 2), (8, 3), (6, 1)]
            .map(|(left, right)| [all[(member + left) % 9], all[(member + right) % 9]])
    };
    let is_outside = |pair: &[NodeId; 2]| pair.iter().all(|node| !group.contains(node));
    let found = (0..9).filter(|place| group.contains(&all[*place])).find_map(|place| {
        beside(place).into_iter().find(is_outside).map(|pair| (all[place], pair))
    });
    let (member, pair) = found.expect("four of nine are in the group");
    let third = *town.outsiders().iter().find(|node| !pair.contains(node)).unwrap();
    let silent = [member, pair[0], pair[1], third];
    for server in silent {
        town.evict(server);
    }
    // Five of nine are there. Of eight they are too few, and of seven enough.
    let there: Vec<_> = all.into_iter().filter(|node| !silent.contains(node)).collect();
    assert_eq!(draw(&mut town, there.clone()), group, "it took what the caps let go");
    finish(&mut town);
    assert_eq!(town.held(member), Some(Held::Seat));
    assert!(pair.iter().all(|node| town.inactive().contains(node)), "but kept its seat");
    let drawn = draw(&mut town, there);
    assert!(!drawn.contains(&member), "so the group moves on");
}

/// A member of the group, a server outside that is near it on the ring, and all who are neither.
fn near_the_group(town: &Town) -> (NodeId, NodeId, Vec<NodeId>) {
    let (group, all) = (town.group(), ring(town));
    let is_near = |place: &usize| {
        let near = all[(place + 1) % all.len()];
        group.contains(&all[*place]) && !group.contains(&near)
    };
    let place = (0..all.len()).find(is_near).expect("not all are in the group");
    let (member, near) = (all[place], all[(place + 1) % all.len()]);
    let others = all.into_iter().filter(|node| *node != member && *node != near).collect();
    (member, near, others)
}

#[test]
fn mem_45_a_removal_that_waits_for_a_group_leaves_no_room_for_an_eviction() {
    let mut town = Town::new(9, 1);
    let (member, near, others) = near_the_group(&town);
    let group = town.group();
    assert_eq!(town.remove(town.number_of(member)), MembershipReply::Recorded(town.epoch()));
    town.evict(near);
    // With these it stays: eight are asked.
    let brought = others.into_iter().filter(|node| group.contains(node));
    assert_eq!(draw(&mut town, brought), group);
    finish(&mut town);
    let number = town.number_of(member);
    for _ in 0..2 {
        assert!(town.inactive().is_empty(), "one of the two goes, and the authority has spoken");
        town.live_an_epoch();
    }
    assert_eq!(town.record_of(number), None);
    assert_eq!(town.held(near), Some(Held::Window));
}

#[test]
fn mem_45_behind_a_freeze_evictions_that_are_fixed_leave_no_room_for_a_removal() {
    let mut town = Town::new(9, 1);
    let (member, near, _) = near_the_group(&town);
    town.evict(near);
    town.deposit_all();
    town.freeze();
    let refused = town.remove(town.number_of(member));
    assert_eq!(refused, MembershipReply::Refused(Refusal::NeighboursGone));
}

#[test]
fn mem_49_who_was_proved_to_lie_is_found_so_also_while_its_removal_waits() {
    let mut town = Town::new(9, 1);
    let (member, _, others) = near_the_group(&town);
    let group = town.group();
    assert_eq!(town.accuse(member), MembershipReply::Recorded(town.epoch()));
    assert_eq!(town.remove(town.number_of(member)), MembershipReply::Recorded(town.epoch()));
    let brought = others.into_iter().filter(|node| group.contains(node));
    assert_eq!(draw(&mut town, brought), group);
    finish(&mut town);
    assert_eq!(town.held(member), Some(Held::Seat));
}

#[test]
fn mem_79_of_a_pool_its_servers_count_alone() {
    for (count, is_drawn) in [(6, true), (5, false)] {
        let mut town = Town::new(12, 1);
        let all = ring(&town);
        let (pool, others) = all.split_at(9);
        let rotation = Rotation { pool: Some(pool.to_vec()), seats_max: None };
        let grant = town.rotation_grant(rotation);
        town.rotate(grant);
        // The group first: it has to bring a quorum of keys.
        let group = town.group();
        let (mut own, rest): (Vec<_>, Vec<_>) = pool.iter().partition(|node| group.contains(node));
        own.extend(rest);
        own.truncate(count);
        // The keys of the others change nothing, and one of the pool more or less does.
        let drawn = draw(&mut town, others.iter().chain(&own).copied());
        assert_eq!(drawn, if is_drawn { lot(&town, own) } else { group });
        let turnout = finish(&mut town);
        assert_eq!(turnout, Turnout { asked: 9, brought: count });
    }
}
