//! Gate runs count what they do, and stop at what is broken.

use super::{Quota, feuds, find, gate, run};
use crate::scenario::{Profile, Scenario};
use crate::system::{Limits, Plant, Run, System};
use crate::toy::Toy;

/// The toy with short scenarios only, perhaps with a bug that nobody declared.
struct ShortToy {
    bug: Option<&'static str>,
}

impl System for ShortToy {
    fn name(&self) -> &'static str {
        "short-toy"
    }

    fn draw(&self, seed: u64, _: Profile) -> Scenario {
        let mut scenario = Toy.draw(seed, Profile::Short);
        scenario.end_us = scenario.heal_us;
        scenario
    }

    fn build(&self, scenario: &Scenario, _: Option<&Plant>) -> Box<dyn Run> {
        let bug = Toy.plants().iter().find(|plant| Some(plant.name) == self.bug);
        Toy.build(scenario, bug)
    }

    fn plants(&self) -> &'static [Plant] {
        Toy.plants()
    }

    fn marks(&self) -> &'static [&'static str] {
        &["never"]
    }

    fn feuds(&self) -> &'static [(usize, Option<&'static str>)] {
        &[(1, None), (3, Some("mute"))]
    }
}

#[test]
fn a_gate_run_fills_its_quota_and_repeats_a_seed() {
    let totals = gate(&ShortToy { bug: None }, "abc", &Quota { seeds: 4, events: 1, threads: 2 });
    assert!(totals.seeds >= 4 && totals.repeated == 1 && totals.events > 1_000);
    assert!(totals.violations.is_empty() && totals.unstable.is_empty());
    assert!((3..=4).contains(&totals.feuds), "{totals:?}");
    assert_eq!(totals.marks.missing(ShortToy { bug: None }.marks()), [("never", 0)]);
}

#[test]
fn a_gate_run_takes_feuds_with_the_villains_that_are_asked_for() {
    let is_told = |&(profile, seed): &(Profile, u64)| {
        profile == Profile::Feud && ShortToy { bug: None }.draw(seed, profile).has_villain("mute")
    };
    let told = feuds(&ShortToy { bug: None }, "abc");
    assert!((3..=4).contains(&told.len()), "{told:?}");
    assert!(told.iter().filter(|feud| is_told(feud)).count() >= 3, "{told:?}");
    assert_ne!(told, feuds(&ShortToy { bug: None }, "abd"));
}

#[test]
fn a_violation_is_one_line_with_a_command_that_repeats_it() {
    let broken = ShortToy { bug: Some("no-deduplication") };
    let totals = gate(&broken, "abc", &Quota { seeds: 12, events: 0, threads: 2 });
    let violation = totals.violations.first().expect("the bug shows in twelve seeds");
    let line = violation.line("abc");
    for part in ["SEED=", "PROFILE=short", "COMMIT=abc", "TRACE=", "EVENT=", "INVARIANT=C2 "] {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
    assert!(!line.contains('\n'));
    let command = violation.replay_command("short-toy", None);
    assert!(command.contains(&format!("--until {} --trace", violation.event)), "{command}");
    let scenario = broken.draw(violation.seed, Profile::Short);
    let again =
        run(&broken, &scenario, None, &Limits { event_max: violation.event, ..Limits::NONE });
    assert_eq!(again.violation.as_ref(), Some(violation));
}

#[test]
fn a_plant_that_is_not_found_is_reported_as_such() {
    let plant = ShortToy { bug: None }.plants().first().expect("the toy has plants");
    let finding = find(&ShortToy { bug: Some("none") }, plant, "abc");
    assert!(finding.violation.is_none());
    assert_eq!(finding.seeds, plant.seeds_max);
}
