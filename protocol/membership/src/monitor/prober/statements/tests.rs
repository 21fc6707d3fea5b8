//! Where hundreds are lost, or come back, each is spoken of in its turn.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::vec::Vec;

use quorate_crypto::Signer;
use quorate_machine::{Effect, Effects, Input, Machine};
use quorate_types::{Digest, Instant, MemberStatus, NodeId, Now, Peer, Slot, UnixTime};
use quorate_wire::{Writer, decode};

use super::{Line, Unsaid};
use crate::configuration::VerifiedConfiguration;
use crate::limits::{STATEMENTS_ALIKE_PER_ROUND_MAX, STATEMENTS_PER_ROUND_MAX};
use crate::monitor::{
    AnswerKey, Answerer, Claim, ProbeRule, Prober, ProberOutput, ProberRequest, ProberTimer,
    Question, Verdict, Watch,
};
use crate::testing::{World, epoch_signer, registry};

const RULE: fn() -> ProbeRule = ProbeRule::default;
/// As few as let a prober suspect so many without being cut off.
const SERVERS: usize = 500;
const LOST: usize = 230;
/// Periods in which each of those that wait has its turn.
const AROUND: u64 = LOST.div_ceil(STATEMENTS_ALIKE_PER_ROUND_MAX) as u64;

/// A prober with hundreds of servers, some of which answer.
struct Crowd {
    configuration: VerifiedConfiguration,
    signers: BTreeMap<NodeId, Arc<dyn Signer>>,
    prober: Prober,
    now: Instant,
    alarm: Option<Instant>,
    lost: BTreeSet<NodeId>,
    /// What was said, and in which period.
    said: Vec<(u64, Claim)>,
}

impl Crowd {
    /// `of` names the servers that have no duties.
    fn new(of: impl FnOnce(&[NodeId]) -> BTreeSet<NodeId>) -> Self {
        let world = World::new(SERVERS, 1);
        let configuration = with_inactive(&world, of);
        let key_of = |server| {
            let signer: Arc<dyn Signer> = Arc::new(epoch_signer(server, configuration.epoch()));
            (signer.public_key(), signer)
        };
        let keys: BTreeMap<_, _> = (0..SERVERS).map(key_of).collect();
        let members = configuration.configuration().members.iter();
        let signer = |key| Arc::clone(&keys[&key]);
        let signers: BTreeMap<_, _> =
            members.map(|it| (it.id, signer(it.epoch_key.unwrap()))).collect();
        let member = world.group()[0];
        let signer = Arc::clone(&signers[&member]);
        let watch = Watch { configuration: configuration.clone(), member, signer };
        let prober = Prober::new(watch, RULE(), (Arc::new(registry()), Digest::new([40; 32])));
        let (now, alarm) = (Instant::ZERO, None);
        let (lost, said) = (BTreeSet::new(), Vec::new());
        let mut crowd = Self { configuration, signers, prober, now, alarm, lost, said };
        crowd.step(Input::Start);
        crowd
    }

    /// So many servers that have duties and no seat in the group, the last in the order of places.
    fn last(&self, count: usize) -> BTreeSet<NodeId> {
        let configuration = self.configuration.configuration();
        let is_lone = |id: &NodeId| !configuration.membership_group.contains(id);
        let active = |it: &&Arc<quorate_types::MemberRecord>| it.status == MemberStatus::Active;
        let members = configuration.members.iter().rev().filter(active);
        members.map(|it| it.id).filter(is_lone).take(count).collect()
    }

    fn step(&mut self, input: Input<Prober>) {
        let mut inputs = std::vec![input];
        while let Some(input) = inputs.pop() {
            let mut effects = Effects::new();
            let now = Now { instant: self.now, wall: UnixTime::ZERO };
            self.prober.step(now, input, &mut effects);
            for effect in effects.drain() {
                match effect {
                    Effect::Send { message, .. } => inputs.extend(self.answer(&message)),
                    Effect::Arm { timer: ProberTimer::Turn, at } => self.alarm = Some(at),
                    Effect::Emit(ProberOutput::State(it)) => {
                        self.said.push((self.period(), it.observation.claim));
                    }
                    Effect::Emit(ProberOutput::Rebutted(_)) | Effect::Mark(_) => {}
                    Effect::Persist(_) | Effect::Release(_) | Effect::Disarm(_) => {
                        panic!("a prober does nothing of the kind")
                    }
                }
            }
        }
    }

    fn answer(&self, question: &Question) -> Option<Input<Prober>> {
        if self.lost.contains(&question.to) {
            return None;
        }
        let signer = Arc::clone(&self.signers[&question.to]);
        let key = AnswerKey { epoch: self.configuration.epoch(), signer, certificate: None };
        let mut writer = Writer::default();
        let system = self.configuration.configuration().system;
        Answerer::new(system, question.to, key).answer(question, &mut writer).unwrap();
        let message = decode(writer.as_bytes()).unwrap();
        Some(Input::Deliver { from: Peer::Node(question.to), message })
    }

