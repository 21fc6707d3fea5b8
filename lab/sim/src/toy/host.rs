//! The toy as a system under test: its keys, its scenarios, its checkers and its planted bugs.

use std::sync::Arc;

use quorate_adversary::Adversary;
use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_crypto::{Signer, Verified, verify};
use quorate_history::Prng;
use quorate_machine::RecordNumber;
use quorate_types::{
    Digest, Epoch, GroupConfiguration, GroupId, Peer, ReadMode, Resilience, Slot, SystemId,
};

use super::replica::WAITING_MAX;
use super::{
    ADVERSARIES, Body, Bug, Client, Equivocator, Message, Mute, Naysayer, Record, Replica, ToyLens,
    ToyMachine, Wish,
};
use crate::checker::{Agreement, Checker, Integrity, Liveness, Resources, Statements, Thresholds};
use crate::host::{AdmitCache, Host};
use crate::node::{Node, Nodes};
use crate::parties::{Part, Parties};
use crate::scenario::{Group, Profile, Scenario};
use crate::simulation::Simulation;
use crate::swarm::{Blueprint, draw};
use crate::system::{Plant, Run, System};

/// After the heal a request of the toy takes at most this long.
const REQUEST_US_MAX: u64 = 10_000_000;
const SECOND_US: u64 = 1_000_000;

const THRESHOLDS: Thresholds = Thresholds {
    live_items_max: WAITING_MAX + 512,
    timers_max: 1,
    waiting_effects_max: 60_000,
    log_records_max: 10_000,
    sends_per_request_max: 400,
    sends_per_node_second_max: 30_000,
};

/// Keys and addresses of one run.
#[derive(Debug)]
pub struct ToyHost {
    registry: IdealRegistry,
    group: Arc<GroupConfiguration>,
    parties: Parties<IdealSigner>,
    bug: Option<Bug>,
    cache: AdmitCache<Message, Verified<Arc<Message>>>,
}

impl ToyHost {
    /// The host of `3f+1` replicas and some clients.
    #[must_use]
    pub fn new(resilience: Resilience, client_count: usize, bug: Option<Bug>) -> Self {
        let registry = IdealRegistry::new([7; 32]);
        let signer = |kind: u8, index: usize| {
            let mut seed = [kind; 32];
            seed[0] = u8::try_from(index).expect("a toy has few nodes");
            Arc::new(registry.signer(&seed))
        };
        let parties = Parties::new(
            (0..resilience.replicas()).map(|index| signer(1, index)).collect(),
            (0..client_count).map(|index| signer(2, index)).collect(),
        );
        let group = Arc::new(GroupConfiguration {
            system: SystemId::new([1; 32]),
            group: GroupId::new([2; 32]),
            epoch: Epoch::ZERO,
            members: parties.members(),
            resilience,
            authority_key: registry.signer(&[3; 32]).public_key(),
            read_mode: ReadMode::Ordered,
            base_slot: Slot::ZERO,
            base_digest: Digest::ZERO,
        });
        Self { group, parties, bug, cache: AdmitCache::new(), registry }
    }

    /// How checkers read this run.
    #[must_use]
    pub fn lens(&self) -> ToyLens {
        ToyLens {
            replicas: u16::try_from(self.parties.replica_count()).expect("a toy has few nodes"),
            clients: self.parties.client_ids(),
        }
    }
}

impl Host<ToyMachine> for ToyHost {
    fn peer(&self, node: Node) -> Peer {
        self.parties.peer(node)
    }

    fn start(&mut self, node: Node, records: Vec<(RecordNumber, Record)>) -> ToyMachine {
        let (group, signer) = (Arc::clone(&self.group), self.parties.signer(node));
        match self.parties.part(node) {
            Part::Client(_) => ToyMachine::Client(Client::new(group, signer)),
            Part::Replica(replica) => {
                let replica = Replica::new((replica, group), signer, self.bug, records);
                ToyMachine::Replica(Box::new(replica))
            }
        }
    }

    fn adversary(&mut self, node: Node, name: &str) -> Box<dyn Adversary<ToyMachine>> {
        let signer = self.parties.signer(node);
        match name {
            "naysayer" => Box::new(Naysayer { signer }),
            "equivocator" => Box::new(Equivocator::new(signer)),
            _ => Box::new(Mute),
        }
    }

    fn admit(
        &mut self,
        _: Node,
        _: Node,
        message: &Arc<Message>,
    ) -> Option<Verified<Arc<Message>>> {
        let Self { cache, group, registry, .. } = self;
        cache.admit(message, |message| verify(Arc::clone(message), group, registry).ok())
    }

    fn wire_bytes(&self, message: &Arc<Message>) -> u64 {
        match &message.body {
            Body::Request { .. } => 104,
            Body::Propose { .. } => 176,
            Body::Vote { .. } => 106,
            Body::Decided { votes, .. } => 180 + 106 * votes.len() as u64,
            Body::Status { .. } => 8,
            Body::Reply { .. } => 16,
        }
    }

