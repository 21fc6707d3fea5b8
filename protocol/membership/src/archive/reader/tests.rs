//! A chain is read from servers of which some lie, are silent or lack something.
use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

use quorate_machine::{Effect, Effects, Input, Machine, Recipients};
use quorate_types::{Duration, Epoch, Instant, NodeId, Peer};
use quorate_wire::encode;

use super::{ArchiveReader, ReaderOutput, ReaderParameters, ReaderTimer};
use crate::VerifiedConfiguration;
use crate::archive::{
    ArchiveKeeper, ArchiveMessage, Deltas, FirstPart, KeeperOutput, KeeperRequest,
};
use crate::delta::{Chain, Delta};
use crate::limits::{ARCHIVE_PART_BYTES, ARCHIVE_QUESTIONS_MAX};
use crate::testing::{World, now, schemes};

const EPOCHS: usize = 6;

/// What a server has.
#[derive(Clone)]
struct Kept {
    first: VerifiedConfiguration,
    deltas: BTreeMap<Epoch, Vec<u8>>,
    is_silent: bool,
}

impl Kept {
    /// What a server answers, in small pieces.
    fn answer(&self, question: &ArchiveMessage) -> Option<ArchiveMessage> {
        let answer = match question {
            ArchiveMessage::GetFirst(question) => {
                let all = encode(&self.first.to_certified());
                let from = question.from as usize;
                let bytes = all[from..all.len().min(from + 400)].to_vec();
                let (epoch, length) = (self.first.epoch(), u32::try_from(all.len()).unwrap());
                ArchiveMessage::First(FirstPart { epoch, length, from: question.from, bytes })
            }
            ArchiveMessage::GetDeltas(question) => {
                let (mut deltas, mut epoch) = (Vec::new(), question.after.next());
                while let Some(delta) = self.deltas.get(&epoch).filter(|_| deltas.len() < 2) {
                    deltas.push(delta.clone());
                    epoch = epoch.next();
                }
                ArchiveMessage::Deltas(Deltas { after: question.after, deltas })
            }
            ArchiveMessage::First(_) | ArchiveMessage::Deltas(_) => return None,
        };
        (!self.is_silent).then_some(answer)
    }
}

struct Town {
    world: World,
    configurations: Vec<VerifiedConfiguration>,
    servers: BTreeMap<NodeId, Kept>,
}

fn server(number: u8) -> NodeId {
    NodeId::new([number; 32])
}

impl Town {
    /// Three servers with all of it.
    fn new() -> Self {
        let world = World::new(4, 1);
        let mut configurations = Vec::from([world.first.clone()]);
        for epoch in 0..EPOCHS {
            configurations.push(world.following(&configurations[epoch]));
        }
        let pairs = configurations.iter().zip(&configurations[1..]);
        let delta = |(old, new): (&VerifiedConfiguration, &VerifiedConfiguration)| {
            (new.epoch(), encode(&Delta::between(old, new).unwrap()))
        };
        let kept = Kept {
            first: world.first.clone(),
            deltas: pairs.map(delta).collect(),
            is_silent: false,
        };
        let servers = (1..=3).map(|number| (server(number), kept.clone())).collect();
        Self { world, configurations, servers }
    }

    fn kept(&mut self, number: u8) -> &mut Kept {
        self.servers.get_mut(&server(number)).unwrap()
    }

    fn reader(&self, known: Option<VerifiedConfiguration>) -> ArchiveReader {
        let parameters = ReaderParameters {
            system: self.world.first.configuration().system,
            system_key: self.world.founding.system_key,
            servers: self.servers.keys().copied().collect(),
            known,
            until: Epoch::new(EPOCHS as u64),
            patience: Duration::from_secs(1),
        };
        ArchiveReader::new(parameters, schemes())
    }

    /// Everything that the reader gives out, until it is over.
    fn read(&self, mut reader: ArchiveReader) -> Vec<ReaderOutput> {
        let (mut outputs, mut alarm, mut time) = (Vec::new(), None::<Instant>, 0);
        let mut inputs = VecDeque::from([Input::Start]);
        for _ in 0..1_000 {
            let input = inputs.pop_front().unwrap_or_else(|| {
                time = alarm.take().expect("it waits for something").as_micros();
                Input::Expired(ReaderTimer::Answer)
            });
            let mut effects = Effects::new();
            reader.step(now(time), input, &mut effects);
            for effect in effects.drain() {
                match effect {
                    Effect::Send { to: Recipients::One(Peer::Node(to)), message, .. } => {
                        let answer = self.servers[&to].answer(&message);
                        let from = Peer::Node(to);
                        inputs.extend(answer.map(|message| Input::Deliver { from, message }));
                    }
                    Effect::Arm { at, .. } => alarm = Some(at),
                    Effect::Emit(output) => outputs.push(output),
                    Effect::Send { .. } => panic!("it asks servers"),
                    Effect::Persist(never) => match never {},
                    Effect::Disarm(_) | Effect::Mark(_) | Effect::Release(_) => {}
                }
            }
            if let Some(ReaderOutput::Over(_)) = outputs.last() {
                return outputs;
            }
        }
        panic!("no end in sight: {outputs:?}");
    }

