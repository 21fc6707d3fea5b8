//! Servers with disks, and a network that loses, delays and reorders, by a seed.
use std::boxed::Box;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec::Vec;

use quorate_machine::{Effect, Effects, Input, Machine, Recipients, RecordNumber};
use quorate_threshold::{KeyShare, PublicKey, Seed};
use quorate_types::{Duration, Instant, NodeId, Now, Peer, UnixTime};

use super::super::{
    Handover, MemberSecrets, NextKeys, Output, Policy, Record, Request, Setup, Timer,
};
use super::log::Log;
use crate::handover::message::Message;
use crate::handover::operation::HandoverOperation;
use crate::handover::stage::News;
use crate::header::CertifiedHeader;
use crate::monitor::Evidence;
use crate::shortlist::Shortlist;
use crate::testing::{World, decryption_key, deposit, schemes};

/// A server.
pub(super) struct Node {
    pub(super) handover: Handover,
    disk: Vec<(RecordNumber, Record)>,
    alarms: BTreeMap<Timer, Instant>,
    pub(super) certified: Option<CertifiedHeader>,
    pub(super) cheats: Vec<Evidence>,
    pub(super) is_up: bool,
    /// What opened dealings to it is erased.
    is_settled: bool,
    /// The shares of the epoch that ends that it gave up.
    pub(super) unfit: Vec<PublicKey>,
}

/// What becomes of a message.
pub(super) type Rule = Box<dyn FnMut(NodeId, NodeId, Message) -> Vec<Message>>;

/// The servers of a system at the end of its first epoch.
pub(super) struct Network {
    pub(super) world: World,
    pub(super) log: Log,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) rule: Rule,
    /// Effects after which a server loses power, each with how many are still to come.
    pub(super) crash: Option<(NodeId, u64)>,
    pub(super) marks: BTreeMap<&'static str, u64>,
    /// Effects of each server so far.
    pub(super) effects: BTreeMap<NodeId, u64>,
    is_founding: bool,
    queue: Vec<(NodeId, NodeId, Message)>,
    now: u64,
    random: u64,
}

pub(super) const POLICY: Policy = Policy {
    length: Duration::from_secs(60),
    patience: Duration::from_secs(20),
    change_count_max: 3,
    repeat: Duration::from_millis(200),
    repeat_idle: Duration::from_secs(5),
    attempt: Duration::from_secs(3),
};

/// What all dealings of a server follow from.
pub(super) fn dealing_seed(place: usize) -> [u8; 32] {
    let mut bytes = [b'd'; 32];
    bytes[0] = u8::try_from(place).unwrap();
    bytes
}

impl Network {
    pub(super) fn new(server_count: usize, f: u16, random: u64) -> Self {
        let world = World::new(server_count, f);
        let log = Log::new(&world);
        Self::start((world, log), random, (false, &[]))
    }

    /// Servers that all begin the epoch when it is over, by the time of its configuration.
    pub(super) fn overdue(server_count: usize, f: u16, random: u64) -> Self {
        let mut network = Self::new(server_count, f, random);
        network.now += 2 * POLICY.length.as_micros();
        network.queue.clear();
        for id in network.nodes.keys().copied().collect::<Vec<_>>() {
            network.restart(id);
        }
        network
    }

    /// A system whose group has no key yet.
    pub(super) fn founding(f: u16, random: u64) -> Self {
        Self::founding_without(f, random, 0)
    }

    /// The same, and so many of its servers do not run.
    pub(super) fn founding_without(f: u16, random: u64, absent_count: usize) -> Self {
        let world = World::new(usize::from(3 * f + 1), f);
        let log = Log::of_founding(&world);
        let absent: Vec<_> = world.group().iter().rev().take(absent_count).copied().collect();
        let mut network = Self::start((world, log), random, (true, &absent));
        network.tell_news();
        network
    }

    fn start(
        (world, log): (World, Log),
        random: u64,
        (is_founding, absent): (bool, &[NodeId]),
    ) -> Self {
        let ids: Vec<NodeId> = world.first.configuration().members.iter().map(|it| it.id).collect();
        let start = |id: &NodeId| {
            let handover = Handover::new(setup(&world, *id, (true, is_founding)), []);
            let (disk, alarms, cheats) = (Vec::new(), BTreeMap::new(), Vec::new());
            let (is_up, is_settled, unfit) = (!absent.contains(id), false, Vec::new());
            let certified = None;
            (*id, Node { handover, disk, alarms, certified, cheats, is_up, is_settled, unfit })
        };
        let nodes = ids.iter().map(start).collect();
        let created = world.first.configuration().created.as_micros();
        let mut network = Self {
            world,
            log,
            nodes,
            rule: Box::new(|_, _, message| Vec::from([message])),
            crash: None,
            marks: BTreeMap::new(),
            effects: BTreeMap::new(),
            is_founding,
            queue: Vec::new(),
            now: created,
            random: random.wrapping_mul(2).wrapping_add(1),
        };
        for id in ids {
            network.step(id, Input::Start);
        }
        network
    }

