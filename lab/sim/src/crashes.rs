//! A crash at every effect: before it, after it, in the middle of it, and once more in recovery;
//! and every write to a disk failing in turn, in each way in which writes fail.
//!
//! What is enumerated is short: a quiet scenario of a seed, or a [`Scene`], a story that a system
//! tells on purpose and that must come to the mark which it is told for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::report::Violation;
use crate::runner;
use crate::scenario::{CrashPoint, Fault, FaultKind, Profile, Scenario, WriteError};
use crate::system::{Limits, Plant, System};

#[cfg(test)]
mod tests;

/// How long a node stays down.
const DOWN_US: u64 = 5_000;
/// Time after the last operation in which effects count as crash points.
const SETTLE_US: u64 = 500_000;
/// The second crash comes up to this many effects after the first.
const RECOVERY_EFFECTS_MAX: u64 = 7;

/// Before the heal comes, effects do not count as crash points any more for this long.
const BEFORE_HEAL_US: u64 = 3 * SETTLE_US;
/// Attempts at a scene, which differ in their seed, before it counts as never reached.
const ATTEMPTS_MAX: u64 = 64;

/// A short story, told on purpose.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// What it is called: lower case with hyphens.
    pub name: &'static str,
    /// The mark that it is told for.
    pub mark: &'static str,
    /// How often it must be hit.
    pub hits_min: u64,
    /// The scenario of an attempt.
    pub make: fn(attempt: u64) -> Scenario,
}

impl Scene {
    /// The first attempt that reaches the mark, keeping all promises; none if none does.
    #[must_use]
    pub fn told(&self, system: &dyn System) -> Option<Scenario> {
        (0..ATTEMPTS_MAX).map(self.make).find(|scenario| {
            let report = runner::run(system, &active(scenario), None, &Limits::NONE);
            let hits = report.marks.by_name().get(self.mark).copied().unwrap_or(0);
            report.violation.is_none() && hits >= self.hits_min
        })
    }
}

/// Which of the points of an enumeration are taken: one in `stride`, from `first` on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// The first.
    pub first: usize,
    /// Up to the next.
    pub stride: usize,
}

impl Share {
    /// All points.
    pub const ALL: Self = Self { first: 0, stride: 1 };
}

/// What the enumeration did.
#[derive(Debug, Default)]
pub struct Enumeration {
    /// Effects of all nodes in the scenario without crashes.
    pub effects: u64,
    /// Runs, one for each crash point that was taken.
    pub runs: u64,
    /// Events of all runs.
    pub events: u64,
    /// Crashes that happened.
    pub crashes: u64,
    /// Where a promise was broken: the number of the point among all, the fault, the promise.
    pub violations: Vec<(usize, Fault, Violation)>,
}

/// A quiet, short scenario: a few operations, no fault.
#[must_use]
pub fn quiet(system: &dyn System, seed: u64, op_count: usize) -> Scenario {
    let mut scenario = system.draw(seed, Profile::Calm);
    let liveness_us = scenario.end_us - scenario.heal_us;
    scenario.ops.truncate(op_count);
    let last_us = scenario.ops.last().map_or(0, |op| op.at_us);
    scenario.heal_us = last_us + SETTLE_US + BEFORE_HEAL_US;
    scenario.end_us = scenario.heal_us + liveness_us;
    scenario
}

/// Crashes each node of a scenario at its effects, at every point, and fails its writes.
pub fn enumerate(
    system: &dyn System,
    quiet: &Scenario,
    plant: Option<&Plant>,
    share: Share,
) -> Enumeration {
    let (effects, points) = points(system, quiet, plant);
    let numbered = points.into_iter().enumerate();
    let taken: Vec<(usize, Fault)> = numbered.skip(share.first).step_by(share.stride).collect();
    let result = Mutex::new(Enumeration { effects, ..Enumeration::default() });
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(&(index, first)) = taken.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut scenario = quiet.clone();
            scenario.faults.extend([first, again(&first)]);
            let report = runner::run(system, &scenario, plant, &Limits::SETTLED);
            let mut result = result.lock().expect("no worker panics with the lock");
            result.runs += 1;
            result.events += report.events;
            result.crashes += report.counts.crashes;
            result.violations.extend(report.violation.map(|found| (index, first, found)));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(worker);
        }
    });
    result.into_inner().expect("no worker panics with the lock")
}

/// The part of a scenario of which the effects are crash points.
fn active(scenario: &Scenario) -> Scenario {
    let end_us = scenario.heal_us.saturating_sub(BEFORE_HEAL_US);
    Scenario { end_us, judges_liveness: false, ..scenario.clone() }
}

/// The number of effects in the active part of a scenario, and all that can go wrong at them.
fn points(system: &dyn System, quiet: &Scenario, plant: Option<&Plant>) -> (u64, Vec<Fault>) {
    let report = runner::run(system, &active(quiet), plant, &Limits::NONE);
    let nodes = quiet.nodes().iter().filter(|node| !quiet.is_byzantine(*node));
    let mut points = Vec::new();
    for node in nodes {
        let mut add = |kind| points.push(Fault { at_us: 0, lasts_us: DOWN_US, kind });
        for effect in 0..report.effects[node.index()] {
            for point in [CrashPoint::Before, CrashPoint::After, CrashPoint::Torn] {
                add(FaultKind::CrashAt { node, effect, point });
            }
        }
        for write in 0..report.writes[node.index()] {
            for error in WriteError::ALL {
                add(FaultKind::WriteFails { node, write, error });
            }
        }
    }
    (report.effects.iter().sum(), points)
}

/// The second crash of the same node, a few effects into its recovery; or its next write.
const fn again(first: &Fault) -> Fault {
    let kind = if let FaultKind::CrashAt { node, effect, point } = first.kind {
        let effect = effect + 1 + effect % RECOVERY_EFFECTS_MAX;
        FaultKind::CrashAt { node, effect, point }
    } else if let FaultKind::WriteFails { node, write, error } = first.kind {
        FaultKind::WriteFails { node, write: write + 1, error }
    } else {
        first.kind
    };
    Fault { kind, ..*first }
}
