//! A deterministic network of storage servers, their object stores and clients, with faults.
//!
//! Every message is encoded, decoded and verified on its way. Loads take time too, so that
//! requests overlap. A liar is a function that rewrites what its server sends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_crypto::{ClientCertificate, ClientGrant, Signer, verify};
use quorate_dht::limits::LISTED_NAMES_MAX;
use quorate_dht::{
    Answer, Body, CallId, CertifiedConfiguration, Client, ClientIdentity, ClientOutput,
    ClientRequest, ClientTimer, Failure, Found, Held, Message, MessageContext, ObjectKey,
    Operation, Record, Ring, ScrubReport, ScrubState, Server, ServerOutput, ServerRequest,
    ServerTimer, Ticket, Value, WriterId,
};
use quorate_machine::{Effect, Effects, Input, Machine, Recipients};
use quorate_types::{
    ClientId, Configuration, Duration, Epoch, FailureDomain, IdentityKey, Instant, MemberRecord,
    MemberStatus, NodeId, Now, Peer, PublicKey, Resilience, SoftwareVersion, SystemId, UnixTime,
};

pub(crate) const SYSTEM: SystemId = SystemId::new([1; 32]);
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
const LEASE: Instant = Instant::from_micros(u64::MAX);

pub(crate) type Outcome = Result<Answer, Failure>;
pub(crate) type Liar = Box<dyn FnMut(Peer, Message) -> Vec<Message>>;
pub(crate) type Filter = Box<dyn Fn(Peer, Peer, &Message) -> bool>;

/// A tiny generator (splitmix64): tests need no more.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Faults {
    pub(crate) loss_percent: u64,
    pub(crate) duplicate_percent: u64,
    pub(crate) delay_micros_max: u64,
}

enum Event {
    Message { from: Peer, to: Peer, bytes: Vec<u8> },
    Loaded { node: NodeId, run: u64, ticket: Ticket, wanted: Wanted },
    Listed { node: NodeId, run: u64, ticket: Ticket, piece: (ObjectKey, ObjectKey) },
    ServerTimer { node: NodeId, timer: ServerTimer },
    ClientTimer { client: usize, timer: ClientTimer },
}

#[derive(Clone, Copy)]
enum Wanted {
    This(ObjectKey),
    Next(Option<ObjectKey>),
}

pub(crate) struct ServerHost {
    pub(crate) machine: Option<Server>,
    run: u64,
    pub(crate) store: BTreeMap<Vec<u8>, Vec<u8>>,
    timers: BTreeMap<ServerTimer, Instant>,
    liar: Option<Liar>,
    pub(crate) scrubbed: Vec<ScrubReport>,
    pub(crate) unrepaired: Vec<ObjectKey>,
    /// What made it stop.
    pub(crate) lost: Vec<ObjectKey>,
}

pub(crate) struct ClientHost {
    pub(crate) id: ClientId,
    pub(crate) machine: Option<Client>,
    timers: BTreeMap<ClientTimer, Instant>,
    pub(crate) returned: BTreeMap<CallId, (Instant, Outcome)>,
    pub(crate) newer: Vec<CertifiedConfiguration>,
    pub(crate) lease_expired: usize,
    pub(crate) scrubbing: BTreeMap<NodeId, ScrubState>,
}

/// When a call began and ended, and what came of it.
pub(crate) struct Interval {
    pub(crate) began: Instant,
    pub(crate) ended: Option<Instant>,
    pub(crate) outcome: Option<Outcome>,
}

pub(crate) struct Network {
    pub(crate) random: Random,
    pub(crate) registry: IdealRegistry,
    pub(crate) configuration: Configuration,
    pub(crate) faults: Faults,
    pub(crate) servers: BTreeMap<NodeId, ServerHost>,
    pub(crate) clients: Vec<ClientHost>,
    pub(crate) marks: BTreeMap<&'static str, usize>,
    pub(crate) calls: BTreeMap<CallId, (usize, Instant)>,
    pub(crate) filter: Option<Filter>,
    pub(crate) rejected: usize,
    now: Instant,
    next_event: u64,
    events: BTreeMap<(Instant, u64), Event>,
}

