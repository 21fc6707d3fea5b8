//! A small cluster in memory: perfect disks, links that a test may cut, time that it moves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use allocation_counter::measure;
use quorate_bft::client::ClientSetup;
use quorate_bft::message::{HashedCut, NewLeader, Reply, Request, SessionId};
use quorate_bft::{
    Client, ClientCall, ClientOutput, ClientRequest, ClientTimer, Image, Message, Output,
    Parameters, Record, Replica, Setup, Timer,
};
use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_crypto::{ClientCertificate, ClientGrant, Signer, verify};
use quorate_machine::{
    Call, Caller, Effect, Effects, Input, Machine, Recipients, RecordNumber, Service, ServiceState,
};
use quorate_state::Map;
use quorate_types::{
    Digest, Duration, Epoch, GroupConfiguration, GroupId, GroupMember, Instant, NodeId, Now, Peer,
    ReadMode, ReplicaId, Resilience, Slot, SystemId, UnixTime, View,
};

/// Appends the beginning of each operation to a register and answers with all of it; one that
/// begins with `#` leaves no trace, and one that begins with `?` asks for the agreed randomness.
/// What a member announces has the member's number before it.
#[derive(Debug)]
pub(crate) struct Journal;

impl Service for Journal {
    fn execute(&mut self, call: &Call<'_>, state: &mut dyn ServiceState) -> Vec<u8> {
        if call.operation.starts_with(b"#") {
            return b"ok".to_vec();
        }
        if call.operation.starts_with(b"?") {
            return format!("{:?}", call.randomness).into_bytes();
        }
        let mut journal = state.get(b"journal").unwrap_or_default();
        if let Caller::Member(node) = call.caller {
            journal.extend_from_slice(format!("{}:", node.as_bytes()[0] - 1).as_bytes());
        }
        journal.extend_from_slice(call.operation.get(..64).unwrap_or(call.operation));
        journal.push(b';');
        state.put(b"journal", journal.clone());
        journal
    }

    fn restore(&mut self, _: &dyn ServiceState) {}
}

pub(crate) type Node = Replica<Journal>;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Default)]
struct Disk {
    records: Vec<(RecordNumber, Record)>,
    image: Option<(Image, Entries)>,
    last: u64,
}

impl Disk {
    fn append(&mut self, record: Record) {
        if let Some((image, change)) = record.image() {
            let mut entries = match self.image.take() {
                Some((_, entries)) if !change.replaces_all() => entries,
                _ => BTreeMap::new(),
            };
            for (key, value) in change.entries() {
                match value {
                    Some(value) => entries.insert(key.to_vec(), value.to_vec()),
                    None => entries.remove(key),
                };
            }
            self.image = Some((image, entries));
        }
        self.last += 1;
        self.records.push((RecordNumber::new(self.last), record));
    }

    /// Settled points 2: does the log hold what a vote of this replica rests on, or a proposal with
    /// a batch of its lane? What is below the last checkpoint may be gone, and is not said anew.
    fn backs(&self, replica: ReplicaId, message: &Message) -> bool {
        let mut records = self.records.iter().map(|(_, record)| record);
        match message {
            Message::Prepare(vote) if vote.from == replica => records.any(|record| {
                matches!(record, Record::Accepted { view, cut, .. }
                    if *view == vote.view && cut.digest() == vote.digest)
            }),
            Message::Commit(vote) if vote.from == replica => records.any(|record| {
                matches!(record, Record::Prepared { certificate, .. }
                    if certificate.view == vote.view && certificate.digest == vote.digest)
            }),
            Message::PrePrepare(proposal) => proposal.inline.as_ref().is_none_or(|batch| {
                let is_own = batch.header.header.lane == replica;
                !is_own
                    || records.any(|record| match record {
                        Record::Batch(held) => held == batch,
                        Record::Accepted { inline, .. } => inline.as_ref() == Some(batch),
                        _ => false,
                    })
            }),
            _ => true,
        }
    }

    fn load(&self) -> Option<(Image, Map)> {
        let (image, entries) = self.image.clone()?;
        let mut map = Map::new();
        entries.iter().for_each(|(key, value)| map.insert(key, value));
        Some((image, map))
    }
}

struct Host {
    machine: Option<Node>,
    /// Effects that are still performed before the power fails.
    effects_left: Option<usize>,
    effects: Effects<Node>,
    timers: BTreeMap<Timer, Instant>,
    disk: Disk,
}

