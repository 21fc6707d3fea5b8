//! A crash at every effect of a short scenario.

use super::{Share, Victims, enumerate, quiet, subsets};
use crate::node::{Node, Nodes};
use crate::system::System;
use crate::toy::Toy;

/// One crash point in so many, to keep the test short.
const STRIDE: usize = 29;
/// The same of crashes of several: no multiple of 7, so that each set of others has its turn.
const TOGETHER_STRIDE: usize = 601;

#[test]
fn the_toy_survives_a_crash_at_any_effect() {
    let quiet = quiet(&Toy, 1, 4);
    let enumeration =
        enumerate(&Toy, &quiet, None, (Share { first: 0, stride: STRIDE }, Victims::Alone));
    assert!(enumeration.runs > 20 && enumeration.crashes > enumeration.runs);
    assert_eq!(enumeration.points.div_ceil(STRIDE) as u64, enumeration.runs);
    assert!(enumeration.violations.is_empty(), "{:?}", enumeration.violations);
}

#[test]
fn a_wrong_order_of_persist_and_send_is_found_at_some_effect() {
    let plant = Toy.plants().iter().find(|plant| plant.name == "vote-before-persist");
    let quiet = quiet(&Toy, 1, 4);
    let enumeration =
        enumerate(&Toy, &quiet, plant, (Share { first: 0, stride: 3 }, Victims::Alone));
    let fired =
        |id| enumeration.violations.iter().any(|(_, _, found)| found.broken.invariant == id);
    assert!(fired("C4"), "{:?}", enumeration.violations);
}

#[test]
fn the_toy_survives_a_crash_of_any_set_of_its_replicas() {
    let quiet = quiet(&Toy, 1, 4);
    let some = (Share { first: 0, stride: TOGETHER_STRIDE }, Victims::Together);
    let enumeration = enumerate(&Toy, &quiet, None, some);
    assert!(enumeration.runs > 20 && enumeration.crashes > 3 * enumeration.runs);
    assert!(enumeration.violations.is_empty(), "{:?}", enumeration.violations);
}

#[test]
fn every_set_of_the_others_crashes_with_a_server_once() {
    let three = Nodes::range(2, 5);
    let sets = subsets(three);
    assert_eq!(sets.len(), 7);
    assert!(sets.iter().all(|set| !set.is_empty() && set.without(three).is_empty()));
    assert!(sets.contains(&Nodes::from_iter([Node::new(2), Node::new(4)])));
    assert!(sets.iter().enumerate().all(|(index, set)| !sets[..index].contains(set)));
}
