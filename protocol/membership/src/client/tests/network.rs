//! One client, the responders of a system, and whoever lies among them; one delay for all links.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::vec::Vec;

use quorate_machine::{Effect, Effects, Input, Machine, Recipients};
use quorate_types::{ClientId, Epoch, Instant, NodeId, Peer};

use super::super::{
    ClientOutput, ClientParameters, ClientRequest, ClientTimer, ConfigurationClient, Loss,
};
use super::rule;
use crate::configuration::VerifiedConfiguration;
use crate::message::Message;
use crate::responder::{FreshnessResponder, Member, ResponderRequest};
use crate::testing::{World, now, schemes};

const CLIENT: Peer = Peer::Client(ClientId::new([1; 32]));
const DELAY_MICROS: u64 = 1_000;

/// What a liar answers to a question.
pub(super) type Lie = std::boxed::Box<dyn Fn(&Message) -> Vec<Message>>;

struct Letter {
    at: u64,
    from: Peer,
    to: Peer,
    message: Message,
}

pub(super) struct Network<'a> {
    world: &'a World,
    clock: u64,
    client: ConfigurationClient,
    responders: BTreeMap<NodeId, FreshnessResponder>,
    liars: BTreeMap<NodeId, Lie>,
    silent: BTreeSet<NodeId>,
    letters: VecDeque<Letter>,
    alarms: BTreeMap<ClientTimer, Instant>,
    outputs: Vec<ClientOutput>,
    question_count: usize,
    sent_count: usize,
    lose_every: usize,
}

fn member(world: &World, id: NodeId, epoch: Epoch) -> Member {
    Member { epoch, id, signer: world.signer(id, epoch) }
}

pub(super) fn parameters(world: &World) -> ClientParameters {
    let ids = world.first.configuration().members.iter().map(|member| Peer::Node(member.id));
    let mut parameters = ClientParameters::new(world.founding.system_key, ids.collect(), [8; 32]);
    parameters.lease = rule();
    parameters
}

