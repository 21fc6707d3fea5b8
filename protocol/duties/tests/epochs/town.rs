//! Servers in memory, each with its machines, and the orders of its turnover carried out.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use quorate_bft::{Inheritance, Output as OrderedOutput, Parameters, Replica, Setup, Succession};
use quorate_bft::{SuccessionTimer, Timer as OrderedTimer};
use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_crypto::{Signer, verify};
use quorate_duties::turnover::{Event, Order, Turnover};
use quorate_kes::IdealTree;
use quorate_machine::{Effect, Effects, Input, Machine, Recipients};
use quorate_membership::election::membership_replicas;
use quorate_membership::handover::deposit::Deposit;
use quorate_membership::handover::machine::{self, Output as HandoverOutput, Request};
use quorate_membership::handover::{CommitmentBytes, Handover, MemberSecrets, NextKeys, Policy};
use quorate_membership::{
    AddCertificate, AddGrant, EpochKeyCertificate, EpochKeyStatement, FreshnessResponder, Genesis,
    Identity, IdentitySigner, MembershipOperation, MembershipService, NodeAdmission,
    RemoveCertificate, RemoveGrant, ResponderOutput, ResponderRequest, Schemes, ServerDescription,
    Validity, VerifiedConfiguration, read_members,
};
use quorate_threshold::{Bls12381, DecryptionKey, KeyShare, Seed};
use quorate_types::{
    Digest, Duration, Epoch, FailureDomain, GroupConfiguration, IdentityKey, Instant, MemberStatus,
    NodeId, Now, Peer, Resilience, Slot, SoftwareVersion, UnixTime,
};

use crate::tally::{Gap, Tally};

/// How long an epoch lasts here.
const LENGTH: Duration = Duration::from_secs(30);

