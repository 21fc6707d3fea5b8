//! The system as the programs know it: how a scenario is drawn, and its checkers.

use quorate_history::Prng;
use quorate_membership::handover::message::Message as HandoverMessage;

use super::checkers::{Custody, Dealings, Duties, Envelopes, History, Progress, Urn, Vouching};
use super::disk::Storekeeper;
use super::founding::{Shape, install_ideal};
use super::host::EpochsHost;
use super::marks::MARKS;
use super::villains::{COPYIST, DESERTER, FLOODER, FRAMER, GONE, HELD_BACK, IDLER};
use super::{EpochsMachine, Message, plants, villains};
use crate::checker::{Checker, Lens, Resources, Statement, Statements, Thresholds};
use crate::clock::ClockShape;
use crate::crashes::Scene;
use crate::node::{Node, Nodes};
use crate::plant;
use crate::scenario::{DiskShape, Fault, FaultKind, Group, NetworkShape, Profile, Scenario, Way};
use crate::simulation::Simulation;
use crate::swarm::{Blueprint, draw};
use crate::system::{Plant, Run, System};

const SECOND_US: u64 = 1_000_000;
/// After the heal the end of an epoch takes at most this long: an attempt that is given up, and
/// then view changes in the old group and the new.
const END_US_MAX: u64 = 25 * SECOND_US;

const THRESHOLDS: Thresholds = Thresholds {
    live_items_max: 4_000,
    timers_max: 60,
    waiting_effects_max: 100_000,
    log_records_max: 2_000,
    sends_per_request_max: 400,
    sends_per_node_second_max: 2_000,
};

/// Servers that go from epoch to epoch, as the programs know them.
#[derive(Clone, Copy, Debug)]
pub struct Epochs;

/// How the generic checkers read the machines.
#[derive(Clone, Copy, Debug)]
struct EpochsLens;

impl Lens<EpochsMachine> for EpochsLens {
    /// C4: of the dealings of a dealer in an attempt a recipient acknowledges one (MEM-14).
    fn stated(&self, _: Node, message: &Message, into: &mut Vec<Statement>) {
        let Message::Handover(epoch, message) = message else { return };
        if let HandoverMessage::Acknowledgement(word) = &**message {
            let session = word.said.session.as_bytes().first_chunk().expect("it has 32 bytes");
            let topic = [u64::from_be_bytes(*session), u64::from(word.said.dealer), epoch.get(), 0];
            into.push(Statement { topic, value: word.said.digest });
        }
    }

    fn live_items(&self, machine: &EpochsMachine) -> usize {
        machine.server().map_or(0, super::ServerSeat::live_items)
    }
}

/// One seed in so many has a membership group that bears two bad servers: such a run costs some
/// times as much.
const LARGE_ONE_IN: u64 = 24;
/// Servers of such a system, at least: its group has seven members, and two may be evicted.
const LARGE_SERVERS: u16 = 9;

fn draw_shape(prng: &mut Prng) -> Shape {
    Shape {
        f: 1,
        servers: 5 + u16::try_from(prng.below(4)).expect("a small number"),
        layout: prng.below(256),
        length: 20 + prng.below(30),
        attempt_ms: 0,
    }
}

/// The shape of a system that bears two bad servers in its group, if this seed has one. Drawn for
/// itself, so that the other seeds are what they were when there was none.
fn drawn_larger(seed: u64, shape: Shape) -> Shape {
    let mut prng = Prng::from_seed(seed).fork("epochs/larger");
    if prng.below(LARGE_ONE_IN) != 0 {
        return shape;
    }
    let more = u16::try_from(prng.below(3)).expect("a small number");
    Shape { f: 2, servers: LARGE_SERVERS + more, ..shape }
}

/// One feud in so many is with each of these.
const LATER_ONE_IN: u64 = 16;

