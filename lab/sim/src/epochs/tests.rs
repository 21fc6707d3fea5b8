//! Runs of servers that go from epoch to epoch: kept small, the gate runs the many.

use super::Epochs;
use crate::scenario::Profile;
use crate::system::{Limits, System};

/// Runs a seed of a profile and returns the marks that were hit.
fn run(profile: Profile, seed: u64) -> Vec<&'static str> {
    let scenario = Epochs.draw(seed, profile);
    let report = Epochs.build(&scenario, None).run(&Limits::NONE);
    assert_eq!(report.violation, None, "seed {seed}");
    assert!(report.counts.is_complete, "seed {seed}");
    report.marks.by_name().into_keys().collect()
}

#[test]
fn epochs_end_one_after_the_other_where_nothing_goes_wrong() {
    let marks = run(Profile::Calm, 0);
    assert!(marks.contains(&"handover.certified"));
    assert!(marks.contains(&"bft.state_inherited"));
    assert!(!marks.contains(&"handover.abort_voted"));
}

#[test]
fn a_run_is_over_when_all_have_ended_two_more_epochs() {
    let scenario = (Epochs.scenes()[0].make)(0);
    let report = Epochs.build(&scenario, None).run(&Limits::SETTLED);
    assert_eq!(report.violation, None);
    assert!(report.counts.is_complete);
    assert!(scenario.heal_us < report.time_us && report.time_us < scenario.end_us);
    let certified = report.marks.by_name().get("handover.certified").copied();
    assert!(certified >= Some(3 * 4), "four members of each of three groups: {certified:?}");
}
