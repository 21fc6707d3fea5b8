//! Who is silent is found out by all, and whoever is there is left alone.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec::Vec;

use quorate_crypto::Signer;

use quorate_machine::{Effect, Effects, Input, Machine};
use quorate_types::{
    Digest, Duration, Epoch, Instant, MemberRecord, MemberStatus, NodeId, Now, Peer, Slot, UnixTime,
};
use quorate_wire::{Writer, decode};

use super::{Claim, ProbeRule, ProbeRuleError, Prober, ProberOutput, ProberRequest, ProberTimer};
use super::{Verdict, Watch};
use crate::configuration::VerifiedConfiguration;
use crate::epoch_key::{EpochKeyCertificate, EpochKeyStatement};
use crate::identity::IdentitySigner;
use crate::monitor::Answering;
use crate::monitor::answerer::{AnswerKey, Answerer};
use crate::monitor::datagram::{Answer, Question, Shown, Wanted};
use crate::monitor::observation::{Judgement, Moment};
use crate::testing::{World, identity, identity_in, registry, schemes};

/// How a server behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ways {
    Good,
    Silent,
    /// Answers plain questions in the place of a server that is gone, and has no key.
    Impostor,
    /// Answers every other question.
    Flapping,
    /// Answers after the time is over.
    Late,
    /// Answers with the words of somebody who did not see the question.
    Guessing,
    /// Signs with a key of its own, which an identity of its own certifies.
    Counterfeiter,
    /// Nobody knows where it is.
    Nowhere,
}

/// One prober and what it hears.
struct Scene<'a> {
    world: &'a World,
    configuration: VerifiedConfiguration,
    prober: Prober,
    effects: Effects<Prober>,
    now: Instant,
    alarm: Option<Instant>,
    ways: BTreeMap<NodeId, Ways>,
    asked: Vec<(Instant, Question)>,
    told: Vec<(Instant, ProberOutput)>,
}

const RULE: fn() -> ProbeRule = ProbeRule::default;

fn watch(world: &World, configuration: &VerifiedConfiguration, member: usize) -> Watch {
    let member = world.group()[member];
    let signer = world.signer(member, configuration.epoch());
    Watch { configuration: configuration.clone(), member, signer }
}

impl<'a> Scene<'a> {
    fn new(world: &'a World, configuration: &VerifiedConfiguration, member: usize) -> Self {
        let secret = Digest::new([u8::try_from(member).unwrap() + 40; 32]);
        let watch = watch(world, configuration, member);
        let prober = Prober::new(watch, RULE(), (Arc::new(registry()), secret));
        let mut scene = Self {
            world,
            configuration: configuration.clone(),
            prober,
            effects: Effects::new(),
            now: Instant::ZERO,
            alarm: None,
            ways: BTreeMap::new(),
            asked: Vec::new(),
            told: Vec::new(),
        };
        scene.step(Input::Start);
        scene
    }

    /// A server that is not in the group.
    fn outsider(&self) -> NodeId {
        outsider(self.world)
    }

    fn step(&mut self, input: Input<Prober>) {
        let mut inputs = std::vec![input];
        while let Some(input) = inputs.pop() {
            let now = Now { instant: self.now, wall: UnixTime::ZERO };
            self.prober.step(now, input, &mut self.effects);
            let effects: Vec<_> = self.effects.drain().collect();
            for effect in effects {
                match effect {
                    Effect::Send { message, .. } => inputs.extend(self.hear(message)),
                    Effect::Arm { timer: ProberTimer::Turn, at } => self.alarm = Some(at),
                    Effect::Emit(output) => self.told.push((self.now, output)),
                    Effect::Mark(_) => {}
                    Effect::Persist(_) | Effect::Release(_) | Effect::Disarm(_) => {
                        panic!("a prober does nothing of the kind")
                    }
                }
            }
        }
    }