    fn request(&mut self, _: Node, number: u64) -> Option<Wish> {
        Some(Wish { number })
    }

    /// Changes a vote's slot without signing it again: verification must refuse it.
    fn rewrite(&mut self, prng: &mut Prng, message: &Arc<Message>) -> Option<Arc<Message>> {
        let mut forged = Message::clone(message);
        let Body::Vote { slot, .. } = &mut forged.body else { return None };
        *slot ^= 1 << prng.below(3);
        Some(Arc::new(forged))
    }

    fn label(&self, node: Node) -> String {
        self.parties.label(node)
    }
}

/// The toy, as the programs know it.
#[derive(Clone, Copy, Debug)]
pub struct Toy;

impl System for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn draw(&self, seed: u64, profile: Profile) -> Scenario {
        let mut prng = Prng::from_seed(seed).fork("toy");
        let f = 1 + u16::try_from(prng.below(2)).expect("a small number");
        let clients = 1 + u16::try_from(prng.below(4)).expect("a small number");
        let replicas = 3 * f + 1;
        // In some seeds the leader may be bad: then nobody owes progress.
        let judges_liveness = prng.chance(700);
        let (corruptible, adversaries) = if judges_liveness {
            (Nodes::range(1, replicas), ADVERSARIES)
        } else {
            (Nodes::range(0, 1), &["equivocator"][..])
        };
        let groups = [Group { members: Nodes::range(0, replicas), f: usize::from(f) }];
        let blueprint = Blueprint {
            variant: u64::from(f),
            node_count: replicas + clients,
            groups: &groups,
            clients: Nodes::range(replicas, replicas + clients),
            corruptible,
            adversaries,
            judges_liveness,
            safety_us: 60 * SECOND_US,
            liveness_us: 30 * SECOND_US,
            drain_us: REQUEST_US_MAX + SECOND_US,
            delta_us: 20_000,
            requests_per_second: 10 + prng.below(60),
        };
        let mut scenario = draw(seed, profile, &blueprint);
        scenario.judges_liveness &= scenario.core.contains(Node::new(0));
        scenario
    }

    fn build(&self, scenario: &Scenario, plant: Option<&Plant>) -> Box<dyn Run> {
        let f = u16::try_from(scenario.variant).expect("the variant of a toy is its f");
        let resilience = Resilience::new(f).expect("the f of a toy is 1 or 2");
        let clients = usize::from(scenario.node_count) - resilience.replicas();
        let bug = plant.and_then(|plant| {
            BUGS.iter().find(|(name, _)| *name == plant.name).map(|&(_, bug)| bug)
        });
        let host = ToyHost::new(resilience, clients, bug);
        let checkers = checkers(scenario, &host.lens());
        Box::new(Simulation::new(scenario.clone(), host, checkers))
    }

    fn plants(&self) -> &'static [Plant] {
        PLANTS
    }

    fn share_per_cent(&self) -> u64 {
        10
    }

    fn marks(&self) -> &'static [&'static str] {
        &["toy-client-retry", "toy-reply-again", "toy-catch-up", "toy-snapshot"]
    }
}

fn checkers(scenario: &Scenario, lens: &ToyLens) -> Vec<Box<dyn Checker<ToyMachine>>> {
    let mut checkers: Vec<Box<dyn Checker<ToyMachine>>> = vec![
        Box::new(Agreement::new(lens.clone())),
        Box::new(Integrity::new(lens.clone())),
        Box::new(Statements::new(lens.clone())),
        Box::new(Resources::new(lens.clone(), THRESHOLDS)),
    ];
    if scenario.judges_liveness {
        let liveness = Liveness::new(lens.clone(), scenario.heal_us, REQUEST_US_MAX);
        checkers.push(Box::new(liveness));
    }
    checkers
}

const BUGS: &[(&str, Bug)] = &[
    ("vote-before-persist", Bug::VoteBeforePersist),
    ("duplicate-votes", Bug::DuplicateVotes),
    ("short-quorum", Bug::ShortQuorum),
    ("execute-twice", Bug::ExecuteTwice),
    ("no-deduplication", Bug::NoDeduplication),
    ("silent", Bug::SilentAfterAll),
    ("hoarding", Bug::Hoarding),
];

const PLANTS: &[Plant] = &[
    Plant::own("vote-before-persist", "C4", "sends votes and proposals in front of their records"),
    Plant::own("duplicate-votes", "C1", "counts votes instead of voters"),
    Plant::own("short-quorum", "C1", "decides with one vote less than a quorum"),
    Plant::own("execute-twice", "C2", "executes the last decided slot again after a restart"),
    Plant::own("no-deduplication", "C2", "orders a request that comes again once more"),
    Plant::own("silent", "C9", "never tells how far it is"),
    Plant::own("hoarding", "C12", "never takes a request off the list of those that wait").slow(),
];
