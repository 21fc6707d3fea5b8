//! Thousands of disseminators with delays, lines of bounded speed, loss and silent servers.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use quorate_machine::{Effect, Effects, Input, Machine, Recipients};
use quorate_membership::VerifiedConfiguration;
use quorate_membership::dissemination::{
    Disseminator, DisseminatorOutput, DisseminatorParameters, DisseminatorRequest,
    DisseminatorTimer, Follow, Message,
};
use quorate_types::{Instant, NodeId, Now, Peer, UnixTime};
use quorate_wire::encode;

/// What a frame costs on a line above its message: header, channel, TLS record, TCP and IP.
const FRAME_BYTES: u64 = 90;
/// Payload of a packet, and what each further packet of a frame costs.
const PACKET_BYTES: u64 = 1400;
const PACKET_HEAD_BYTES: u64 = 60;

/// Bytes on a line for a message of so many.
pub(crate) const fn line_bytes(message_bytes: u64) -> u64 {
    message_bytes + FRAME_BYTES + message_bytes / PACKET_BYTES * PACKET_HEAD_BYTES
}

/// What the network does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    /// Shortest and longest one-way delay in microseconds.
    pub delay: (u64, u64),
    /// Bytes that a line takes in a second, each way.
    pub line_bytes: u64,
    /// Messages that are lost, per thousand.
    pub loss: u64,
    /// How long a server computes before it passes a delta on, in microseconds.
    pub check: u64,
}

/// The conditions of the issue.
pub(crate) const WIDE: Conditions =
    Conditions { delay: (5_000, 150_000), line_bytes: 12_500_000, loss: 10, check: 0 };

/// A server and its line.
pub(crate) struct Server {
    pub(crate) machine: Disseminator,
    effects: Effects<Disseminator>,
    alarms: BTreeMap<DisseminatorTimer, u64>,
    pub(crate) is_silent: bool,
    /// Hears nothing.
    pub(crate) is_asleep: bool,
    up_free: u64,
    down_free: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
    pub(crate) sent_count: u64,
    pub(crate) adopted_at: Option<u64>,
}

enum Event {
    Deliver { from: NodeId, to: u32, message: Message },
    Alarm { to: u32, timer: DisseminatorTimer },
}

/// All servers, and what is on its way between them.
pub(crate) struct Network {
    pub(crate) conditions: Conditions,
    pub(crate) servers: Vec<Server>,
    numbers: BTreeMap<NodeId, u32>,
    events: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    seed: u64,
    pub(crate) now: u64,
    pub(crate) marks: BTreeMap<&'static str, u64>,
}

impl Network {
    /// A network of servers that all hold `first`.
    pub(crate) fn new(
        conditions: Conditions,
        ids: impl IntoIterator<Item = NodeId>,
        first: &VerifiedConfiguration,
        follow: &Arc<dyn Follow>,
    ) -> Self {
        let mut network = Self {
            conditions,
            servers: Vec::new(),
            numbers: BTreeMap::new(),
            events: BTreeMap::new(),
            sequence: 0,
            seed: 1,
            now: 0,
            marks: BTreeMap::new(),
        };
        for id in ids {
            network.join(id, first, follow);
        }
        network
    }

    /// A server begins, with this configuration.
    pub(crate) fn join(
        &mut self,
        id: NodeId,
        held: &VerifiedConfiguration,
        follow: &Arc<dyn Follow>,
    ) {
        let parameters = DisseminatorParameters::new(id);
        let server = Server {
            machine: Disseminator::new(parameters, held.clone(), Arc::clone(follow)),
            effects: Effects::new(),
            alarms: BTreeMap::new(),
            is_silent: false,
            is_asleep: false,
            up_free: 0,
            down_free: 0,
            sent_bytes: 0,
            received_bytes: 0,
            sent_count: 0,
            adopted_at: None,
        };
        let number = u32::try_from(self.servers.len()).expect("not so many");
        self.servers.push(server);
        self.numbers.insert(id, number);
        self.step(number, Input::Start);
    }

    pub(crate) fn server(&mut self, id: NodeId) -> &mut Server {
        let number = self.numbers[&id];
        &mut self.servers[number as usize]
    }

    /// A number that only looks drawn.
    fn drawn(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }

    /// The node of a server learns of a configuration by itself.
    pub(crate) fn adopt(&mut self, id: NodeId, configuration: &VerifiedConfiguration) {
        let request = DisseminatorRequest::Adopt(configuration.clone());
        self.step(self.numbers[&id], Input::Request(request));
    }