fn member(registry: &IdealRegistry, index: u8) -> MemberRecord {
    let key = registry.signer(&[index; 32]).public_key();
    MemberRecord {
        id: NodeId::new([index * 16; 32]),
        identity_key: IdentityKey::new(*key.as_bytes()),
        later_root: None,
        epoch_key: Some(key),
        address: String::from("localhost:1"),
        probe_port: 1,
        failure_domain: FailureDomain(String::new()),
        version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
        status: MemberStatus::Active,
        is_on_ring: true,
        is_in_pool: false,
    }
}

impl Network {
    /// A network of `3f + 1 + extra` servers.
    pub(crate) fn new(seed: u64, f: u16, extra: usize) -> Self {
        let registry = IdealRegistry::new([7; 32]);
        let storage = Resilience::new(f).expect("tests use small f");
        let count = u8::try_from(storage.replicas() + extra).expect("tests use few servers");
        let configuration = Configuration {
            system: SYSTEM,
            epoch: Epoch::new(1),
            ring_epoch: Epoch::new(1),
            storage,
            membership: storage,
            authority_key: registry.signer(&[200; 32]).public_key(),
            membership_group: Vec::new(),
            created: UnixTime::ZERO,
            members: (1..=count).map(|index| Arc::new(member(&registry, index))).collect(),
        };
        let mut network = Self {
            random: Random(seed),
            registry,
            configuration,
            faults: Faults { loss_percent: 0, duplicate_percent: 0, delay_micros_max: 1_000 },
            servers: BTreeMap::new(),
            clients: Vec::new(),
            marks: BTreeMap::new(),
            calls: BTreeMap::new(),
            filter: None,
            rejected: 0,
            now: Instant::from_micros(1),
            next_event: 0,
            events: BTreeMap::new(),
        };
        let nodes: Vec<NodeId> =
            network.configuration.members.iter().map(|member| member.id).collect();
        for node in nodes {
            let host = ServerHost {
                machine: None,
                run: 0,
                store: BTreeMap::new(),
                timers: BTreeMap::new(),
                liar: None,
                scrubbed: Vec::new(),
                unrepaired: Vec::new(),
                lost: Vec::new(),
            };
            network.servers.insert(node, host);
            network.start_server(node);
        }
        network
    }

    pub(crate) fn ring(&self) -> Ring {
        Ring::new(&self.configuration).expect("enough servers")
    }

    pub(crate) fn signer(&self, seed: u8) -> IdealSigner {
        self.registry.signer(&[seed; 32])
    }

    pub(crate) fn owner(&self, seed: u8) -> Arc<dyn Signer> {
        Arc::new(self.signer(seed))
    }

    pub(crate) fn group(&self, key: ObjectKey) -> Vec<NodeId> {
        self.ring().group(key.id()).members().to_vec()
    }

    pub(crate) fn node(&self, index: usize) -> NodeId {
        self.configuration.members[index].id
    }

    pub(crate) fn now(&self) -> Now {
        Now { instant: self.now, wall: UnixTime::from_micros(self.now.as_micros()) }
    }

    fn certified(&self) -> CertifiedConfiguration {
        let epoch = self.configuration.epoch.get();
        CertifiedConfiguration::new(Body::new(epoch.to_be_bytes().to_vec()))
    }

    /// Starts a server on the store that it left.
    pub(crate) fn start_server(&mut self, node: NodeId) {
        let number = self.random.below(u64::MAX);
        let verifier = Arc::new(self.registry.clone());
        let server = Server::new(node, (self.ring(), self.certified()), verifier, number);
        let host = self.servers.get_mut(&node).expect("a server of the network");
        host.machine = Some(server);
        host.run += 1;
        self.step_server(node, Input::Start);
    }

