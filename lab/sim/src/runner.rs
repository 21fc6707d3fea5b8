//! Many runs: the gate, the matrix of planted bugs, and the check that a seed repeats itself.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::cpu::CpuClock;
use crate::crashes;
use crate::marks::Marks;
use crate::report::{Counts, Report, Violation};
use crate::scenario::{Profile, Scenario};
use crate::seeds;
use crate::system::{Limits, Plant, System};

#[cfg(test)]
mod tests;

/// One seed in so many is run twice.
const REPEATED_SEEDS: u64 = 50;

/// Runs a scenario.
#[must_use]
pub fn run(
    system: &dyn System,
    scenario: &Scenario,
    plant: Option<&Plant>,
    limits: &Limits,
) -> Report {
    system.build(scenario, plant).run(limits)
}

/// How much a gate run does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// Fresh seeds, at least.
    pub seeds: u64,
    /// Events, at least.
    pub events: u64,
    /// Threads; a seed runs on one of them.
    pub threads: usize,
}

/// What a gate run found.
#[derive(Debug, Default)]
pub struct Totals {
    /// Seeds that were run.
    pub seeds: u64,
    /// Seeds that were run twice, with the same result.
    pub repeated: u64,
    /// Seeds of which the feud was run.
    pub feuds: u64,
    /// Events.
    pub events: u64,
    /// Virtual time.
    pub virtual_us: u64,
    /// Processor time.
    pub cpu: Duration,
    /// What happened, in numbers.
    pub counts: Counts,
    /// Hits of each mark.
    pub marks: Marks,
    /// What was broken.
    pub violations: Vec<Violation>,
    /// SIM-5: seeds whose second run differed from the first.
    pub unstable: Vec<u64>,
    /// Seeds whose run was given up.
    pub unfinished: Vec<u64>,
}

impl Totals {
    fn add(&mut self, profile: Profile, report: Report, cpu: Duration) {
        self.seeds += 1;
        self.feuds += u64::from(profile == Profile::Feud);
        self.events += report.events;
        self.virtual_us += report.time_us;
        self.cpu += cpu;
        self.counts.add(&report.counts);
        self.marks.add(&report.marks);
        self.violations.extend(report.violation);
    }

    /// Events in a second of processor time.
    #[must_use]
    pub fn events_per_cpu_second(&self) -> u128 {
        u128::from(self.events) * 1_000_000 / self.cpu.as_micros().max(1)
    }
}

/// Events after which a run of the gate is given up: a hundred times what is usual.
const RUN_EVENTS_MAX: u64 = 50_000_000;
/// Violations after which a gate run gives up.
const VIOLATIONS_MAX: usize = 10;

/// Runs the kept seeds of a system, its feuds, and fresh seeds until the quota is used.
pub fn gate(system: &dyn System, commit: &str, quota: &Quota) -> Totals {
    let mut sure = seeds::kept(system.name());
    sure.extend(feuds(system, commit));
    let sure_count = sure.len() as u64;
    let fresh = seeds::fresh(commit).map(|seed| (Profile::Swarm, seed));
    let source = Mutex::new(sure.into_iter().chain(fresh));
    let totals = Mutex::new(Totals::default());
    let taken = AtomicU64::new(0);
    let worker = || {
        while wants_more(&totals, &taken, quota, sure_count) {
            let next = source.lock().expect("no worker panics with the lock").next();
            let Some((profile, seed)) = next else { return };
            let index = taken.fetch_add(1, Ordering::Relaxed);
            let repeats = index.is_multiple_of(REPEATED_SEEDS);
            run_seed(system, (profile, seed), repeats, &totals);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..quota.threads {
            scope.spawn(worker);
        }
    });
    totals.into_inner().expect("no worker panics with the lock")
}

