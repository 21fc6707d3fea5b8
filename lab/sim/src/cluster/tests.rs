//! Runs of whole clusters: kept small, the gate runs the many.

use super::Cluster;
use crate::scenario::Profile;
use crate::system::{Limits, System};

const CALM_US: u64 = 4_000_000;

/// Runs seeds of a profile and returns the marks that were hit.
fn run(profile: Profile, seeds: std::ops::Range<u64>) -> Vec<&'static str> {
    let mut marks = Vec::new();
    for seed in seeds {
        let mut scenario = Cluster.draw(seed, profile);
        if profile == Profile::Calm {
            // Where nothing goes wrong the beginning says it all.
            scenario.ops.retain(|op| op.at_us < CALM_US);
            scenario.end_us = 2 * CALM_US;
        }
        let report = Cluster.build(&scenario, None).run(&Limits::NONE);
        assert_eq!(report.violation, None, "seed {seed}");
        assert!(report.counts.is_complete, "seed {seed}");
        assert!(report.counts.requests > 0, "seed {seed}");
        marks.extend(report.marks.by_name().into_keys());
    }
    marks
}

#[test]
fn a_calm_cluster_answers_everything_in_its_first_view() {
    let marks = run(Profile::Calm, 0..1);
    assert!(marks.contains(&"bft.decided"));
    assert!(!marks.contains(&"bft.view_started"));
}

#[test]
fn short_runs_with_faults_and_villains_keep_every_promise() {
    let marks = run(Profile::Short, 1..3);
    assert!(marks.iter().any(|mark| mark.starts_with("liar.")), "no villain acted");
}

#[test]
fn every_mark_that_the_gate_demands_is_demanded_once() {
    let mut marks = Cluster.marks().to_vec();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), Cluster.marks().len());
}
