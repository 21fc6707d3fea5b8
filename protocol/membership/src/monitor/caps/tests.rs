//! Nobody evicts a neighbourhood, whatever looks dead.
use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::prelude::*;
use quorate_types::{NodeId, Resilience};

use super::{Caps, Cause, Decided, Departure, Held, Margin, OldRing, decide, margin};

fn id(number: u32) -> NodeId {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    NodeId::new(bytes)
}

fn ring(count: u32) -> Vec<NodeId> {
    (0..count).map(id).collect()
}

fn eviction(number: u32) -> Departure {
    Departure { server: id(number), cause: Cause::Eviction, is_active: true }
}

fn removal(number: u32, may_exceed_cap: bool) -> Departure {
    Departure { cause: Cause::Removal { may_exceed_cap }, ..eviction(number) }
}

fn caps(f: u16, active_count: usize) -> Caps {
    let resilience = Resilience::new(f).unwrap();
    let active_min = resilience.replicas();
    Caps { resilience, active_min, evictions_max: 1000, active_count }
}

fn ids(numbers: &[u32]) -> Vec<NodeId> {
    numbers.iter().map(|number| id(*number)).collect()
}

#[test]
fn of_four_neighbours_one_goes_and_the_others_wait() {
    let (servers, gone) = (ring(20), BTreeSet::new());
    let ring = OldRing { servers: &servers, gone: &gone };
    let decided = decide(&ring, &[3, 4, 6, 7].map(eviction), &caps(1, 20));
    assert_eq!(decided.going, ids(&[3, 7]));
    assert_eq!(decided.postponed, [(id(4), Held::Window), (id(6), Held::Window)]);
    assert_eq!(decided.refused, []);
}

#[test]
fn the_ring_closes() {
    let (servers, gone) = (ring(20), BTreeSet::new());
    let ring = OldRing { servers: &servers, gone: &gone };
    let decided = decide(&ring, &[19, 0, 2, 3].map(eviction), &caps(1, 20));
    assert_eq!(decided.going, ids(&[19, 3]));
    assert_eq!(decided.postponed, [(id(0), Held::Window), (id(2), Held::Window)]);
}

/// The counterexample of settled point 28: one of four in each of two epochs.
#[test]
fn who_went_in_an_earlier_epoch_counts_until_the_ring_has_moved() {
    let servers = ring(20);
    let gone = BTreeSet::from([id(3)]);
    let ring = OldRing { servers: &servers, gone: &gone };
    let decided = decide(&ring, &[eviction(5)], &caps(1, 19));
    assert_eq!(decided.postponed, [(id(5), Held::Window)]);
    let moved = OldRing { servers: &servers, gone: &BTreeSet::new() };
    assert_eq!(decide(&moved, &[eviction(5)], &caps(1, 19)).going, ids(&[5]));
}

#[test]
fn a_removal_beyond_the_cap_takes_the_override() {
    let (servers, gone) = (ring(20), BTreeSet::from([id(3)]));
    let ring = OldRing { servers: &servers, gone: &gone };
    let decided = decide(&ring, &[removal(4, false), removal(5, true)], &caps(1, 19));
    assert_eq!(decided.refused, [(id(4), Held::Window)]);
    assert_eq!(decided.going, ids(&[5]));
    let after = decide(&ring, &[removal(5, true), eviction(8)], &caps(1, 19));
    assert_eq!(after.postponed, [(id(8), Held::Window)], "what was overridden counts too");
}

#[test]
fn mem_46_a_group_stays_whoever_wants_otherwise() {
    let (servers, gone) = (ring(5), BTreeSet::new());
    let ring = OldRing { servers: &servers, gone: &gone };
    let wanted = [removal(0, true), removal(1, true), eviction(2)];
    let decided = decide(&ring, &wanted, &caps(1, 5));
    assert_eq!(decided.going, ids(&[0]));
    assert_eq!(decided.refused, [(id(1), Held::TooFewLeft)]);
    assert_eq!(decided.postponed, [(id(2), Held::TooFewLeft)]);
}

