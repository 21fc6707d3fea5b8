//! A crash at every effect of a short scenario.

use super::{Share, Victims, active, assert_alike, enumerate, quiet, subsets};
use crate::node::{Node, Nodes};
use crate::runner;
use crate::system::{Limits, System};
use crate::toy::Toy;

/// One crash point in so many, to keep the test short.
const STRIDE: usize = 29;
/// The same of crashes of several: no multiple of 7, so that each set of others has its turn.
const TOGETHER_STRIDE: usize = 601;

#[test]
fn the_toy_survives_a_crash_at_any_effect() {
    let quiet = quiet(&Toy, 1, 4);
    let enumeration = enumerate(&Toy, &quiet, None, (Share::every(STRIDE, 0), Victims::Alone));
    assert!(enumeration.runs > 20 && enumeration.crashes > enumeration.runs);
    assert_eq!(enumeration.points.div_ceil(STRIDE) as u64, enumeration.taken);
    assert_eq!(enumeration.runs, enumeration.taken - enumeration.same + enumeration.controls);
    assert!(enumeration.violations.is_empty(), "{:?}", enumeration.violations);
}

#[test]
fn a_wrong_order_of_persist_and_send_is_found_at_some_effect() {
    let plant = Toy.plants().iter().find(|plant| plant.name == "vote-before-persist");
    let quiet = quiet(&Toy, 1, 4);
    let enumeration = enumerate(&Toy, &quiet, plant, (Share::every(3, 0), Victims::Alone));
    let fired =
        |id| enumeration.violations.iter().any(|(_, _, found)| found.broken.invariant == id);
    assert!(fired("C4"), "{:?}", enumeration.violations);
}

#[test]
fn the_toy_survives_a_crash_of_any_set_of_its_replicas() {
    let quiet = quiet(&Toy, 1, 4);
    let some = (Share::every(TOGETHER_STRIDE, 0), Victims::Together);
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

#[test]
fn the_parts_of_an_enumeration_are_the_whole_of_it() {
    let quiet = quiet(&Toy, 1, 1);
    let some = |part| Share { part, ..Share::every(7, 0) };
    let of = |share| enumerate(&Toy, &quiet, None, (share, Victims::Alone));
    let (whole, parts) = (of(some((0, 1))), [0, 1, 2].map(|part| of(some((part, 3)))));
    assert_eq!(whole.taken, whole.points.div_ceil(7) as u64);
    assert_eq!(whole.taken, parts.iter().map(|part| part.taken).sum::<u64>());
    assert_eq!(
        whole.runs - whole.controls,
        parts.iter().map(|part| part.runs - part.controls).sum()
    );
    assert_eq!(whole.crashes > 0, parts.iter().all(|part| part.crashes > 0));
}

/// Those that are run all the same are compared by the enumeration itself.
#[test]
fn points_with_nothing_but_marks_and_timers_between_them_are_one() {
    let quiet = quiet(&Toy, 1, 1);
    let whole = enumerate(&Toy, &quiet, None, (Share::ALL, Victims::Alone));
    assert!(whole.violations.is_empty(), "{:?}", whole.violations);
    assert!(whole.same > whole.taken / 10 && whole.controls > 0, "{whole:?}");
    assert_eq!(whole.runs, whole.taken - whole.same + whole.controls);
}

#[test]
#[should_panic(expected = "SIM-7")]
fn points_that_differ_are_not_taken_for_one() {
    let run = |seed| runner::run(&Toy, &active(&quiet(&Toy, seed, 1)), None, &Limits::NONE);
    assert_alike(&run(1), &run(2), 0);
}