/// Which machine a message or an alarm is for.
#[derive(Clone, Debug)]
enum Letter {
    Ordered(Epoch, quorate_bft::Message),
    Handover(Epoch, quorate_membership::handover::message::Message),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Alarm {
    Ordered(Epoch, OrderedTimer),
    Handover(Epoch, machine::Timer),
    Succession(Epoch, SuccessionTimer),
}

/// A server with its machines by epoch.
struct Server {
    number: u8,
    id: NodeId,
    turnover: Turnover,
    responder: FreshnessResponder,
    handovers: BTreeMap<Epoch, Handover>,
    replicas: BTreeMap<Epoch, Replica<MembershipService>>,
    groups: BTreeMap<Epoch, Arc<GroupConfiguration>>,
    /// By the epoch that begins, with the group whose state it gets.
    successions: BTreeMap<Epoch, (Succession, Arc<GroupConfiguration>)>,
    inheritances: BTreeMap<Epoch, Inheritance>,
    shares: BTreeMap<Epoch, Arc<KeyShare>>,
    /// In which session each of them was made.
    sessions: BTreeMap<Epoch, Digest>,
    alarms: BTreeMap<Alarm, Instant>,
    is_vouching_for: Option<Epoch>,
    /// Epochs that it was in and whose keys it has not erased.
    keys: BTreeSet<Epoch>,
}

/// A system of servers.
pub(crate) struct Town {
    servers: BTreeMap<NodeId, Server>,
    numbers: BTreeMap<IdentityKey, u8>,
    silent: Option<NodeId>,
    pub(crate) tally: Tally,
    gap: Gap,
    /// How long each message takes, one after the other.
    message_micros: u64,
    queue: VecDeque<(NodeId, NodeId, Letter)>,
    now: u64,
    random: u64,
    sequence: u64,
}

fn registry() -> IdealRegistry {
    IdealRegistry::new([7; 32])
}

fn schemes() -> Schemes {
    Schemes { threshold: Arc::new(Bls12381), signatures: Arc::new(registry()) }
}

fn authority() -> IdealSigner {
    registry().signer(&[b'a'; 32])
}

fn identity(number: u8, epoch: Epoch) -> Identity<IdealTree> {
    let seed = quorate_kes::Seed::new([number; 32]);
    let mut identity = Identity::generate_short(IdealTree(registry()), seed, (Epoch::ZERO, 4));
    while identity.epoch() < epoch {
        identity.evolve().expect("a short identity has sixteen epochs");
    }
    identity
}

fn epoch_signer(number: u8, epoch: Epoch) -> Arc<dyn Signer> {
    let mut seed = [number; 32];
    seed[..8].copy_from_slice(&epoch.get().to_be_bytes());
    Arc::new(registry().signer(&seed))
}

fn seed(kind: u8, number: u8, epoch: Epoch) -> Seed {
    let mut bytes = [kind; 32];
    bytes[0] = number;
    bytes[1..9].copy_from_slice(&epoch.get().to_be_bytes());
    Seed::new(bytes)
}

fn description(number: u8) -> ServerDescription {
    ServerDescription {
        address: format!("server-{number}.example:4700"),
        probe_port: 4701,
        failure_domain: FailureDomain(String::from("rack")),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
    }
}

impl Server {
    fn founder(
        (number, id): (u8, NodeId),
        configuration: &VerifiedConfiguration,
        (share, sharing): (Option<KeyShare>, &CommitmentBytes),
    ) -> Self {
        let epoch = configuration.epoch();
        let signer = epoch_signer(number, epoch);
        let duties = quorate_duties::Duties::of(configuration, id).expect("it is the test's own");
        let mut server = Self {
            number,
            id,
            turnover: Turnover::new(id, configuration.clone(), true, schemes()),
            responder: duties.responder(&signer, Vec::new()),
            handovers: BTreeMap::new(),
            replicas: BTreeMap::new(),
            groups: BTreeMap::new(),
            successions: BTreeMap::new(),
            inheritances: BTreeMap::new(),
            shares: share.into_iter().map(|share| (epoch, Arc::new(share))).collect(),
            sessions: BTreeMap::new(),
            alarms: BTreeMap::new(),
            is_vouching_for: duties.membership().map(|_| epoch),
            keys: BTreeSet::from([epoch]),
        };
        if let Some(seat) = duties.membership() {
            let service = duties.membership_service(sharing.clone(), schemes());
            let (group, me) = (seat.group, seat.me);
            let group_of = Arc::clone(&group);
            let signer = Some(signer);
            let setup = Setup { group: group_of, me, signer, parameters: parameters() };
            server.replicas.insert(epoch, Replica::new(setup, service));
            server.groups.insert(epoch, group);
        }
        server
    }
}

fn parameters() -> Parameters {
    Parameters::default()
}

impl Town {
    pub(crate) fn new(server_count: u8, random: u64) -> Self {
        Self::of(server_count, 1, random)
    }

    /// A system whose membership group tolerates `f` bad members.
    pub(crate) fn of(server_count: u8, f: u16, random: u64) -> Self {
        let admission = |number: u8| {
            let key = epoch_signer(number, Epoch::ZERO).public_key();
            NodeAdmission::founding(description(number), &identity(number, Epoch::ZERO), key)
        };
        let mut admissions: Vec<_> = (0..server_count).map(admission).collect();
        admissions.sort_by_key(NodeAdmission::identity_key);
        let numbers = (0..=40).map(|number| (identity(number, Epoch::ZERO).identity_key(), number));
        let genesis = Genesis {
            authority_key: authority().public_key(),
            storage: Resilience::new(1).expect("it is the test's own"),
            membership: Resilience::new(f).expect("it is the test's own"),
            created: UnixTime::from_micros(1_000_000),
            randomness: Digest::new([5; 32]),
            admissions,
        };
        let founding = genesis
            .check(&registry())
            .expect("it is the test's own")
            .found(&seed(b'g', 0, Epoch::ZERO), &Bls12381);
        let founding = founding.expect("it is the test's own");
        let first = founding
            .configuration
            .verify(&founding.system_key, &schemes())
            .expect("it is the test's own");
        let sharing = CommitmentBytes::of(&founding.commitment);
        let mut town = Self {
            servers: BTreeMap::new(),
            numbers: numbers.collect(),
            silent: None,
            tally: Tally::default(),
            gap: Gap::default(),
            message_micros: 50,
            queue: VecDeque::new(),
            now: 1_000_000,
            random: random * 2 + 1,
            sequence: 0,
        };
        for member in &first.configuration().members {
            let share = founding.shares.iter().find(|(node, _)| *node == member.id);
            let share = share.map(|(_, share)| {
                KeyShare::decode(share.encode().as_ref()).expect("it is the test's own")
            });
            let who = (town.numbers[&member.identity_key], member.id);
            town.servers.insert(member.id, Server::founder(who, &first, (share, &sharing)));
        }
        for id in town.ids() {
            town.start_replica(id, Epoch::ZERO);
            let orders = town.server(id).turnover.start();
            town.carry_out(id, orders);
        }
        town
    }