    pub(crate) fn crash_server(&mut self, node: NodeId) {
        let host = self.servers.get_mut(&node).expect("a server of the network");
        host.machine = None;
        host.timers.clear();
    }

    pub(crate) fn lie(&mut self, node: NodeId, liar: Liar) {
        self.servers.get_mut(&node).expect("a server of the network").liar = Some(liar);
    }

    pub(crate) fn certificate(&self, client: PublicKey, expires: UnixTime) -> ClientCertificate {
        let name = String::from("test");
        let grant = ClientGrant { system: SYSTEM, client: client.client(), name, expires };
        ClientCertificate::issue(grant, &self.signer(200))
    }

    /// Adds a client with a lease; `seed` makes its key, the network its writer id.
    pub(crate) fn add_client(&mut self, seed: u8) -> usize {
        let client = self.add_client_until(seed, UnixTime::from_micros(u64::MAX));
        self.lease(client, LEASE);
        client
    }

    pub(crate) fn add_client_until(&mut self, seed: u8, expires: UnixTime) -> usize {
        let signer = self.owner(seed);
        let certificate = self.certificate(signer.public_key(), expires);
        let mut writer = [0; 16];
        writer[..8].copy_from_slice(&self.random.below(u64::MAX).to_be_bytes());
        let id = signer.public_key().client();
        let identity = ClientIdentity { certificate, signer, writer: WriterId::new(writer) };
        let number = self.random.below(u64::MAX);
        let machine = Some(Client::new(identity, self.ring(), number));
        self.clients.push(ClientHost {
            id,
            machine,
            timers: BTreeMap::new(),
            returned: BTreeMap::new(),
            newer: Vec::new(),
            lease_expired: 0,
            scrubbing: BTreeMap::new(),
        });
        self.clients.len() - 1
    }

    pub(crate) fn lease(&mut self, client: usize, until: Instant) {
        let epoch = self.configuration.epoch;
        let request = ClientRequest::Lease { epoch, until };
        self.step_client(client, Input::Request(request));
    }

    pub(crate) fn crash_client(&mut self, client: usize) {
        self.clients[client].machine = None;
        self.clients[client].timers.clear();
    }

    /// Moves every server to the next epoch; clients learn of it from them.
    pub(crate) fn next_epoch(&mut self) {
        self.configuration.epoch = self.configuration.epoch.next();
        self.configuration.ring_epoch = self.configuration.epoch;
        let nodes: Vec<NodeId> = self.servers.keys().copied().collect();
        for node in nodes {
            self.reconfigure_server(node);
        }
    }

    pub(crate) fn reconfigure_server(&mut self, node: NodeId) {
        let (ring, certified) = (self.ring(), self.certified());
        let request = ServerRequest::Reconfigured { ring, certified };
        self.step_server(node, Input::Request(request));
    }

    pub(crate) fn reconfigure_client(&mut self, client: usize) {
        let request = ClientRequest::Reconfigured(self.ring());
        self.step_client(client, Input::Request(request));
        self.lease(client, LEASE);
    }

    pub(crate) fn scrub(&mut self, node: NodeId) -> ScrubReport {
        self.step_server(node, Input::Request(ServerRequest::Scrub));
        self.run_until(|network| !network.servers[&node].scrubbed.is_empty());
        self.servers.get_mut(&node).expect("a server").scrubbed.remove(0)
    }

    pub(crate) fn invoke(&mut self, client: usize, operation: Operation) -> CallId {
        let call = CallId::new(self.calls.len() as u64);
        self.calls.insert(call, (client, self.now));
        let request = ClientRequest::Invoke { call, operation, timeout: TIMEOUT };
        self.step_client(client, Input::Request(request));
        call
    }

