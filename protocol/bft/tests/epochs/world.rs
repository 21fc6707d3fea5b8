//! Servers that run the replicas of one epoch after the other, with their disks, and one client.
//!
//! Each server keeps beside its replicas what a node keeps: whether it vouches for an epoch still.
//! Links are perfect and in order, unless a test cuts them; time moves when a test lets it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use quorate_bft::client::ClientSetup;
use quorate_bft::message::{CheckpointCertificate, Message};
use quorate_bft::{
    Client, ClientCall, ClientOutput, ClientRequest, ClientTimer, Inheritance, Output, Parameters,
    Replica, Request, Setup, Succession, SuccessionTimer, Timer,
};
use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::{ClientCertificate, ClientGrant, Signer, verify};
use quorate_machine::{Effect, Effects, Input, Machine, Recipients};
use quorate_types::{
    Digest, Duration, Epoch, GroupConfiguration, GroupId, GroupMember, Instant, NodeId, Now, Peer,
    ReadMode, ReplicaId, Resilience, Slot, SystemId, UnixTime,
};

use crate::disk::Disk;
use crate::toy::Toy;

/// Which epoch, and which server.
pub(crate) type Place = (u64, u16);

/// A replica of a server in one epoch, with its disk; or how it gets the state to begin with.
#[derive(Default)]
struct Seat {
    replica: Option<Replica<Toy>>,
    succession: Option<Succession>,
    effects: Effects<Replica<Toy>>,
    timers: BTreeMap<Timer, Instant>,
    patience: Option<Instant>,
    disk: Disk,
    /// Durable: the server vouches for the epoch no more.
    vouches_no_more: bool,
    /// It has had the end certificate, and its key is erased.
    has_ended: bool,
    /// Effects that are still performed before the power fails.
    effects_left: Option<usize>,
    effect_count: usize,
}

type Filter = Box<dyn FnMut(&Mail) -> bool>;

/// A message of an epoch on its way.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) from: Peer,
    pub(crate) to: Peer,
    pub(crate) epoch: u64,
    pub(crate) message: Message,
}

/// Servers and a client.
pub(crate) struct World {
    pub(crate) registry: IdealRegistry,
    /// The servers of each epoch's group.
    plan: Vec<Vec<u16>>,
    pub(crate) groups: Vec<Arc<GroupConfiguration>>,
    parameters: Parameters,
    seats: BTreeMap<Place, Seat>,
    /// Servers without power.
    pub(crate) down: BTreeSet<u16>,
    /// Servers that answer nobody.
    pub(crate) silent: BTreeSet<u16>,
    /// Do the nodes ask for the signature on the end at once?
    pub(crate) seals: bool,
    pub(crate) outputs: Vec<(Place, Output)>,
    pub(crate) marks: BTreeMap<&'static str, u64>,
    pub(crate) queue: VecDeque<Mail>,
    pub(crate) sent: Vec<Mail>,
    pub(crate) filter: Option<Filter>,
    pub(crate) now: Instant,
    client: Client,
    client_effects: Effects<Client>,
    client_timer: Option<Instant>,
    client_epoch: u64,
    pub(crate) replies: BTreeMap<u64, ClientOutput>,
}

pub(crate) fn node(server: u16) -> NodeId {
    NodeId::new([u8::try_from(server).expect("few servers") + 1; 32])
}

fn server_of(peer: Peer) -> Option<u16> {
    match peer {
        Peer::Node(node) => Some(u16::from(node.as_bytes()[0]) - 1),
        Peer::Client(_) => None,
    }
}

/// The hash of an epoch's configuration, as the membership service would know it.
pub(crate) fn configuration(epoch: u64) -> Digest {
    Digest::new([100 + u8::try_from(epoch).expect("few epochs"); 32])
}