/// The fresh seeds whose feuds a gate run takes.
fn feuds(system: &dyn System, commit: &str) -> Vec<(Profile, u64)> {
    let of = |&(count, villain): &(usize, Option<&str>)| {
        let is_told = |seed: &u64| {
            villain.is_none_or(|name| system.draw(*seed, Profile::Feud).has_villain(name))
        };
        seeds::fresh(commit).filter(is_told).take(count).collect::<Vec<_>>()
    };
    let seeds: BTreeSet<u64> = system.feuds().iter().flat_map(of).collect();
    seeds.into_iter().map(|seed| (Profile::Feud, seed)).collect()
}

fn wants_more(totals: &Mutex<Totals>, taken: &AtomicU64, quota: &Quota, sure: u64) -> bool {
    let totals = totals.lock().expect("no worker panics with the lock");
    let lacks = taken.load(Ordering::Relaxed) < quota.seeds + sure || totals.events < quota.events;
    lacks && totals.violations.len() < VIOLATIONS_MAX
}

fn run_seed(
    system: &dyn System,
    (profile, seed): (Profile, u64),
    repeats: bool,
    totals: &Mutex<Totals>,
) {
    let scenario = system.draw(seed, profile);
    let clock = CpuClock::start();
    let limits = Limits { event_max: RUN_EVENTS_MAX, ..Limits::NONE };
    let report = run(system, &scenario, None, &limits);
    let cpu = clock.elapsed();
    let is_stable = !repeats || run(system, &scenario, None, &limits) == report;
    let mut totals = totals.lock().expect("no worker panics with the lock");
    if !is_stable {
        totals.unstable.push(seed);
    }
    if report.violation.is_none() && !report.counts.is_complete {
        totals.unfinished.push(seed);
    }
    totals.repeated += u64::from(repeats);
    totals.add(profile, report, cpu);
}

/// How a planted bug was found.
#[derive(Debug)]
pub struct Finding {
    /// The bug.
    pub plant: &'static Plant,
    /// Seeds that were needed.
    pub seeds: u64,
    /// Events that were needed, over all these seeds.
    pub events: u64,
    /// Processor time that was needed.
    pub cpu: Duration,
    /// The first violation by the expected checker.
    pub violation: Option<Violation>,
    /// Seeds in which another checker was first.
    pub others: Vec<&'static str>,
}

/// The scene with this name, as a seed tells it.
///
/// # Panics
/// If the system has no such scene.
#[must_use]
pub fn told(system: &dyn System, name: &str, seed: u64) -> Scenario {
    let scene = system.scenes().iter().find(|scene| scene.name == name);
    (scene.expect("a scene of the system is named").make)(seed)
}

/// Runs a planted bug until its checker fires.
pub fn find(system: &dyn System, plant: &'static Plant, commit: &str) -> Finding {
    let clock = CpuClock::start();
    let mut finding = Finding {
        plant,
        seeds: 0,
        events: 0,
        cpu: Duration::ZERO,
        violation: None,
        others: Vec::new(),
    };
    for seed in seeds::fresh(commit) {
        if finding.seeds == plant.seeds_max || finding.violation.is_some() {
            break;
        }
        let mut scenario = match plant.scene {
            Some(name) => told(system, name, seed),
            None => system.draw(seed, plant.profile),
        };
        if plant.villain.is_some_and(|villain| !scenario.has_villain(villain)) {
            continue;
        }
        finding.seeds += 1;
        if plant.is_crashed {
            scenario = crashes::struck(system, &scenario, plant, seed);
        }
        let report = run(
            system,
            &scenario,
            Some(plant),
            &Limits { event_max: RUN_EVENTS_MAX, ..Limits::NONE },
        );
        finding.events += report.events;
        match report.violation {
            Some(violation) if violation.broken.invariant == plant.checker => {
                finding.violation = Some(violation);
            }
            Some(violation) => finding.others.push(violation.broken.invariant),
            None => {}
        }
    }
    finding.cpu = clock.elapsed();
    finding
}
