//! The storage DHT, as the programs know it: how a scenario is drawn, and its checkers.

use quorate_adversary::storage::ROT;
use quorate_history::Prng;

use super::host::{Shape, StorageHost};
use super::marks::MARKS;
use super::workload::SWEEP;
use super::{CLIENT_VILLAINS, Plainly, SERVER_VILLAINS, StorageLens, StorageMachine};
use super::{checkers, plants};
use crate::checker::{Checker, Liveness, Resources, Thresholds};
use crate::node::{Node, Nodes};
use crate::plant;
use crate::scenario::{Fault, FaultKind, Group, Op, Profile, Scenario};
use crate::simulation::Simulation;
use crate::swarm::{Blueprint, draw};
use crate::system::{Plant, Run, System};

const SECOND_US: u64 = 1_000_000;
/// After the heal an operation takes at most this long: the longest wait before its client asks
/// again, twice for each of its phases, and once more for a value that was kept back.
const OPERATION_US_MAX: u64 = 30 * SECOND_US;

/// How long clients go on asking after the heal.
const ASKED_US: u64 = 25 * SECOND_US;
/// Then every good holder has what was acknowledged within this time: the bound of a sweep by the
/// slowest clock, and as long again, since what is missing may need several.
const CONVERGED_US: u64 = 90 * SECOND_US;

const THRESHOLDS: Thresholds = Thresholds {
    // Requests that wait at a server, with their objects.
    live_items_max: 1_100,
    // Two for each operation of a client.
    timers_max: 140,
    waiting_effects_max: 10_000,
    log_records_max: 20_000,
    sends_per_request_max: 100,
    sends_per_node_second_max: 100,
};

/// Chance in 1,000 that a run uses real signatures.
const REAL_PER_MILLE: u64 = 30;
/// Chance in 1,000 that a server is a villain where otherwise all would be good.
const BAD_SERVER_PER_MILLE: u64 = 700;
/// Chance in 1,000 that one of several clients is a villain.
const BAD_CLIENT_PER_MILLE: u64 = 400;
/// Chance in 1,000 that the clients' leases end.
const LEASED_PER_MILLE: u64 = 300;
/// Most servers beside those of one group.
const MORE_SERVERS_MAX: u64 = 4;
/// Scrubs of each server before the heal, and afterwards.
const SCRUBS: u64 = 3;

/// The storage DHT, as the programs know it.
#[derive(Clone, Copy, Debug)]
pub struct Storage;

/// The servers that hold objects together: as many as a group has, beginning at each in turn.
fn groups(shape: Shape) -> Vec<Group> {
    let size = 3 * shape.f + 1;
    let around = |first: u16| (0..size).map(move |step| Node::new((first + step) % shape.servers));
    let group = |first| Group { members: around(first).collect(), f: usize::from(shape.f) };
    // With no more servers than one group has, all of them are one.
    let count = if shape.servers == size { 1 } else { shape.servers };
    (0..count).map(group).collect()
}

/// Where all servers are good, one mostly becomes bad; and so does a client now and then.
fn draw_villains(scenario: &mut Scenario, (shape, clients): (Shape, u16), prng: &mut Prng) {
    let are_good = Nodes::range(0, shape.servers).without(scenario.core).is_empty();
    if are_good && prng.chance(BAD_SERVER_PER_MILLE) {
        let node = Node::at(prng.index(usize::from(shape.servers)));
        make_bad(scenario, node, SERVER_VILLAINS[prng.index(SERVER_VILLAINS.len())]);
    }
    if prng.chance(BAD_CLIENT_PER_MILLE) {
        let adversary = CLIENT_VILLAINS[prng.index(CLIENT_VILLAINS.len())];
        make_bad(scenario, Node::new(shape.servers + clients - 1), adversary);
    }
}

fn make_bad(scenario: &mut Scenario, node: Node, adversary: &'static str) {
    let kind = FaultKind::Byzantine { node, adversary };
    scenario.core.remove(node);
    scenario.faults.insert(0, Fault { at_us: 0, lasts_us: u64::MAX, kind });
}

