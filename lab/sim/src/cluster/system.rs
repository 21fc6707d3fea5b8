//! Whole clusters, as the programs know them: how a scenario is drawn, and its checkers.

use quorate_adversary::membership::{CLIENT_VICES, SERVER_VILLAINS};
use quorate_adversary::storage;
use quorate_dht::Ring;
use quorate_history::Prng;
use quorate_types::{Configuration, NodeId, ObjectId};

use super::checkers::{Leases, Papers, Traffic, Views};
use super::founding::{Keys, Shape, genesis, server_ids};
use super::host::{ClusterHost, LEASE, SCRUBS_FROM};
use super::marks::MARKS;
use super::sight::InCluster;
use super::within::{Hosted, Within};
use super::{ClusterLens, ClusterMachine, plants};
use crate::checker::{Checker, Liveness, Resources, Thresholds};
use crate::node::{Node, Nodes};
use crate::ordering::{GroupHost, REPLICA_VILLAINS};
use crate::plant;
use crate::scenario::{Fault, FaultKind, Group, Op, Profile, Scenario};
use crate::simulation::Simulation;
use crate::storage::checkers::{self as storage_checkers, Expected};
use crate::swarm::{Blueprint, draw};
use crate::system::{Plant, Run, System};

const SECOND_US: u64 = 1_000_000;
/// After the heal an operation takes at most this long: a lease from nothing, asking one server
/// after the other, and then what a request of a replica group takes.
const OPERATION_US_MAX: u64 = 50 * SECOND_US;
/// For so long after the heal operations are asked for.
const ASKING_US: u64 = 4 * SECOND_US;

const THRESHOLDS: Thresholds = Thresholds {
    live_items_max: 6_000,
    // Two for each operation on objects; six for each replica.
    timers_max: 150,
    waiting_effects_max: 100_000,
    log_records_max: 20_000,
    sends_per_request_max: 600,
    sends_per_node_second_max: 4_000,
};

/// Chance in 1,000 that a run uses real signatures.
const REAL_PER_MILLE: u64 = 20;
/// Chance in 1,000 that one of several clients is a villain.
const BAD_CLIENT_PER_MILLE: u64 = 400;
/// Chance in 1,000 that a server which may be bad beside the others is bad.
const MORE_BAD_PER_MILLE: u64 = 600;
/// Chance in 1,000 that the certificate of a good client runs out.
const ENDING_PER_MILLE: u64 = 300;
/// Scrubs of all servers before the heal, and afterwards.
const SCRUBS: u64 = 3;

/// Whole clusters, as the programs know them.
#[derive(Clone, Copy, Debug)]
pub struct Cluster;

/// Names of everybody who may be bad.
pub(super) fn villain_names() -> impl Iterator<Item = &'static str> {
    server_villains().into_iter().chain(client_villains())
}

/// The servers: those of configurations and disks that rot more often than the others, which have
/// systems of their own.
fn server_villains() -> Vec<&'static str> {
    let mut names = [SERVER_VILLAINS, &[storage::ROT]].concat().repeat(3);
    names.extend(storage::SERVER_VILLAINS.iter().filter(|name| **name != storage::ROT));
    names.extend(REPLICA_VILLAINS);
    names
}

/// The clients: with wrong papers or a wrong clock, or bad owners of objects.
fn client_villains() -> Vec<&'static str> {
    CLIENT_VICES.iter().chain(storage::CLIENT_VILLAINS).copied().collect()
}

/// The membership group, and each window of the ring.
fn groups(configuration: &Configuration, servers: &[NodeId]) -> Vec<Group> {
    let nodes = |ids: &[NodeId]| -> Nodes {
        let node = |id| servers.iter().position(|server| server == id).map(Node::at);
        ids.iter().filter_map(node).collect()
    };
    let f = |resilience: quorate_types::Resilience| (resilience.replicas() - 1) / 3;
    let members = nodes(&configuration.membership_group);
    let mut groups = vec![Group { members, f: f(configuration.membership) }];
    let ring = Ring::new(configuration).expect("there are enough servers");
    for server in ring.servers() {
        let window = ring.group(ObjectId::new(*server.as_bytes()));
        groups.push(Group { members: nodes(window.members()), f: f(configuration.storage) });
    }
    groups
}

