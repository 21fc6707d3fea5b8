//! A crash at every effect: before it, after it, in the middle of it, and once more in recovery.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::node::Node;
use crate::report::Violation;
use crate::runner;
use crate::scenario::{CrashPoint, Fault, FaultKind, Profile, Scenario};
use crate::system::{Limits, Plant, System};

#[cfg(test)]
mod tests;

/// How long a node stays down.
const DOWN_US: u64 = 5_000;
/// Time after the last operation in which effects count as crash points.
const SETTLE_US: u64 = 500_000;
/// The second crash comes up to this many effects after the first.
const RECOVERY_EFFECTS_MAX: u64 = 7;

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
    /// Where a promise was broken.
    pub violations: Vec<(Fault, Violation)>,
}

/// A quiet, short scenario: a few operations, no fault.
#[must_use]
pub fn quiet(system: &dyn System, seed: u64, op_count: usize) -> Scenario {
    let mut scenario = system.draw(seed, Profile::Calm);
    let liveness_us = scenario.end_us - scenario.heal_us;
    scenario.ops.truncate(op_count);
    let last_us = scenario.ops.last().map_or(0, |op| op.at_us);
    scenario.heal_us = last_us + 4 * SETTLE_US;
    scenario.end_us = scenario.heal_us + liveness_us;
    scenario
}

/// Crashes each node of a quiet scenario at one in `stride` of its effects, at every point.
pub fn enumerate(
    system: &dyn System,
    quiet: &Scenario,
    plant: Option<&Plant>,
    stride: usize,
) -> Enumeration {
    let points = crash_points(system, quiet, plant);
    let effects = points.len() as u64 / 3;
    let taken: Vec<Fault> = points.into_iter().step_by(stride.max(1)).collect();
    let result = Mutex::new(Enumeration { effects, ..Enumeration::default() });
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(&first) = taken.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut scenario = quiet.clone();
            scenario.faults.extend([first, again(&first)]);
            let report = runner::run(system, &scenario, plant, &Limits::NONE);
            let mut result = result.lock().expect("no worker panics with the lock");
            result.runs += 1;
            result.events += report.events;
            result.crashes += report.counts.crashes;
            result.violations.extend(report.violation.map(|violation| (first, violation)));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(worker);
        }
    });
    result.into_inner().expect("no worker panics with the lock")
}

/// Every crash point of the scenario up to the time when it has settled.
fn crash_points(system: &dyn System, quiet: &Scenario, plant: Option<&Plant>) -> Vec<Fault> {
    let mut active = quiet.clone();
    active.end_us = quiet.ops.last().map_or(0, |op| op.at_us) + SETTLE_US;
    active.judges_liveness = false;
    let report = runner::run(system, &active, plant, &Limits::NONE);
    let mut points = Vec::new();
    for (index, &effects) in report.effects.iter().enumerate() {
        for effect in 0..effects {
            for point in [CrashPoint::Before, CrashPoint::After, CrashPoint::Torn] {
                let kind = FaultKind::CrashAt { node: Node::at(index), effect, point };
                points.push(Fault { at_us: 0, lasts_us: DOWN_US, kind });
            }
        }
    }
    points
}

/// The second crash of the same node, a few effects into its recovery.
const fn again(first: &Fault) -> Fault {
    let FaultKind::CrashAt { node, effect, point } = first.kind else {
        return *first;
    };
    let effect = effect + 1 + effect % RECOVERY_EFFECTS_MAX;
    Fault { kind: FaultKind::CrashAt { node, effect, point }, ..*first }
}