    /// What comes back at once, if anything does.
    fn hear(&mut self, question: Question) -> Option<Input<Prober>> {
        let asked_before = self.asked.iter().filter(|(_, old)| old.to == question.to).count();
        self.asked.push((self.now, question));
        let way = self.ways.get(&question.to).copied().unwrap_or(Ways::Good);
        let mut answer = self.answer_as(&question, question.to);
        match way {
            Ways::Good => {}
            Ways::Silent => return None,
            Ways::Nowhere => {
                return Some(Input::Request(ProberRequest::Unsent(question.ticket)));
            }
            Ways::Impostor => answer.shown = Shown::Life,
            Ways::Flapping => {
                if asked_before % 2 == 0 {
                    return None;
                }
            }
            Ways::Late => self.now = self.now.after(Duration::from_micros(5_000_001)),
            Ways::Guessing => answer.ticket.token ^= 1,
            Ways::Counterfeiter => answer = self.answer_as(&question, self.world.group()[3]),
        }
        Some(Input::Deliver { from: Peer::Node(question.to), message: answer })
    }

    /// The answer of a server, with the keys of `signer`.
    fn answer_as(&self, question: &Question, signer: NodeId) -> Answer {
        let epoch = self.configuration.epoch();
        let (key, certificate) = self.keys(signer);
        let key = AnswerKey { epoch, signer: key, certificate: Some(certificate) };
        let system = self.configuration.configuration().system;
        let mut writer = Writer::default();
        Answerer::new(system, question.to, key).answer(question, &mut writer).unwrap();
        decode(writer.as_bytes()).unwrap()
    }

    fn keys(&self, server: NodeId) -> (Arc<dyn Signer>, EpochKeyCertificate) {
        let (epoch, configuration) = (self.configuration.epoch(), &self.configuration);
        let record = configuration.configuration().member(server).unwrap();
        let is_its = |number: &usize| identity(*number).identity_key() == record.identity_key;
        let number = (0..8).find(is_its).unwrap();
        let signer = self.world.signer(server, epoch);
        let statement = EpochKeyStatement::of_system(
            configuration.configuration().system,
            record.identity_key,
            epoch,
            signer.public_key(),
        );
        (signer, EpochKeyCertificate::issue(statement, &identity_in(number, statement.epoch)))
    }

    fn run_until(&mut self, until: Instant) {
        while let Some(alarm) = self.alarm.filter(|alarm| *alarm <= until) {
            self.now = self.now.max(alarm);
            self.step(Input::Expired(ProberTimer::Turn));
        }
        self.now = self.now.max(until);
    }

    fn run(&mut self, periods: u64) {
        self.run_until(self.now.after(RULE().period.times(periods)));
    }

    fn request(&mut self, request: ProberRequest) {
        self.step(Input::Request(request));
    }

    fn claims(&self) -> Vec<Claim> {
        let claim = |(_, output): &(Instant, ProberOutput)| match output {
            ProberOutput::State(said) => Some(said.observation.claim),
            ProberOutput::Rebutted(_) => None,
        };
        self.told.iter().filter_map(claim).collect()
    }
}

fn outsider(world: &World) -> NodeId {
    let members = &world.first.configuration().members;
    members.iter().find(|record| !world.group().contains(&record.id)).unwrap().id
}

fn suspect(server: NodeId) -> Claim {
    Claim { server, verdict: Verdict::Suspect }
}

/// A configuration with one record changed.
fn changed(
    world: &World,
    (old, server): (&VerifiedConfiguration, NodeId),
    change: impl FnOnce(&mut MemberRecord),
) -> VerifiedConfiguration {
    let mut configuration = old.configuration().clone();
    let record = configuration.members.iter_mut().find(|record| record.id == server);
    change(Arc::make_mut(record.unwrap()));
    let certified = world.certify(configuration, old.header().header().lineage);
    certified.verify(&world.founding.system_key, &schemes()).unwrap()
}

/// One server has no duties.
fn with_inactive(world: &World, server: NodeId) -> VerifiedConfiguration {
    changed(world, (&world.first, server), |record| record.status = MemberStatus::Inactive)
}

/// One server was removed, and its objects lie where they were.
fn with_removed(world: &World, server: NodeId) -> VerifiedConfiguration {
    changed(world, (&world.first, server), |record| record.status = MemberStatus::Removed)
}