/// Who is bad in a feud. Those who came later are drawn for themselves, so that the other feuds are
/// what they were before.
fn drawn_villain(seed: u64, others: &'static str) -> &'static str {
    let is_drawn = |fork| Prng::from_seed(seed).fork(fork).below(LATER_ONE_IN) == 0;
    if is_drawn("epochs/copyist") {
        COPYIST
    } else if is_drawn("epochs/held-back") {
        HELD_BACK
    } else {
        others
    }
}

/// Whether a run has this kind of fault: a disk that forgets what it confirmed, or a wall clock
/// that somebody sets years ahead, is beyond what epochs promise to bear at more than `f` servers,
/// and the swarm counts neither.
const fn is_borne(kind: &FaultKind) -> bool {
    !matches!(kind, FaultKind::Amnesia { .. } | FaultKind::WallJump { .. })
}

/// Runs of a gate in which nothing goes wrong but for one villain: each of them has its occasion.
const FEUDS: &[(usize, Option<&str>)] = &[
    // Convicted within two epochs, so that each of them cheats a few times.
    (20, Some("bad-dealer")),
    (2, Some("part-liar")),
    (2, Some("news-liar")),
    (4, Some("two-faced-dealer")),
    (1, Some("share-withholder")),
    (2, Some("false-complainer")),
    (1, Some("epoch-replayer")),
    (1, Some("early-ender")),
    (1, Some("early-aborter")),
    (1, Some("late-voucher")),
    (1, Some("mute")),
    (2, Some(DESERTER)),
    (2, Some(COPYIST)),
    (1, Some(FLOODER)),
    (1, Some(FRAMER)),
    (1, Some(GONE)),
    (2, Some(IDLER)),
    (1, Some(HELD_BACK)),
];

/// A scenario in which as many servers as may be are bad from the beginning, all in one way.
fn with_villain(mut scenario: Scenario, adversary: &'static str, prng: &mut Prng) -> Scenario {
    let Group { members: servers, f } = scenario.groups[0];
    let mut bad = Nodes::EMPTY;
    while bad.len() < f {
        bad.insert(Node::at(prng.index(servers.len())));
    }
    if adversary == DESERTER {
        // The budget is of the first group, to which none of them belongs.
        bad = outsiders(&scenario);
        scenario.groups[0].members = servers.without(bad);
    }
    if adversary == HELD_BACK {
        // No more than one of the others brings keys beside the group.
        bad = outsiders(&scenario);
        bad.remove(bad.iter().next().expect("there are four"));
        scenario.groups[0].members = servers.without(bad);
    }
    for node in bad.iter() {
        let kind = FaultKind::Byzantine { node, adversary };
        scenario.core.remove(node);
        scenario.faults.push(Fault { at_us: 0, lasts_us: u64::MAX, kind });
    }
    if adversary == IDLER {
        scenario.faults.push(late_for_the_freeze(&scenario, prng));
    }
    scenario
}

/// A good member has no connection until the first epoch is frozen without its keys. The liar has
/// brought its own, so that a quorum has, and too few are left who answer.
fn late_for_the_freeze(scenario: &Scenario, prng: &mut Prng) -> Fault {
    let good: Vec<Node> = scenario.groups[0].members.and(scenario.core).iter().collect();
    let kind = FaultKind::Isolate { node: good[prng.index(good.len())], way: Way::Both };
    let length_us = Shape::of(scenario.variant).length().as_micros();
    Fault { at_us: 0, lasts_us: length_us + SECOND_US, kind }
}

/// The servers that are not of the first group.
fn outsiders(scenario: &Scenario) -> Nodes {
    let (kit, servers) = install_ideal(Shape::of(scenario.variant));
    let group = &kit.first.configuration().membership_group;
    let outside = servers.iter().enumerate().filter(|(_, (server, _))| !group.contains(server));
    outside.map(|(index, _)| Node::at(index)).collect()
}

/// Ends of epochs, crashed at every effect of every server.
const SCENES: &[Scene] = &[
    Scene { name: "handover", mark: "handover.certified", hits_min: 5, make: handover },
    Scene { name: "redraw", mark: "epochs.failed_share_erased", hits_min: 1, make: redraw },
];
/// A gate takes so many times fewer points than of other systems: an end costs pairings.
const CRASH_STRIDE: usize = 200;
/// The same where several crash at once; no multiple of 3 or 5, so that each of the 15 sets of
/// others has its turn.
const TOGETHER_STRIDE: usize = 3_407;
/// The longest that the story of a failed attempt tries to give one.
const ATTEMPT_MS_MAX: u64 = 8;
/// What is asked for in it: little, since every word is a point at which somebody crashes.
const REDRAW_OPS: usize = 2;

/// Five servers, whose first epoch ends in the fifth second.
fn handover(attempt: u64) -> Scenario {
    let shape = Shape { f: 1, servers: 5, layout: attempt % 256, length: 40, attempt_ms: 0 };
    ending(shape, Epochs.draw(attempt, Profile::Calm), 6 * SECOND_US)
}

/// Five servers, whose first epoch ends in the second second, and not in the first attempt: members
/// give that up while its shares are being made. A server that has one is not of the next group,
/// and keeps it until it has the configuration (MEM-71, DUT-5). How long that takes is tried out:
/// each telling of the story gives its attempts a little longer.
fn redraw(attempt: u64) -> Scenario {
    let attempt_ms = 1 + attempt % ATTEMPT_MS_MAX;
    let shape = Shape { f: 1, servers: 5, layout: attempt % 256, length: 10, attempt_ms };
    let network = NetworkShape {
        base_us_max: 500,
        jitter_us_max: 200,
        tail_per_1024: 0,
        tail_us_max: 0,
        is_fifo: true,
    };
    let disk =
        DiskShape { sync_us_min: 50, sync_us_jitter: 50, is_grouped: true, segment_records: 1 };
    let drawn = Scenario { network, disk, ..Epochs.draw(attempt, Profile::Calm) };
    let mut scenario = ending(shape, drawn, 3 * SECOND_US);
    scenario.ops.truncate(REDRAW_OPS);
    scenario
}

/// A drawn scenario in which nothing goes wrong, with other servers and another heal.
fn ending(shape: Shape, mut drawn: Scenario, heal_us: u64) -> Scenario {
    // There are fewer servers to ask here than may have been drawn.
    drawn.ops.retain(|op| op.node.index() < usize::from(shape.servers));
    Scenario {
        variant: shape.variant(),
        node_count: shape.servers + 1,
        groups: vec![Group { members: Nodes::range(0, shape.servers), f: 1 }],
        core: Nodes::range(0, shape.servers + 1),
        heal_us,
        end_us: heal_us + END_US_MAX + SECOND_US,
        clocks: vec![ClockShape::EXACT; usize::from(shape.servers) + 1],
        ..drawn
    }
}

impl System for Epochs {
    fn name(&self) -> &'static str {
        "epochs"
    }

    fn draw(&self, seed: u64, profile: Profile) -> Scenario {
        let mut prng = Prng::from_seed(seed).fork("epochs");
        let mut shape = draw_shape(&mut prng);
        let adversaries = villains::names();
        let villain = drawn_villain(seed, adversaries[prng.index(adversaries.len())]);
        shape = match villain {
            DESERTER if profile == Profile::Feud => Shape { servers: 6, ..shape },
            HELD_BACK if profile == Profile::Feud => Shape { servers: 8, ..shape },
            // Nobody but the members can take a share.
            IDLER if profile == Profile::Feud => Shape { servers: 4, ..shape },
            _ => drawn_larger(seed, shape),
        };
        let servers = Nodes::range(0, shape.servers);
        let groups = [Group { members: servers, f: usize::from(shape.f) }];
        let clients = 1;
        let blueprint = Blueprint {
            variant: shape.variant(),
            node_count: shape.servers + clients,
            groups: &groups,
            clients: servers,
            corruptible: servers,
            adversaries: &adversaries,
            judges_liveness: true,
            safety_us: 12 * SECOND_US,
            liveness_us: END_US_MAX + 10 * SECOND_US,
            drain_us: END_US_MAX / 2,
            delta_us: 20_000,
            requests_per_second: 2,
        };
        if profile == Profile::Feud {
            let calm = draw(seed, Profile::Calm, &blueprint);
            return with_villain(Scenario { profile, ..calm }, villain, &mut prng);
        }
        let mut scenario = draw(seed, profile, &blueprint);
        scenario.faults.retain(|fault| is_borne(&fault.kind));
        scenario
    }

    fn build(&self, scenario: &Scenario, planted: Option<&Plant>) -> Box<dyn Run> {
        plant::select(planted);
        let host = EpochsHost::new(scenario).flawed(planted.map(|plant| plant.name));
        let checkers = checkers(scenario, &host);
        Box::new(Simulation::new(scenario.clone(), host, checkers))
    }

    fn plants(&self) -> &'static [Plant] {
        plant::in_this_build(plants::PLANTS)
    }

    fn marks(&self) -> &'static [&'static str] {
        MARKS
    }

    fn feuds(&self) -> &'static [(usize, Option<&'static str>)] {
        FEUDS
    }

    fn scenes(&self) -> &'static [Scene] {
        SCENES
    }

    fn crash_stride(&self) -> usize {
        CRASH_STRIDE
    }

    fn together_stride(&self) -> Option<usize> {
        Some(TOGETHER_STRIDE)
    }

    fn share_per_cent(&self) -> u64 {
        12
    }

    fn events_per_cent(&self) -> u64 {
        1
    }
}

/// All that watch a run.
pub(super) fn checkers(
    scenario: &Scenario,
    host: &EpochsHost,
) -> Vec<Box<dyn Checker<EpochsMachine>>> {
    let kit = host.kit();
    let mut checkers: Vec<Box<dyn Checker<EpochsMachine>>> = vec![
        Box::new(Storekeeper(host.disks())),
        Box::new(History::new(kit.system_key, &kit.first)),
        Box::new(Custody::new((host.servers().to_vec(), host.disks()))),
        Box::new(Dealings::default()),
        Box::new(Envelopes::default()),
        Box::new(Urn::new(&kit.first)),
        Box::new(Vouching::new((host.servers().to_vec(), host.disks()), &kit.first)),
        Box::new(Statements::new(EpochsLens)),
        Box::new(Resources::new(EpochsLens, THRESHOLDS)),
    ];
    if scenario.profile == Profile::Feud {
        checkers.push(Box::new(Duties::new(host.servers(), scenario)));
    }
    if scenario.judges_liveness {
        checkers.push(Box::new(Progress::new(scenario.heal_us, END_US_MAX)));
    }
    checkers
}