impl World {
    /// Epoch 0 runs with the first of these groups.
    pub(crate) fn new(plan: &[&[u16]]) -> Self {
        let registry = IdealRegistry::new([7; 32]);
        let signer = registry.signer(&[200; 32]);
        let authority = registry.signer(&[250; 32]);
        let system = SystemId::new([1; 32]);
        let client_id = signer.public_key().client();
        let (name, expires) = (String::from("test"), UnixTime::from_micros(u64::MAX));
        let grant = ClientGrant { system, client: client_id, name, expires };
        let plan: Vec<Vec<u16>> = plan.iter().map(|group| group.to_vec()).collect();
        let first = Arc::new(group_of(&registry, 0, &plan[0]));
        let client = Client::new(ClientSetup {
            group: Arc::clone(&first),
            signer: Arc::new(signer),
            certificate: ClientCertificate::issue(grant, &authority),
            nonce: 1,
            bundle_operations_max: 4,
        });
        let mut world = Self {
            registry,
            groups: vec![first],
            parameters: Parameters { checkpoint_interval: 4, ..Parameters::default() },
            seats: BTreeMap::new(),
            down: BTreeSet::new(),
            silent: BTreeSet::new(),
            seals: true,
            outputs: Vec::new(),
            marks: BTreeMap::new(),
            queue: VecDeque::new(),
            sent: Vec::new(),
            filter: None,
            now: Instant::from_micros(1_000_000),
            client,
            client_effects: Effects::new(),
            client_timer: None,
            client_epoch: 0,
            replies: BTreeMap::new(),
            plan,
        };
        for server in world.plan[0].clone() {
            world.boot_seat((0, server));
        }
        world.step_client(Input::Start);
        world.settle();
        world
    }

    pub(crate) fn members(&self, epoch: u64) -> Vec<u16> {
        self.plan[usize::try_from(epoch).expect("few")].clone()
    }

    pub(crate) fn group(&self, epoch: u64) -> Arc<GroupConfiguration> {
        Arc::clone(&self.groups[usize::try_from(epoch).expect("few")])
    }

    pub(crate) fn signer(&self, (epoch, server): Place) -> Arc<dyn Signer> {
        Arc::new(signer(&self.registry, (epoch, server)))
    }

    pub(crate) fn replica(&self, place: Place) -> &Replica<Toy> {
        self.seats[&place].replica.as_ref().expect("the replica runs")
    }

    pub(crate) fn runs(&self, place: Place) -> bool {
        self.seats.get(&place).is_some_and(|seat| seat.replica.is_some())
    }

    pub(crate) fn journal(&self, place: Place) -> String {
        let journal = self.replica(place).state().get(b"\x02journal").unwrap_or_default();
        String::from_utf8_lossy(journal).into()
    }

    pub(crate) fn mark(&self, mark: &str) -> u64 {
        self.marks.get(mark).copied().unwrap_or(0)
    }

    pub(crate) fn effect_count(&self, place: Place) -> usize {
        self.seats[&place].effect_count
    }

    pub(crate) fn end_of(&self, epoch: u64) -> Option<CheckpointCertificate> {
        self.outputs.iter().find_map(|((of, _), output)| match output {
            Output::Ended(certificate) if *of == epoch => Some(certificate.clone()),
            _ => None,
        })
    }

    pub(crate) fn timers(&self, place: Place) -> usize {
        self.seats[&place].timers.len()
    }

    fn clocks(&self) -> Now {
        let wall = UnixTime::from_micros(1_700_000_000_000_000 + self.now.as_micros());
        Now { instant: self.now, wall }
    }

    fn setup(&self, (epoch, server): Place) -> Setup {
        let group = self.group(epoch);
        let me = group.replica_of(node(server)).expect("a member");
        // BFT-16: the key is erased upon the certificate.
        let has_key = self.seats.get(&(epoch, server)).is_none_or(|seat| !seat.has_ended);
        let signer = has_key.then(|| self.signer((epoch, server)));
        Setup { group, me, signer, parameters: self.parameters.clone() }
    }

    /// Starts a server's part in an epoch from what its disk holds.
    fn boot_seat(&mut self, place: Place) {
        let (epoch, server) = place;
        self.seats.entry(place).or_default();
        let seat = &self.seats[&place];
        let has_begun = seat.disk.has_image() || epoch == 0;
        if has_begun {
            let (image, records) = seat.disk.load();
            let replica = Replica::recover(self.setup(place), Toy, image, records);
            return self.start_replica(place, replica);
        }
        let before = (epoch - 1, server);
        let own = self.seats.get(&before).and_then(|seat| seat.replica.as_ref());
        match own.and_then(Replica::inheritance) {
            Some(inheritance) => self.succeed(place, inheritance),
            // Its own old replica may get there, and then tells.
            None if self.members(epoch - 1).contains(&server) => {}
            None => {
                let old = self.group(epoch - 1);
                let patience = Duration::from_millis(200);
                let succession = Succession::new(old, usize::from(server), patience);
                self.seats.get_mut(&place).expect("a seat").succession = Some(succession);
                self.step_succession(place, Input::Start);
            }
        }
    }