/// One server's key of the epoch is not named.
fn without_key(world: &World, server: NodeId) -> VerifiedConfiguration {
    let following = world.following(&world.first);
    changed(world, (&following, server), |record| record.epoch_key = None)
}

#[test]
fn every_server_is_asked_once_per_period_and_one_probe_in_ten_carries_a_nonce() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    scene.run(200);
    assert_eq!(scene.claims(), []);
    let mut counts = BTreeMap::<NodeId, u64>::new();
    for (_, question) in &scene.asked {
        *counts.entry(question.to).or_default() += 1;
    }
    assert_eq!(counts.len(), 7, "all but itself");
    assert!(counts.values().all(|count| (199..=201).contains(count)), "{counts:?}");
    let status = scene.prober.status();
    assert_eq!((status.missed, status.refused, status.suspects), (0, 0, 0));
    assert_eq!(status.answered, status.sent);
    let is_signed = |(_, question): &&(Instant, Question)| question.wanted.is_dear();
    let signed = scene.asked.iter().filter(is_signed).count();
    assert!((100..190).contains(&signed), "{signed} of 1400");
    let differ: std::collections::BTreeSet<_> =
        scene.asked.iter().map(|(_, question)| question.ticket).collect();
    assert_eq!(differ.len(), scene.asked.len(), "no ticket twice");
}

#[test]
fn a_silent_server_is_suspected_after_n_propose_misses_and_no_other_is() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    let silent = scene.outsider();
    scene.ways.insert(silent, Ways::Silent);
    scene.request(ProberRequest::Executed(Slot::new(33)));
    scene.run(u64::from(RULE().n_propose));
    assert_eq!(scene.claims(), [], "the last of its questions is not over");
    scene.run(1);
    assert_eq!(scene.claims(), [suspect(silent)]);
    assert_eq!(scene.prober.suspects().collect::<Vec<_>>(), [silent]);
    assert_eq!(scene.prober.status().suspects, 1);
    let (_, ProberOutput::State(said)) = scene.told[0].clone() else { panic!("no statement") };
    assert_eq!(said.observation.slot, Slot::new(33));
    scene.run(u64::from(RULE().restate_every));
    assert_eq!(scene.claims(), [suspect(silent); 2], "it is said again while it lasts");
    scene.ways.clear();
    scene.run(2);
    assert_eq!(scene.prober.status().suspects, 0);
    let alive = Claim { server: silent, verdict: Verdict::Alive };
    assert_eq!(scene.claims()[2..], [alive], "what it said is taken back, once");
}

#[test]
fn a_key_that_the_configuration_does_not_name_is_shown_once() {
    let world = World::new(8, 1);
    let server = outsider(&world);
    let mut scene = Scene::new(&world, &without_key(&world, server), 0);
    scene.run(100);
    assert_eq!(scene.claims(), []);
    assert_eq!(scene.prober.status().missed, 0);
    let asks = |is_for_certificate: bool| {
        let is_such = |question: &Question| {
            let is_wanted = matches!(question.wanted, Wanted::Signed { certificate: true, .. });
            question.wanted.is_dear() && is_wanted == is_for_certificate
        };
        let mut asked = scene.asked.iter().map(|(_, question)| question);
        let asked = asked.by_ref().filter(|question| question.to == server);
        asked.filter(|question| is_such(question)).count()
    };
    assert_eq!(asks(true), 1);
    assert!(asks(false) >= 3, "the key is remembered");
}

#[test]
fn a_key_that_another_identity_certified_proves_nothing() {
    let world = World::new(8, 1);
    let server = outsider(&world);
    for configuration in [without_key(&world, server), world.first.clone()] {
        let mut scene = Scene::new(&world, &configuration, 0);
        scene.ways.insert(server, Ways::Counterfeiter);
        scene.run(60);
        assert!(scene.claims().contains(&suspect(server)), "{:?}", scene.prober.status());
    }
}