    fn schedule(&mut self, at: u64, event: Event) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), event);
    }

    fn step(&mut self, number: u32, input: Input<Disseminator>) {
        let now = Now { instant: Instant::from_micros(self.now), wall: UnixTime::from_micros(0) };
        let server = &mut self.servers[number as usize];
        let mut effects = std::mem::take(&mut server.effects);
        server.machine.step(now, input, &mut effects);
        let pushed: Vec<_> = effects.drain().collect();
        self.servers[number as usize].effects = effects;
        let mut ready = self.now;
        for effect in pushed {
            self.perform(number, effect, &mut ready);
        }
    }

    fn perform(&mut self, number: u32, effect: Effect<Disseminator>, ready: &mut u64) {
        let server = &mut self.servers[number as usize];
        match effect {
            Effect::Send { to, message, .. } if !server.is_silent => {
                let peers = match to {
                    Recipients::One(peer) => vec![peer],
                    Recipients::Each(peers) => peers.to_vec(),
                };
                for peer in peers {
                    self.send((number, peer), message.clone(), *ready);
                }
            }
            Effect::Arm { timer, at } => {
                server.alarms.insert(timer, at.as_micros());
                self.schedule(at.as_micros(), Event::Alarm { to: number, timer });
            }
            Effect::Disarm(timer) => drop(server.alarms.remove(&timer)),
            Effect::Emit(DisseminatorOutput::Adopted(_)) => {
                server.adopted_at = Some(self.now);
                *ready = self.now + self.conditions.check;
            }
            Effect::Mark(mark) => *self.marks.entry(mark).or_default() += 1,
            Effect::Send { .. } | Effect::Persist(_) | Effect::Release(_) => {}
        }
    }

    fn send(&mut self, (from, to): (u32, Peer), message: Message, ready: u64) {
        let Peer::Node(to) = to else { return };
        let message_bytes = if let Message::Chunk(chunk) = &message {
            (chunk.bytes.len() + 65 + 32 * chunk.proof.siblings.len()) as u64
        } else {
            encode(&message).len() as u64
        };
        let bytes = line_bytes(message_bytes);
        let takes = bytes * 1_000_000 / self.conditions.line_bytes;
        let (shortest, longest) = self.conditions.delay;
        let delay = shortest + self.drawn(longest - shortest + 1);
        let is_lost = self.drawn(1000) < self.conditions.loss;
        let sender = &mut self.servers[from as usize];
        let source = sender.machine.me();
        sender.sent_bytes += bytes;
        sender.sent_count += 1;
        sender.up_free = sender.up_free.max(ready) + takes;
        let arrives = sender.up_free + delay;
        let Some(number) = self.numbers.get(&to).copied().filter(|_| !is_lost) else { return };
        let receiver = &mut self.servers[number as usize];
        receiver.received_bytes += bytes;
        receiver.down_free = receiver.down_free.max(arrives) + takes;
        let at = receiver.down_free;
        self.schedule(at, Event::Deliver { from: source, to: number, message });
    }

    /// Runs until this moment, in microseconds.
    pub(crate) fn run_until(&mut self, end: u64) {
        while self.turn(end) {}
        self.now = end;
    }

    /// Runs until all servers that are not silent hold this epoch; the moments at which they got
    /// it, in order. Whoever is silent need not get it.
    pub(crate) fn run_until_all(&mut self, epoch: quorate_types::Epoch, end: u64) -> Vec<u64> {
        let awaited = |server: &Server| !server.is_silent && !server.is_asleep;
        let lacks = |server: &Server| awaited(server) && server.machine.newest().epoch() < epoch;
        loop {
            for _ in 0..10_000 {
                if !self.turn(end) {
                    break;
                }
            }
            if !self.servers.iter().any(lacks)
                || self.events.keys().next().is_none_or(|(at, _)| *at > end)
            {
                break;
            }
        }
        let moments = self.servers.iter().filter(|server| awaited(server) && !lacks(server));
        let mut moments: Vec<_> = moments.filter_map(|server| server.adopted_at).collect();
        moments.sort_unstable();
        moments
    }

    fn turn(&mut self, end: u64) -> bool {
        let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= end) else {
            return false;
        };
        let ((at, _), event) = entry.remove_entry();
        self.now = at;
        match event {
            Event::Deliver { to, .. } if self.servers[to as usize].is_asleep => {}
            Event::Deliver { from, to, message } => {
                self.step(to, Input::Deliver { from: Peer::Node(from), message });
            }
            Event::Alarm { to, timer } => {
                let alarms = &mut self.servers[to as usize].alarms;
                if alarms.get(&timer) == Some(&at) {
                    alarms.remove(&timer);
                    self.step(to, Input::Expired(timer));
                }
            }
        }
        true
    }

    /// Forgets what was counted.
    pub(crate) fn count_anew(&mut self) {
        for server in &mut self.servers {
            (server.sent_bytes, server.received_bytes, server.sent_count) = (0, 0, 0);
        }
    }

    /// Makes one of a hundred servers silent, all of them such as pass on.
    pub(crate) fn silence(&mut self, passes_on: impl Fn(NodeId) -> bool) -> BTreeSet<NodeId> {
        let mut inner: Vec<_> = self.numbers.keys().copied().filter(|id| passes_on(*id)).collect();
        let mut silent = BTreeSet::new();
        let there = self.servers.iter().filter(|server| !server.is_asleep).count();
        for _ in 0..there / 100 {
            let at = usize::try_from(self.drawn(inner.len() as u64)).expect("an index");
            silent.insert(inner.swap_remove(at));
        }
        for id in &silent {
            self.server(*id).is_silent = true;
        }
        silent
    }
}