fn make_bad(scenario: &mut Scenario, node: Node, adversary: &'static str) {
    let kind = FaultKind::Byzantine { node, adversary };
    scenario.core.remove(node);
    scenario.faults.insert(0, Fault { at_us: 0, lasts_us: u64::MAX, kind });
}

/// Makes more servers bad where every group can bear it.
fn draw_more_bad(scenario: &mut Scenario, servers: Nodes, prng: &mut Prng) {
    let mut candidates: Vec<Node> = servers.and(scenario.core).iter().collect();
    prng.shuffle(&mut candidates);
    for node in candidates {
        let outside = servers.without(scenario.core).or(Nodes::from_iter([node]));
        let bears = |group: &Group| group.members.and(outside).len() <= group.f;
        if scenario.groups.iter().all(bears) && prng.chance(MORE_BAD_PER_MILLE) {
            let place = prng.index(SERVER_VILLAINS.len() + 1);
            make_bad(scenario, node, SERVER_VILLAINS.get(place).copied().unwrap_or(storage::ROT));
        }
    }
}

/// Lets the certificate of the first client run out while it asks. Nobody sets a clock then: two
/// halves of a group whose clocks are years apart would never agree on whether it holds.
fn draw_end_of_certificate(scenario: &mut Scenario, shape: Shape, prng: &mut Prng) {
    let last_s = (scenario.heal_us + ASKING_US) / SECOND_US;
    let certificate_ends_s = 1 + prng.below(last_s);
    scenario.variant = Shape { certificate_ends_s, ..shape }.variant();
    scenario.faults.retain(|fault| !matches!(fault.kind, FaultKind::WallJump { .. }));
}

/// Has the servers check what they hold, before the heal and after it.
fn draw_scrubs(scenario: &mut Scenario, clients: Nodes, prng: &mut Prng) {
    let clients: Vec<Node> = clients.and(scenario.core).iter().collect();
    if clients.is_empty() {
        return;
    }
    for turn in 0..2 * SCRUBS {
        let from_us = if turn < SCRUBS { 0 } else { scenario.heal_us };
        let length_us = if turn < SCRUBS { scenario.heal_us } else { ASKING_US };
        let (at_us, node) = (from_us + prng.below(length_us), clients[prng.index(clients.len())]);
        scenario.ops.push(Op { at_us, node, number: SCRUBS_FROM + turn });
    }
    scenario.ops.sort_by_key(|op| op.at_us);
}

fn draw_shape(prng: &mut Prng, is_calm: bool) -> Shape {
    let (f_membership, f_storage, servers) = match prng.below(10) {
        0..4 => (1, 1, 4),
        4..8 => (1, 1, 5 + u16::try_from(prng.below(3)).expect("a small number")),
        _ => (2, 2, 7),
    };
    Shape {
        f_membership,
        f_storage,
        servers,
        layout: prng.below(256),
        is_real: !is_calm && prng.chance(REAL_PER_MILLE),
        certificate_ends_s: 0,
    }
}