#[test]
fn mem_46_at_most_so_many_go_with_one_epoch() {
    let (servers, gone) = (ring(100), BTreeSet::new());
    let ring = OldRing { servers: &servers, gone: &gone };
    let caps = Caps { evictions_max: 2, ..caps(1, 100) };
    let wanted = [eviction(0), removal(10, false), eviction(20), eviction(30), removal(40, false)];
    let decided = decide(&ring, &wanted, &caps);
    assert_eq!(decided.going, ids(&[0, 10, 20, 40]));
    assert_eq!(decided.postponed, [(id(30), Held::Rate)]);
}

#[test]
fn a_large_system_may_lose_one_in_fifty_with_one_epoch() {
    let resilience = Resilience::new(1).unwrap();
    let usual = |active_count| Caps::usual(resilience, active_count, 4).evictions_max;
    assert_eq!([12, 200, 250, 100_000].map(usual), [4, 4, 5, 2_000]);
}

#[test]
fn who_is_asked_for_twice_goes_once_and_newcomers_hold_nothing_yet() {
    let (servers, gone) = (ring(20), BTreeSet::new());
    let ring = OldRing { servers: &servers, gone: &gone };
    let newcomers = [eviction(100), eviction(101), eviction(100)];
    let decided = decide(&ring, &newcomers, &caps(1, 22));
    assert_eq!(decided, Decided { going: ids(&[100, 101]), ..Decided::default() });
}

/// Scenario 10: the membership group's side of a partition sees 40 of 100 dead.
#[test]
fn mem_45_in_a_partition_every_group_keeps_its_quorum() {
    let (servers, gone) = (ring(100), BTreeSet::new());
    let ring = OldRing { servers: &servers, gone: &gone };
    let dead: Vec<_> = (0..40).map(|number| eviction(number * 7 % 100)).collect();
    let decided = decide(&ring, &dead, &caps(1, 100));
    let gone: BTreeSet<_> = decided.going.iter().copied().collect();
    assert!(gone.len() >= 10, "those that stand apart go: {}", gone.len());
    for start in 0..100_usize {
        let window = (start..start + 4).map(|seat| servers[seat % 100]);
        assert!(window.filter(|server| gone.contains(server)).count() <= 1);
    }
}

#[test]
fn the_margin_counts_suspects_and_those_gone() {
    let servers = ring(20);
    let (gone, f2) = (BTreeSet::from([id(3)]), Resilience::new(2).unwrap());
    let ring = OldRing { servers: &servers, gone: &gone };
    let with =
        |suspects: &[u32]| margin(&ring, &suspects.iter().map(|number| id(*number)).collect(), f2);
    assert_eq!(with(&[]), Margin { suspects_max: 0, left_min: 1, is_at_risk: false });
    assert_eq!(with(&[5]), Margin { suspects_max: 1, left_min: 0, is_at_risk: false });
    assert_eq!(with(&[12, 19]), Margin { suspects_max: 1, left_min: 0, is_at_risk: false });
    assert_eq!(with(&[11, 12]), Margin { suspects_max: 2, left_min: 0, is_at_risk: true });
    assert_eq!(with(&[3]), Margin { suspects_max: 0, left_min: 1, is_at_risk: false });
}