    fn ids(&self) -> Vec<NodeId> {
        self.servers.keys().copied().collect()
    }

    fn server(&mut self, id: NodeId) -> &mut Server {
        self.servers.get_mut(&id).expect("it is the test's own")
    }

    /// The configuration that most servers have.
    fn configuration(&self) -> VerifiedConfiguration {
        let known = self.servers.values().map(|server| server.turnover.configuration());
        known.max_by_key(|known| known.epoch()).expect("it is the test's own").clone()
    }

    pub(crate) fn group(&self) -> Vec<NodeId> {
        self.configuration().configuration().membership_group.clone()
    }

    pub(crate) fn members(&self) -> Vec<NodeId> {
        self.configuration().configuration().members.iter().map(|member| member.id).collect()
    }

    pub(crate) fn active(&self) -> Vec<NodeId> {
        let configuration = self.configuration();
        let members = configuration.configuration().members.iter();
        let active = members.filter(|member| member.status == MemberStatus::Active);
        active.map(|member| member.id).collect()
    }

    pub(crate) fn silence(&mut self, silent: Option<NodeId>) {
        self.silent = silent;
    }

    // -- what the authority says --

    fn validity(&mut self) -> Validity {
        self.sequence += 1;
        let last_epoch = Epoch::new(1_000);
        Validity { sequence: self.sequence, first_epoch: Epoch::ZERO, last_epoch }
    }

    /// Has a member of the group announce an operation.
    fn order(&mut self, operation: &MembershipOperation) {
        let (group, epoch) = (self.group(), self.configuration().epoch());
        let payload = quorate_wire::encode(operation);
        // The others of a group that serves may still be getting its state.
        let runs = |id: &&NodeId| self.servers[*id].replicas.contains_key(&epoch);
        let first = *group.iter().find(runs).expect("the group of the epoch serves");
        self.step_replica(first, epoch, Input::Request(quorate_bft::Request::Announce(payload)));
    }

    pub(crate) fn add(&mut self, number: u8) -> NodeId {
        let system = self.configuration().configuration().system;
        let identity_key = identity(number, Epoch::ZERO).identity_key();
        let validity = self.validity();
        let grant = AddGrant { system, identity_key, validity, server: description(number) };
        self.order(&MembershipOperation::Add(AddCertificate::issue(grant, &authority())));
        let epoch = self.configuration().epoch().next();
        self.live_until(epoch);
        let configuration = self.configuration();
        let mut members = configuration.configuration().members.iter();
        members.find(|member| member.identity_key == identity_key).expect("it was added").id
    }

    pub(crate) fn remove(&mut self, number: u8) -> NodeId {
        let configuration = self.configuration();
        let identity_key = identity(number, Epoch::ZERO).identity_key();
        let validity = self.validity();
        let system = configuration.configuration().system;
        let grant = RemoveGrant { system, identity_key, validity, may_exceed_cap: true };
        self.order(&MembershipOperation::Remove(RemoveCertificate::issue(grant, &authority())));
        let mut members = configuration.configuration().members.iter();
        members.find(|member| member.identity_key == identity_key).expect("it is the test's own").id
    }

    // -- time and messages --

    fn moment(&self) -> Now {
        Now { instant: Instant::from_micros(self.now), wall: UnixTime::from_micros(self.now) }
    }

