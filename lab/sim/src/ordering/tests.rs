//! Runs of the ordering engine: kept small, the gate runs the many.

use super::Ordering;
use super::adversaries::REPLICA_VILLAINS;
use super::host::Shape;
use crate::scenario::Profile;
use crate::system::{Limits, System};

/// Runs seeds of a profile and returns the marks that were hit.
fn run(profile: Profile, seeds: std::ops::Range<u64>) -> Vec<&'static str> {
    let mut marks = Vec::new();
    for seed in seeds {
        let scenario = Ordering.draw(seed, profile);
        let report = Ordering.build(&scenario, None).run(&Limits::NONE);
        assert_eq!(report.violation, None, "seed {seed}");
        assert!(report.counts.is_complete, "seed {seed}");
        marks.extend(report.marks.by_name().into_keys());
    }
    marks
}

#[test]
fn a_calm_group_answers_everything_in_its_first_view() {
    let marks = run(Profile::Calm, 0..1);
    assert!(marks.contains(&"bft.decided"));
    assert!(!marks.contains(&"bft.view_started"));
}

#[test]
fn short_runs_with_faults_and_villains_keep_every_promise() {
    let marks = run(Profile::Short, 0..12);
    assert!(marks.iter().any(|mark| mark.starts_with("liar.")), "no villain acted");
}

#[test]
fn epochs_end_in_the_middle_of_the_load() {
    let ends = |seed: &u64| Shape::of(Ordering.draw(*seed, Profile::Feud).variant).ends_at > 0;
    let ending: Vec<u64> = (0..).filter(ends).take(3).collect();
    let marks: Vec<_> =
        ending.iter().flat_map(|seed| run(Profile::Feud, *seed..seed + 1)).collect();
    for mark in ["bft.epoch_ended", "bft.sealed", "bft.end_certified", "bft.request_void"] {
        assert!(marks.contains(&mark), "{mark} in none of {ending:?}");
    }
}

#[test]
fn the_villains_whose_feuds_the_gate_takes_exist() {
    let named = Ordering.feuds().iter().filter_map(|(_, villain)| *villain);
    let unknown: Vec<_> = named.filter(|name| !REPLICA_VILLAINS.contains(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_mark_that_the_gate_demands_is_demanded_once() {
    let mut marks = Ordering.marks().to_vec();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), Ordering.marks().len());
}
