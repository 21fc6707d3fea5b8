//! Drawing a scenario from a seed.
//!
//! Swarm testing (Groce et al. 2012, "Swarm testing"): a run in which some kinds of faults are off
//! reaches states that a run with all of them never sees. So each kind is on in half of the seeds,
//! with a rate of its own.

use quorate_history::Prng;

use crate::clock::{ClockShape, DRIFT_PER_MILLE_MAX, RATE_PER_MILLE_EXACT};
use crate::node::{Node, Nodes};
use crate::scenario::{
    CrashPoint, DiskShape, Fault, FaultKind, Group, NetworkShape, Op, Profile, Scenario, Way,
};

mod faults;
#[cfg(test)]
mod tests;

/// A run of the short profile is this many times shorter.
const SHORT_DIVISOR: u64 = 10;
/// One microsecond, in units of itself.
const MILLISECOND_US: u64 = 1_000;
const SECOND_US: u64 = 1_000_000;
/// How far a wall clock may be off from the beginning.
const WALL_OFFSET_US_MAX: u64 = 5 * SECOND_US;

/// What a system tells about itself before a scenario is drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blueprint<'a> {
    /// What the system wants to find in [`Scenario::variant`].
    pub variant: u64,
    /// Machines, clients included.
    pub node_count: u16,
    /// Groups with a fault budget.
    pub groups: &'a [Group],
    /// Nodes that are asked for requests; they crash and are cut off like others.
    pub clients: Nodes,
    /// Nodes that may be made bad, within the budget.
    pub corruptible: Nodes,
    /// Names of the adversaries.
    pub adversaries: &'a [&'static str],
    /// Whether progress after the heal is owed; a system says no where its protocol cannot.
    pub judges_liveness: bool,
    /// Length of the safety phase.
    pub safety_us: u64,
    /// Length of the liveness phase.
    pub liveness_us: u64,
    /// Before the end nothing is asked for during this time, so that all can complete.
    pub drain_us: u64,
    /// Longest delay in the core after the heal.
    pub delta_us: u64,
    /// Mean number of requests in a second, all clients together.
    pub requests_per_second: u64,
}

impl Blueprint<'_> {
    /// Five nodes, the last a client; for tests.
    pub const EXAMPLE: Self = Self {
        variant: 0,
        node_count: 5,
        groups: &[],
        clients: Nodes::EMPTY,
        corruptible: Nodes::EMPTY,
        adversaries: &[],
        judges_liveness: true,
        safety_us: 10 * SECOND_US,
        liveness_us: 10 * SECOND_US,
        drain_us: 5 * SECOND_US,
        delta_us: 10 * MILLISECOND_US,
        requests_per_second: 40,
    };
}

/// The scenario of a seed.
#[must_use]
pub fn draw(seed: u64, profile: Profile, blueprint: &Blueprint<'_>) -> Scenario {
    let prng = Prng::from_seed(seed).fork("swarm");
    let is_short = matches!(profile, Profile::Short | Profile::Feud);
    let divisor = if is_short { SHORT_DIVISOR } else { 1 };
    let heal_us = blueprint.safety_us / divisor;
    let mut scenario = Scenario {
        seed,
        profile,
        variant: blueprint.variant,
        node_count: blueprint.node_count,
        groups: blueprint.groups.to_vec(),
        core: Nodes::range(0, blueprint.node_count),
        judges_liveness: blueprint.judges_liveness,
        heal_us,
        end_us: heal_us + (blueprint.liveness_us / divisor).max(2 * blueprint.drain_us),
        delta_us: blueprint.delta_us,
        network: draw_network(&mut prng.fork("network"), profile),
        disk: draw_disk(&mut prng.fork("disk")),
        clocks: draw_clocks(&prng, blueprint.node_count, profile),
        faults: Vec::new(),
        ops: Vec::new(),
    };
    match profile {
        Profile::Swarm | Profile::Short => faults::draw(&mut scenario, blueprint, &prng),
        Profile::Feud => faults::draw_feud(&mut scenario, blueprint, &prng),
        Profile::Calm => {}
    }
    scenario.ops = draw_ops(&mut prng.fork("ops"), &scenario, blueprint);
    if profile == Profile::Feud {
        // What the feud has broken shows soon after it, or in what was asked for during it.
        scenario.ops.retain(|op| op.at_us < heal_us + SECOND_US);
    }
    scenario
}

fn draw_network(prng: &mut Prng, profile: Profile) -> NetworkShape {
    let scale_us = [200, 2_000, 20_000][prng.index(3)];
    let is_calm = profile == Profile::Calm;
    NetworkShape {
        base_us_max: scale_us,
        jitter_us_max: 1 + prng.below(scale_us),
        tail_per_1024: if is_calm { 0 } else { [0, 10, 100][prng.index(3)] },
        tail_us_max: 20 * scale_us,
        is_fifo: is_calm || prng.chance(500),
    }
}

fn draw_disk(prng: &mut Prng) -> DiskShape {
    // Without group commit a slow disk is no fault but an overload: one write for each vote.
    let is_grouped = prng.chance(700);
    let sync_us_min = if is_grouped { [50, 300, 5_000][prng.index(3)] } else { 50 };
    DiskShape {
        sync_us_min,
        sync_us_jitter: 1 + prng.below(4 * sync_us_min),
        is_grouped,
        segment_records: [1, 16, 128][prng.index(3)],
    }
}

fn draw_clocks(prng: &Prng, node_count: u16, profile: Profile) -> Vec<ClockShape> {
    if profile == Profile::Calm {
        return vec![ClockShape::EXACT; usize::from(node_count)];
    }
    let mut prng = prng.fork("clocks");
    let drift_max = [0, 10, DRIFT_PER_MILLE_MAX][prng.index(3)];
    let draw = |_| ClockShape {
        rate_per_mille: RATE_PER_MILLE_EXACT - drift_max + prng.below(2 * drift_max + 1),
        wall_offset_us: signed(&mut prng, WALL_OFFSET_US_MAX),
    };
    (0..node_count).map(draw).collect()
}

/// A number from `-max` to `max`.
fn signed(prng: &mut Prng, max: u64) -> i64 {
    let magnitude = i64::try_from(prng.below(max + 1)).expect("offsets are below 2^63");
    if prng.chance(500) { magnitude } else { -magnitude }
}

fn draw_ops(prng: &mut Prng, scenario: &Scenario, blueprint: &Blueprint<'_>) -> Vec<Op> {
    let clients: Vec<Node> = blueprint.clients.iter().collect();
    if clients.is_empty() || blueprint.requests_per_second == 0 {
        return Vec::new();
    }
    let spacing_us = (2 * SECOND_US / blueprint.requests_per_second).max(1);
    let last_us = scenario.end_us.saturating_sub(blueprint.drain_us);
    let mut at_us = 0;
    let mut ops = Vec::new();
    loop {
        at_us += 1 + prng.below(spacing_us);
        if at_us >= last_us {
            return ops;
        }
        let number = ops.len() as u64;
        ops.push(Op { at_us, node: clients[prng.index(clients.len())], number });
    }
}