    fn draw(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.random >> 33).expect("it is the test's own") % bound
    }

    fn is_silent(&self, id: NodeId) -> bool {
        self.silent == Some(id)
    }

    /// Goes on until every server that is not silent works with this epoch, and its group serves.
    pub(crate) fn live_until(&mut self, epoch: Epoch) {
        for _ in 0..400_000 {
            let others = self.servers.values().filter(|server| !self.is_silent(server.id));
            let mut known = others.map(|server| server.turnover.configuration().epoch());
            if known.all(|known| known >= epoch) && self.serves(epoch) {
                return;
            }
            self.turn();
        }
        unreachable!("no end of the epoch before {epoch} in sight: {}", self.describe());
    }

    /// How far everybody is, for whoever reads a failure.
    fn describe(&self) -> String {
        let mut text = format!("at {} us, {} messages wait", self.now, self.queue.len());
        for server in self.servers.values() {
            let replicas = server.replicas.iter().map(|(epoch, replica)| {
                format!("{epoch}: {} in {:?}", replica.executed_slot(), replica.view())
            });
            let replicas: Vec<_> = replicas.collect();
            let stages = server
                .handovers
                .iter()
                .map(|(epoch, handover)| format!("{epoch}: {:.160}", format!("{handover:?}")));
            let stages: Vec<_> = stages.collect();
            let at = server.turnover.configuration().epoch();
            text += &format!("\n{} at {at}, {replicas:?} {stages:?}", server.number);
        }
        text
    }

    /// Does a quorum of the group of an epoch vouch for it?
    fn serves(&self, epoch: Epoch) -> bool {
        let vouching = self.servers.values().filter(|it| it.is_vouching_for == Some(epoch));
        let quorum = self.configuration().configuration().membership.quorum();
        vouching.count() >= quorum || self.configuration().epoch() > epoch
    }

    /// Lets time pass until nothing but the alarms of an idle system is left.
    pub(crate) fn settle(&mut self) {
        let until = self.now + 3_000_000;
        while self.now < until {
            self.turn();
        }
    }

    /// Has each message take so long.
    pub(crate) const fn slow(&mut self, message_micros: u64) {
        self.message_micros = message_micros;
    }

    /// The longest time in which no quorum vouched for any epoch, microseconds.
    pub(crate) const fn longest_gap(&self) -> u64 {
        self.gap.longest()
    }

    fn note_gap(&mut self) {
        let mut vouching: BTreeMap<Epoch, usize> = BTreeMap::new();
        for server in self.servers.values().filter(|server| !self.is_silent(server.id)) {
            if let Some(epoch) = server.is_vouching_for {
                *vouching.entry(epoch).or_default() += 1;
            }
        }
        let quorum = self.configuration().configuration().membership.quorum();
        self.gap.note(self.now, vouching.values().any(|count| *count >= quorum));
    }

    fn turn(&mut self) {
        self.note_gap();
        if self.queue.is_empty() {
            return self.pass_time();
        }
        let place = self.draw(self.queue.len().min(8));
        let (from, to, letter) = self.queue.remove(place).expect("it is the test's own");
        if self.is_silent(from) || self.is_silent(to) || !self.servers.contains_key(&to) {
            return;
        }
        self.now += self.message_micros;
        let from_peer = Peer::Node(from);
        match letter {
            Letter::Ordered(epoch, message) => {
                self.deliver_ordered(to, epoch, (from_peer, message));
            }
            Letter::Handover(epoch, message) => {
                self.step_handover(to, epoch, Input::Deliver { from: from_peer, message });
            }
        }
    }

    fn deliver_ordered(
        &mut self,
        to: NodeId,
        epoch: Epoch,
        (from, message): (Peer, quorate_bft::Message),
    ) {
        let server = self.server(to);
        let begins = epoch.next();
        let old = server.successions.get(&begins).map(|(_, old)| Arc::clone(old));
        let group = server.groups.get(&epoch).cloned();
        let Some(context) = group.clone().or(old) else { return };
        let Ok(message) = verify(message, &context, &registry()) else { return };
        match group {
            Some(_) => self.step_replica(to, epoch, Input::Deliver { from, message }),
            None => self.step_succession(to, begins, Input::Deliver { from, message }),
        }
    }