/// A process of the cluster's client.
fn new_client(group: &Arc<GroupConfiguration>, registry: &IdealRegistry, nonce: u64) -> Client {
    let signer = registry.signer(&seed(200));
    let grant = ClientGrant {
        system: group.system,
        client: signer.public_key().client(),
        name: String::from("test"),
        expires: UnixTime::from_micros(u64::MAX),
    };
    Client::new(ClientSetup {
        group: Arc::clone(group),
        signer: Arc::new(signer),
        certificate: ClientCertificate::issue(grant, &registry.signer(&seed(250))),
        nonce,
        bundle_operations_max: 64,
    })
}

/// Four replicas or more and one client.
pub(crate) struct Cluster {
    pub(crate) group: Arc<GroupConfiguration>,
    pub(crate) registry: IdealRegistry,
    pub(crate) signers: Vec<Arc<dyn Signer>>,
    pub(crate) parameters: Parameters,
    pub(crate) marks: BTreeMap<&'static str, u64>,
    pub(crate) outputs: Vec<(ReplicaId, Output)>,
    pub(crate) cut_links: BTreeSet<(Peer, Peer)>,
    hosts: Vec<Host>,
    client: Client,
    client_effects: Effects<Client>,
    client_timers: BTreeMap<ClientTimer, Instant>,
    pub(crate) replies: BTreeMap<u64, ClientOutput>,
    pub(crate) queue: VecDeque<(Peer, Peer, Message)>,
    pub(crate) sent: Vec<(Peer, Peer, Message)>,
    pub(crate) now: Instant,
    /// What arrived is kept.
    pub(crate) records_sent: bool,
    /// How often the replicas asked for memory.
    pub(crate) allocations: u64,
    /// What a replica has no use for is dropped, as the node does it before it checks signatures.
    pub(crate) drops_useless: bool,
    /// What was dropped so.
    pub(crate) useless: Vec<(Peer, Peer, Message)>,
    /// This member may say what it likes.
    pub(crate) villain: Option<u16>,
    /// Says which messages arrive.
    pub(crate) filter: Option<Filter>,
    next_ticket: u64,
    next_raw: u64,
}

pub(crate) type Filter = Box<dyn FnMut(Peer, Peer, &Message) -> bool>;

pub(crate) fn node_id(index: u16) -> NodeId {
    NodeId::new([u8::try_from(index).expect("few replicas") + 1; 32])
}

pub(crate) fn seed(byte: u8) -> [u8; 32] {
    [byte; 32]
}

fn shared(signer: IdealSigner) -> Arc<dyn Signer> {
    Arc::new(signer)
}

impl Cluster {
    pub(crate) fn new(f: u16) -> Self {
        Self::with(f, Parameters::default())
    }

    pub(crate) fn with(f: u16, parameters: Parameters) -> Self {
        let mut cluster = Self::build(f, parameters);
        cluster.settle();
        cluster
    }

    fn build(f: u16, parameters: Parameters) -> Self {
        let registry = IdealRegistry::new(seed(7));
        let resilience = Resilience::new(f).expect("f is small");
        let keys: Vec<IdealSigner> = resilience
            .members()
            .map(|replica| registry.signer(&seed(u8::try_from(replica.get()).expect("few"))))
            .collect();
        let authority = registry.signer(&seed(250));
        let member = |replica: ReplicaId| GroupMember {
            node: node_id(replica.get()),
            key: keys[replica.index()].public_key(),
        };
        let group = Arc::new(GroupConfiguration {
            system: SystemId::new(seed(1)),
            group: GroupId::new(seed(2)),
            epoch: Epoch::ZERO,
            members: resilience.members().map(member).collect(),
            resilience,
            authority_key: authority.public_key(),
            read_mode: ReadMode::Ordered,
            base_slot: Slot::ZERO,
            base_digest: Digest::new(seed(3)),
        });
        let client = new_client(&group, &registry, 1);
        let mut cluster = Self {
            signers: keys.into_iter().map(shared).collect(),
            registry,
            parameters,
            marks: BTreeMap::new(),
            outputs: Vec::new(),
            cut_links: BTreeSet::new(),
            hosts: Vec::new(),
            client,
            client_effects: Effects::new(),
            client_timers: BTreeMap::new(),
            replies: BTreeMap::new(),
            queue: VecDeque::new(),
            sent: Vec::new(),
            now: Instant::from_micros(1_000_000),
            records_sent: true,
            allocations: 0,
            drops_useless: false,
            useless: Vec::new(),
            villain: None,
            filter: None,
            next_ticket: 0,
            next_raw: 0,
            group,
        };
        for replica in resilience.members() {
            let machine = Node::new(cluster.setup(replica), Journal);
            cluster.hosts.push(Host {
                machine: Some(machine),
                effects_left: None,
                effects: Effects::new(),
                timers: BTreeMap::new(),
                disk: Disk::default(),
            });
        }
        for replica in resilience.members() {
            cluster.step(replica, Input::Start);
        }
        cluster.step_client(Input::Start);
        cluster
    }