    fn succeed(&mut self, place: Place, inheritance: Inheritance) {
        let bare = group_of(&self.registry, place.0, &self.members(place.0));
        let group = inheritance.begin(bare, configuration(place.0));
        assert_eq!(group, *self.group(place.0), "all begin alike");
        let replica = Replica::succeed(self.setup(place), Toy, inheritance);
        self.start_replica(place, replica);
    }

    fn start_replica(&mut self, place: Place, replica: Replica<Toy>) {
        let seat = self.seats.get_mut(&place).expect("a seat");
        seat.effects = Effects::new();
        seat.replica = Some(replica);
        seat.succession = None;
        self.step(place, Input::Start);
    }

    /// The power of a server fails: what it knew is gone, its disks stay.
    pub(crate) fn crash(&mut self, server: u16) {
        self.down.insert(server);
        for ((_, _), seat) in self.seats.iter_mut().filter(|((_, of), _)| *of == server) {
            seat.replica = None;
            seat.succession = None;
            seat.timers.clear();
            seat.patience = None;
            seat.effects_left = None;
        }
    }

    pub(crate) fn restart(&mut self, server: u16) {
        self.boot(server);
        self.settle();
    }

    /// The power comes back.
    pub(crate) fn boot(&mut self, server: u16) {
        self.down.remove(&server);
        for epoch in 0..self.groups.len() as u64 {
            if self.members(epoch).contains(&server) {
                self.boot_seat((epoch, server));
            }
        }
    }

    /// The power of a server fails after so many more effects of its replica in an epoch.
    pub(crate) fn crash_after(&mut self, place: Place, effects: usize) {
        self.seats.entry(place).or_default().effects_left = Some(effects);
    }

    /// The image of a replica's disk was written, and the first record of its log was not.
    pub(crate) fn lose_log(&mut self, place: Place) {
        self.seats.get_mut(&place).expect("a seat").disk.lose_log();
    }

    /// No power fails any more.
    pub(crate) fn spare(&mut self) {
        self.seats.values_mut().for_each(|seat| seat.effects_left = None);
    }

    pub(crate) fn ask(&mut self, place: Place, request: Request) {
        self.step(place, Input::Request(request));
    }

    pub(crate) fn announce(&mut self, place: Place, operation: &str) {
        self.ask(place, Request::Announce(operation.as_bytes().to_vec()));
        self.settle();
    }

    pub(crate) fn seal(&mut self, place: Place) {
        let next = usize::try_from(place.0 + 1).expect("few");
        let heirs = self.plan.get(next).cloned().unwrap_or_default();
        let heirs = heirs.into_iter().map(node).collect();
        self.seats.get_mut(&place).expect("a seat").vouches_no_more = true;
        self.ask(place, Request::Seal { heirs });
    }

    fn step(&mut self, place: Place, input: Input<Replica<Toy>>) {
        let now = self.clocks();
        let seat = self.seats.get_mut(&place).expect("a seat");
        let Some(replica) = seat.replica.as_mut() else { return };
        replica.step(now, input, &mut seat.effects);
        let effects: Vec<_> = seat.effects.drain().collect();
        for effect in effects {
            let seat = self.seats.get_mut(&place).expect("a seat");
            match &mut seat.effects_left {
                Some(0) => return self.crash(place.1),
                Some(left) => *left -= 1,
                None => {}
            }
            seat.effect_count += 1;
            self.perform(place, effect);
            if self.down.contains(&place.1) {
                return;
            }
        }
    }

    fn perform(&mut self, place: Place, effect: Effect<Replica<Toy>>) {
        let seat = self.seats.get_mut(&place).expect("a seat");
        match effect {
            Effect::Persist(record) => seat.disk.append(record),
            Effect::Release(number) => seat.disk.release(number),
            Effect::Arm { timer, at } => _ = seat.timers.insert(timer, at),
            Effect::Disarm(timer) => _ = seat.timers.remove(&timer),
            Effect::Mark(mark) => *self.marks.entry(mark).or_default() += 1,
            Effect::Emit(output) => self.on_output(place, output),
            Effect::Send { to, message, .. } => {
                self.judge_words(place, &message);
                self.post(Peer::Node(node(place.1)), &to, place.0, &message);
            }
        }
    }

    /// BFT-12: who signs the end has the state on its disk, and its node vouches no more.
    fn judge_words(&self, place: Place, message: &Message) {
        let seat = &self.seats[&place];
        if let Message::Checkpoint(said) = message
            && said.statement.is_last
        {
            assert!(seat.vouches_no_more, "BFT-12: {place:?} signs while its node vouches");
            assert!(seat.disk.holds_state(&said.statement), "BFT-12: {place:?} has no such state");
        }
        let is_inherited = seat.disk.has_image() || place.0 == 0;
        assert!(is_inherited, "BFT-14: {place:?} speaks before its state is durable");
    }