    fn pass_time(&mut self) {
        let alarms = self
            .servers
            .values()
            .flat_map(|server| server.alarms.iter().map(|(alarm, at)| (*at, server.id, *alarm)));
        let (at, id, alarm) = alarms.min().expect("somebody always waits for something");
        self.now = self.now.max(at.as_micros());
        self.server(id).alarms.remove(&alarm);
        match alarm {
            Alarm::Ordered(epoch, timer) => self.step_replica(id, epoch, Input::Expired(timer)),
            Alarm::Handover(epoch, timer) => self.step_handover(id, epoch, Input::Expired(timer)),
            Alarm::Succession(epoch, timer) => {
                self.step_succession(id, epoch, Input::Expired(timer));
            }
        }
    }

    // -- machines --

    fn start_replica(&mut self, id: NodeId, epoch: Epoch) {
        self.step_replica(id, epoch, Input::Start);
    }

    fn step_replica(&mut self, id: NodeId, epoch: Epoch, input: Input<Replica<MembershipService>>) {
        let now = self.moment();
        let Some(replica) = self.server(id).replicas.get_mut(&epoch) else { return };
        let mut effects = Effects::new();
        replica.step(now, input, &mut effects);
        let effects: Vec<_> = effects.drain().collect();
        for effect in effects {
            match effect {
                Effect::Send { to, message, .. } => {
                    self.send(id, to, &Letter::Ordered(epoch, message));
                }
                Effect::Arm { timer, at } => self.arm(id, Alarm::Ordered(epoch, timer), at),
                Effect::Disarm(timer) => self.disarm(id, Alarm::Ordered(epoch, timer)),
                Effect::Emit(output) => self.on_ordered(id, epoch, output),
                Effect::Persist(_) => self.tally.kept("replica"),
                Effect::Release(_) | Effect::Mark(_) => {}
            }
        }
    }

    fn on_ordered(&mut self, id: NodeId, epoch: Epoch, output: OrderedOutput) {
        let event = match output {
            OrderedOutput::News(news) => Event::News(
                epoch,
                Box::new(quorate_wire::decode(&news).expect("it is the test's own")),
            ),
            OrderedOutput::Concluded(_) => Event::Concluded(epoch),
            OrderedOutput::Ended(_) => Event::Ended(epoch),
            OrderedOutput::Executed { .. }
            | OrderedOutput::Stable(_)
            | OrderedOutput::Installed(_)
            | OrderedOutput::Entered(_)
            | OrderedOutput::Evidence(_)
            | OrderedOutput::Diverged(_) => return,
        };
        self.tell(id, event);
    }

    fn step_handover(&mut self, id: NodeId, epoch: Epoch, input: Input<Handover>) {
        let now = self.moment();
        let Some(handover) = self.server(id).handovers.get_mut(&epoch) else { return };
        let mut effects = Effects::new();
        handover.step(now, input, &mut effects);
        let effects: Vec<_> = effects.drain().collect();
        for effect in effects {
            match effect {
                Effect::Send { to, message, .. } => {
                    self.send(id, to, &Letter::Handover(epoch, message));
                }
                Effect::Arm { timer, at } => self.arm(id, Alarm::Handover(epoch, timer), at),
                Effect::Disarm(timer) => self.disarm(id, Alarm::Handover(epoch, timer)),
                Effect::Emit(HandoverOutput::Announce(operation)) => {
                    self.tell(id, Event::Announce(epoch, operation));
                }
                Effect::Emit(HandoverOutput::Certified(header)) => {
                    self.tell(id, Event::Certified(epoch, header));
                }
                Effect::Persist(machine::Record::Share { share, session }) => {
                    self.tally.kept("handover");
                    self.server(id).shares.insert(epoch.next(), share);
                    self.server(id).sessions.insert(epoch.next(), session);
                }
                Effect::Emit(HandoverOutput::Abandoned(session)) => {
                    let server = self.server(id);
                    if server.sessions.get(&epoch.next()) == Some(&session) {
                        server.shares.remove(&epoch.next());
                    }
                }
                Effect::Emit(HandoverOutput::Settled(settled)) => {
                    if let Some(share) = self.server(id).shares.get(&settled).cloned() {
                        let share = Input::Request(Request::Share(share));
                        self.step_handover(id, settled, share);
                    }
                }
                Effect::Emit(HandoverOutput::Unfit(epoch, _)) => {
                    unreachable!("{id} takes no share of epoch {epoch} for its own")
                }
                Effect::Emit(HandoverOutput::Cheated(proof)) => {
                    unreachable!("{} cheats nobody", proof.server)
                }
                Effect::Persist(_) => self.tally.kept("handover"),
                Effect::Release(_) | Effect::Mark(_) => {}
            }
        }
    }

