//! A crash at every effect: before it, after it, in the middle of it, and once more in recovery;
//! and every write to a disk failing in turn, in each way in which writes fail. Or a crash of
//! several: at every effect of a server it and each set of the others lose their power at once,
//! also more than may be bad, and so once more in recovery.
//!
//! Points that leave the same world behind are one: where only marks and timers stand between two
//! crashes of the same nodes, and then between the two in recovery, one run is for both
//! ([`crate::passages`], SIM-7). Of those that are not run, one in so many is run all the same,
//! and must have the same course.
//!
//! What is enumerated is short: a quiet scenario of a seed, or a [`Scene`], a story that a system
//! tells on purpose and that must come to the mark which it is told for.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::node::{Node, Nodes};
use crate::passages::{Lives, Passage};
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
/// Of the points that were taken for the same as others one in so many is run.
const CONTROLS: usize = 50;
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

/// Which of the points of an enumeration are taken: one in `stride`, from `first` on; and of those,
/// in the order of the first crashes, one part of so many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// The first.
    pub first: usize,
    /// Up to the next.
    pub stride: usize,
    /// Which part, from 0, and how many parts there are.
    pub part: (usize, usize),
}

impl Share {
    /// All points.
    pub const ALL: Self = Self::every(1, 0);

    /// One point in `stride`, from `first` on.
    #[must_use]
    pub const fn every(stride: usize, first: usize) -> Self {
        Self { first, stride, part: (0, 1) }
    }

    /// The share of a list that is this part; the parts together are the list.
    fn of<T>(self, mut list: Vec<T>) -> Vec<T> {
        let (part, parts) = self.part;
        let ends = (list.len() * part / parts, list.len() * (part + 1) / parts);
        list.truncate(ends.1);
        list.split_off(ends.0)
    }
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
    /// Crash points that were taken.
    pub taken: u64,
    /// Runs: one for each of these that leaves another world behind than those before it.
    pub runs: u64,
    /// Points whose run would have been the same as another: some were run all the same.
    pub same: u64,
    /// So many of them.
    pub controls: u64,
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
    let noted = Limits { notes_passages: true, ..Limits::NONE };
    let active = runner::run(system, &active(quiet), plant, &noted);
    let (effects, points) = (active.effects.iter().sum(), points(quiet, &active, victims));
    let (point_count, numbered) = (points.len(), points.into_iter().enumerate());
    let taken: Vec<Point> = numbered.skip(share.first).step_by(share.stride).collect();
    let bundles = share.of(bundles(taken, &active.lives));
    let begun = Enumeration { effects, points: point_count, ..Enumeration::default() };
    let result = Mutex::new(begun);
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(bundle) = bundles.get(next.fetch_add(1, Ordering::Relaxed)) {
            Strikes::of(system, quiet, plant).run(bundle, &result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(worker);
        }
    });
    result.into_inner().expect("no worker panics with the lock")
}

/// The number of a point among all, and its first fault.
type Point = (usize, Fault);

/// When a crash strikes: two of the same nodes with equal ones leave the same world behind (SIM-7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Moment {
    At {
        moment: u64,
        /// The effect happens in part.
        is_torn: bool,
    },
    /// All crashes that wait are forgotten before.
    Never,
}

impl Moment {
    /// Of a crash at an effect; none if it is not known when the effect happened.
    fn of(passage: &Passage, point: CrashPoint) -> Option<Self> {
        let moment = if point == CrashPoint::After { passage.after? } else { passage.before };
        Some(Self::At { moment, is_torn: point == CrashPoint::Torn && passage.is_torn })
    }
}

/// Points whose first crash is the same, in the order of the points; each failing write is alone.
fn bundles(points: Vec<Point>, lives: &[Lives]) -> Vec<Vec<Point>> {
    let mut places = BTreeMap::new();
    let mut bundles: Vec<Vec<Point>> = Vec::new();
    for point in points {
        let place = first_moment(&point.1, lives)
            .map_or(bundles.len(), |first| *places.entry(first).or_insert(bundles.len()));
        match bundles.get_mut(place) {
            Some(bundle) => bundle.push(point),
            None => bundles.push(vec![point]),
        }
    }
    bundles
}

