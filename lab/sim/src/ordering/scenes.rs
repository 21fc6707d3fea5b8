//! Short stories of the ordering engine, each told for one mark: at every effect of them somebody
//! crashes (`cargo xtask sim crashes`).
//!
//! Four replicas; the nodes behind them are clients. Attempts differ in their seed only.

use super::host::Shape;
use crate::clock::ClockShape;
use crate::crashes::Scene;
use crate::node::{Node, Nodes};
use crate::scenario::{
    DiskShape, Fault, FaultKind, Group, NetworkShape, Op, Profile, Scenario, Way,
};

const MILLISECOND_US: u64 = 1_000;
const REPLICAS: u16 = 4;
/// Between the last act of a story and its heal: room for what follows from it, and for a crash.
const AFTER_US: u64 = 3_500 * MILLISECOND_US;
/// Behind the heal: longer than a request may take.
const LIVENESS_US: u64 = 42_000 * MILLISECOND_US;

/// The stories.
pub(super) const SCENES: &[Scene] = &[
    scene("order", ("bft.decided", 16), order),
    scene("view-change", ("bft.prepared_again", 1), view_change),
    scene("checkpoint", ("bft.checkpoint_stable", 8), checkpoint),
    scene("state-transfer", ("bft.state_installed", 1), state_transfer),
    scene("missing-body", ("bft.body_missing", 1), missing_body),
    scene("lane-fork", ("bft.lane_branch_left", 1), lane_fork),
    scene("lane-fork-restarts", ("bft.promise_carried", 6), lane_fork_restarts),
    scene("liars-in-turn", ("liar.exaggerated", 40), liars_in_turn),
    scene("leader-restart", ("bft.restarted_leader_resigns", 1), leader_restart),
    scene("sessions", ("bft.session_opened", 6), sessions),
    scene("bundle", ("bft.operations_bundled", 1), bundle),
    scene("idle-catch-up", ("bft.slots_learned", 1), idle_catch_up),
    scene("end", ("bft.end_certified", 4), end),
    scene("end-missed", ("bft.end_learned", 1), end_missed),
];