    fn step_succession(&mut self, id: NodeId, epoch: Epoch, input: Input<Succession>) {
        let now = self.moment();
        let Some((succession, _)) = self.server(id).successions.get_mut(&epoch) else { return };
        let mut effects = Effects::new();
        succession.step(now, input, &mut effects);
        let effects: Vec<_> = effects.drain().collect();
        for effect in effects {
            match effect {
                Effect::Send { to, message, .. } => {
                    let former = Epoch::new(epoch.get() - 1);
                    self.send(id, to, &Letter::Ordered(former, message));
                }
                Effect::Arm { timer, at } => self.arm(id, Alarm::Succession(epoch, timer), at),
                Effect::Disarm(timer) => self.disarm(id, Alarm::Succession(epoch, timer)),
                Effect::Emit(inheritance) => {
                    let server = self.server(id);
                    server.successions.remove(&epoch);
                    server.inheritances.insert(epoch, inheritance);
                    self.tell(id, Event::StateGot(epoch));
                }
                Effect::Persist(never) => match never {},
                Effect::Release(_) | Effect::Mark(_) => {}
            }
        }
    }

    fn ask_responder(&mut self, id: NodeId, request: ResponderRequest) {
        let now = self.moment();
        let mut effects = Effects::new();
        self.server(id).responder.step(now, Input::Request(request), &mut effects);
        let effects: Vec<_> = effects.drain().collect();
        for effect in effects {
            if let Effect::Persist(_) = &effect {
                self.tally.kept("responder");
            }
            if let Effect::Emit(ResponderOutput::EpochEnded(epoch)) = effect {
                let server = self.server(id);
                server.is_vouching_for.take_if(|vouching| *vouching <= epoch);
                self.tell(id, Event::VouchesNoMore(epoch));
            }
        }
    }

    fn send(&mut self, from: NodeId, to: Recipients, letter: &Letter) {
        let peers = match to {
            Recipients::One(peer) => vec![peer],
            Recipients::Each(peers) => peers.to_vec(),
        };
        for peer in peers {
            if let Peer::Node(to) = peer {
                match &letter {
                    Letter::Handover(_, message) => self.tally.sent(from, message),
                    Letter::Ordered(..) => self.tally.ordered += 1,
                }
                self.queue.push_back((from, to, letter.clone()));
            }
        }
    }

    fn arm(&mut self, id: NodeId, alarm: Alarm, at: Instant) {
        self.server(id).alarms.insert(alarm, at);
    }

    fn disarm(&mut self, id: NodeId, alarm: Alarm) {
        self.server(id).alarms.remove(&alarm);
    }

    // -- orders --

    fn tell(&mut self, id: NodeId, event: Event) {
        let orders = self.server(id).turnover.on(event);
        self.carry_out(id, orders);
    }

    fn carry_out(&mut self, id: NodeId, orders: Vec<Order>) {
        for order in orders {
            self.perform(id, order);
        }
    }