#[test]
fn mem_78_who_cannot_be_asked_is_neither_silent_nor_there() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    let server = scene.outsider();
    scene.ways.insert(server, Ways::Silent);
    scene.run(3);
    let before = scene.prober.status();
    assert!(before.missed >= 2);
    scene.ways.insert(server, Ways::Nowhere);
    scene.run(50);
    assert_eq!(scene.claims(), [], "not asked, not suspected");
    let after = scene.prober.status();
    assert!(after.missed <= before.missed + 1, "the question that was on its way: {after:?}");
    assert_eq!(after.sent, after.answered + after.missed, "what was not sent is not counted");
    // A late word of it takes nothing back that was sent since.
    let old = scene.asked.iter().rfind(|(_, question)| question.to == server).unwrap().1.ticket;
    scene.ways.insert(server, Ways::Silent);
    scene.run(1);
    scene.request(ProberRequest::Unsent(old));
    scene.run(1);
    assert_eq!(scene.prober.status().missed, after.missed + 1);
    scene.run(2);
    assert_eq!(scene.claims(), [suspect(server)], "the run went on where it was");
}

/// Scenario 12, and M01: whoever answers at the address of a server that is gone.
#[test]
fn mem_47_an_impostor_without_the_key_is_found_by_the_nonce() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    let gone = scene.outsider();
    scene.ways.insert(gone, Ways::Impostor);
    scene.run(60);
    assert!(scene.claims().contains(&suspect(gone)), "{:?}", scene.prober.status());
    assert!(scene.claims().iter().all(|claim| claim.server == gone));
}

#[test]
fn who_guesses_or_is_late_has_not_answered() {
    for way in [Ways::Guessing, Ways::Late] {
        let world = World::new(8, 1);
        let mut scene = Scene::new(&world, &world.first, 0);
        let bad = scene.outsider();
        scene.ways.insert(bad, way);
        scene.run(7);
        assert!(scene.claims().contains(&suspect(bad)), "{way:?}");
        assert!(scene.prober.status().refused >= 5);
    }
}

/// M03: only thresholds speak against who answers now and then.
#[test]
fn who_answers_every_other_probe_stays() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    let flapping = scene.outsider();
    scene.ways.insert(flapping, Ways::Flapping);
    scene.run(40);
    assert_eq!(scene.claims(), []);
    assert!(scene.prober.status().missed >= 10);
}

#[test]
fn when_one_good_member_proposes_all_agree_at_once() {
    let world = World::new(8, 1);
    let silent = outsider(&world);
    for proposer in 0..4 {
        let mut first = Scene::new(&world, &world.first, proposer);
        first.ways.insert(silent, Ways::Silent);
        first.run(10);
        let proposed_at = first.told[0].0;
        for other in (0..4).filter(|other| *other != proposer) {
            let mut second = Scene::new(&world, &world.first, other);
            second.ways.insert(silent, Ways::Silent);
            second.run_until(proposed_at);
            second.request(ProberRequest::Heard(suspect(silent)));
            assert_eq!(second.claims(), [suspect(silent)]);
        }
    }
}

/// What one states all hear; were each statement answered, there would be no end to them.
#[test]
fn a_statement_is_not_repeated_upon_the_statements_of_others() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    let silent = scene.outsider();
    scene.ways.insert(silent, Ways::Silent);
    scene.run(u64::from(RULE().n_propose) + 1);
    for _ in 0..20 {
        scene.request(ProberRequest::Heard(suspect(silent)));
    }
    assert_eq!(scene.claims(), [suspect(silent)]);
}

#[test]
fn who_hears_a_suspicion_before_it_has_missed_enough_agrees_later() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    let silent = scene.outsider();
    scene.ways.insert(silent, Ways::Silent);
    scene.run(2);
    scene.request(ProberRequest::Heard(suspect(silent)));
    assert_eq!(scene.claims(), []);
    scene.run(u64::from(RULE().n_evict) - 1);
    assert_eq!(scene.claims(), [suspect(silent)]);
}

/// M01: `f` members that call a live server dead.
#[test]
fn false_suspicions_are_agreed_to_by_nobody() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    let good = scene.outsider();
    for _ in 0..50 {
        scene.request(ProberRequest::Heard(suspect(good)));
        scene.run(1);
    }
    assert_eq!(scene.claims(), []);
}