const fn scene(
    name: &'static str,
    (mark, hits_min): (&'static str, u64),
    make: fn(u64) -> Scenario,
) -> Scene {
    Scene { name, mark, hits_min, make }
}

/// A group with checkpoints so many slots apart, nothing asked for and nothing wrong.
fn quiet(attempt: u64, clients: u16, checkpoint_interval: u64) -> Scenario {
    let shape = Shape { f: 1, slots_in_flight: 1, checkpoint_interval, is_real: false, ends_at: 0 };
    let node_count = REPLICAS + clients;
    Scenario {
        seed: attempt,
        profile: Profile::Calm,
        variant: shape.variant(),
        node_count,
        groups: vec![Group { members: Nodes::range(0, REPLICAS), f: 1 }],
        core: Nodes::range(0, node_count),
        judges_liveness: true,
        heal_us: 0,
        end_us: 0,
        delta_us: 20 * MILLISECOND_US,
        network: NetworkShape {
            base_us_max: 500,
            jitter_us_max: 200,
            tail_per_1024: 0,
            tail_us_max: 0,
            is_fifo: true,
        },
        disk: DiskShape {
            sync_us_min: 50,
            sync_us_jitter: 50,
            is_grouped: true,
            segment_records: 1,
        },
        clocks: vec![ClockShape::EXACT; usize::from(node_count)],
        faults: Vec::new(),
        ops: Vec::new(),
    }
}

impl Scenario {
    /// The client with this number asks at these milliseconds.
    fn asking(mut self, client: u16, at_ms: impl IntoIterator<Item = u64>) -> Self {
        for at_ms in at_ms {
            let (at_us, number) = (at_ms * MILLISECOND_US, self.ops.len() as u64);
            self.ops.push(Op { at_us, node: Node::new(REPLICAS + client), number });
        }
        self.ops.sort_by_key(|op| op.at_us);
        self
    }

    /// Something goes wrong from one millisecond to another.
    fn suffering(mut self, (from_ms, to_ms): (u64, u64), kind: FaultKind) -> Self {
        let (at_us, lasts_us) = (from_ms * MILLISECOND_US, (to_ms - from_ms) * MILLISECOND_US);
        self.faults.push(Fault { at_us, lasts_us, kind });
        self
    }

    /// The story ends here, and is followed for a while.
    fn until(mut self, end_ms: u64) -> Self {
        self.heal_us = end_ms * MILLISECOND_US + AFTER_US;
        self.end_us = self.heal_us + LIVENESS_US;
        self
    }
}

/// Requests, one after the other.
fn order(attempt: u64) -> Scenario {
    quiet(attempt, 1, 16).asking(0, (1..=4).map(|number| 20 * number)).until(100)
}

/// Commits are lost, so that the next leader finds a slot that is prepared and no more.
fn view_change(attempt: u64) -> Scenario {
    let mut scenario = quiet(attempt, 1, 16).asking(0, [20, 60]).until(900);
    for from in 0..REPLICAS {
        for to in (0..REPLICAS).filter(|to| *to != from) {
            let (from, to) = (Node::new(from), Node::new(to));
            scenario = scenario.suffering((50, 580), FaultKind::Muffle { from, to, kind: 3 });
        }
    }
    scenario
}

/// Slots enough for checkpoints, which let bodies and records go.
fn checkpoint(attempt: u64) -> Scenario {
    quiet(attempt, 1, 2).asking(0, (1..=6).map(|number| 15 * number)).until(110)
}

/// One replica misses more than the others keep.
fn state_transfer(attempt: u64) -> Scenario {
    let kind = FaultKind::Isolate { node: Node::new(3), way: Way::Both };
    let at_ms = (1..=10).map(|number| 15 * number);
    quiet(attempt, 1, 2).asking(0, at_ms).suffering((10, 3_000), kind).until(3_400)
}

/// One replica learns of a decision and lacks what was decided.
fn missing_body(attempt: u64) -> Scenario {
    let mut scenario = quiet(attempt, 3, 16).until(300);
    for client in 0..3 {
        scenario = scenario.asking(client, [20, 20, 20, 30, 30]);
    }
    for from in 0..3 {
        let (from, to) = (Node::new(from), Node::new(3));
        scenario = scenario.suffering((15, 60), FaultKind::Muffle { from, to, kind: 0 });
    }
    scenario
}

/// A Byzantine owner keeps two chains in its lane; who acknowledged the one that is not ordered
/// leaves it.
fn lane_fork(attempt: u64) -> Scenario {
    // A client whose bundles are not answered yet spreads them over the lanes.
    let mut scenario = quiet(attempt, 3, 16).until(30);
    for client in 0..3 {
        scenario = scenario.asking(client, 20..24);
    }
    lying(scenario, Node::new(1))
}

/// One replica alone acknowledges a branch of a lane. It starts again, takes a checkpoint, starts
/// again, and only then gets the next batches of the branch that is ordered.
fn lane_fork_restarts(attempt: u64) -> Scenario {
    let (owner, alone) = (Node::new(1), Node::new(3));
    let mut scenario = quiet(attempt, 3, 2).asking(0, [1_300, 1_320, 1_340, 1_360]).until(5_000);
    for client in 0..3 {
        // Enough at once for several batches, and what has the first of them proven.
        scenario = scenario.asking(client, (20..30).chain(42..52));
        scenario = scenario.asking(client, (1_720..1_724).chain(4_900..4_910));
    }
    // The owner shows all of its batches to the one, which hears nobody else, and the first to the
    // others. Then it falls silent to the one, so that nobody has what this one acknowledged.
    scenario = scenario.suffering((110, 5_000), batches_lost(owner, alone));
    for other in [Node::new(0), Node::new(2)] {
        scenario = scenario.suffering((10, 120), FaultKind::Cut { from: other, to: alone });
        scenario = scenario.suffering((55, 1_700), batches_lost(owner, other));
    }
    for at_ms in [1_200, 1_500] {
        scenario = scenario.suffering((at_ms, at_ms + 10), FaultKind::Crash { node: alone });
    }
    lying(scenario, owner)
}

/// Two replicas claim more than they hold, one after the other, and are repaired. Those that were
/// there all the time have heard both, and are to order all the same.
fn liars_in_turn(attempt: u64) -> Scenario {
    let mut scenario = quiet(attempt, 3, 2);
    for client in 0..3 {
        let at_ms = |from: u64| (from..from + 300).step_by(10);
        scenario = scenario.asking(client, at_ms(20).chain(at_ms(420)));
        // What waits in the lanes when the second liar, the leader, is repaired and resigns.
        scenario = scenario.asking(client, (740..756).chain((900..1_000).step_by(10)));
    }
    for (node, (from_ms, to_ms)) in [(2, (0, 350)), (0, (400, 750))] {
        let kind = FaultKind::Byzantine { node: Node::new(node), adversary: "giant" };
        scenario = scenario.suffering((from_ms, to_ms), kind);
    }
    scenario.until(1_000)
}

/// Batches are lost on a link, and vectors with them.
fn batches_lost(from: Node, to: Node) -> FaultKind {
    FaultKind::Muffle { from, to, kind: 0 }
}

/// The owner of a lane keeps two chains in it.
fn lying(mut scenario: Scenario, owner: Node) -> Scenario {
    let kind = FaultKind::Byzantine { node: owner, adversary: "lane-forker" };
    scenario.faults.push(Fault { at_us: 0, lasts_us: u64::MAX, kind });
    scenario.core.remove(owner);
    scenario
}

/// The leader dies in the middle of its work and comes back.
fn leader_restart(attempt: u64) -> Scenario {
    let kind = FaultKind::Crash { node: Node::new(0) };
    quiet(attempt, 1, 16).asking(0, [20, 40, 60]).suffering((41, 100), kind).until(300)
}

/// A client opens one session after the other, until the oldest are closed.
fn sessions(attempt: u64) -> Scenario {
    let mut scenario =
        quiet(attempt, 1, 16).asking(0, (0..6).map(|life| 20 + 40 * life)).until(280);
    for life in 0..5 {
        let kind = FaultKind::Crash { node: Node::new(REPLICAS) };
        scenario = scenario.suffering((50 + 40 * life, 55 + 40 * life), kind);
    }
    scenario
}

/// Several requests under one signature.
fn bundle(attempt: u64) -> Scenario {
    quiet(attempt, 1, 16).asking(0, [20; 16]).until(100)
}

/// A replica misses the last of it, and nothing is asked for any more.
fn idle_catch_up(attempt: u64) -> Scenario {
    let kind = FaultKind::Isolate { node: Node::new(3), way: Way::Both };
    quiet(attempt, 1, 16).asking(0, [20, 40, 60]).suffering((30, 200), kind).until(300)
}

/// The last request ends the epoch.
fn end(attempt: u64) -> Scenario {
    ending(quiet(attempt, 1, 16).asking(0, [20, 40, 60]).until(200))
}

/// One replica hears of the end when all others have ended.
fn end_missed(attempt: u64) -> Scenario {
    let kind = FaultKind::Isolate { node: Node::new(3), way: Way::Both };
    let asked = quiet(attempt, 1, 2).asking(0, (1..=8).map(|number| 20 * number));
    ending(asked.suffering((30, 1_200), kind).until(1_600))
}

/// The epoch ends with the last request.
fn ending(mut scenario: Scenario) -> Scenario {
    let ends_at = scenario.ops.len() as u64;
    scenario.variant = Shape { ends_at, ..Shape::of(scenario.variant) }.variant();
    scenario
}

#[cfg(test)]
mod tests {
    //! The stories are told: each comes to its mark.
    use super::SCENES;
    use crate::ordering::Ordering;

    #[test]
    fn every_scene_reaches_the_mark_that_it_is_told_for() {
        let missed: Vec<_> =
            SCENES.iter().filter(|scene| scene.told(&Ordering).is_none()).collect();
        assert!(missed.is_empty(), "{missed:?}");
    }
}