    fn on_output(&mut self, place: Place, output: Output) {
        self.outputs.push((place, output.clone()));
        match output {
            Output::Concluded(_) if self.seals => self.seal(place),
            Output::Ended(certificate) => self.on_ended(place, &certificate),
            _ => {}
        }
    }

    /// The first server that learns of an end makes the next group known.
    fn on_ended(&mut self, (epoch, server): Place, certificate: &CheckpointCertificate) {
        let seat = self.seats.get_mut(&(epoch, server)).expect("a seat");
        seat.has_ended = true;
        let holds_key = seat.replica.as_ref().is_some_and(Replica::holds_key);
        assert!(!holds_key, "BFT-16: {server} has the certificate of epoch {epoch}");
        let next = epoch + 1;
        let index = usize::try_from(next).expect("few");
        if index >= self.plan.len() {
            return;
        }
        let statement = certificate.statement;
        if self.groups.len() == index {
            let base_digest = statement.base_digest(configuration(next));
            let bare = group_of(&self.registry, next, &self.members(next));
            let group = GroupConfiguration { base_slot: statement.slot, base_digest, ..bare };
            self.groups.push(Arc::new(group));
            for newcomer in self.members(next) {
                let is_new = !self.members(epoch).contains(&newcomer);
                if is_new && !self.down.contains(&newcomer) {
                    self.boot_seat((next, newcomer));
                }
            }
        }
        let has_begun = self.seats.get(&(next, server)).is_some_and(|seat| seat.replica.is_some());
        if self.members(next).contains(&server) && !has_begun {
            self.boot_seat((next, server));
        }
    }

    fn step_succession(&mut self, place: Place, input: Input<Succession>) {
        let now = self.clocks();
        let seat = self.seats.get_mut(&place).expect("a seat");
        let Some(succession) = seat.succession.as_mut() else { return };
        let mut effects = Effects::new();
        succession.step(now, input, &mut effects);
        let effects: Vec<Effect<Succession>> = effects.drain().collect();
        for effect in effects {
            match effect {
                Effect::Persist(never) => match never {},
                Effect::Release(_) => {}
                Effect::Arm { at, .. } => {
                    self.seats.get_mut(&place).expect("a seat").patience = Some(at);
                }
                Effect::Disarm(_) => self.seats.get_mut(&place).expect("a seat").patience = None,
                Effect::Mark(mark) => *self.marks.entry(mark).or_default() += 1,
                Effect::Emit(inheritance) => self.succeed(place, inheritance),
                Effect::Send { to, message, .. } => {
                    self.post(Peer::Node(node(place.1)), &to, place.0 - 1, &message);
                }
            }
        }
    }