    pub(crate) fn outcome(&self, call: CallId) -> Option<&Outcome> {
        let (client, _) = self.calls[&call];
        self.clients[client].returned.get(&call).map(|(_, outcome)| outcome)
    }

    pub(crate) fn interval(&self, call: CallId) -> Interval {
        let (client, began) = self.calls[&call];
        let returned = self.clients[client].returned.get(&call);
        Interval {
            began,
            ended: returned.map(|(ended, _)| *ended),
            outcome: returned.map(|(_, outcome)| outcome.clone()),
        }
    }

    /// Invokes an operation and runs until it returns.
    pub(crate) fn perform(&mut self, client: usize, operation: Operation) -> Outcome {
        let call = self.invoke(client, operation);
        self.run_until(|network| network.outcome(call).is_some());
        self.outcome(call).expect("the call returned").clone()
    }

    pub(crate) fn write(&mut self, client: usize, owner: u8, text: &str) -> Outcome {
        let value = Value::Data(Body::new(text.as_bytes().to_vec()));
        let owner = self.owner(owner);
        self.perform(client, Operation::WriteObject { owner, value })
    }

    /// Reads an object as text; nothing if it was never written.
    pub(crate) fn read(&mut self, client: usize, owner: u8) -> Option<String> {
        let id = quorate_dht::object::register_id(&self.signer(owner).public_key());
        match self.perform(client, Operation::ReadObject(id)) {
            Ok(Answer::Object(version)) => version.map(|version| text_of(&version.value)),
            other => panic!("a read returned {other:?}"),
        }
    }

    pub(crate) fn run_until(&mut self, is_done: impl Fn(&Self) -> bool) {
        for _ in 0..200_000 {
            if is_done(self) {
                return;
            }
            assert!(self.run_event(), "nothing happens any more");
        }
        panic!("200,000 events were not enough");
    }

