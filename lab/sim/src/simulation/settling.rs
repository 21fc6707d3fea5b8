//! A run that is over soon after all has come that is owed, so that what follows costs nothing.

use super::Simulation;
use crate::checker::End;
use crate::host::{Host, Subject};

#[cfg(test)]
mod tests;

/// The checkers are asked once in so long.
const ROUND_US: u64 = 500_000;
/// A run goes on for so many rounds after they are content: what just began comes to an end.
const QUIET_ROUNDS: u32 = 2;

/// How far a run is from being over.
#[derive(Debug)]
pub(super) struct Settling {
    /// When the checkers are asked next.
    due_us: u64,
    /// Rounds in a row in which they were content.
    rounds: u32,
}

impl Settling {
    /// Nothing is settled before this.
    pub(super) const fn from(heal_us: u64) -> Self {
        Self { due_us: Self::first_round_us(heal_us), rounds: 0 }
    }

    /// When the checkers are asked first.
    pub(super) const fn first_round_us(heal_us: u64) -> u64 {
        heal_us.saturating_add(ROUND_US)
    }

    /// Takes what the checkers said at a time; is the run over?
    const fn hear(&mut self, at_us: u64, is_content: bool) -> bool {
        self.due_us = at_us + ROUND_US;
        self.rounds = if is_content { self.rounds + 1 } else { 0 };
        self.rounds > QUIET_ROUNDS
    }
}

impl<M: Subject, H: Host<M>> Simulation<M, H> {
    /// Is the run over before what happens at this time?
    pub(super) fn is_settled(&mut self, at_us: u64) -> bool {
        if self.settling.as_ref().is_none_or(|settling| at_us < settling.due_us) {
            return false;
        }
        let is_content = self.are_checkers_content();
        self.settling.as_mut().is_some_and(|settling| settling.hear(at_us, is_content))
    }

    /// Nothing is owed to any checker that can tell, and one can.
    fn are_checkers_content(&self) -> bool {
        let machines: Vec<_> = self.nodes.iter().map(|node| node.machine.as_ref()).collect();
        let now = End {
            scenario: &self.scenario,
            time_us: self.now_us,
            bad: self.ledger.bad(),
            machines: &machines,
        };
        let told = self.checkers.iter().filter_map(|checker| checker.is_settled(&now));
        told.reduce(|all, one| all && one).unwrap_or(false)
    }
}