    fn post(&mut self, from: Peer, to: &Recipients, epoch: u64, message: &Message) {
        let recipients = match to {
            Recipients::One(peer) => std::slice::from_ref(peer),
            Recipients::Each(peers) => peers,
        };
        for &to in recipients {
            self.queue.push_back(Mail { from, to, epoch, message: message.clone() });
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
                Effect::Arm { at, .. } => self.client_timer = Some(at),
                Effect::Disarm(_) => self.client_timer = None,
                Effect::Mark(mark) => *self.marks.entry(mark).or_default() += 1,
                Effect::Emit(output) => {
                    let (ClientOutput::Replied { ticket, .. }
                    | ClientOutput::Failed { ticket, .. }) = &output;
                    let earlier = self.replies.insert(*ticket, output);
                    assert!(earlier.is_none(), "BFT-9: one answer per call");
                }
                Effect::Send { to, message, .. } => {
                    let (from, epoch) = (self.client_peer(), self.client_epoch);
                    self.post(from, &to, epoch, &message);
                }
            }
        }
    }

    pub(crate) fn client_peer(&self) -> Peer {
        Peer::Client(self.registry.signer(&[200; 32]).public_key().client())
    }

    /// The client calls, without waiting.
    pub(crate) fn call(&mut self, ticket: u64, operation: &str) {
        let (operation, timeout) = (operation.as_bytes().to_vec(), Duration::from_secs(600));
        let call = ClientCall { ticket, operation, timeout };
        self.step_client(Input::Request(ClientRequest::Call(call)));
    }

    /// The client learns of the next epoch's group.
    pub(crate) fn follow(&mut self, epoch: u64) {
        self.client_epoch = epoch;
        let group = self.group(epoch);
        self.step_client(Input::Request(ClientRequest::Follow(group)));
    }

    pub(crate) fn reply(&self, ticket: u64) -> Option<String> {
        match self.replies.get(&ticket)? {
            ClientOutput::Replied { reply, .. } => Some(String::from_utf8_lossy(reply).into()),
            ClientOutput::Failed { failure, .. } => Some(format!("{failure:?}")),
        }
    }

    /// Delivers everything that is under way, and what follows from it.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200_000 {
            let Some(mail) = self.queue.pop_front() else { return };
            self.carry(mail);
        }
        panic!("the servers do not come to rest");
    }

    pub(crate) fn carry(&mut self, mail: Mail) {
        let is_off = |peer| {
            server_of(peer)
                .is_some_and(|server| self.down.contains(&server) || self.silent.contains(&server))
        };
        if is_off(mail.from) || is_off(mail.to) {
            return;
        }
        if !self.filter.as_mut().is_none_or(|filter| filter(&mail)) {
            return;
        }
        self.sent.push(mail.clone());
        self.deliver(mail);
    }

    /// What arrives is checked against the group of its epoch; true if it was let in.
    pub(crate) fn deliver(&mut self, Mail { from, to, epoch, message }: Mail) -> bool {
        let Ok(message) = verify(message, &*self.group(epoch), &self.registry) else {
            return false;
        };
        let Some(server) = server_of(to) else {
            if epoch == self.client_epoch {
                self.step_client(Input::Deliver { from, message });
            }
            return true;
        };
        let heir = (epoch + 1, server);
        let is_of_group = self.members(epoch).contains(&server);
        if is_of_group && self.seats.contains_key(&(epoch, server)) {
            self.step((epoch, server), Input::Deliver { from, message });
        } else if self.seats.contains_key(&heir) {
            self.step_succession(heir, Input::Deliver { from, message });
        }
        true
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now.after(duration);
        loop {
            let seats = self.seats.values();
            let timers = seats.flat_map(|seat| seat.timers.values().chain(&seat.patience));
            let next = timers.chain(&self.client_timer).min().copied();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.expire();
            self.settle();
        }
        self.now = end;
    }

    /// Lets time pass, and timers expire; what they lead to stays under way.
    pub(crate) fn tick(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
        self.expire();
    }

    fn expire(&mut self) {
        let places: Vec<Place> = self.seats.keys().copied().collect();
        for place in places {
            let now = self.now;
            let seat = self.seats.get_mut(&place).expect("a seat");
            let is_due = |at: &Instant| *at <= now;
            let due: Vec<Timer> =
                seat.timers.iter().filter(|(_, at)| is_due(at)).map(|(timer, _)| *timer).collect();
            seat.timers.retain(|_, at| !is_due(at));
            let is_impatient = seat.patience.take_if(|at| is_due(at)).is_some();
            for timer in due {
                self.step(place, Input::Expired(timer));
            }
            if is_impatient {
                self.step_succession(place, Input::Expired(SuccessionTimer::Inherit));
            }
        }
        if self.client_timer.take_if(|at| *at <= self.now).is_some() {
            self.step_client(Input::Expired(ClientTimer::Retry));
        }
    }
}

fn signer(registry: &IdealRegistry, (epoch, server): Place) -> quorate_crypto::ideal::IdealSigner {
    let mut seed = [0; 32];
    seed[0] = u8::try_from(epoch).expect("few");
    seed[1] = u8::try_from(server).expect("few");
    registry.signer(&seed)
}

/// The group of an epoch, as if nothing had been before it.
fn group_of(registry: &IdealRegistry, epoch: u64, servers: &[u16]) -> GroupConfiguration {
    let member = |&server: &u16| GroupMember {
        node: node(server),
        key: signer(registry, (epoch, server)).public_key(),
    };
    let f = u16::try_from((servers.len() - 1) / 3).expect("few");
    GroupConfiguration {
        system: SystemId::new([1; 32]),
        group: GroupId::new([2; 32]),
        epoch: Epoch::new(epoch),
        members: servers.iter().map(member).collect(),
        resilience: Resilience::new(f).expect("f is small"),
        authority_key: registry.signer(&[250; 32]).public_key(),
        read_mode: ReadMode::Ordered,
        base_slot: Slot::ZERO,
        base_digest: Digest::new([3; 32]),
    }
}

/// A member of a group by its server.
pub(crate) fn member(world: &World, (epoch, server): Place) -> ReplicaId {
    world.group(epoch).replica_of(node(server)).expect("a member")
}