impl<'a> Network<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        let members = world.first.configuration().members.iter();
        let responder = |id| {
            let member = member(world, id, Epoch::ZERO);
            (id, FreshnessResponder::new(world.first.clone(), Some(member), []))
        };
        Self {
            world,
            clock: 0,
            client: ConfigurationClient::new(parameters(world), None, schemes()),
            responders: members.map(|member| responder(member.id)).collect(),
            liars: BTreeMap::new(),
            silent: BTreeSet::new(),
            letters: VecDeque::new(),
            alarms: BTreeMap::new(),
            outputs: Vec::new(),
            question_count: 0,
            sent_count: 0,
            lose_every: usize::MAX,
        }
    }

    pub(super) fn without_contacts(&mut self) {
        let mut parameters = parameters(self.world);
        parameters.contacts.clear();
        self.client = ConfigurationClient::new(parameters, None, schemes());
    }

    pub(super) fn lose_every(&mut self, count: usize) {
        self.lose_every = count;
    }

    /// The first `count` members of the group fall silent.
    pub(super) fn silence_group(&mut self, count: usize) {
        self.silent.extend(self.world.group().iter().take(count));
    }

    pub(super) fn silence_all(&mut self) {
        self.silent.extend(self.responders.keys());
    }

    pub(super) fn heal(&mut self) {
        self.silent.clear();
    }

    /// A server answers as it likes.
    pub(super) fn corrupt(&mut self, id: NodeId, lie: Lie) {
        self.liars.insert(id, lie);
    }

    /// These servers learn of a configuration; members of its group begin to vouch for it.
    pub(super) fn advance(&mut self, ids: &[NodeId], next: &VerifiedConfiguration) {
        for id in ids {
            let activate = member(self.world, *id, next.epoch());
            self.ask_responder(*id, ResponderRequest::EndEpoch(self.world.first.epoch()));
            self.ask_responder(*id, ResponderRequest::Adopt(next.clone()));
            self.ask_responder(*id, ResponderRequest::Activate(activate));
        }
    }

    pub(super) fn end_epoch(&mut self, ids: &[NodeId]) {
        for id in ids {
            self.ask_responder(*id, ResponderRequest::EndEpoch(self.world.first.epoch()));
        }
    }

    fn ask_responder(&mut self, id: NodeId, request: ResponderRequest) {
        let responder = self.responders.get_mut(&id).unwrap();
        responder.step(now(self.clock), Input::Request(request), &mut Effects::new());
    }

    /// A network whose client has had time to find what it needs.
    pub(super) fn running(world: &'a World) -> Self {
        let mut network = Self::new(world);
        network.start();
        network.run(super::SECOND);
        network
    }

    pub(super) fn start(&mut self) {
        self.step(Input::Start);
    }

    pub(super) fn request(&mut self, request: ClientRequest) {
        self.step(Input::Request(request));
    }

    /// A message reaches the client now.
    pub(super) fn deliver(&mut self, from: NodeId, message: Message) {
        self.step(Input::Deliver { from: Peer::Node(from), message });
    }

    /// Runs for so many microseconds.
    pub(super) fn run(&mut self, micros: u64) {
        let end = self.clock + micros;
        while let Some(at) = self.next_event().filter(|at| *at <= end) {
            self.clock = self.clock.max(at);
            self.event();
        }
        self.clock = end;
    }

    fn next_event(&self) -> Option<u64> {
        let letter = self.letters.front().map(|letter| letter.at);
        let alarm = self.alarms.values().min().map(|at| at.as_micros());
        letter.into_iter().chain(alarm).min()
    }

    fn event(&mut self) {
        if self.letters.front().is_some_and(|letter| letter.at <= self.clock) {
            let letter = self.letters.pop_front().unwrap();
            self.arrive(letter);
            return;
        }
        let due = |at: &Instant| at.as_micros() <= self.clock;
        let timer = *self.alarms.iter().find(|(_, at)| due(at)).unwrap().0;
        self.alarms.remove(&timer);
        self.step(Input::Expired(timer));
    }

    fn arrive(&mut self, letter: Letter) {
        let Letter { from, to, message, .. } = letter;
        match to {
            Peer::Client(_) => self.step(Input::Deliver { from, message }),
            Peer::Node(id) => {
                for answer in self.answers(id, message) {
                    self.post(to, from, answer);
                }
            }
        }
    }

    fn answers(&mut self, id: NodeId, message: Message) -> Vec<Message> {
        if self.silent.contains(&id) {
            return Vec::new();
        }
        if let Some(lie) = self.liars.get(&id) {
            return lie(&message);
        }
        let mut effects = Effects::new();
        let responder = self.responders.get_mut(&id).unwrap();
        responder.step(now(self.clock), Input::Deliver { from: CLIENT, message }, &mut effects);
        let mut answers = Vec::new();
        for effect in effects.drain() {
            if let Effect::Send { message, .. } = effect {
                answers.push(message);
            }
        }
        answers
    }

    fn post(&mut self, from: Peer, to: Peer, message: Message) {
        self.sent_count += 1;
        if !self.sent_count.is_multiple_of(self.lose_every) {
            self.letters.push_back(Letter { at: self.clock + DELAY_MICROS, from, to, message });
        }
    }

    fn step(&mut self, input: Input<ConfigurationClient>) {
        let mut effects = Effects::new();
        self.client.step(now(self.clock), input, &mut effects);
        let effects: Vec<_> = effects.drain().collect();
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect<ConfigurationClient>) {
        match effect {
            Effect::Send { to, message, .. } => {
                let peers = match to {
                    Recipients::One(peer) => std::vec![peer],
                    Recipients::Each(peers) => peers.to_vec(),
                };
                self.question_count += peers.len();
                for peer in peers {
                    self.post(CLIENT, peer, message.clone());
                }
            }
            Effect::Arm { timer, at } => {
                self.alarms.insert(timer, at);
            }
            Effect::Disarm(timer) => {
                self.alarms.remove(&timer);
            }
            Effect::Emit(output) => self.outputs.push(output),
            Effect::Mark(_) | Effect::Release(_) => {}
            Effect::Persist(record) => match record {},
        }
    }

    pub(super) fn client(&self) -> &ConfigurationClient {
        &self.client
    }

    pub(super) fn usable(&self) -> Option<&VerifiedConfiguration> {
        self.client.usable(Instant::from_micros(self.clock))
    }

    pub(super) fn ignored(&self, mark: &str) -> u64 {
        self.client.ignored_count(mark)
    }

    pub(super) fn outputs(&self) -> &[ClientOutput] {
        &self.outputs
    }

    pub(super) fn questions(&self) -> usize {
        self.question_count
    }

    pub(super) fn leases(&self) -> usize {
        self.outputs.iter().filter(|output| matches!(output, ClientOutput::Lease { .. })).count()
    }

    /// The end of the last lease.
    pub(super) fn until(&self) -> Instant {
        let mut ends = self.outputs.iter().filter_map(|output| match output {
            ClientOutput::Lease { until, .. } => Some(*until),
            ClientOutput::Configuration(_) | ClientOutput::LeaseLost { .. } => None,
        });
        ends.next_back().unwrap()
    }

    pub(super) fn losses(&self) -> Vec<(Epoch, Loss)> {
        let losses = self.outputs.iter().filter_map(|output| match output {
            ClientOutput::LeaseLost { epoch, loss } => Some((*epoch, *loss)),
            ClientOutput::Configuration(_) | ClientOutput::Lease { .. } => None,
        });
        losses.collect()
    }
}