    /// A number below `bound`, by the seed.
    pub(super) fn draw(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.random >> 33).unwrap() % bound
    }

    /// How much time has passed.
    pub(super) fn passed(&self) -> Duration {
        let created = self.world.first.configuration().created.as_micros();
        Duration::from_micros(self.now - created)
    }

    pub(super) fn members(&self) -> Vec<NodeId> {
        self.world.group().to_vec()
    }

    /// These members read in the log that some neighbourhood of the ring is at risk.
    pub(super) fn warn(&mut self, members: &[NodeId]) {
        members.iter().for_each(|id| self.step(*id, Input::Request(Request::AtRisk(true))));
    }

    /// Nobody is on the shortlist of the epoch, and what has been sent so far is lost.
    pub(super) fn unlist(&mut self) {
        self.queue.clear();
        let header = self.world.first.header().header().clone();
        let nobody = Shortlist::among(&header, u64::MAX);
        self.nodes.values_mut().for_each(|node| node.handover.setup.shortlist = nobody);
    }

    /// The authority admits servers that are not there yet.
    pub(super) fn admit(&mut self, count: usize) {
        for server in self.nodes.len()..self.nodes.len() + count {
            self.log.admit(&self.world, server);
        }
        self.tell_news();
    }

    /// How long the epoch has lasted.
    pub(super) fn age(&self) -> Duration {
        let created = self.world.first.configuration().created.as_micros();
        Duration::from_micros(self.now - created)
    }

    /// Goes on until every server that is up has the signed header, or there is no progress.
    pub(super) fn run(&mut self) {
        for _ in 0..40_000 {
            if self.nodes.values().all(|node| !node.is_up || node.certified.is_some()) {
                return;
            }
            self.turn();
        }
        panic!("no end in sight: {:?}", self.log.news.stage);
    }

    /// One message arrives, or time passes.
    pub(super) fn turn(&mut self) {
        if self.queue.is_empty() {
            return self.pass_time();
        }
        let place = self.draw(self.queue.len());
        let (from, to, message) = self.queue.swap_remove(place);
        for message in (self.rule)(from, to, message) {
            self.step(to, Input::Deliver { from: Peer::Node(from), message });
        }
    }

    fn pass_time(&mut self) {
        let up = self.nodes.iter().filter(|(_, node)| node.is_up);
        let alarms =
            up.flat_map(|(id, node)| node.alarms.iter().map(|(timer, at)| (*at, *id, *timer)));
        let Some((at, id, timer)) = alarms.min() else { panic!("nobody waits for anything") };
        self.now = self.now.max(at.as_micros());
        self.nodes.get_mut(&id).unwrap().alarms.remove(&timer);
        self.step(id, Input::Expired(timer));
    }

    pub(super) fn step(&mut self, id: NodeId, input: Input<Handover>) {
        let now =
            Now { instant: Instant::from_micros(self.now), wall: UnixTime::from_micros(self.now) };
        let node = self.nodes.get_mut(&id).unwrap();
        if !node.is_up {
            return;
        }
        let mut effects = Effects::new();
        node.handover.step(now, input, &mut effects);
        let effects: Vec<_> = effects.drain().collect();
        for effect in effects {
            if self.loses_power(id) {
                return self.restart(id);
            }
            *self.effects.entry(id).or_default() += 1;
            self.perform(id, effect);
        }
    }

    fn loses_power(&mut self, id: NodeId) -> bool {
        match &mut self.crash {
            Some((whom, 0)) if *whom == id => {
                self.crash = None;
                true
            }
            Some((whom, left)) if *whom == id => {
                *left -= 1;
                false
            }
            Some(_) | None => false,
        }
    }

    /// What is not on the disk is gone; the share of the old epoch is in a file of its own, which
    /// the node erases when it is told that the next header is durable.
    pub(super) fn restart(&mut self, id: NodeId) {
        self.restart_with(id, |_| {});
    }

    /// The same, and it finds something else on its disk.
    pub(super) fn restart_with(&mut self, id: NodeId, change: impl FnOnce(&mut Setup)) {
        let node = self.nodes.get_mut(&id).unwrap();
        let has_share = node.certified.is_none();
        let mut setup = setup(&self.world, id, (has_share, self.is_founding));
        if let Some(next) = setup.next.as_mut().filter(|_| node.is_settled) {
            (next.deposit, next.decryption_key) = (None, None);
        }
        change(&mut setup);
        node.handover = Handover::new(setup, node.disk.clone());
        node.alarms.clear();
        self.step(id, Input::Start);
        if self.world.group().contains(&id) {
            let news = Box::new(self.log.news.clone());
            self.step(id, Input::Request(Request::News(news)));
        }
    }

    fn perform(&mut self, id: NodeId, effect: Effect<Handover>) {
        let node = self.nodes.get_mut(&id).unwrap();
        match effect {
            Effect::Persist(record) => {
                let number = RecordNumber::new(node.disk.len() as u64 + 1);
                node.disk.push((number, record));
            }
            Effect::Release(_) => {}
            Effect::Send { to: Recipients::One(Peer::Node(to)), message, .. } => {
                self.queue.push((id, to, message));
            }
            Effect::Send { .. } => panic!("a handover speaks with one server at a time"),
            Effect::Arm { timer, at } => drop(node.alarms.insert(timer, at)),
            Effect::Disarm(timer) => drop(node.alarms.remove(&timer)),
            Effect::Mark(mark) => *self.marks.entry(mark).or_default() += 1,
            Effect::Emit(Output::Announce(operation)) => {
                if self.log.execute(&self.world, &operation) {
                    self.tell_news();
                }
            }
            Effect::Emit(Output::Certified(header)) => node.certified = Some(*header),
            Effect::Emit(Output::Cheated(proof)) => node.cheats.push(*proof),
            Effect::Emit(Output::Settled(epoch)) => {
                node.is_settled |= epoch == self.world.first.epoch().next();
            }
            Effect::Emit(Output::Unfit(_, share)) => node.unfit.push(share),
            Effect::Emit(Output::Abandoned(_)) => {}
        }
    }

    fn tell_news(&mut self) {
        for member in self.members() {
            let news = Box::new(self.log.news.clone());
            self.step(member, Input::Request(Request::News(news)));
        }
    }

    /// Puts an operation into the log.
    pub(super) fn put(&mut self, operation: &HandoverOperation) {
        assert!(self.log.execute(&self.world, operation), "it counts");
        self.tell_news();
    }

    pub(super) fn deliver(&mut self, from: NodeId, to: NodeId, message: Message) {
        self.step(to, Input::Deliver { from: Peer::Node(from), message });
    }

    /// Does a server take this for what the log says?
    pub(super) fn knows(&self, id: NodeId, news: &News) -> bool {
        self.nodes[&id].handover.known.as_deref() == Some(news)
    }

    /// What a server has made durable.
    pub(super) fn disk(&self, id: NodeId) -> impl Iterator<Item = &Record> {
        self.nodes[&id].disk.iter().map(|(_, record)| record)
    }

    /// The shares of the next group that are there.
    pub(super) fn shares(&self) -> Vec<Arc<KeyShare>> {
        self.nodes.values().filter_map(|node| node.handover.share().cloned()).collect()
    }
}

fn setup(world: &World, me: NodeId, (has_share, is_founding): (bool, bool)) -> Setup {
    let configuration = world.first.configuration();
    let epoch = configuration.epoch;
    let record = configuration.member(me).unwrap();
    let place = world.number_of(record.identity_key);
    let share = || {
        let bytes = world.founding.shares.iter().find(|(node, _)| *node == me)?.1.encode();
        KeyShare::decode(bytes.as_ref()).ok()
    };
    let member = world.group().contains(&me).then(|| MemberSecrets {
        signer: world.signer(me, epoch),
        share: (has_share && !is_founding).then(share).flatten().map(Arc::new),
        seed: Seed::new(dealing_seed(place)),
    });
    let signer = world.signer(me, epoch.next());
    let decryption_key = decryption_key(place);
    let deposit = deposit(world, place, epoch.next());
    Setup {
        configuration: Arc::new(configuration.clone()),
        shortlist: Shortlist::of(world.first.header().header(), &configuration.members),
        system_key: (!is_founding).then_some(world.founding.system_key),
        me,
        member,
        next: Some(NextKeys {
            signer,
            deposit: Some(deposit),
            decryption_key: Some(decryption_key),
        }),
        schemes: schemes(),
        policy: POLICY,
    }
}
