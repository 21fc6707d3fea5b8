//! Shrinking keeps what matters.

use super::{reduce, shrink};
use crate::scenario::Profile;
use crate::system::System;
use crate::toy::Toy;

#[test]
fn reducing_keeps_exactly_what_is_needed() {
    let items: Vec<u32> = (0..100).collect();
    let needed = [3, 4, 77];
    let mut runs = 0;
    let left = reduce(&items, &mut |part| {
        runs += 1;
        needed.iter().all(|item| part.contains(item))
    });
    assert_eq!(left, needed);
    assert!(runs < 200, "{runs} runs");
    assert_eq!(reduce(&items, &mut |_| true), []);
    assert_eq!(reduce(&items[..1], &mut |part| !part.is_empty()), [0]);
}

#[test]
fn a_planted_bug_shrinks_to_a_scenario_of_a_few_faults() {
    let plant = Toy.plants().iter().find(|plant| plant.name == "execute-twice");
    let plant = plant.expect("the toy has this plant");
    let failing = (0..plant.seeds_max).find_map(|seed| {
        let mut scenario = Toy.draw(seed, Profile::Short);
        scenario.ops.truncate(60);
        shrink(&Toy, &scenario, Some(plant), 100)
    });
    let shrunk = failing.expect("the plant is found within its seeds");
    assert_eq!(shrunk.violation.broken.invariant, plant.checker);
    assert!(shrunk.scenario.faults.len() <= 2, "{}", shrunk.scenario);
    assert!(shrunk.scenario.ops.len() <= 12, "{}", shrunk.scenario);
}
