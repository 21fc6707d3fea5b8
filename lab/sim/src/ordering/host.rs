//! The ordering engine as a system under test: its keys, disks, scenarios and checkers.

use std::sync::Arc;

use quorate_adversary::Adversary;
use quorate_adversary::ordering::Seat;
use quorate_bft::message::Message;
use quorate_bft::{ClientCall, ClientRequest, Parameters, Record};
use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_crypto::{ClientCertificate, ClientGrant, Domain, Signer, Verified, Verifier, hash_of};
use quorate_history::Prng;
use quorate_machine::RecordNumber;
use quorate_types::{
    Digest, Duration, Epoch, GroupConfiguration, GroupId, Peer, ReadMode, Resilience, Slot,
    SystemId, UnixTime,
};

use super::adversaries::{CLIENT_VILLAINS, REPLICA_VILLAINS};
use super::group::{GroupHost, GroupSetup, kind, rewrite, wire_bytes};
use super::marks::MARKS;
use super::scenes::SCENES;
use super::{Ledger, OrderingLens, OrderingMachine, plants};
use crate::checker::{Checker, Liveness, Resources, Thresholds};
use crate::crashes::Scene;
use crate::host::Host;
use crate::node::{Node, Nodes};
use crate::parties::{Part, Parties};
use crate::plant;
use crate::scenario::{Fault, FaultKind, Group, Profile, Scenario, Way};
use crate::simulation::Simulation;
use crate::swarm::{Blueprint, draw};
use crate::system::{Plant, Run, System};

const SECOND_US: u64 = 1_000_000;
/// After the heal a request takes at most this long: suspicion and view changes past `f` bad
/// leaders with the longest timeout that the safety phase can have grown, and a state transfer.
const REQUEST_US_MAX: u64 = 40 * SECOND_US;

const THRESHOLDS: Thresholds = Thresholds {
    live_items_max: 4_000,
    timers_max: 6,
    waiting_effects_max: 100_000,
    log_records_max: 20_000,
    sends_per_request_max: 400,
    sends_per_node_second_max: 2_000,
};

/// Longer than a run: liveness is judged by others than the client.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(3_600);
/// Starts of a client's program in a run with somebody who hoards openings: more than a client has
/// sessions, so that some are closed.
const RESTARTS: u64 = 8;

/// Feuds of a gate run. They are short, and view follows view in them: who lies as a leader leads
/// in some of them, and seldom elsewhere.
const FEUDS: &[(usize, Option<&str>)] =
    &[(150, None), (200, Some("cut-liar")), (50, Some("view-changer"))];

/// Slots between two checkpoints, unless a scene wants them closer together.
const CHECKPOINT_INTERVAL: u64 = 16;
/// Messages of a node in a second while a client floods its group.
const FLOODED_SENDS_MAX: u64 = 60_000;
/// Chance in 1,000 that a run uses real signatures.
const REAL_PER_MILLE: u64 = 20;
/// Chance in 1,000 that one of several clients is a villain.
const BAD_CLIENT_PER_MILLE: u64 = 250;

/// Chance in 1,000 that a run is one in which the epoch ends.
const ENDING_PER_MILLE: u64 = 125;
/// Most requests before that.
const ENDING_REQUESTS_MAX: u64 = 200;

/// Chance in 1,000 that nothing is asked for any more when the heal comes: whoever is behind then
/// must catch up with an idle group.
const QUIET_END_PER_MILLE: u64 = 250;

/// Keys and addresses of one run.
pub struct OrderingHost {
    group: GroupHost<Ledger>,
    parties: Parties<dyn Signer>,
    /// Of the clients, in their order.
    certificates: Vec<ClientCertificate>,
    lives: Vec<u64>,
    prng: Prng,
}

/// What a scenario's variant says of the group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) f: u16,
    pub(super) slots_in_flight: u64,
    pub(super) checkpoint_interval: u64,
    pub(super) is_real: bool,
    /// The epoch ends when so many requests are executed; 0 if it does not.
    pub(super) ends_at: u64,
}

