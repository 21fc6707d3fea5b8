//! The toy keeps its promises, and each planted bug breaks the one that is named for it.

use crate::runner;
use crate::scenario::{FaultKind, Profile};
use crate::system::{Limits, Plant, System};
use crate::toy::Toy;

fn report(seed: u64, profile: Profile) -> crate::report::Report {
    runner::run(&Toy, &Toy.draw(seed, profile), None, &Limits::NONE)
}

#[test]
fn a_calm_run_completes_every_request() {
    // TOY-1 and TOY-2 are asserted in the replica at every vote and every execution.
    let mut scenario = Toy.draw(1, Profile::Calm);
    scenario.end_us = 25_000_000;
    scenario.heal_us = 1_000_000;
    scenario.ops.retain(|op| op.at_us < 5_000_000);
    let report = runner::run(&Toy, &scenario, None, &Limits::NONE);
    assert_eq!(report.violation, None);
    let (f, requests) = (scenario.variant, report.counts.requests);
    assert!(requests > 20);
    assert_eq!(report.counts.outputs, requests * (3 * f + 1) + requests);
}

#[test]
fn the_toy_survives_short_swarms() {
    let mut faults = 0;
    for seed in 0..8 {
        let report = report(seed, Profile::Short);
        assert_eq!(report.violation, None, "seed {seed}");
        assert!(report.counts.is_complete && report.counts.requests > 0, "seed {seed}");
        faults += report.counts.faults.iter().sum::<u64>();
    }
    assert!(faults > 50, "{faults} faults");
}

/// Seeds in which the plant shows itself early, so that the test is short.
fn finds(name: &str) -> (u64, &'static Plant) {
    let plant = Toy.plants().iter().find(|plant| plant.name == name).expect("it is registered");
    let found = (0..plant.seeds_max).find(|&seed| {
        let mut scenario = Toy.draw(seed, Profile::Short);
        if plant.checker != "C9" {
            scenario.end_us = scenario.heal_us + 1_000_000;
            scenario.judges_liveness = false;
        }
        let report = runner::run(&Toy, &scenario, Some(plant), &Limits::NONE);
        report.violation.is_some_and(|found| found.broken.invariant == plant.checker)
    });
    (found.unwrap_or_else(|| panic!("{name} is not found by {}", plant.checker)), plant)
}

#[test]
fn c4_finds_votes_in_front_of_their_records() {
    finds("vote-before-persist");
}

#[test]
fn c1_finds_votes_that_count_twice() {
    finds("duplicate-votes");
}

#[test]
fn c1_finds_decisions_without_a_quorum() {
    let (seed, _) = finds("short-quorum");
    let faults = Toy.draw(seed, Profile::Short).faults;
    let is_byzantine = |kind| matches!(kind, FaultKind::Byzantine { .. });
    assert!(faults.iter().any(|fault| is_byzantine(fault.kind)), "it takes an equivocator");
}

#[test]
fn c2_finds_execution_after_a_restart() {
    finds("execute-twice");
}

#[test]
fn c2_finds_requests_that_are_ordered_again() {
    finds("no-deduplication");
}

#[test]
fn c12_finds_a_list_that_only_grows() {
    let plant = Toy.plants().iter().find(|plant| plant.name == "hoarding");
    let mut scenario = Toy.draw(1, Profile::Calm);
    scenario.judges_liveness = false;
    let report = runner::run(&Toy, &scenario, plant, &Limits::NONE);
    assert_eq!(report.violation.map(|found| found.broken.invariant), Some("C12"));
}

#[test]
fn c9_finds_a_replica_that_never_tells_how_far_it_is() {
    finds("silent");
}