    /// The chain that was read verifies with nothing but the key.
    fn assert_whole(&self, outputs: &[ReaderOutput]) {
        let ReaderOutput::First(first) = &outputs[0] else { panic!("{outputs:?}") };
        let deltas = outputs.iter().filter_map(|output| match output {
            ReaderOutput::Followed(delta) => Some((**delta).clone()),
            ReaderOutput::First(_) | ReaderOutput::Over(_) => None,
        });
        let chain = Chain { first: first.to_certified(), deltas: deltas.collect() };
        let newest = chain.walk(&self.world.founding.system_key, &schemes(), |_| {});
        assert_eq!(newest, Ok(self.configurations[EPOCHS].clone()), "MEM-68");
        assert_eq!(first.epoch(), Epoch::ZERO);
        assert_eq!(outputs.last(), Some(&ReaderOutput::Over(Some(Epoch::new(EPOCHS as u64)))));
    }
}

#[test]
fn a_chain_is_read_piece_by_piece_mem_68() {
    let town = Town::new();
    town.assert_whole(&town.read(town.reader(None)));
}

#[test]
fn servers_that_are_silent_lie_or_lack_something_hold_nothing_up_mem_68() {
    let mut town = Town::new();
    town.kept(1).is_silent = true;
    town.assert_whole(&town.read(town.reader(None)));

    let mut town = Town::new();
    let other = World::new(5, 1);
    town.kept(1).first = other.first;
    town.assert_whole(&town.read(town.reader(None)));

    let mut town = Town::new();
    let forged = town.kept(1).deltas[&Epoch::new(2)].iter().map(|byte| byte ^ 1).collect();
    town.kept(1).deltas.insert(Epoch::new(2), forged);
    town.kept(2).deltas.remove(&Epoch::new(4));
    town.assert_whole(&town.read(town.reader(None)));
}

#[test]
fn the_earliest_beginning_is_taken_and_who_knows_more_goes_on_from_there() {
    let mut town = Town::new();
    let later = town.configurations[3].clone();
    town.kept(1).first = later.clone();
    town.assert_whole(&town.read(town.reader(None)));

    let outputs = town.read(town.reader(Some(later)));
    assert_eq!(outputs.len(), EPOCHS - 3 + 1, "three epochs and the end: {outputs:?}");
}

#[test]
fn what_nobody_has_is_the_end() {
    let mut town = Town::new();
    for number in 1..=3 {
        town.kept(number).deltas.remove(&Epoch::new(5));
    }
    let outputs = town.read(town.reader(None));
    assert_eq!(outputs.last(), Some(&ReaderOutput::Over(Some(Epoch::new(4)))));
}

#[test]
fn a_keeper_has_one_question_of_a_peer_under_way_and_not_too_many_of_all_mem_67() {
    let mut keeper = ArchiveKeeper::default();
    let mut effects = Effects::new();
    let question = Town::new().servers[&server(1)].clone();
    let ask = ArchiveMessage::GetDeltas(super::GetDeltas { after: Epoch::ZERO });
    let mut asked = |keeper: &mut ArchiveKeeper, number: usize| {
        let from = Peer::Node(NodeId::new([u8::try_from(number).unwrap(); 32]));
        keeper.step(now(0), Input::Deliver { from, message: ask.clone() }, &mut effects);
        let emitted = |effect| matches!(effect, Effect::Emit(KeeperOutput::Asked(..)));
        effects.drain().filter_map(|effect| emitted(effect).then_some(())).count()
    };
    assert_eq!([asked(&mut keeper, 1), asked(&mut keeper, 1)], [1, 0]);
    let taken: usize = (2..=ARCHIVE_QUESTIONS_MAX + 9).map(|it| asked(&mut keeper, it)).sum();
    assert_eq!(taken, ARCHIVE_QUESTIONS_MAX - 1);

    let answer = question.answer(&ask).unwrap();
    assert!(encode(&answer).len() < ARCHIVE_PART_BYTES);
    let to = Peer::Node(server(1));
    let mut effects = Effects::new();
    let request = KeeperRequest::Answer(to, Some(answer));
    keeper.step(now(0), Input::Request(request), &mut effects);
    assert!(matches!(effects.drain().next(), Some(Effect::Send { .. })));
    assert_eq!(asked(&mut keeper, 1), 1, "it was answered, and may ask again");
}
