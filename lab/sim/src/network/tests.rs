//! What links do with messages.

use quorate_history::Prng;

use super::{Fate, Network};
use crate::node::{Node, Nodes};
use crate::scenario::Profile;
use crate::scenario::Scenario;
use crate::swarm::{Blueprint, draw};

const A: Node = Node::new(0);
const B: Node = Node::new(1);
const OUTSIDER: Node = Node::new(2);

fn network(is_fifo: bool) -> Network {
    let blueprint = Blueprint { node_count: 3, ..Blueprint::EXAMPLE };
    let mut scenario: Scenario = draw(7, Profile::Calm, &blueprint);
    scenario.core = Nodes::range(0, 2);
    scenario.delta_us = 500;
    scenario.network.base_us_max = 5_000;
    scenario.network.jitter_us_max = 5_000;
    scenario.network.is_fifo = is_fifo;
    Network::new(&scenario, &Prng::from_seed(7))
}

#[test]
fn sim_3_after_the_heal_the_core_is_timely_whatever_goes_wrong() {
    let mut network = network(false);
    network.rates.loss = 1_000;
    network.cut(A, B, true);
    network.clog(A, B, 1_000_000);
    assert_eq!(network.send(A, B, 0), Fate::Lost);
    network.heal();
    for now_us in 0..1_000 {
        let Fate::Once(at_us) = network.send(A, B, now_us) else { panic!("lost in the core") };
        assert!(now_us < at_us && at_us <= now_us + 500);
        assert_eq!(network.send(A, OUTSIDER, now_us), Fate::Lost);
    }
}

#[test]
fn a_cut_is_one_way_and_ends_with_its_last_fault() {
    let mut network = network(false);
    network.cut(A, B, true);
    network.cut(A, B, true);
    network.cut(A, B, false);
    assert_eq!(network.send(A, B, 0), Fate::Lost);
    assert!(matches!(network.send(B, A, 0), Fate::Once(_)));
    network.cut(A, B, false);
    assert!(matches!(network.send(A, B, 0), Fate::Once(_)));
}

#[test]
fn a_clogged_link_keeps_everything_back() {
    let mut network = network(false);
    network.clog(A, B, 1_000_000);
    assert!(matches!(network.send(A, B, 5), Fate::Once(at_us) if at_us > 1_000_000));
}

#[test]
fn a_link_overtakes_unless_it_keeps_the_order() {
    let arrivals = |mut network: Network| -> Vec<u64> {
        let arrival = |now_us| match network.send(A, B, now_us) {
            Fate::Once(at_us) => at_us,
            fate @ (Fate::Lost | Fate::Twice(..)) => panic!("{fate:?} without a fault"),
        };
        (0..200).map(arrival).collect()
    };
    assert!(arrivals(network(true)).is_sorted());
    assert!(!arrivals(network(false)).is_sorted());
}

#[test]
fn loss_and_duplication_strike_at_their_rates() {
    let mut network = network(false);
    network.rates.loss = 300;
    network.rates.duplicate = 500;
    let fates: Vec<_> = (0..1_000).map(|now_us| network.send(A, B, now_us)).collect();
    let lost = fates.iter().filter(|fate| matches!(fate, Fate::Lost)).count();
    let twice = fates.iter().filter(|fate| matches!(fate, Fate::Twice(..))).count();
    assert!((200..400).contains(&lost), "{lost}");
    assert!((250..450).contains(&twice), "{twice}");
}
