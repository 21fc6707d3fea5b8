//! MEM-69: of many servers those on the shortlist bring keys, and the group is drawn from them.
use std::vec::Vec;

use quorate_types::{MemberRecord, NodeId};

use super::harness::Town;
use super::later_root::naming;
use crate::handover::HandoverOperation;
use crate::rotation::Rotation;
use crate::service::HandoverRefusal;
use crate::shortlist::Shortlist;

/// Half as many again as a list has.
const SERVERS: usize = 1536;

/// The members of the epoch outside of its group, in two parts: who is on the list, and who is not.
fn outsiders(town: &Town) -> (Vec<MemberRecord>, Vec<MemberRecord>) {
    let list = Shortlist::of(town.configuration.header().header());
    let group = town.group();
    let members = town.configuration.configuration().members.iter();
    members.filter(|member| !group.contains(&member.id)).cloned().partition(|it| list.has(it))
}

#[test]
fn mem_69_the_log_takes_keys_of_the_list_of_the_group_and_with_another_root_alone() {
    let mut town = Town::crowded(SERVERS);
    let (listed, others) = outsiders(&town);
    assert!(listed.len() > 900 && others.len() > 400, "{} and {}", listed.len(), others.len());
    let number = |town: &Town, member: &MemberRecord| town.number_of(member.id);
    let (on_list, off_list) = (number(&town, &listed[0]), number(&town, &others[0]));
    assert_eq!(town.deposit(off_list), Err(HandoverRefusal::NotListed));
    assert_eq!(town.deposit(on_list), Ok(()));
    let heir = naming(&town, number(&town, &others[1]), b'x');
    assert_eq!(town.take(HandoverOperation::Deposit(heir.into())), Ok(()));
    for node in town.group() {
        assert_eq!(town.deposit(town.number_of(node)), Ok(()), "its group may have to stay");
    }
}

#[test]
fn mem_69_the_lot_falls_on_servers_of_the_list_alone() {
    let mut town = Town::crowded(SERVERS);
    for _ in 0..3 {
        let (old, (listed, others)) = (town.group(), outsiders(&town));
        // Six of the list, and all others that the log takes keys from.
        let heirs = others.iter().map(|it| town.number_of(it.id));
        let heirs: Vec<_> =
            heirs.filter(|heir| !town.later_trees.contains_key(heir)).take(6).collect();
        let expected: Vec<NodeId> = listed[..6].iter().map(|it| it.id).collect();
        for node in old.iter().chain(&expected) {
            town.deposit(town.number_of(*node)).unwrap();
        }
        let first_epoch = town.epoch().next();
        for heir in &heirs {
            let deposit = naming(&town, *heir, b'x');
            town.take(HandoverOperation::Deposit(deposit.into())).unwrap();
        }
        let list = Shortlist::of(town.configuration.header().header());
        town.freeze();
        let beacon = town.beacon();
        town.take(beacon).unwrap();
        let is_fair = |id: &NodeId| expected.contains(id) || old.contains(id) && list.draws(*id);
        let drawn = town.underway().attempt.seats;
        assert!(drawn.iter().all(|seat| is_fair(&seat.node)), "{drawn:?} of {expected:?}");
        assert!(drawn.iter().any(|seat| expected.contains(&seat.node)), "not the old group");
        let shares = town.finish();
        town.turn(shares);
        town.later_trees.extend(heirs.into_iter().map(|heir| (heir, (b'x', first_epoch))));
    }
}

#[test]
fn mem_69_from_the_next_epoch_on_the_servers_of_a_pool_bring_keys() {
    let mut town = Town::crowded(SERVERS);
    let (_, others) = outsiders(&town);
    let pool: Vec<NodeId> = others[..5].iter().map(|member| member.id).collect();
    let grant = town.rotation_grant(Rotation { pool: Some(pool.clone()), seats_max: None });
    town.rotate(grant);
    let early = town.deposit(town.number_of(pool[0]));
    assert_eq!(early, Err(HandoverRefusal::NotListed), "not in this epoch");
    let before = town.group();
    for node in town.group() {
        town.deposit(town.number_of(node)).unwrap();
    }
    end(&mut town);
    assert_eq!(town.group(), before, "nobody of the pool had brought keys");
    let in_pool = |town: &Town| -> Vec<NodeId> {
        let members = town.configuration.configuration().members.iter();
        members.filter(|member| member.is_in_pool).map(|member| member.id).collect()
    };
    assert_eq!(in_pool(&town), pool);

    for node in town.group().into_iter().chain(pool.clone()) {
        town.deposit(town.number_of(node)).unwrap();
    }
    end(&mut town);
    assert!(town.group().iter().all(|node| pool.contains(node)));

    let grant = town.rotation_grant(Rotation::default());
    town.rotate(grant);
    for node in town.group() {
        town.deposit(town.number_of(node)).unwrap();
    }
    end(&mut town);
    assert_eq!(in_pool(&town), [], "the pool is no more");
}

#[test]
fn mem_69_bad_servers_of_a_pool_that_is_new_are_not_its_only_candidates() {
    let mut town = Town::crowded(SERVERS);
    let (_, others) = outsiders(&town);
    let pool: Vec<NodeId> = others[..13].iter().map(|member| member.id).collect();
    let grant = town.rotation_grant(Rotation { pool: Some(pool.clone()), seats_max: None });
    town.rotate(grant);
    for node in town.group() {
        town.deposit(town.number_of(node)).unwrap();
    }
    // Nine of the pool bring no keys, since nobody asks them; four name other roots.
    for bad in &pool[9..] {
        let deposit = naming(&town, town.number_of(*bad), b'x');
        town.take(HandoverOperation::Deposit(deposit.into())).unwrap();
    }
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let drawn: Vec<_> = town.underway().attempt.seats.iter().map(|seat| seat.node).collect();
    assert_eq!(drawn, town.group(), "the group stays for an epoch");
}

#[test]
fn mem_69_servers_of_a_pool_that_is_no_more_are_drawn_as_others_are() {
    let mut town = Town::crowded(SERVERS);
    let (_, others) = outsiders(&town);
    let pool: Vec<NodeId> = others[..5].iter().map(|member| member.id).collect();
    let grant = town.rotation_grant(Rotation { pool: Some(pool.clone()), seats_max: None });
    town.rotate(grant);
    for node in town.group() {
        town.deposit(town.number_of(node)).unwrap();
    }
    end(&mut town);
    let list = Shortlist::of(town.configuration.header().header());
    let grant = town.rotation_grant(Rotation::default());
    town.rotate(grant);
    for node in town.group().into_iter().chain(pool.clone()) {
        town.deposit(town.number_of(node)).unwrap();
    }
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let seats = town.underway().attempt.seats;
    let is_by_mark = |node: &NodeId| pool.contains(node) && !list.draws(*node);
    assert!(pool.iter().any(|node| !list.draws(*node)), "the test shows something");
    assert!(seats.iter().all(|seat| !is_by_mark(&seat.node)), "{seats:?}");
}

/// Freezes the epoch with the deposits that there are, and brings it to its end.
fn end(town: &mut Town) {
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let shares = town.finish();
    town.turn(shares);
}