    /// Runs until nothing is left to happen, or so much time has passed.
    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while self.events.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            self.run_event();
        }
        self.now = end;
    }

    fn run_event(&mut self) -> bool {
        let Some(((at, _), event)) = self.events.pop_first() else { return false };
        self.now = self.now.max(at);
        match event {
            Event::Message { from, to, bytes } => self.deliver(from, to, &bytes),
            Event::Loaded { node, run, ticket, wanted } => {
                let host = &self.servers[&node];
                if host.machine.is_some() && host.run == run {
                    let found = look_up(&host.store, wanted);
                    let request = ServerRequest::Loaded { ticket, found };
                    self.step_server(node, Input::Request(request));
                }
            }
            Event::Listed { node, run, ticket, piece } => {
                let host = &self.servers[&node];
                if host.machine.is_some() && host.run == run {
                    let held = Some(list(&host.store, piece));
                    let request = ServerRequest::Listed { ticket, held };
                    self.step_server(node, Input::Request(request));
                }
            }
            Event::ServerTimer { node, timer } => {
                let host = self.servers.get_mut(&node).expect("a server of the network");
                if host.timers.get(&timer) == Some(&at) {
                    host.timers.remove(&timer);
                    self.step_server(node, Input::Expired(timer));
                }
            }
            Event::ClientTimer { client, timer } => {
                let host = &mut self.clients[client];
                if host.timers.get(&timer) == Some(&at) {
                    host.timers.remove(&timer);
                    self.step_client(client, Input::Expired(timer));
                }
            }
        }
        true
    }

    fn deliver(&mut self, from: Peer, to: Peer, bytes: &[u8]) {
        let Ok(message) = quorate_wire::decode::<Message>(bytes) else {
            self.rejected += 1;
            return;
        };
        let context =
            MessageContext { system: SYSTEM, authority_key: self.configuration.authority_key };
        let Ok(message) = verify(message, &context, &self.registry) else {
            self.rejected += 1;
            return;
        };
        match to {
            Peer::Node(node) => self.step_server(node, Input::Deliver { from, message }),
            Peer::Client(id) => {
                let is_it = |host: &ClientHost| host.id == id && host.machine.is_some();
                if let Some(client) = self.clients.iter().position(is_it) {
                    self.step_client(client, Input::Deliver { from, message });
                }
            }
        }
    }

    pub(crate) fn step_server(&mut self, node: NodeId, input: Input<Server>) {
        let now = self.now();
        let host = self.servers.get_mut(&node).expect("a server of the network");
        let Some(machine) = &mut host.machine else { return };
        let mut effects = Effects::new();
        machine.step(now, input, &mut effects);
        let effects: Vec<Effect<Server>> = effects.drain().collect();
        for effect in effects {
            self.perform_server(node, effect);
        }
    }

    fn perform_server(&mut self, node: NodeId, effect: Effect<Server>) {
        let now = self.now;
        let host = self.servers.get_mut(&node).expect("a server of the network");
        match effect {
            Effect::Persist(record) => keep(&mut host.store, &record),
            Effect::Send { to, message, .. } => {
                for to in each(&to) {
                    let host = self.servers.get_mut(&node).expect("a server of the network");
                    let messages = match &mut host.liar {
                        Some(liar) => liar(to, message.clone()),
                        None => vec![message.clone()],
                    };
                    for message in messages {
                        self.send(Peer::Node(node), to, &message);
                    }
                }
            }
            Effect::Arm { timer, at } => {
                host.timers.insert(timer, at);
                self.schedule(at.max(now), Event::ServerTimer { node, timer });
            }
            Effect::Disarm(timer) => {
                host.timers.remove(&timer);
            }
            Effect::Emit(output) => self.serve_output(node, &output),
            Effect::Mark(mark) => *self.marks.entry(mark).or_default() += 1,
            Effect::Release(_) => panic!("a storage server has no log"),
        }
    }

    fn serve_output(&mut self, node: NodeId, output: &ServerOutput) {
        let host = self.servers.get_mut(&node).expect("a server of the network");
        let (run, at) = (host.run, self.now.after(Duration::from_micros(50)));
        let (ticket, wanted) = match *output {
            ServerOutput::List { ticket, first, last } => {
                let piece = (first, last);
                return self.schedule(at, Event::Listed { node, run, ticket, piece });
            }
            ServerOutput::Load { ticket, key } => (ticket, Wanted::This(key)),
            ServerOutput::LoadNext { ticket, after } => (ticket, Wanted::Next(after)),
            ServerOutput::Scrubbed(report) => return host.scrubbed.push(report),
            ServerOutput::Unrepaired(key) => return host.unrepaired.push(key),
            ServerOutput::Lost { key, .. } => {
                host.lost.push(key);
                return self.crash_server(node);
            }
            ServerOutput::Behind(_) => return,
        };
        self.schedule(at, Event::Loaded { node, run, ticket, wanted });
    }

    pub(crate) fn step_client(&mut self, client: usize, input: Input<Client>) {
        let now = self.now();
        let host = &mut self.clients[client];
        let Some(machine) = &mut host.machine else { return };
        let mut effects = Effects::new();
        machine.step(now, input, &mut effects);
        let effects: Vec<Effect<Client>> = effects.drain().collect();
        for effect in effects {
            self.perform_client(client, effect);
        }
    }

    fn perform_client(&mut self, client: usize, effect: Effect<Client>) {
        let now = self.now;
        let host = &mut self.clients[client];
        match effect {
            Effect::Send { to, message, .. } => {
                let from = Peer::Client(host.id);
                for to in each(&to) {
                    self.send(from, to, &message);
                }
            }
            Effect::Arm { timer, at } => {
                host.timers.insert(timer, at);
                self.schedule(at.max(now), Event::ClientTimer { client, timer });
            }
            Effect::Disarm(timer) => {
                host.timers.remove(&timer);
            }
            Effect::Emit(ClientOutput::Returned { call, outcome }) => {
                let before = host.returned.insert(call, (now, outcome));
                assert!(before.is_none(), "DHT-12: a call returned twice");
            }
            Effect::Emit(ClientOutput::NewerConfiguration { configuration, .. }) => {
                host.newer.push(configuration);
            }
            Effect::Emit(ClientOutput::LeaseExpired(_)) => host.lease_expired += 1,
            Effect::Emit(ClientOutput::Scrubbing(node, state)) => {
                host.scrubbing.insert(node, state);
            }
            Effect::Mark(mark) => *self.marks.entry(mark).or_default() += 1,
            Effect::Persist(()) | Effect::Release(_) => panic!("a client keeps nothing"),
        }
    }

    fn send(&mut self, from: Peer, to: Peer, message: &Message) {
        if self.filter.as_ref().is_some_and(|filter| !filter(from, to, message)) {
            return;
        }
        let bytes = quorate_wire::encode(message);
        if self.random.below(100) < self.faults.loss_percent {
            return;
        }
        let copies = 1 + u64::from(self.random.below(100) < self.faults.duplicate_percent);
        for _ in 0..copies {
            let delay = 100 + self.random.below(self.faults.delay_micros_max);
            let at = self.now.after(Duration::from_micros(delay));
            self.schedule(at, Event::Message { from, to, bytes: bytes.clone() });
        }
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        self.next_event += 1;
        self.events.insert((at, self.next_event), event);
    }

    pub(crate) fn mark_count(&self, mark: &str) -> usize {
        self.marks.get(mark).copied().unwrap_or(0)
    }

    /// Flips a bit in the copy of an object at a server.
    pub(crate) fn rot(&mut self, node: NodeId, key: ObjectKey) {
        let host = self.servers.get_mut(&node).expect("a server of the network");
        let bytes = host.store.get_mut(&key.to_bytes()).expect("the server holds the object");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    }

    /// The servers whose store holds something under this name.
    pub(crate) fn holders(&self, key: ObjectKey) -> BTreeSet<NodeId> {
        let holds = |host: &ServerHost| host.store.contains_key(&key.to_bytes());
        self.servers.iter().filter(|(_, host)| holds(host)).map(|(node, _)| *node).collect()
    }
}