impl Shape {
    pub(super) fn variant(self) -> u64 {
        let checkpoints = self.checkpoint_interval ^ CHECKPOINT_INTERVAL;
        let sizes = u64::from(self.f) | (self.slots_in_flight << 8) | (checkpoints << 24);
        sizes | (u64::from(self.is_real) << 16) | (self.ends_at << 32)
    }

    pub(super) fn of(variant: u64) -> Self {
        Self {
            f: u16::try_from(variant & 0xff).expect("a byte"),
            slots_in_flight: (variant >> 8) & 0xff,
            checkpoint_interval: ((variant >> 24) & 0xff) ^ CHECKPOINT_INTERVAL,
            is_real: (variant >> 16) & 1 == 1,
            ends_at: variant >> 32,
        }
    }
}

impl OrderingHost {
    fn new(shape: Shape, client_count: usize, seed: u64) -> Self {
        let registry = IdealRegistry::new([7; 32]);
        let signer = |kind: u8, index: usize| -> Arc<dyn Signer> {
            let seed = *hash_of(Domain::Derivation, &(kind, index as u64)).as_bytes();
            if shape.is_real {
                Arc::new(RealSigner::from_seed(&seed))
            } else {
                Arc::new(registry.signer(&seed))
            }
        };
        let resilience = Resilience::new(shape.f).expect("f is 1 or 2");
        let parties = Parties::new(
            (0..resilience.replicas()).map(|index| signer(1, index)).collect(),
            (0..client_count).map(|index| signer(2, index)).collect(),
        );
        let authority = signer(3, 0);
        let group = Arc::new(GroupConfiguration {
            system: SystemId::new([1; 32]),
            group: GroupId::new([2; 32]),
            epoch: Epoch::ZERO,
            members: parties.members(),
            resilience,
            authority_key: authority.public_key(),
            read_mode: ReadMode::Ordered,
            base_slot: Slot::ZERO,
            base_digest: Digest::new([9; 32]),
        });
        let certified = |(index, client)| {
            let grant = ClientGrant {
                system: group.system,
                client,
                name: format!("client {index}"),
                expires: UnixTime::from_micros(u64::MAX),
            };
            ClientCertificate::issue(grant, &*authority)
        };
        let verifier: Arc<dyn Verifier> =
            if shape.is_real { Arc::new(RealVerifier) } else { Arc::new(registry.clone()) };
        let parameters = Parameters {
            checkpoint_interval: shape.checkpoint_interval,
            slots_in_flight: shape.slots_in_flight,
            progress_timeout_max: Duration::from_secs(4),
            ..Parameters::default()
        };
        let signers = (0..resilience.replicas()).map(|index| parties.signer(Node::at(index)));
        Self {
            certificates: parties.client_ids().into_iter().enumerate().map(certified).collect(),
            lives: vec![0; parties.replica_count() + client_count],
            group: GroupHost::new(GroupSetup {
                group: Arc::clone(&group),
                parameters,
                signers: signers.collect(),
                verifier,
                service: Ledger { ends_at: (shape.ends_at > 0).then_some(shape.ends_at) },
            }),
            parties,
            prng: Prng::from_seed(seed).fork("villains"),
        }
    }

    fn lens(&self) -> OrderingLens {
        self.group.lens(self.parties.client_ids())
    }
}

impl std::fmt::Debug for OrderingHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.parties.fmt(f)
    }
}

impl Host<OrderingMachine<Ledger>> for OrderingHost {
    fn peer(&self, node: Node) -> Peer {
        self.parties.peer(node)
    }

    fn start(
        &mut self,
        node: Node,
        records: Vec<(RecordNumber, Arc<Record>)>,
    ) -> OrderingMachine<Ledger> {
        self.lives[node.index()] += 1;
        match self.parties.part(node) {
            Part::Replica(replica) => self.group.replica(replica, records),
            Part::Client(client) => {
                let as_whom = (self.parties.signer(node), self.certificates[client].clone());
                self.group.client(as_whom, self.lives[node.index()])
            }
        }
    }