#[test]
fn an_inactive_server_is_asked_less_often_and_comes_back_when_it_answers() {
    let world = World::new(8, 1);
    let server = outsider(&world);
    let configuration = with_inactive(&world, server);
    let mut scene = Scene::new(&world, &configuration, 0);
    scene.ways.insert(server, Ways::Silent);
    scene.run(40);
    let asked = |scene: &Scene<'_>| {
        scene.asked.iter().filter(|(_, question)| question.to == server).count()
    };
    assert!((9..=11).contains(&asked(&scene)), "{}", asked(&scene));
    assert_eq!(scene.claims(), [], "it is out already");
    scene.ways.insert(server, Ways::Impostor);
    scene.run(40);
    assert_eq!(scene.claims(), [], "plain answers bring nobody back");
    scene.ways.clear();
    scene.run(u64::from(RULE().inactive_one_in + RULE().n_return));
    let alive = Claim { server, verdict: Verdict::Alive };
    assert!(scene.claims().contains(&alive));
    assert!(scene.claims().iter().all(|claim| *claim == alive));
}

#[test]
fn a_member_agrees_that_an_inactive_server_is_back_after_fewer_answers() {
    let world = World::new(8, 1);
    let server = outsider(&world);
    let configuration = with_inactive(&world, server);
    let alive = Claim { server, verdict: Verdict::Alive };
    let mut scene = Scene::new(&world, &configuration, 0);
    scene.ways.insert(server, Ways::Silent);
    scene.run(8);
    scene.request(ProberRequest::Heard(alive));
    assert_eq!(scene.claims(), [], "another's word alone does nothing");
    scene.ways.clear();
    scene.run(u64::from(RULE().inactive_one_in) + 1);
    assert_eq!(scene.claims()[0], alive);
}

/// Scenario 14: the server itself is asked, and what it says cancels.
#[test]
fn an_evicted_server_that_is_there_is_asked_at_once_and_rebuts() {
    let world = World::new(8, 1);
    let server = outsider(&world);
    let evicted_in = Slot::new(50);
    let mut sightings = Vec::new();
    let mut rebuttals = Vec::new();
    for member in 0..2 {
        let mut scene = Scene::new(&world, &world.first, member);
        scene.request(ProberRequest::Executed(Slot::new(51)));
        scene.request(ProberRequest::Evicted(server, evicted_in));
        for (_, output) in &scene.told {
            match output {
                ProberOutput::State(said) => sightings.push(*said),
                ProberOutput::Rebutted(rebuttal) => rebuttals.push(rebuttal.clone()),
            }
        }
        scene.request(ProberRequest::Settled(server));
        scene.run(3);
        assert_eq!(scene.told.len(), 2, "what is settled is asked no more");
    }
    let configuration = world.first.configuration();
    let (system, epoch) = (configuration.system, configuration.epoch);
    let moment = Moment { slot: Slot::new(60), age_max: 20 };
    let judgement = Judgement { system, epoch, decided: evicted_in, moment };
    for said in &sightings {
        let key = world.signer(said.member, epoch).public_key();
        assert_eq!(judgement.check(said, Some(key), &registry()), Ok(()));
        assert_eq!(said.observation.claim.verdict, Verdict::Alive);
    }
    let answering = Answering { system, epoch, server };
    let record = configuration.member(server).unwrap();
    assert!(rebuttals.iter().all(|it| it.is_valid(&answering, record, &registry())));
    assert_eq!((sightings.len(), rebuttals.len()), (2, 2));
}

#[test]
fn nobody_rebuts_in_the_place_of_a_server_that_is_gone() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    let server = scene.outsider();
    scene.ways.insert(server, Ways::Impostor);
    scene.request(ProberRequest::Evicted(server, Slot::new(50)));
    scene.run(3);
    let is_alive = |claim: &Claim| claim.verdict == Verdict::Alive;
    assert!(!scene.claims().iter().any(is_alive));
    let is_asked = |(_, question): &&(Instant, Question)| {
        question.to == server && matches!(question.wanted, Wanted::Accused { .. })
    };
    assert!(scene.asked.iter().filter(is_asked).count() >= 3, "each turn again");
}