/// The rule as it is written, with nothing remembered: every window is counted for every server.
fn decide_slowly(
    (servers, gone): (&[NodeId], &BTreeSet<NodeId>),
    departures: &[Departure],
    caps: &Caps,
) -> Decided {
    let (f, width) = (caps.resilience.f(), caps.resilience.replicas());
    let mut decided = Decided::default();
    let mut seen = BTreeSet::new();
    for one in departures {
        if !seen.insert(one.server) {
            continue;
        }
        let was_active = |server: &NodeId| {
            departures.iter().find(|other| other.server == *server).unwrap().is_active
        };
        let left = caps.active_count - decided.going.iter().filter(|id| was_active(id)).count();
        let mut out = gone.clone();
        out.extend(decided.going.iter().copied());
        out.insert(one.server);
        let count_in = |start: usize| {
            let window: BTreeSet<_> =
                (start..start + width).map(|seat| servers[seat % servers.len()]).collect();
            (window.contains(&one.server), window.intersection(&out).count())
        };
        let mut windows = (0..servers.len()).map(count_in);
        let is_over = windows.any(|(is_around, count)| is_around && count > f);
        let evicted = |server: &&NodeId| {
            let first = departures.iter().find(|other| other.server == **server).unwrap();
            first.cause == Cause::Eviction
        };
        let is_late = decided.going.iter().filter(evicted).count() >= caps.evictions_max;
        let is_eviction = one.cause == Cause::Eviction;
        let is_override = one.cause == Cause::Removal { may_exceed_cap: true };
        let reason = if one.is_active && left <= width {
            Some(Held::TooFewLeft)
        } else if is_over && !is_override {
            Some(Held::Window)
        } else if is_eviction && is_late {
            Some(Held::Rate)
        } else {
            None
        };
        match (reason, is_eviction) {
            (None, _) => decided.going.push(one.server),
            (Some(reason), true) => decided.postponed.push((one.server, reason)),
            (Some(reason), false) => decided.refused.push((one.server, reason)),
        }
    }
    decided
}

fn departure() -> impl Strategy<Value = Departure> {
    let cause = prop_oneof![
        4 => Just(Cause::Eviction),
        1 => Just(Cause::Removal { may_exceed_cap: false }),
        1 => Just(Cause::Removal { may_exceed_cap: true }),
    ];
    (0_u32..45, cause, prop::bool::weighted(0.9)).prop_map(|(number, cause, is_active)| Departure {
        server: id(number),
        cause,
        is_active,
    })
}

proptest! {
    #[test]
    fn mem_45_the_sweep_decides_as_the_rule_is_written(
        count in 13_u32..40,
        f in 1_u16..5,
        gone in proptest::collection::btree_set(0_u32..45, 0..4),
        departures in proptest::collection::vec(departure(), 0..30),
        evictions_max in 0_usize..12,
    ) {
        let servers = ring(count);
        let in_ring = |id: &NodeId| servers.contains(id);
        let gone: BTreeSet<_> = gone.into_iter().map(id).filter(in_ring).collect();
        let absent = |one: &Departure| gone.contains(&one.server);
        let departures: Vec<_> = departures.into_iter().filter(|one| !absent(one)).collect();
        let caps = Caps { evictions_max, ..caps(f, 45 - gone.len()) };
        let ring = OldRing { servers: &servers, gone: &gone };
        let quickly = decide(&ring, &departures, &caps);
        prop_assert_eq!(quickly, decide_slowly((&servers, &gone), &departures, &caps));
    }

    #[test]
    fn the_margin_is_that_of_the_fullest_window(
        count in 13_u32..40,
        f in 1_u16..5,
        gone in proptest::collection::btree_set(0_u32..40, 0..6),
        suspects in proptest::collection::btree_set(0_u32..40, 0..6),
    ) {
        let (servers, resilience) = (ring(count), Resilience::new(f).unwrap());
        let gone: BTreeSet<_> = gone.into_iter().map(id).collect();
        let suspects: BTreeSet<_> = suspects.into_iter().map(id).collect();
        let fullest = |is_counted: &dyn Fn(&NodeId) -> bool| {
            let window = |start: usize| {
                (start..start + resilience.replicas()).map(|seat| servers[seat % servers.len()])
            };
            let count = |start| window(start).filter(|id| is_counted(id)).count();
            (0..servers.len()).map(count).max().unwrap()
        };
        let suspected = fullest(&|id| suspects.contains(id) && !gone.contains(id));
        let failed = fullest(&|id| suspects.contains(id) || gone.contains(id));
        let found = margin(&OldRing { servers: &servers, gone: &gone }, &suspects, resilience);
        prop_assert_eq!(found.suspects_max, suspected);
        prop_assert_eq!(found.left_min, resilience.f().saturating_sub(failed));
        prop_assert_eq!(found.is_at_risk, suspected >= resilience.f());
    }
}
