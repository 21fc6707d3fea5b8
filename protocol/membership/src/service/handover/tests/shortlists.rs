//! MEM-69: of many servers those on the shortlist bring keys, and the group is drawn from them.
//! MEM-72: of the others so many do that get another root.
use std::sync::Arc;
use std::vec::Vec;

use quorate_types::{MemberRecord, MemberStatus, NodeId, Resilience};

use super::harness::Town;
use super::later_root::naming;
use crate::election::elect;
use crate::handover::HandoverOperation;
use crate::header::Lineage;
use crate::limits::{
    ATTEMPTS_OF_GROUP, GROUPS_DRAWN_MAX, ROOTS_AGAIN_PART, ROOTS_EARLY_PART, ROOTS_MAX,
};
use crate::rotation::Rotation;
use crate::service::HandoverRefusal;
use crate::service::table::{Table, Tally};

/// Half as many again as a list has.
const SERVERS: usize = 1536;

/// The members of the epoch outside of its group, in two parts: who is on the list, and who is not.
fn outsiders(town: &Town) -> (Vec<MemberRecord>, Vec<MemberRecord>) {
    let list = town.shortlist();
    let group = town.group();
    let members = town.configuration.configuration().members.iter();
    let others = members.filter(|member| !group.contains(&member.id));
    others.map(|member| member.as_ref().clone()).partition(|it| list.has(it))
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
    let (old, (listed, others)) = (town.group(), outsiders(&town));
    deposit(&mut town, &old);
    // Everybody else, too: as if those off the list had named other roots.
    town.bring(&ids(&listed));
    town.bring(&ids(&others));
    let list = town.shortlist();
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    for drawn in groups_drawn(&mut town) {
        assert!(drawn.iter().all(|node| list.draws(*node)), "{drawn:?}");
        assert!(drawn.iter().any(|node| !old.contains(node)), "not the old group");
    }
}

#[test]
fn mem_69_an_old_member_off_the_list_keeps_a_seat_and_wins_none() {
    let mut town = Town::crowded(SERVERS);
    let (seats_max, four) = (3, Resilience::new(1).unwrap());
    let grant = town.rotation_grant(Rotation { pool: None, seats_max: Some(seats_max) });
    town.rotate(grant);
    let (mut kept, mut lost) = (0, 0);
    // No longer than the trees of the servers.
    for _ in 0..14 {
        let (old, (listed, _)) = (town.group(), outsiders(&town));
        let list = town.shortlist();
        deposit(&mut town, &old);
        town.bring(&ids(&listed));
        end(&mut town);
        let Lineage { randomness, attempt, .. } = town.configuration.header().header().lineage;
        let keeper = elect((randomness, attempt), old.clone(), four).unwrap()[0];
        let group = town.group();
        assert!(group.contains(&keeper), "of four members one keeps its seat");
        for node in old.into_iter().filter(|node| !list.draws(*node)) {
            assert!(node == keeper || !group.contains(&node), "it is not on the list");
            kept += usize::from(node == keeper);
            lost += usize::from(node != keeper);
        }
    }
    assert!(kept > 0 && lost > 5, "the test shows something: {kept} and {lost}");
}

#[test]
fn mem_69_of_few_active_servers_all_are_on_the_list_whatever_became_of_others() {
    let idle = 1000;
    let mut town = Town::crowded_with(SERVERS, idle);
    let members = town.configuration.configuration().members.clone();
    let (active, others): (Vec<_>, Vec<_>) =
        members.iter().partition(|member| member.status == MemberStatus::Active);
    assert_eq!((active.len(), others.len()), (SERVERS - idle, idle));
    let list = town.shortlist();
    assert!(active.iter().all(|member| list.has(member)), "536 are fewer than 1,024");
    assert!(!others.iter().any(|member| list.has(member)), "they can be drawn for no group");
    // The log goes by the same.
    assert!(active.iter().all(|member| town.reader().shortlist().has(member)));
    let is = |status| move |member: &&&Arc<MemberRecord>| member.status == status;
    let inactive = others.iter().find(is(MemberStatus::Inactive)).unwrap();
    assert_eq!(town.deposit(town.number_of(inactive.id)), Err(HandoverRefusal::NotListed));
    let removed = others.iter().find(is(MemberStatus::Removed)).unwrap();
    assert_eq!(town.deposit(town.number_of(removed.id)), Err(HandoverRefusal::Stranger));
}