    /// A group of four that has said nothing yet: what its members say at their start is lost.
    pub(crate) fn silent(parameters: Parameters) -> Self {
        let mut cluster = Self::build(1, parameters);
        cluster.queue.clear();
        cluster
    }

    fn setup(&self, me: ReplicaId) -> Setup {
        Setup {
            group: Arc::clone(&self.group),
            me,
            signer: Some(Arc::clone(&self.signers[me.index()])),
            parameters: self.parameters.clone(),
        }
    }

    /// The client's process begins again: it knows nothing of the one before.
    pub(crate) fn restart_client(&mut self, nonce: u64) {
        self.client = new_client(&self.group, &self.registry, nonce);
        self.client_timers.clear();
        self.step_client(Input::Start);
        self.settle();
    }

    fn clocks(&self) -> Now {
        let wall = UnixTime::from_micros(1_700_000_000_000_000 + self.now.as_micros());
        Now { instant: self.now, wall }
    }

    pub(crate) fn replica(&self, index: u16) -> &Node {
        self.hosts[usize::from(index)].machine.as_ref().expect("the replica runs")
    }

    pub(crate) fn client_peer(&self) -> Peer {
        let client = self.registry.signer(&seed(200)).public_key().client();
        Peer::Client(client)
    }

    pub(crate) fn peer(&self, index: u16) -> Peer {
        Peer::Node(node_id(index))
    }

    /// Cuts a replica off from everybody, both ways.
    pub(crate) fn isolate(&mut self, index: u16) {
        let mut others: Vec<Peer> =
            (0..u16::try_from(self.hosts.len()).expect("few")).map(|i| self.peer(i)).collect();
        others.push(self.client_peer());
        for other in others {
            self.cut_links.insert((self.peer(index), other));
            self.cut_links.insert((other, self.peer(index)));
        }
    }

    pub(crate) fn heal(&mut self) {
        self.cut_links.clear();
    }

    /// The process dies: memory is gone, the disk stays.
    pub(crate) fn crash(&mut self, index: u16) {
        let host = &mut self.hosts[usize::from(index)];
        host.machine = None;
        host.effects_left = None;
        host.timers.clear();
        host.effects = Effects::new();
    }

    pub(crate) fn restart(&mut self, index: u16) {
        self.boot(index);
        self.settle();
    }

    /// The process begins again from its disk.
    pub(crate) fn boot(&mut self, index: u16) {
        let setup = self.setup(ReplicaId::new(index));
        let host = &mut self.hosts[usize::from(index)];
        let (image, records) = (host.disk.load(), host.disk.records.clone());
        host.machine = Some(Node::recover(setup, Journal, image, records));
        self.step(ReplicaId::new(index), Input::Start);
    }

    /// Hands a message to a replica as if it came over a link, after verification.
    pub(crate) fn deliver(&mut self, from: Peer, to: u16, message: Message) -> bool {
        let Ok(verified) = verify(message, &*self.group.clone(), &self.registry) else {
            return false;
        };
        self.step(ReplicaId::new(to), Input::Deliver { from, message: verified });
        true
    }

    fn step(&mut self, replica: ReplicaId, input: Input<Node>) {
        let now = self.clocks();
        let host = &mut self.hosts[replica.index()];
        let Some(machine) = host.machine.as_mut() else { return };
        let counted = measure(|| machine.step(now, input, &mut host.effects));
        self.allocations += counted.count_total;
        let effects: Vec<Effect<Node>> = host.effects.drain().collect();
        for effect in effects {
            match &mut self.hosts[replica.index()].effects_left {
                Some(0) => return self.crash(replica.get()),
                Some(left) => *left -= 1,
                None => {}
            }
            self.perform(replica, effect);
        }
    }

    /// The power of a replica fails after so many more effects.
    pub(crate) fn crash_after(&mut self, index: u16, effects: usize) {
        self.hosts[usize::from(index)].effects_left = Some(effects);
    }

    pub(crate) fn runs(&self, index: u16) -> bool {
        self.hosts[usize::from(index)].machine.is_some()
    }

    /// A request of the cluster's own client, numbered far from its own, in its session.
    pub(crate) fn bundle_of_client(&mut self, payload: &str) -> Request {
        self.next_raw += 1;
        let session = SessionId { epoch: Epoch::ZERO, slot: Slot::new(1), index: 0 };
        let bundle = self.bundle_in(200, session, (500 + self.next_raw, payload));
        Request { bundle, is_retry: false }
    }

