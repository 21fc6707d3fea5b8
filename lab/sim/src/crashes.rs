//! A crash at every effect: before it, after it, in the middle of it, and once more in recovery;
//! and every write to a disk failing in turn, in each way in which writes fail. Or a crash of
//! several: at every effect of a server it and each set of the others lose their power at once,
//! also more than may be bad, and so once more in recovery.
//!
//! What is enumerated is short: a quiet scenario of a seed, or a [`Scene`], a story that a system
//! tells on purpose and that must come to the mark which it is told for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::node::{Node, Nodes};
use crate::report::{Report, Violation};
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

/// Who crashes at an effect of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Victims {
    /// The node, on each side of the effect; its writes fail, too.
    Alone,
    /// The node and some other servers, before the effect: what is behind it is before the next.
    Together,
}

/// What the enumeration did.
#[derive(Debug, Default)]
pub struct Enumeration {
    /// Effects of all nodes in the scenario without crashes.
    pub effects: u64,
    /// All crash points.
    pub points: usize,
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

/// Crashes each node of a scenario at its effects, at every point, and fails its writes; or
/// crashes it together with each set of others.
pub fn enumerate(
    system: &dyn System,
    quiet: &Scenario,
    plant: Option<&Plant>,
    (share, victims): (Share, Victims),
) -> Enumeration {
    let active = runner::run(system, &active(quiet), plant, &Limits::NONE);
    let (effects, points) = (active.effects.iter().sum(), points(quiet, &active, victims));
    let (point_count, numbered) = (points.len(), points.into_iter().enumerate());
    let taken: Vec<(usize, Fault)> = numbered.skip(share.first).step_by(share.stride).collect();
    let begun = Enumeration { effects, points: point_count, ..Enumeration::default() };
    let result = Mutex::new(begun);
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(&(index, first)) = taken.get(next.fetch_add(1, Ordering::Relaxed)) {
            let scenario = with(quiet, first);
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

/// A scenario in which several servers crash at once: which of all these crashes, a number says.
///
/// # Panics
/// If nothing happens in the scenario.
#[must_use]
pub fn struck(system: &dyn System, quiet: &Scenario, plant: &Plant, number: u64) -> Scenario {
    let active = runner::run(system, &active(quiet), Some(plant), &Limits::NONE);
    let points = points(quiet, &active, Victims::Together);
    let place = number % points.len() as u64;
    with(quiet, points[usize::try_from(place).expect("it is the place of a point")])
}

/// A scenario with this fault, and what follows from it in recovery.
fn with(quiet: &Scenario, first: Fault) -> Scenario {
    let mut scenario = quiet.clone();
    scenario.faults.extend([first, again(&first)]);
    scenario
}

/// The part of a scenario of which the effects are crash points.
fn active(scenario: &Scenario) -> Scenario {
    let end_us = scenario.heal_us.saturating_sub(BEFORE_HEAL_US);
    Scenario { end_us, judges_liveness: false, ..scenario.clone() }
}

/// All that can go wrong at the effects in the active part of a scenario.
fn points(quiet: &Scenario, active: &Report, victims: Victims) -> Vec<Fault> {
    let good = |node: &Node| !quiet.is_byzantine(*node);
    let faulty = |kind| Fault { at_us: 0, lasts_us: DOWN_US, kind };
    let kinds: Vec<FaultKind> = match victims {
        Victims::Alone => {
            quiet.nodes().iter().filter(good).flat_map(|node| alone(node, active)).collect()
        }
        Victims::Together => {
            let servers = quiet.groups.iter().flat_map(|group| group.members.iter());
            let servers: Nodes = servers.filter(good).collect();
            servers.iter().flat_map(|node| together(node, servers, active)).collect()
        }
    };
    kinds.into_iter().map(faulty).collect()
}

/// A node crashes on each side of its effects, or each of its writes fails.
fn alone(node: Node, active: &Report) -> Vec<FaultKind> {
    let sides = [CrashPoint::Before, CrashPoint::After, CrashPoint::Torn];
    let others = Nodes::EMPTY;
    let at = |effect| sides.map(|point| FaultKind::CrashAt { node, effect, point, others });
    let fails = |write| WriteError::ALL.map(|error| FaultKind::WriteFails { node, write, error });
    let crashes = (0..active.effects[node.index()]).flat_map(at);
    crashes.chain((0..active.writes[node.index()]).flat_map(fails)).collect()
}

/// A server crashes at its effects with each set of the others that is not empty.
fn together(node: Node, servers: Nodes, active: &Report) -> Vec<FaultKind> {
    let sets = subsets(servers.without(Nodes::from_iter([node])));
    let point = CrashPoint::Before;
    let at = |effect| {
        let with =
            move |others: &Nodes| FaultKind::CrashAt { node, effect, point, others: *others };
        sets.iter().map(with)
    };
    (0..active.effects[node.index()]).flat_map(at).collect()
}

/// Every set of some of these machines, but not of none.
fn subsets(of: Nodes) -> Vec<Nodes> {
    let with = |sets: Vec<Nodes>, node: Node| {
        let larger = sets.iter().map(|set| set.or(Nodes::from_iter([node])));
        larger.chain(sets.iter().copied()).collect()
    };
    let all = of.iter().fold(vec![Nodes::EMPTY], with);
    all.into_iter().filter(|set| !set.is_empty()).collect()
}

/// The second crash of the same nodes, a few effects into the recovery of the first; or its next
/// write.
const fn again(first: &Fault) -> Fault {
    let kind = if let FaultKind::CrashAt { node, effect, point, others } = first.kind {
        let effect = effect + 1 + effect % RECOVERY_EFFECTS_MAX;
        FaultKind::CrashAt { node, effect, point, others }
    } else if let FaultKind::WriteFails { node, write, error } = first.kind {
        FaultKind::WriteFails { node, write: write + 1, error }
    } else {
        first.kind
    };
    Fault { kind, ..*first }
}