#[test]
fn who_is_cut_off_suspects_nobody() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    for record in &world.first.configuration().members {
        scene.ways.insert(record.id, Ways::Silent);
    }
    scene.run(30);
    assert_eq!(scene.claims(), []);
    assert!(scene.prober.status().is_cut_off);
    assert_eq!(scene.prober.status().suspects, 7);
    scene.ways.clear();
    scene.run(3);
    assert!(!scene.prober.status().is_cut_off);
    assert_eq!(scene.prober.status().suspects, 0);
}

/// It keeps its objects, and would answer.
#[test]
fn who_was_removed_is_neither_asked_nor_spoken_of() {
    let world = World::new(8, 1);
    let server = outsider(&world);
    let mut scene = Scene::new(&world, &with_removed(&world, server), 0);
    scene.run(40);
    assert_eq!(scene.claims(), [], "the log would refuse them");
    let asked: std::collections::BTreeSet<_> = scene.asked.iter().map(|(_, it)| it.to).collect();
    assert_eq!(asked.len(), 6, "all but itself and the one that was removed");
    assert!(!asked.contains(&server));
}

#[test]
fn who_has_no_duties_is_no_sign_of_being_cut_off() {
    let world = World::new(8, 1);
    let servers: Vec<_> = world.first.configuration().members.iter().map(|it| it.id).collect();
    let outsiders = || servers.iter().filter(|id| !world.group().contains(id)).copied();
    let rest = |configuration: VerifiedConfiguration, server| {
        let inactive = |record: &mut MemberRecord| record.status = MemberStatus::Inactive;
        changed(&world, (&configuration, server), inactive)
    };
    let configuration = outsiders().skip(1).fold(world.first.clone(), rest);
    let mut scene = Scene::new(&world, &configuration, 0);
    let lost = [outsider(&world), world.group()[3]];
    scene.ways.extend(outsiders().chain(lost).map(|server| (server, Ways::Silent)));
    for _ in 0..12 {
        scene.run(1);
        assert!(!scene.prober.status().is_cut_off, "two of four that have duties are silent");
    }
    assert!(lost.iter().all(|server| scene.claims().contains(&suspect(*server))));
}

#[test]
fn a_new_epoch_keeps_the_count_and_no_statement() {
    let world = World::new(8, 1);
    let mut scene = Scene::new(&world, &world.first, 0);
    let silent = scene.outsider();
    scene.ways.insert(silent, Ways::Silent);
    scene.request(ProberRequest::Executed(Slot::new(70)));
    scene.run(7);
    let before = scene.claims().len();
    assert!(before >= 1);
    let next = world.following(&world.first);
    scene.configuration = next.clone();
    scene.request(ProberRequest::Adopt(watch(&world, &next, 0)));
    scene.run(2);
    let said: Vec<_> = scene.told[before..].iter().map(|(_, output)| output.clone()).collect();
    let [ProberOutput::State(said)] = said[..] else { panic!("{said:?}") };
    assert_eq!(said.observation.epoch, Epoch::new(1));
    assert_eq!(said.observation.claim, suspect(silent));
    assert_eq!(said.observation.slot, Slot::new(70), "slots are counted on");
    scene.request(ProberRequest::Adopt(watch(&world, &world.first, 0)));
    scene.run(1);
    assert!(scene.asked.last().unwrap().1.epoch == Epoch::new(1), "never back (MEM-3)");
}

#[test]
fn a_rule_that_cannot_be_followed_is_refused() {
    let good = RULE();
    assert_eq!(good.check(), Ok(()));
    let short = ProbeRule::of_period(Duration::from_millis(99));
    assert_eq!(short.check(), Err(ProbeRuleError::Period));
    let wrong = [
        (ProbeRule { within: Duration::from_secs(61), ..good }, ProbeRuleError::Within),
        (ProbeRule { signed_one_in: 0, ..good }, ProbeRuleError::Zero),
        (ProbeRule { n_evict: 0, ..good }, ProbeRuleError::Zero),
        (ProbeRule { n_evict: 5, ..good }, ProbeRuleError::Thresholds),
        (ProbeRule { n_agree: 3, ..good }, ProbeRuleError::Thresholds),
    ];
    for (rule, error) in wrong {
        assert_eq!(rule.check(), Err(error));
    }
}
