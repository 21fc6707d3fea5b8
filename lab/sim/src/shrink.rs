//! From a failing scenario to a small one that fails in the same way.
//!
//! Delta debugging (Zeller and Hildebrandt 2002, "Simplifying and isolating failure-inducing
//! input") over the list of faults, then over the operations; then delays and clocks are made
//! plain. A run stops at its violation, so the least number of events comes by itself; what lies
//! behind it is cut off first. A smaller scenario counts if the same checker fires.

use crate::clock::ClockShape;
use crate::report::Violation;
use crate::runner;
use crate::scenario::Scenario;
use crate::system::{Limits, Plant, System};

#[cfg(test)]
mod tests;

/// A small scenario.
#[derive(Debug)]
pub struct Shrunk {
    /// What is left.
    pub scenario: Scenario,
    /// What it breaks.
    pub violation: Violation,
    /// Runs that were made.
    pub runs: u64,
}

/// A run of a candidate may take this many times the events of the original failure.
const PATIENCE: u64 = 2;

struct Search<'a> {
    system: &'a dyn System,
    plant: Option<&'a Plant>,
    invariant: &'static str,
    limits: Limits,
    best: Scenario,
    violation: Violation,
    runs: u64,
    runs_max: u64,
}

/// Shrinks a scenario; none if it does not fail.
pub fn shrink(
    system: &dyn System,
    scenario: &Scenario,
    plant: Option<&Plant>,
    runs_max: u64,
) -> Option<Shrunk> {
    let violation = runner::run(system, scenario, plant, &Limits::NONE).violation?;
    let mut search = Search {
        system,
        plant,
        invariant: violation.broken.invariant,
        limits: Limits { event_max: violation.event.saturating_mul(PATIENCE), ..Limits::NONE },
        best: scenario.clone(),
        violation,
        runs: 1,
        runs_max,
    };
    search.cut_tail();
    search.simplify();
    search.reduce_faults();
    search.reduce_ops();
    search.reduce_faults();
    search.cut_tail();
    let Search { best, violation, runs, .. } = search;
    Some(Shrunk { scenario: best, violation, runs })
}

impl Search<'_> {
    /// Keeps the candidate if it fails in the same way.
    fn accept(&mut self, candidate: Scenario) -> bool {
        if self.runs >= self.runs_max {
            return false;
        }
        self.runs += 1;
        let report = runner::run(self.system, &candidate, self.plant, &self.limits);
        match report.violation {
            Some(violation) if violation.broken.invariant == self.invariant => {
                self.best = candidate;
                self.violation = violation;
                true
            }
            _ => false,
        }
    }

    /// Drops what comes after the violation.
    fn cut_tail(&mut self) {
        let last_us = self.violation.time_us;
        let mut candidate = self.best.clone();
        candidate.faults.retain(|fault| fault.at_us <= last_us);
        candidate.ops.retain(|op| op.at_us <= last_us);
        if candidate != self.best {
            self.accept(candidate);
        }
    }

    /// Tries exact clocks, an ordinary disk and links that do nothing surprising.
    fn simplify(&mut self) {
        let mut exact = self.best.clone();
        exact.clocks.fill(ClockShape::EXACT);
        self.accept(exact);
        let mut constant = self.best.clone();
        constant.network.jitter_us_max = 1;
        constant.network.tail_per_1024 = 0;
        constant.network.is_fifo = true;
        self.accept(constant);
        let mut steady = self.best.clone();
        steady.disk.sync_us_jitter = 1;
        self.accept(steady);
    }

    fn reduce_faults(&mut self) {
        let faults = self.best.faults.clone();
        reduce(&faults, &mut |faults| {
            let faults = faults.to_vec();
            self.accept(Scenario { faults, ..self.best.clone() })
        });
    }

    fn reduce_ops(&mut self) {
        let ops = self.best.ops.clone();
        reduce(&ops, &mut |ops| {
            let ops = ops.to_vec();
            self.accept(Scenario { ops, ..self.best.clone() })
        });
    }
}

/// Finds a small part of `items` that still fails: drops halves, then quarters, then single items.
fn reduce<T: Clone>(items: &[T], fails: &mut impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut left = items.to_vec();
    let mut chunk = left.len().div_ceil(2);
    while chunk > 0 {
        let before = left.len();
        let mut from = 0;
        while from < left.len() {
            let to = (from + chunk).min(left.len());
            let without: Vec<T> = left[..from].iter().chain(&left[to..]).cloned().collect();
            if fails(&without) {
                left = without;
            } else {
                from = to;
            }
        }
        let is_done = chunk == 1 && left.len() == before;
        chunk = if chunk == 1 && !is_done { 1 } else { chunk / 2 };
    }
    left
}