/// As if so many servers off the list had named other roots in this epoch.
fn name_roots(town: &mut Town, count: u64) {
    let tally = town.reader().tally();
    Table::new(&mut town.state).put_tally(Tally { roots: count, ..tally });
}

fn name(town: &mut Town, server: &MemberRecord, seed: u8) -> Result<(), HandoverRefusal> {
    let deposit = naming(town, town.number_of(server.id), seed);
    town.take(HandoverOperation::Deposit(deposit.into()))
}

#[test]
fn mem_72_the_log_takes_so_many_roots_of_servers_off_the_list_and_all_others() {
    let mut town = Town::crowded(SERVERS);
    let (listed, others) = outsiders(&town);
    let early = ROOTS_MAX / ROOTS_EARLY_PART;
    name_roots(&mut town, early - 1);
    assert_eq!(name(&mut town, &others[0], b'x'), Ok(()));
    assert_eq!(town.reader().tally().roots, early);
    let refused = Err(HandoverRefusal::TooManyRoots);
    assert_eq!(name(&mut town, &others[1], b'x'), refused, "the rest is for old trees");
    name_roots(&mut town, ROOTS_MAX);
    assert_eq!(name(&mut town, &others[1], b'x'), refused);
    assert_eq!(name(&mut town, &listed[0], b'x'), Ok(()), "it is asked for its keys anyway");
    assert_eq!(town.deposit(town.number_of(listed[1].id)), Ok(()));
    let group = town.group();
    let record = |node: &NodeId| town.configuration.configuration().member(*node).cloned();
    let members: Vec<_> = group.iter().filter_map(record).collect();
    assert_eq!(name(&mut town, &members[0], b'x'), Ok(()), "its group may have to stay");
    assert_eq!(town.reader().tally().roots, ROOTS_MAX, "these are not counted");
    deposit(&mut town, &group[1..]);
    end(&mut town);
    assert_eq!(town.reader().tally().roots, 0, "each epoch counts anew");
    let root =
        |server: &MemberRecord| town.record_of(town.number_of(server.id)).unwrap().later_root;
    assert_eq!(root(&others[0]).map(|later| later.since), Some(town.epoch()));
    assert_eq!(root(&others[1]), None);
}

#[test]
fn mem_72_whoever_has_just_got_a_root_gets_another_only_where_few_ask() {
    let mut town = Town::crowded(SERVERS);
    let (_, others) = outsiders(&town);
    let first_epoch = town.epoch().next();
    for server in &others[..8] {
        assert_eq!(name(&mut town, server, b'x'), Ok(()));
    }
    let group = town.group();
    deposit(&mut town, &group);
    end(&mut town);
    for server in &others[..8] {
        let number = town.number_of(server.id);
        town.later_trees.insert(number, (b'x', first_epoch));
    }
    let (_, off_list) = outsiders(&town);
    let is_old = |server: &&MemberRecord| server.later_root.is_none();
    let again: Vec<_> = off_list.iter().filter(|server| !is_old(server)).collect();
    let first = off_list.iter().find(is_old).unwrap();
    assert!(again.len() > 1, "some of them are off the list again");
    name_roots(&mut town, ROOTS_MAX / ROOTS_AGAIN_PART - 1);
    assert_eq!(name(&mut town, again[0], b'y'), Ok(()), "an emergency may be one twice");
    assert_eq!(name(&mut town, again[1], b'y'), Err(HandoverRefusal::TooManyRoots));
    assert_eq!(name(&mut town, first, b'y'), Ok(()), "it has not asked before");
}