    fn perform(&mut self, id: NodeId, order: Order) {
        match order {
            Order::TellParticipant(epoch, news) => {
                self.step_handover(id, epoch, Input::Request(Request::News(news)));
            }
            Order::Announce(epoch, operation) => {
                let request = quorate_bft::Request::Announce(operation);
                self.step_replica(id, epoch, Input::Request(request));
            }
            Order::EndVouching(epoch) => {
                self.ask_responder(id, ResponderRequest::EndEpoch(epoch));
            }
            Order::Seal(epoch, heirs) => {
                let request = quorate_bft::Request::Seal { heirs };
                self.step_replica(id, epoch, Input::Request(request));
            }
            Order::ReadMembers(epoch) => {
                let replica = &self.server(id).replicas[&epoch];
                let members = read_members(&[], |from, count| replica.scan_service(from, count));
                self.tell(id, Event::Members(epoch, members));
            }
            Order::Adopt(configuration) => self.adopt(id, &configuration),
            Order::EraseShare(epoch) => drop(self.server(id).shares.remove(&epoch)),
            Order::TellSigned(epoch, header) => {
                self.step_handover(id, epoch, Input::Request(Request::Signed(header)));
            }
            Order::BeginParticipant(epoch) => self.begin_participant(id, epoch),
            Order::GetState { epoch, is_own } => self.get_state(id, epoch, is_own),
            Order::BeginReplica(epoch) => self.begin_replica(id, epoch),
            Order::Vouch(epoch) => self.vouch(id, epoch),
            Order::Retire(epoch) => {
                let server = self.server(id);
                server.handovers.remove(&epoch);
                server.replicas.remove(&epoch);
                server.groups.remove(&epoch);
                server.alarms.retain(|alarm, _| match alarm {
                    Alarm::Ordered(of, _) | Alarm::Handover(of, _) => *of != epoch,
                    Alarm::Succession(..) => true,
                });
            }
            Order::EraseKeys(epoch) => {
                let server = self.server(id);
                let replica = server.replicas.get(&epoch);
                let has_ended = replica.is_none_or(|it| it.end_certificate().is_some());
                assert!(has_ended, "DUT-6: its replica of epoch {epoch} may have to sign");
                server.keys.remove(&epoch);
            }
        }
    }

    /// Whoever adopts tells the others, as dissemination does, and a server that was added starts.
    fn adopt(&mut self, id: NodeId, configuration: &VerifiedConfiguration) {
        self.server(id).keys.insert(configuration.epoch());
        self.ask_responder(id, ResponderRequest::Adopt(configuration.clone()));
        for member in &configuration.configuration().members {
            let number = self.numbers[&member.identity_key];
            let Entry::Vacant(place) = self.servers.entry(member.id) else { continue };
            let sharing = CommitmentBytes(Vec::new());
            let who = (number, member.id);
            place.insert(Server::founder(who, configuration, (None, &sharing)));
            let orders = self.server(member.id).turnover.start();
            self.carry_out(member.id, orders);
        }
        for other in self.ids() {
            if other != id && !self.is_silent(other) && !self.is_silent(id) {
                self.tell(other, Event::Learned(configuration.clone()));
            }
        }
    }

    fn begin_participant(&mut self, id: NodeId, epoch: Epoch) {
        let server = self.server(id);
        let (number, configuration) = (server.number, server.turnover.configuration().clone());
        if configuration.epoch() != epoch {
            return;
        }
        let member = configuration.group_member(id).is_some().then(|| MemberSecrets {
            signer: epoch_signer(number, epoch),
            share: server.shares.get(&epoch).cloned(),
            seed: seed(b'd', number, epoch),
        });
        let next = epoch.next();
        let signer = epoch_signer(number, next);
        let identity = identity(number, next);
        let system = configuration.configuration().system;
        let keys = (identity.identity_key(), signer.public_key());
        let statement = EpochKeyStatement::of_system(system, keys.0, next, keys.1);
        let certificate = EpochKeyCertificate::issue(statement, &identity);
        let decryption_key = DecryptionKey::derive(&seed(b'k', number, next));
        let deposit = Deposit::new(certificate, &*signer, &decryption_key);
        let setup = quorate_membership::handover::Setup {
            configuration: Arc::new(configuration.configuration().clone()),
            shortlist: quorate_membership::Shortlist::of(
                configuration.header().header(),
                &configuration.configuration().members,
            ),
            system_key: Some(*configuration.header().system_key()),
            me: id,
            member,
            next: Some(NextKeys {
                signer,
                deposit: Some(deposit),
                decryption_key: Some(decryption_key),
            }),
            schemes: schemes(),
            policy: Policy {
                length: LENGTH,
                patience: Duration::from_secs(5),
                change_count_max: 1_000,
                repeat: Duration::from_millis(200),
                repeat_idle: Duration::from_secs(5),
                attempt: Duration::from_secs(5),
            },
        };
        let handover = Handover::new(setup, []);
        self.server(id).handovers.insert(epoch, handover);
        self.step_handover(id, epoch, Input::Start);
    }