    pub(crate) fn wish(&self, from: u16, view: u64) -> Message {
        let wisher = (ReplicaId::new(from), &*self.signers[usize::from(from)]);
        Message::NewLeader(NewLeader::sign(&self.group, View::new(view), wisher))
    }

    /// The proposals under way that a replica made.
    pub(crate) fn proposals_of(&self, index: u16) -> impl Iterator<Item = HashedCut> {
        let from = self.peer(index);
        let under_way = self.queue.iter().chain(&self.sent);
        under_way.filter_map(move |(sender, _, message)| match message {
            Message::PrePrepare(proposal) if *sender == from => Some(proposal.cut.clone()),
            _ => None,
        })
    }

    /// Takes the next request for a part of the state from what was sent, with whom it went to.
    pub(crate) fn next_fetch_of_state(&mut self) -> Option<Peer> {
        self.settle();
        let is_fetch =
            |(_, _, message): &(Peer, Peer, Message)| matches!(message, Message::FetchState(_));
        let index = self.sent.iter().position(is_fetch)?;
        Some(self.sent.remove(index).1)
    }

    /// A replica answers the client's last call with another view than the true one.
    pub(crate) fn reply_with_view(&mut self, from: Peer, view: View) {
        let session = SessionId { epoch: Epoch::ZERO, slot: Slot::new(1), index: 0 };
        let reply = Reply { view, session: Some(session), answers: Vec::new() };
        self.queue.push_back((from, self.client_peer(), Message::Reply(reply)));
        self.settle();
    }

    /// What the log of a replica holds.
    pub(crate) fn records(&self, index: u16) -> impl Iterator<Item = &Record> {
        self.hosts[usize::from(index)].disk.records.iter().map(|(_, record)| record)
    }

    fn perform(&mut self, replica: ReplicaId, effect: Effect<Node>) {
        let host = &mut self.hosts[replica.index()];
        match effect {
            Effect::Persist(record) => host.disk.append(record),
            Effect::Release(number) => {
                host.disk.records.retain(|(known, _)| *known >= number);
            }
            Effect::Arm { timer, at } => {
                host.timers.insert(timer, at);
            }
            Effect::Disarm(timer) => {
                host.timers.remove(&timer);
            }
            Effect::Emit(output) => self.outputs.push((replica, output)),
            Effect::Mark(mark) => *self.marks.entry(mark).or_default() += 1,
            Effect::Send { to, message, .. } => {
                assert!(host.disk.backs(replica, &message), "persist before send: {message:?}");
                self.send(Peer::Node(node_id(replica.get())), &to, &message);
            }
        }
    }

    fn send(&mut self, from: Peer, to: &Recipients, message: &Message) {
        let recipients = match to {
            Recipients::One(peer) => std::slice::from_ref(peer),
            Recipients::Each(peers) => peers,
        };
        for &peer in recipients {
            self.queue.push_back((from, peer, message.clone()));
        }
    }

    fn step_client(&mut self, input: Input<Client>) {
        let now = self.clocks();
        self.client.step(now, input, &mut self.client_effects);
        let effects: Vec<Effect<Client>> = self.client_effects.drain().collect();
        for effect in effects {
            match effect {
                Effect::Persist(never) => match never {},
                Effect::Release(_) => {}
                Effect::Arm { timer, at } => {
                    self.client_timers.insert(timer, at);
                }
                Effect::Disarm(timer) => {
                    self.client_timers.remove(&timer);
                }
                Effect::Emit(output) => {
                    let (ClientOutput::Replied { ticket, .. }
                    | ClientOutput::Failed { ticket, .. }) = &output;
                    let earlier = self.replies.insert(*ticket, output);
                    assert!(earlier.is_none(), "BFT-9: one answer per call");
                }
                Effect::Mark(mark) => *self.marks.entry(mark).or_default() += 1,
                Effect::Send { to, message, .. } => self.send(self.client_peer(), &to, &message),
            }
        }
    }