/// Every server is scrubbed now and then, and after the heal somebody looks for all that was put.
fn add_operations(scenario: &mut Scenario, shape: Shape, prng: &mut Prng) {
    let Some(last_us) = scenario.ops.last().map(|op| op.at_us) else { return };
    let asked = scenario.ops.len() as u64;
    for server in 0..shape.servers {
        for turn in 0..2 * SCRUBS {
            let (from_us, until_us) =
                if turn < SCRUBS { (0, scenario.heal_us) } else { (scenario.heal_us, last_us) };
            let at_us = from_us + prng.below(until_us.saturating_sub(from_us).max(1));
            scenario.ops.push(Op { at_us, node: Node::new(server), number: turn });
        }
    }
    let clients: Vec<Node> = scenario.core.without(Nodes::range(0, shape.servers)).iter().collect();
    if clients.is_empty() {
        return;
    }
    for number in 0..asked {
        let length_us = last_us.saturating_sub(scenario.heal_us).max(1);
        let at_us = scenario.heal_us + prng.below(length_us);
        let node = clients[prng.index(clients.len())];
        // Only what was put gives an operation: about one in ten of these.
        scenario.ops.push(Op { at_us, node, number: SWEEP + number });
    }
    scenario.ops.sort_by_key(|op| op.at_us);
}

impl System for Storage {
    fn name(&self) -> &'static str {
        "storage"
    }

    fn draw(&self, seed: u64, profile: Profile) -> Scenario {
        let mut prng = Prng::from_seed(seed).fork("storage");
        let is_calm = profile == Profile::Calm;
        let f = 1 + u16::from(prng.chance(250));
        let more = if prng.chance(500) { 0 } else { prng.below(1 + MORE_SERVERS_MAX) };
        let shape = Shape {
            f,
            servers: 3 * f + 1 + u16::try_from(more).expect("a small number"),
            owners: 1 + prng.below(4),
            is_real: !is_calm && prng.chance(REAL_PER_MILLE),
            is_leased: prng.chance(LEASED_PER_MILLE),
        };
        let clients = 2 + u16::try_from(prng.below(4)).expect("a small number");
        let groups = groups(shape);
        let blueprint = Blueprint {
            variant: shape.variant(),
            node_count: shape.servers + clients,
            groups: &groups,
            clients: Nodes::range(shape.servers, shape.servers + clients),
            corruptible: Nodes::range(0, shape.servers),
            adversaries: SERVER_VILLAINS,
            judges_liveness: true,
            safety_us: if shape.is_real { 10 } else { 60 } * SECOND_US,
            liveness_us: ASKED_US + CONVERGED_US,
            drain_us: CONVERGED_US,
            delta_us: 20_000,
            requests_per_second: if shape.is_real { 3 } else { 5 + prng.below(30) },
        };
        let mut scenario = draw(seed, profile, &blueprint);
        scenario.end_us = scenario.heal_us + ASKED_US + CONVERGED_US;
        let last_us = scenario.heal_us + ASKED_US;
        scenario.ops.retain(|op| op.at_us < last_us);
        if !is_calm {
            draw_villains(&mut scenario, (shape, clients), &mut prng);
        }
        add_operations(&mut scenario, shape, &mut prng);
        scenario
    }

    fn build(&self, scenario: &Scenario, planted: Option<&Plant>) -> Box<dyn Run> {
        plant::select(planted);
        let shape = Shape::of(scenario.variant);
        let clients = scenario.node_count - shape.servers;
        let host = StorageHost::new(shape, clients, scenario.seed);
        let checkers = all_checkers(scenario, &host);
        Box::new(Simulation::new(scenario.clone(), host, checkers))
    }

    fn plants(&self) -> &'static [Plant] {
        plant::in_this_build(plants::PLANTS)
    }

    fn share_per_cent(&self) -> u64 {
        50
    }

    fn events_per_cent(&self) -> u64 {
        8
    }

    fn marks(&self) -> &'static [&'static str] {
        MARKS
    }
}

fn all_checkers(scenario: &Scenario, host: &StorageHost) -> Vec<Box<dyn Checker<StorageMachine>>> {
    let rotten = scenario.faults.iter().filter_map(|fault| match fault.kind {
        FaultKind::Byzantine { node, adversary: ROT } => Some(node),
        _ => None,
    });
    let expected = checkers::Expected {
        rotten: rotten.collect(),
        owes_progress: scenario.judges_liveness,
        converged_us: CONVERGED_US,
    };
    let mut checkers = checkers::all(Plainly, host.scene(), expected);
    checkers.push(Box::new(Resources::new(StorageLens, THRESHOLDS)));
    if scenario.judges_liveness {
        checkers.push(Box::new(Liveness::new(StorageLens, scenario.heal_us, OPERATION_US_MAX)));
    }
    checkers
}
