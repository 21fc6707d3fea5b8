//! A crash at every effect of a short scenario.

use super::{Share, enumerate, quiet};
use crate::system::System;
use crate::toy::Toy;

/// One crash point in so many, to keep the test short.
const STRIDE: usize = 29;

#[test]
fn the_toy_survives_a_crash_at_any_effect() {
    let quiet = quiet(&Toy, 1, 4);
    let enumeration = enumerate(&Toy, &quiet, None, Share { first: 0, stride: STRIDE });
    assert!(enumeration.runs > 20 && enumeration.crashes > enumeration.runs);
    assert!(enumeration.violations.is_empty(), "{:?}", enumeration.violations);
}

#[test]
fn a_wrong_order_of_persist_and_send_is_found_at_some_effect() {
    let plant = Toy.plants().iter().find(|plant| plant.name == "vote-before-persist");
    let quiet = quiet(&Toy, 1, 4);
    let enumeration = enumerate(&Toy, &quiet, plant, Share { first: 0, stride: 3 });
    let fired =
        |id| enumeration.violations.iter().any(|(_, _, found)| found.broken.invariant == id);
    assert!(fired("C4"), "{:?}", enumeration.violations);
}