    fn adversary(&mut self, node: Node, name: &str) -> Box<dyn Adversary<OrderingMachine<Ledger>>> {
        let seat = match self.parties.part(node) {
            Part::Replica(replica) => Seat::Replica(replica),
            Part::Client(_) => Seat::Client,
        };
        let prng = self.prng.fork(&format!("adversary/{}", node.index()));
        self.group.adversary(name, (seat, self.parties.signer(node)), &prng)
    }

    fn admit(&mut self, _: Node, _: Node, message: &Arc<Message>) -> Option<Verified<Message>> {
        self.group.admit(message)
    }

    fn wire_bytes(&self, message: &Arc<Message>) -> u64 {
        wire_bytes(message)
    }

    fn kind(&self, message: &Arc<Message>) -> u8 {
        kind(message)
    }

    fn request(&mut self, _: Node, number: u64) -> Option<ClientRequest> {
        let operation = number.to_be_bytes().to_vec();
        let call = ClientCall { ticket: number, operation, timeout: CALL_TIMEOUT };
        Some(ClientRequest::Call(call))
    }

    fn rewrite(&mut self, prng: &mut Prng, message: &Arc<Message>) -> Option<Arc<Message>> {
        rewrite(prng, message)
    }

    fn label(&self, node: Node) -> String {
        self.parties.label(node)
    }
}

/// The ordering engine, as the programs know it.
#[derive(Clone, Copy, Debug)]
pub struct Ordering;

impl System for Ordering {
    fn name(&self) -> &'static str {
        "ordering"
    }

    fn draw(&self, seed: u64, profile: Profile) -> Scenario {
        let mut prng = Prng::from_seed(seed).fork("ordering");
        let shape = Shape {
            f: 1 + u16::from(prng.chance(250)),
            slots_in_flight: [1, 1, 1, 2, 4][prng.index(5)]
                .max(1 + 3 * u64::from(profile == Profile::Feud)),
            checkpoint_interval: CHECKPOINT_INTERVAL,
            is_real: profile != Profile::Calm && prng.chance(REAL_PER_MILLE),
            ends_at: end_of(seed, profile),
        };
        let clients = 1 + u16::try_from(prng.below(4)).expect("a small number");
        let replicas = 3 * shape.f + 1;
        let groups = [Group { members: Nodes::range(0, replicas), f: usize::from(shape.f) }];
        // Half of the villains are several at once, so that each kind acts in enough runs.
        let mut adversaries = REPLICA_VILLAINS.to_vec();
        adversaries.resize(2 * REPLICA_VILLAINS.len(), "legion");
        let blueprint = Blueprint {
            variant: shape.variant(),
            node_count: replicas + clients,
            groups: &groups,
            clients: Nodes::range(replicas, replicas + clients),
            corruptible: Nodes::range(0, replicas),
            adversaries: &adversaries,
            judges_liveness: true,
            // Real signatures take 200 times longer.
            safety_us: if shape.is_real { 4 } else { 60 } * SECOND_US,
            liveness_us: 30 * SECOND_US,
            drain_us: REQUEST_US_MAX + SECOND_US,
            delta_us: 20_000,
            requests_per_second: if shape.is_real { 10 } else { 10 + prng.below(60) },
        };
        let mut scenario = draw(seed, profile, &blueprint);
        if profile != Profile::Calm && prng.chance(QUIET_END_PER_MILLE) {
            let quiet_us = scenario.heal_us / 2 + prng.below(scenario.heal_us / 2);
            scenario.ops.retain(|op| op.at_us < quiet_us);
            // Somebody misses the last of it.
            let node = Node::at(prng.index(usize::from(replicas)));
            let at_us = quiet_us - quiet_us / 8;
            let kind = FaultKind::Isolate { node, way: Way::Both };
            scenario.faults.push(Fault { at_us, lasts_us: scenario.heal_us - at_us, kind });
        }
        // In a feud the members are at odds; their clients are good.
        let may_corrupt_client = matches!(profile, Profile::Swarm | Profile::Short) && clients > 1;
        if may_corrupt_client && prng.chance(BAD_CLIENT_PER_MILLE) {
            let adversary = CLIENT_VILLAINS[prng.index(CLIENT_VILLAINS.len())];
            let node = Node::new(replicas + clients - 1);
            let kind = FaultKind::Byzantine { node, adversary };
            scenario.core.remove(node);
            scenario.faults.insert(0, Fault { at_us: 0, lasts_us: u64::MAX, kind });
        }
        let hoards = |fault: &Fault| {
            matches!(fault.kind, FaultKind::Byzantine { adversary: "opening-hoarder", .. })
        };
        if scenario.faults.iter().any(hoards) {
            let step_us = scenario.heal_us / (RESTARTS + 4);
            let kind = FaultKind::Crash { node: Node::new(replicas) };
            let restart =
                |count| Fault { at_us: (count + 1) * step_us, lasts_us: step_us / 8, kind };
            scenario.faults.extend((0..RESTARTS).map(restart));
        }
        scenario
    }

    fn build(&self, scenario: &Scenario, planted: Option<&Plant>) -> Box<dyn Run> {
        plant::select(planted);
        let shape = Shape::of(scenario.variant);
        let replicas = usize::from(3 * shape.f + 1);
        let clients = usize::from(scenario.node_count) - replicas;
        let host = OrderingHost::new(shape, clients, scenario.seed);
        let checkers = checkers(scenario, &host);
        Box::new(Simulation::new(scenario.clone(), host, checkers))
    }

    fn feuds(&self) -> &'static [(usize, Option<&'static str>)] {
        FEUDS
    }

    fn scenes(&self) -> &'static [Scene] {
        SCENES
    }

    fn plants(&self) -> &'static [Plant] {
        plant::in_this_build(plants::PLANTS)
    }

    fn marks(&self) -> &'static [&'static str] {
        MARKS
    }
}

