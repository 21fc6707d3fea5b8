//! The DHT keeps its promises without faults and with them, and a seed stands for one run.

use super::Storage;
use super::host::Shape;
use crate::runner::run;
use crate::scenario::{Fault, FaultKind, Profile};
use crate::system::{Limits, System};

fn report(seed: u64, profile: Profile) -> crate::report::Report {
    run(&Storage, &Storage.draw(seed, profile), None, &Limits::NONE)
}

#[test]
fn without_faults_every_operation_ends_and_nothing_is_broken() {
    let report = report(1, Profile::Calm);
    assert_eq!(report.violation, None);
    assert!(report.counts.is_complete);
    assert!(report.counts.requests > 100 && report.counts.outputs >= report.counts.requests / 2);
}

#[test]
fn with_faults_and_villains_nothing_is_broken_and_a_seed_repeats_itself() {
    for seed in 1..6 {
        let report_once = report(seed, Profile::Short);
        assert_eq!(report_once.violation, None, "seed {seed}");
        assert_eq!(report_once, report(seed, Profile::Short), "seed {seed}");
    }
}

#[test]
fn no_group_of_any_object_has_more_bad_servers_than_it_bears() {
    for seed in 0..300 {
        let scenario = Storage.draw(seed, Profile::Swarm);
        let outside = scenario.nodes().without(scenario.core);
        for group in &scenario.groups {
            assert!(group.members.and(outside).len() <= group.f, "seed {seed}");
        }
    }
}

#[test]
fn rings_with_more_servers_than_a_group_hold_more_than_f_villains() {
    let bad = |seed| {
        let scenario = Storage.draw(seed, Profile::Swarm);
        let f = scenario.groups[0].f;
        let servers = usize::from(Shape::of(scenario.variant).servers);
        let is_server = |fault: &&Fault| match fault.kind {
            FaultKind::Byzantine { node, .. } => node.index() < servers,
            _ => false,
        };
        scenario.faults.iter().filter(is_server).count() > f
    };
    assert!((0..300).any(bad));
}

#[test]
fn every_mark_that_the_gate_demands_is_demanded_once() {
    let mut marks = Storage.marks().to_vec();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), Storage.marks().len());
}