fn each(to: &Recipients) -> Vec<Peer> {
    match to {
        Recipients::One(peer) => vec![*peer],
        Recipients::Each(peers) => peers.to_vec(),
    }
}

fn keep(store: &mut BTreeMap<Vec<u8>, Vec<u8>>, record: &Record) {
    match record.bytes() {
        Some(bytes) => store.insert(record.key().to_bytes(), bytes),
        None => store.remove(&record.key().to_bytes()),
    };
}

fn look_up(store: &BTreeMap<Vec<u8>, Vec<u8>>, wanted: Wanted) -> Found {
    let entry = match wanted {
        Wanted::This(key) => store.get_key_value(&key.to_bytes()),
        Wanted::Next(None) => store.first_key_value(),
        Wanted::Next(Some(after)) => {
            let after = after.to_bytes();
            store.iter().find(|(key, _)| **key > after)
        }
    };
    entry.map_or(Found::Absent, |(key, bytes)| {
        let key = ObjectKey::from_bytes(key).expect("stores hold names");
        Found::Object(key, bytes.clone())
    })
}

fn list(store: &BTreeMap<Vec<u8>, Vec<u8>>, (first, last): (ObjectKey, ObjectKey)) -> Vec<Held> {
    let range = store.range(first.to_bytes()..=last.to_bytes()).take(LISTED_NAMES_MAX);
    let held = |(key, bytes): (&Vec<u8>, &Vec<u8>)| {
        Held::read(ObjectKey::from_bytes(key).expect("stores hold names"), bytes)
    };
    range.map(held).collect()
}

pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Data(body) => String::from_utf8_lossy(body).into_owned(),
        Value::Deleted => String::from("(deleted)"),
    }
}