    fn get_state(&mut self, id: NodeId, epoch: Epoch, is_own: bool) {
        let former = Epoch::new(epoch.get() - 1);
        let server = self.server(id);
        if is_own {
            let inheritance = server.replicas[&former].inheritance().expect("it has ended");
            server.inheritances.insert(epoch, inheritance);
            return self.tell(id, Event::StateGot(epoch));
        }
        let former = server.turnover.former().expect("it was here before");
        let old = Arc::new(membership_replicas(former, Slot::ZERO));
        let first = usize::from(server.number);
        let patience = Duration::from_millis(300);
        let succession = Succession::new(Arc::clone(&old), first, patience);
        server.successions.insert(epoch, (succession, old));
        self.step_succession(id, epoch, Input::Start);
    }

    fn begin_replica(&mut self, id: NodeId, epoch: Epoch) {
        let server = self.server(id);
        let configuration = server.turnover.configuration().clone();
        let inheritance = server.inheritances.remove(&epoch).expect("it was got");
        let group = membership_replicas(&configuration, Slot::ZERO);
        let group = Arc::new(inheritance.begin(group, configuration.hash()));
        let me = group.replica_of(id).expect("it has a seat");
        let signer = Some(epoch_signer(server.number, epoch));
        let setup = Setup { group: Arc::clone(&group), me, signer, parameters: parameters() };
        let service = MembershipService::following(configuration, schemes());
        server.replicas.insert(epoch, Replica::succeed(setup, service, inheritance));
        server.groups.insert(epoch, group);
        self.step_replica(id, epoch, Input::Start);
        self.tell(id, Event::Begun(epoch));
    }

    fn vouch(&mut self, id: NodeId, epoch: Epoch) {
        let others =
            self.servers.values().filter(|it| it.is_vouching_for.is_some_and(|of| of < epoch));
        let still = others.count();
        assert!(
            still <= 1,
            "DUT-3, settled point 4: {still} vouch for an epoch that a quorum has ended"
        );
        let server = self.server(id);
        server.is_vouching_for = Some(epoch);
        let signer = epoch_signer(server.number, epoch);
        let member = quorate_membership::Member { epoch, id, signer };
        self.ask_responder(id, ResponderRequest::Activate(member));
    }

    // -- what has to hold --

    /// Nobody has a share of an epoch that is over, and all who work with an epoch have the same
    /// configuration of it.
    pub(crate) fn assert_at_rest(&self) {
        let newest = self.configuration();
        for server in self.servers.values().filter(|server| !self.is_silent(server.id)) {
            let known = server.turnover.configuration();
            assert_eq!(known.hash(), newest.hash(), "one configuration of {}", newest.epoch());
            let old = server.shares.keys().filter(|epoch| **epoch < newest.epoch()).count();
            assert_eq!(old, 0, "DUT-2: the share of an epoch that is over");
            let mut machines = server.handovers.range(..newest.epoch());
            let holds = machines.any(|(_, handover)| handover.holds_old_share());
            assert!(!holds, "DUT-2: a machine holds the share of an epoch that is over");
            assert_eq!(server.keys, BTreeSet::from([newest.epoch()]), "DUT-6: of those it was in");
        }
    }
}