#[test]
fn mem_69_from_the_next_epoch_on_the_servers_of_a_pool_bring_keys() {
    let mut town = Town::crowded(SERVERS);
    let (_, others) = outsiders(&town);
    let pool = name_pool(&mut town, &others[..5]);
    let early = town.deposit(town.number_of(pool[0]));
    assert_eq!(early, Err(HandoverRefusal::NotListed), "not in this epoch");
    let before = town.group();
    let group = town.group();
    deposit(&mut town, &group);
    end(&mut town);
    assert_eq!(town.group(), before, "nobody of the pool had brought keys");
    let in_pool = |town: &Town| -> Vec<NodeId> {
        let members = town.configuration.configuration().members.iter();
        members.filter(|member| member.is_in_pool).map(|member| member.id).collect()
    };
    assert_eq!(in_pool(&town), pool);

    let group = town.group();
    deposit(&mut town, &group);
    deposit(&mut town, &pool);
    end(&mut town);
    assert!(town.group().iter().all(|node| pool.contains(node)));

    let grant = town.rotation_grant(Rotation::default());
    town.rotate(grant);
    let group = town.group();
    deposit(&mut town, &group);
    end(&mut town);
    assert_eq!(in_pool(&town), [], "the pool is no more");
}

#[test]
fn mem_69_bad_servers_of_a_pool_that_is_new_are_not_its_only_candidates() {
    let mut town = Town::crowded(SERVERS);
    let (_, others) = outsiders(&town);
    let pool = name_pool(&mut town, &others[..13]);
    let group = town.group();
    deposit(&mut town, &group);
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
    let pool = name_pool(&mut town, &others[..400]);
    let group = town.group();
    deposit(&mut town, &group);
    end(&mut town);
    let list = town.shortlist();
    let grant = town.rotation_grant(Rotation::default());
    town.rotate(grant);
    let group = town.group();
    deposit(&mut town, &group);
    let (asked, _) = outsiders(&town);
    assert!(pool.iter().any(|node| !list.draws(*node)), "the test shows something");
    town.bring(&ids(&asked));
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let is_by_mark = |node: &NodeId| pool.contains(node) && !list.draws(*node);
    let seats = groups_drawn(&mut town);
    assert!(!seats.iter().flatten().any(is_by_mark), "{seats:?}");
}

/// The groups of all draws of an end of an epoch.
fn groups_drawn(town: &mut Town) -> Vec<Vec<NodeId>> {
    let draw = |draw| {
        if draw > 0 {
            (0..ATTEMPTS_OF_GROUP).for_each(|_| town.give_up());
            let redraw = town.redraw();
            town.take(redraw).unwrap();
        }
        town.underway().attempt.seats.iter().map(|seat| seat.node).collect()
    };
    (0..GROUPS_DRAWN_MAX).map(draw).collect()
}

/// The authority names a pool.
fn name_pool(town: &mut Town, servers: &[MemberRecord]) -> Vec<NodeId> {
    let pool: Vec<NodeId> = servers.iter().map(|member| member.id).collect();
    let grant = town.rotation_grant(Rotation { pool: Some(pool.clone()), seats_max: None });
    town.rotate(grant);
    pool
}

fn ids(servers: &[MemberRecord]) -> Vec<NodeId> {
    servers.iter().map(|server| server.id).collect()
}

/// These bring their keys.
fn deposit(town: &mut Town, servers: &[NodeId]) {
    for node in servers {
        town.deposit(town.number_of(*node)).unwrap();
    }
}

/// Freezes the epoch with the deposits that there are, and brings it to its end.
fn end(town: &mut Town) {
    town.freeze();
    let beacon = town.beacon();
    town.take(beacon).unwrap();
    let shares = town.finish();
    town.turn(shares);
}