    /// Delivers everything that is under way, and what follows from it.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200_000 {
            let Some((from, to, message)) = self.queue.pop_front() else { return };
            self.carry(from, to, message);
        }
        panic!("the cluster does not come to rest");
    }

    /// A message arrives, unless its link is cut or the filter takes it.
    pub(crate) fn carry(&mut self, from: Peer, to: Peer, message: Message) {
        let passes = self.filter.as_mut().is_none_or(|filter| filter(from, to, &message));
        if self.cut_links.contains(&(from, to)) || !passes {
            return;
        }
        if self.drops_useless && self.is_useless(to, &message) {
            return self.useless.push((from, to, message));
        }
        if self.records_sent {
            self.sent.push((from, to, message.clone()));
        }
        let is_villain = self.villain.is_some_and(|villain| self.peer(villain) == from);
        let verified = match verify(message, &*self.group.clone(), &self.registry) {
            Ok(verified) => verified,
            Err(_) if is_villain => return,
            Err(rejected) => panic!("a correct one's message was refused: {rejected}"),
        };
        match to {
            Peer::Node(node) => {
                let replica = self.group.replica_of(node).expect("a member");
                self.step(replica, Input::Deliver { from, message: verified });
            }
            Peer::Client(client) if Peer::Client(client) == self.client_peer() => {
                self.step_client(Input::Deliver { from, message: verified });
            }
            Peer::Client(_) => {}
        }
    }

    fn is_useless(&self, to: Peer, message: &Message) -> bool {
        let Peer::Node(node) = to else { return false };
        let replica = self.group.replica_of(node).expect("a member");
        let machine = self.hosts[replica.index()].machine.as_ref();
        machine.is_some_and(|machine| !machine.is_useful(message))
    }

    /// Lets the time come at which the next timer expires, and lets it expire; false if none is set
    /// up to then.
    pub(crate) fn pass_to_timer(&mut self, end: Instant) -> bool {
        let host_timers = self.hosts.iter().flat_map(|host| host.timers.values());
        let next = host_timers.chain(self.client_timers.values()).min().copied();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        self.expire_due();
        true
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        while self.pass_to_timer(end) {
            self.settle();
        }
        self.now = end;
    }

    fn expire_due(&mut self) {
        for replica in self.group.clone().resilience.members() {
            let host = &mut self.hosts[replica.index()];
            let due: Vec<Timer> = host
                .timers
                .iter()
                .filter(|(_, at)| **at <= self.now)
                .map(|(timer, _)| *timer)
                .collect();
            for timer in due {
                self.hosts[replica.index()].timers.remove(&timer);
                self.step(replica, Input::Expired(timer));
            }
        }
        let due = self.client_timers.get(&ClientTimer::Retry).is_some_and(|at| *at <= self.now);
        if due {
            self.client_timers.clear();
            self.step_client(Input::Expired(ClientTimer::Retry));
        }
    }

    /// The node of a replica announces an operation.
    pub(crate) fn announce(&mut self, index: u16, operation: &[u8]) {
        let announced = quorate_bft::Request::Announce(operation.to_vec());
        self.step(ReplicaId::new(index), Input::Request(announced));
    }

    /// The client calls, without waiting.
    pub(crate) fn call(&mut self, operation: &str) -> u64 {
        self.call_for(operation, Duration::from_secs(600))
    }

    /// The client calls, and waits for its reply this long at most.
    pub(crate) fn call_for(&mut self, operation: &str, timeout: Duration) -> u64 {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        let operation = operation.as_bytes().to_vec();
        let call = ClientCall { ticket, operation, timeout };
        self.step_client(Input::Request(ClientRequest::Call(call)));
        ticket
    }

    /// The client calls, and everything comes to rest.
    pub(crate) fn invoke(&mut self, operation: &str) -> Option<String> {
        let ticket = self.call(operation);
        self.settle();
        self.reply(ticket)
    }

    pub(crate) fn reply(&self, ticket: u64) -> Option<String> {
        match self.replies.get(&ticket)? {
            ClientOutput::Replied { reply, .. } => Some(String::from_utf8_lossy(reply).into()),
            ClientOutput::Failed { failure, .. } => Some(format!("{failure:?}")),
        }
    }

    /// Requests that a replica executed since the beginning.
    pub(crate) fn executed_requests(&self, index: u16) -> u64 {
        let of_replica = self.outputs.iter().filter(|(replica, _)| replica.get() == index);
        of_replica
            .map(|(_, output)| match output {
                Output::Executed { requests, .. } => *requests,
                _ => 0,
            })
            .sum()
    }

    /// The service's state at a replica.
    pub(crate) fn journal(&self, index: u16) -> String {
        let state = self.replica(index).state();
        let journal = state.get(b"\x02journal").unwrap_or_default();
        String::from_utf8_lossy(journal).into()
    }

    /// Messages of one replica that arrived somewhere, or would have at a crashed one.
    pub(crate) fn sent_by(&self, index: u16) -> impl Iterator<Item = &(Peer, Peer, Message)> {
        let from = self.peer(index);
        self.sent.iter().filter(move |(sender, _, _)| *sender == from)
    }

    pub(crate) fn mark(&self, mark: &str) -> u64 {
        self.marks.get(mark).copied().unwrap_or(0)
    }
}