    fn period(&self) -> u64 {
        self.now.as_micros() / RULE().period.as_micros()
    }

    fn run(&mut self, periods: u64) {
        let until = self.now.after(RULE().period.times(periods));
        while let Some(alarm) = self.alarm.filter(|alarm| *alarm <= until) {
            self.now = self.now.max(alarm);
            self.step(Input::Expired(ProberTimer::Turn));
        }
        self.now = until;
    }

    fn request(&mut self, request: ProberRequest) {
        self.step(Input::Request(request));
    }

    /// In which periods this was said.
    fn periods_of(&self, server: NodeId, verdict: Verdict) -> Vec<u64> {
        let claim = Claim { server, verdict };
        let said = self.said.iter().filter(|(_, it)| *it == claim);
        said.map(|(period, _)| *period).collect()
    }

    fn suspected(&self) -> BTreeSet<NodeId> {
        let suspicions = self.said.iter().filter(|(_, it)| it.verdict == Verdict::Suspect);
        suspicions.map(|(_, it)| it.server).collect()
    }
}

/// The founding configuration, but that some have no duties.
fn with_inactive(
    world: &World,
    of: impl FnOnce(&[NodeId]) -> BTreeSet<NodeId>,
) -> VerifiedConfiguration {
    let mut configuration = world.first.configuration().clone();
    let ids: Vec<_> = configuration.members.iter().map(|it| it.id).collect();
    let outsiders = ids.iter().copied().filter(|id| !world.group().contains(id));
    let inactive = of(&outsiders.collect::<Vec<_>>());
    for record in configuration.members.iter_mut().filter(|it| inactive.contains(&it.id)) {
        Arc::make_mut(record).status = MemberStatus::Inactive;
    }
    let certified = world.certify(configuration, world.first.header().header().lineage);
    certified.verify(&world.founding.system_key, &crate::testing::schemes()).unwrap()
}

#[test]
fn mem_74_who_has_had_its_turn_comes_after_all_others() {
    let mut line = Line::default();
    line.places.extend([1, 5, 9]);
    assert_eq!(line.take(), Some(1));
    line.places.insert(1);
    assert_eq!(line.take(), Some(5));
    line.places.extend([5, 0]);
    assert_eq!(line.take(), Some(9));
    let rest: Vec<_> = core::iter::from_fn(|| line.take()).collect();
    assert_eq!(rest, [0, 1, 5]);
}

/// In short epochs those at the end of the order would never have their turn otherwise.
#[test]
fn a_new_epoch_goes_on_where_the_last_one_stopped() {
    let mut unsaid = Unsaid::default();
    unsaid.silent.places.extend([1, 5, 9]);
    assert_eq!([unsaid.silent.take(), unsaid.silent.take()], [Some(1), Some(5)]);
    unsaid.drop_all();
    unsaid.silent.places.extend([1, 5, 9]);
    assert_eq!(unsaid.silent.take(), Some(9));
}

/// The log finds nobody, so that it is all said again and again.
#[test]
fn mem_74_of_hundreds_that_are_lost_each_is_spoken_of_in_its_turn() {
    let mut crowd = Crowd::new(|_| BTreeSet::new());
    crowd.lost = crowd.last(LOST);
    let first = u64::from(RULE().n_propose) + 1 + AROUND;
    crowd.run(first);
    assert!(!crowd.prober.status().is_cut_off);
    assert_eq!(crowd.suspected(), crowd.lost);
    crowd.run(20);
    let apart = u64::from(RULE().restate_every) + 1 + AROUND;
    for server in &crowd.lost {
        let periods = crowd.periods_of(*server, Verdict::Suspect);
        assert!(periods.windows(2).all(|two| two[1] - two[0] <= apart), "{periods:?}");
        assert!(periods.last().is_some_and(|last| last + apart >= crowd.period()), "{periods:?}");
    }
    let waiting = crowd.prober.status().unsaid;
    assert!((1..=LOST as u64).contains(&waiting), "what waits is counted: {waiting}");
    let mut counts = BTreeMap::<u64, usize>::new();
    crowd.said.iter().for_each(|(period, _)| *counts.entry(*period).or_default() += 1);
    // The rounds of a prober begin at another moment than the periods of the clock.
    let most = 2 * STATEMENTS_ALIKE_PER_ROUND_MAX;
    assert!(counts.values().all(|count| *count <= most), "{counts:?}");
}