/// Who crashes at a point, and when.
fn first_moment(first: &Fault, lives: &[Lives]) -> Option<(usize, Nodes, Moment)> {
    let FaultKind::CrashAt { node, effect, point, others } = first.kind else { return None };
    let life = lives.get(node.index())?.first()?;
    let moment = Moment::of(life.get(usize::try_from(effect).ok()?)?, point)?;
    Some((node.index(), others, moment))
}

/// Where the second crash of a point stands among the effects of the recovery.
fn second_place(first: &Fault) -> Option<(Node, usize, CrashPoint)> {
    let FaultKind::CrashAt { node, effect, point, .. } = first.kind else { return None };
    let FaultKind::CrashAt { effect: second, .. } = again(first).kind else { return None };
    let recovers_at = effect + u64::from(point == CrashPoint::After);
    Some((node, usize::try_from(second - recovers_at).ok()?, point))
}

/// Runs the points of a bundle.
struct Strikes<'a> {
    system: &'a dyn System,
    quiet: &'a Scenario,
    plant: Option<&'a Plant>,
    /// The effects of the recovery, as far as a run has shown them.
    recovery: Vec<Passage>,
    /// Whether there were no more before crashes were forgotten.
    is_whole: bool,
    /// What came of the second crashes that were run.
    done: BTreeMap<Moment, Report>,
}

impl<'a> Strikes<'a> {
    const fn of(system: &'a dyn System, quiet: &'a Scenario, plant: Option<&'a Plant>) -> Self {
        Self { system, quiet, plant, recovery: Vec::new(), is_whole: false, done: BTreeMap::new() }
    }

    /// The last second crash comes first: its run shows where the others stand.
    fn run(mut self, bundle: &[Point], result: &Mutex<Enumeration>) {
        let mut bundle = bundle.to_vec();
        bundle.sort_by_key(|(index, first)| {
            let place =
                second_place(first).map(|(_, place, point)| (place, point == CrashPoint::After));
            (std::cmp::Reverse(place), *index)
        });
        let is_alone = bundle.len() == 1;
        for (index, first) in bundle {
            let known = self.second_moment(&first).filter(|moment| self.done.contains_key(moment));
            let is_control = known.is_some() && index.is_multiple_of(CONTROLS);
            let report = (known.is_none() || is_control).then(|| self.strike(&first, !is_alone));
            let mut result = result.lock().expect("no worker panics with the lock");
            result.taken += 1;
            result.same += u64::from(known.is_some());
            result.controls += u64::from(is_control);
            let Some(report) = report else { continue };
            result.runs += 1;
            result.events += report.events;
            result.crashes += report.counts.crashes;
            result.violations.extend(report.violation.clone().map(|it| (index, first, it)));
            drop(result);
            match known {
                Some(moment) => assert_alike(&self.done[&moment], &report, index),
                None => self.learn(&first, report),
            }
        }
    }

    fn strike(&self, first: &Fault, notes_passages: bool) -> Report {
        let limits = Limits { notes_passages, ..Limits::SETTLED };
        runner::run(self.system, &with(self.quiet, *first), self.plant, &limits)
    }

    /// When the second crash of a point strikes, as far as it is known.
    fn second_moment(&self, first: &Fault) -> Option<Moment> {
        let (_, place, point) = second_place(first)?;
        let known = self.recovery.get(place).and_then(|passage| Moment::of(passage, point));
        known.or_else(|| self.is_whole.then_some(Moment::Never))
    }

    /// Remembers what a run has shown of the recovery.
    fn learn(&mut self, first: &Fault, mut report: Report) {
        let Some((node, ..)) = second_place(first) else { return };
        let lives = std::mem::take(&mut report.lives);
        let Some([_, recovery, rest @ ..]) = lives.get(node.index()).map(Vec::as_slice) else {
            return;
        };
        if recovery.len() >= self.recovery.len() {
            self.recovery.clone_from(recovery);
        }
        self.is_whole |= rest.is_empty();
        if let Some(moment) = self.second_moment(first) {
            self.done.insert(moment, report);
        }
    }
}

/// SIM-7: two points were taken for the same.
fn assert_alike(one: &Report, other: &Report, index: usize) {
    let seen = |report: &Report| {
        let broken = report.violation.as_ref().map(|found| found.broken.clone());
        (report.course, report.events, report.counts.clone(), report.writes.clone(), broken)
    };
    assert_eq!(seen(one), seen(other), "SIM-7: point {index} is another than it was taken for");
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