impl System for Cluster {
    fn name(&self) -> &'static str {
        "cluster"
    }

    fn draw(&self, seed: u64, profile: Profile) -> Scenario {
        let mut prng = Prng::from_seed(seed).fork("cluster");
        let is_calm = profile == Profile::Calm;
        let shape = draw_shape(&mut prng, is_calm);
        let keys = Keys::new(shape.is_real);
        let configuration = genesis(shape, &keys).configuration();
        let ids = server_ids(&configuration, shape, &keys);
        let groups = groups(&configuration, &ids);
        let servers = Nodes::range(0, shape.servers);
        let clients = 2 + u16::try_from(prng.below(3)).expect("a small number");
        let adversaries = server_villains();
        let blueprint = Blueprint {
            variant: shape.variant(),
            node_count: shape.servers + clients,
            groups: &groups,
            clients: Nodes::range(shape.servers, shape.servers + clients),
            corruptible: servers,
            adversaries: &adversaries,
            judges_liveness: true,
            safety_us: if shape.is_real { 3 } else { 20 } * SECOND_US,
            liveness_us: OPERATION_US_MAX,
            drain_us: OPERATION_US_MAX + SECOND_US,
            delta_us: 20_000,
            requests_per_second: if shape.is_real { 4 } else { 4 + prng.below(12) },
        };
        let mut scenario = draw(seed, profile, &blueprint);
        if !is_calm {
            draw_more_bad(&mut scenario, servers, &mut prng);
            if prng.chance(BAD_CLIENT_PER_MILLE) {
                let vices = client_villains();
                let vice = vices[prng.index(vices.len())];
                make_bad(&mut scenario, Node::new(shape.servers + clients - 1), vice);
            }
        }
        let last_us = scenario.heal_us + ASKING_US;
        scenario.ops.retain(|op| op.at_us < last_us);
        scenario.end_us = last_us + OPERATION_US_MAX + SECOND_US;
        if !is_calm {
            draw_scrubs(&mut scenario, blueprint.clients, &mut prng);
            if prng.chance(ENDING_PER_MILLE) {
                draw_end_of_certificate(&mut scenario, shape, &mut prng);
            }
        }
        scenario
    }

    fn build(&self, scenario: &Scenario, planted: Option<&Plant>) -> Box<dyn Run> {
        plant::select(planted);
        let host = ClusterHost::new(scenario);
        let checkers = checkers(scenario, &host);
        Box::new(Simulation::new(scenario.clone(), host, checkers))
    }

    fn plants(&self) -> &'static [Plant] {
        plant::in_this_build(plants::PLANTS)
    }

    fn marks(&self) -> &'static [&'static str] {
        MARKS
    }

    fn share_per_cent(&self) -> u64 {
        15
    }
}

fn of_group<S: Hosted>(
    (host, group): (&ClusterHost, &GroupHost<S>),
    judges_liveness: bool,
) -> Box<dyn Checker<ClusterMachine>> {
    let lens = group.lens(host.client_ids());
    let mut inner = group.checkers(&lens);
    if judges_liveness {
        inner.push(group.convergence());
    }
    Box::new(Within::new(host.frame(group.group()), inner))
}

fn checkers(scenario: &Scenario, host: &ClusterHost) -> Vec<Box<dyn Checker<ClusterMachine>>> {
    let foundation = host.foundation();
    let believed = (foundation.configuration.clone(), host.verifier());
    let clients = host.client_ids().len() as u64;
    let judges = scenario.judges_liveness;
    let lens = ClusterLens { ending: host.ending_clients() };
    let mut checkers: Vec<Box<dyn Checker<ClusterMachine>>> = vec![
        of_group((host, &host.membership), judges),
        of_group((host, &host.key_value), judges),
        Box::new(Views::new(foundation.system_key, foundation.certified.clone())),
        Box::new(Leases::new(believed, LEASE, scenario.clocks.clone())),
        Box::new(Papers::new(host.papers(), host.servers(), scenario.clocks.clone())),
        Box::new(Traffic::new(clients)),
        Box::new(Resources::new(lens, THRESHOLDS)),
    ];
    let expected = Expected {
        rotten: host.rotten(),
        owes_progress: judges,
        // Runs end before: that all holders come to have everything is shown by `storage`.
        converged_us: 2 * OPERATION_US_MAX,
    };
    checkers.extend(storage_checkers::all(InCluster, host.scene(), expected));
    if judges {
        checkers.push(Box::new(Liveness::new(lens, scenario.heal_us, OPERATION_US_MAX)));
    }
    checkers
}