/// Some of them have been found silent, and rebut.
#[test]
fn who_answers_again_is_called_alive_while_hundreds_are_lost() {
    let mut crowd = Crowd::new(|_| BTreeSet::new());
    crowd.lost = crowd.last(LOST);
    crowd.run(u64::from(RULE().n_propose) + 1 + AROUND);
    // Behind most of the others, in the order of places.
    let back: Vec<_> = crowd.suspected().into_iter().rev().take(30).collect();
    crowd.request(ProberRequest::Executed(Slot::new(51)));
    for server in back.iter().step_by(2) {
        crowd.request(ProberRequest::Evicted(*server, Slot::new(50)));
    }
    crowd.lost.retain(|server| !back.contains(server));
    let since = crowd.period();
    crowd.run(2);
    for server in &back {
        let periods = crowd.periods_of(*server, Verdict::Alive);
        assert!(periods.first().is_some_and(|first| *first >= since), "{periods:?}");
    }
    let meanwhile = crowd.said.iter().filter(|(period, _)| *period >= since).count();
    assert!(meanwhile > STATEMENTS_PER_ROUND_MAX, "others are suspected: {meanwhile}");
}

#[test]
fn who_answers_while_it_waits_is_not_suspected() {
    let mut crowd = Crowd::new(|_| BTreeSet::new());
    crowd.lost = crowd.last(LOST);
    crowd.run(u64::from(RULE().n_propose) + 1);
    let suspected = crowd.suspected();
    assert!(suspected.len() < LOST, "the others wait");
    crowd.lost.clear();
    crowd.run(1);
    let since = crowd.said.len();
    crowd.run(10);
    assert!(crowd.said[since..].iter().all(|(_, claim)| claim.verdict == Verdict::Alive));
    assert_eq!(crowd.prober.status().unsaid, 0);
    for server in crowd.suspected() {
        assert_eq!(crowd.periods_of(server, Verdict::Alive).len(), 1, "it is taken back");
    }
}

#[test]
fn who_is_cut_off_says_no_suspicion_that_waits() {
    let mut crowd = Crowd::new(|_| BTreeSet::new());
    crowd.lost = crowd.last(LOST);
    crowd.run(u64::from(RULE().n_propose) + 1);
    assert!(crowd.prober.status().unsaid > 0);
    crowd.lost = crowd.signers.keys().copied().collect();
    crowd.run(2);
    assert!(crowd.prober.status().is_cut_off);
    let since = crowd.said.len();
    crowd.run(10);
    assert_eq!(crowd.said.len(), since);
    assert_eq!(crowd.prober.status().unsaid, 0);
}

/// They answer every probe, and nothing comes of it.
#[test]
fn hundreds_that_come_back_hide_nobody_who_is_lost() {
    let mut crowd = Crowd::new(|outsiders| outsiders.iter().take(LOST).copied().collect());
    crowd.lost = crowd.last(100);
    let room = STATEMENTS_PER_ROUND_MAX - STATEMENTS_ALIKE_PER_ROUND_MAX;
    let around = 100_usize.div_ceil(room) as u64;
    crowd.run(u64::from(RULE().n_propose) + 2 + around);
    assert!(crowd.lost.is_subset(&crowd.suspected()));
    assert_eq!(crowd.suspected().len(), 100);
    let is_alive = |it: &&(u64, Claim)| it.1.verdict == Verdict::Alive;
    let back: BTreeSet<_> = crowd.said.iter().filter(is_alive).map(|it| it.1.server).collect();
    assert_eq!(back.len(), LOST, "each of them is called alive as well");
}

/// Statements that the log refuses would take the room of others.
#[test]
fn what_the_log_has_found_is_not_said_again() {
    let mut crowd = Crowd::new(|_| BTreeSet::new());
    crowd.lost = crowd.last(1);
    let silent = *crowd.lost.first().unwrap();
    crowd.run(u64::from(RULE().n_propose) + 2);
    assert_eq!(crowd.periods_of(silent, Verdict::Suspect).len(), 1);
    crowd.request(ProberRequest::Evicted(silent, Slot::new(50)));
    crowd.run(20);
    assert_eq!(crowd.said.len(), 1, "it waits for the end of the epoch");

    crowd.lost.clear();
    crowd.run(1);
    assert_eq!(crowd.periods_of(silent, Verdict::Alive).len(), 1);
    crowd.lost.insert(silent);
    crowd.run(20);
    assert_eq!(crowd.periods_of(silent, Verdict::Suspect).len(), 2, "its own word is taken back");

    crowd.request(ProberRequest::Settled(silent));
    crowd.run(u64::from(RULE().restate_every) + 1);
    let suspicions = crowd.periods_of(silent, Verdict::Suspect).len();
    assert_eq!(suspicions, 3, "the log needs to hear of it again");
}

#[test]
fn of_who_was_proved_to_lie_nothing_is_said() {
    let mut crowd = Crowd::new(|outsiders| outsiders.iter().take(2).copied().collect());
    let configuration = crowd.configuration.configuration();
    let inactive = configuration.members.iter().filter(|it| it.status == MemberStatus::Inactive);
    let [liar, other] = inactive.map(|it| it.id).collect::<Vec<_>>()[..] else { panic!("two") };
    crowd.request(ProberRequest::Convicted(liar));
    crowd.run(20);
    assert_eq!(crowd.periods_of(liar, Verdict::Alive), [], "it does not come back (MEM-48)");
    assert!(!crowd.periods_of(other, Verdict::Alive).is_empty());
}
