//! The faults of a round, drawn from a seed: what happens to whom, and when.
//!
//! Two rows of faults run side by side, each fault of a row after the one before it: those of
//! processes and those of links. So there is at any time at most one honest server that does not
//! run, beside the liar: then a quorum is missing for a while, and must come back.
//! Every kind of its row comes once before any comes twice.

use std::fmt;
use std::time::Duration;

use quorate_adversary::ordering::REPLICA_VILLAINS;
use quorate_history::Prng;

/// A fault and whom it meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The server, from 0.
    pub server: usize,
    /// What happens to it.
    pub kind: Kind,
    /// Until it is healed, or the next fault of the row may begin.
    pub lasts: Duration,
}

/// What happens to a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Its process is killed (SIGKILL), and started again at the end.
    Kill,
    /// Its process is stopped (SIGSTOP), and goes on at the end (SIGCONT).
    Pause,
    /// All bytes to and from it come later.
    Delay,
    /// No bytes pass.
    Stall,
    /// Its word ends on every connection; that of the others goes on.
    HalfClose,
    /// Every connection ends.
    Cut,
}

/// Kinds that meet a process.
pub const PROCESS_KINDS: [Kind; 2] = [Kind::Kill, Kind::Pause];
/// Kinds that meet the links of a server.
pub const LINK_KINDS: [Kind; 4] = [Kind::Delay, Kind::Stall, Kind::HalfClose, Kind::Cut];

/// Shortest fault, milliseconds.
const LASTS_MS_MIN: u64 = 300;
/// Longest fault, milliseconds.
const LASTS_MS_MAX: u64 = 1_500;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of server {} for {} ms", self.kind, self.server, self.lasts.as_millis())
    }
}

/// The faults of a round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// Which villain the liar plays.
    pub villain: &'static str,
    /// Faults of processes, one after the other.
    pub processes: Vec<Fault>,
    /// Faults of links, one after the other.
    pub links: Vec<Fault>,
}

impl Plan {
    /// The plan of a seed for this many servers, of which one lies: faults of processes meet only
    /// the others, faults of links meet all.
    ///
    /// # Panics
    /// If there is no honest server.
    #[must_use]
    pub fn draw(seed: u64, servers: usize, liar: usize, faults: usize) -> Self {
        let honest: Vec<usize> = (0..servers).filter(|&server| server != liar).collect();
        let all: Vec<usize> = (0..servers).collect();
        let mut prng = Prng::from_seed(seed);
        let villain = REPLICA_VILLAINS[prng.index(REPLICA_VILLAINS.len())];
        let processes = row(&mut prng.fork("processes"), &PROCESS_KINDS, &honest, faults);
        let links = row(&mut prng.fork("links"), &LINK_KINDS, &all, 2 * faults);
        Self { seed, villain, processes, links }
    }

    /// How often a kind is planned.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        let both = self.processes.iter().chain(&self.links);
        both.filter(|fault| fault.kind == kind).map(|_| 1).sum()
    }
}

fn row(prng: &mut Prng, kinds: &[Kind], servers: &[usize], count: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    while faults.len() < count {
        let mut kinds = kinds.to_vec();
        prng.shuffle(&mut kinds);
        faults.extend(kinds.into_iter().map(|kind| {
            let server = servers[prng.index(servers.len())];
            let lasts = LASTS_MS_MIN + prng.below(LASTS_MS_MAX - LASTS_MS_MIN);
            Fault { server, kind, lasts: Duration::from_millis(lasts) }
        }));
    }
    faults.truncate(count);
    faults
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, the liar plays `{}`", self.seed, self.villain)?;
        for (name, row) in [("processes", &self.processes), ("links", &self.links)] {
            writeln!(f, "  {name}:")?;
            row.iter().try_for_each(|fault| writeln!(f, "    {fault}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    //! A plan follows from its seed, spares the liar's process, and leaves no kind out.
    use super::{Kind, LINK_KINDS, PROCESS_KINDS, Plan};

    #[test]
    fn the_same_seed_gives_the_same_plan_and_another_one_another() {
        assert_eq!(Plan::draw(7, 5, 2, 8), Plan::draw(7, 5, 2, 8));
        assert_ne!(Plan::draw(7, 5, 2, 8), Plan::draw(8, 5, 2, 8));
    }

    #[test]
    fn every_kind_comes_and_the_liar_is_neither_killed_nor_paused() {
        for seed in 0..50 {
            let plan = Plan::draw(seed, 5, 2, 8);
            assert!(plan.processes.iter().all(|fault| fault.server != 2));
            assert!(PROCESS_KINDS.iter().chain(&LINK_KINDS).all(|&kind| plan.count(kind) == 4));
            assert_eq!(plan.links.iter().filter(|fault| fault.kind == Kind::Kill).count(), 0);
        }
    }
}