/// The number of requests with which the epoch of a seed ends, or 0: in some runs, somewhere in the
/// load. Calm runs answer everything. In feuds more slots are in flight, and so more are void.
fn end_of(seed: u64, profile: Profile) -> u64 {
    let mut prng = Prng::from_seed(seed).fork("end");
    let per_mille = match profile {
        Profile::Swarm | Profile::Short => ENDING_PER_MILLE,
        Profile::Feud => 2 * ENDING_PER_MILLE,
        Profile::Calm => 0,
    };
    if prng.chance(per_mille) { 1 + prng.below(ENDING_REQUESTS_MAX) } else { 0 }
}

/// Is every request of the scenario to be answered? Those behind an end are not: the next group
/// would, and there is none here.
fn answers_all(scenario: &Scenario) -> bool {
    let ends_at = Shape::of(scenario.variant).ends_at;
    scenario.judges_liveness && (ends_at == 0 || scenario.ops.len() as u64 <= ends_at)
}

/// The bounds of a scenario: the requests of a client that floods are not counted as requests, but
/// they are answered.
fn thresholds(scenario: &Scenario) -> Thresholds {
    let is_flood = |kind| matches!(kind, FaultKind::Byzantine { adversary: "client-flooder", .. });
    if scenario.faults.iter().any(|fault| is_flood(fault.kind)) {
        return Thresholds { sends_per_node_second_max: FLOODED_SENDS_MAX, ..THRESHOLDS };
    }
    THRESHOLDS
}

type Checkers = Vec<Box<dyn Checker<OrderingMachine<Ledger>>>>;

fn checkers(scenario: &Scenario, host: &OrderingHost) -> Checkers {
    let lens = host.lens();
    let mut checkers = host.group.checkers(&lens);
    checkers.push(Box::new(Resources::new(lens.clone(), thresholds(scenario))));
    if scenario.judges_liveness {
        checkers.push(host.group.convergence());
    }
    if answers_all(scenario) {
        checkers.push(Box::new(Liveness::new(lens, scenario.heal_us, REQUEST_US_MAX)));
    }
    checkers
}
