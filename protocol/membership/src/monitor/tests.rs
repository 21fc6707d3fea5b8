//! A whole group watches, and what it says goes through one log: adversaries M01 to M03 and the
//! scenarios 10, 12 and 14 of the notes, with everything but the network and the engine as it is.
//!
//! The log here does what the ordered service has to do with statements: it counts them, evicts
//! upon `f + 1`, tells the members, and cancels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::vec::Vec;

use quorate_machine::{Effect, Effects, Input, Machine};
use quorate_types::{
    Digest, Duration, Epoch, GroupConfiguration, Instant, NodeId, Now, Peer, Resilience, Slot,
    UnixTime,
};
use quorate_wire::{Writer, decode};

use super::caps::{Caps, Cause, Departure, OldRing, decide};
use super::{
    AnswerKey, Answerer, Cancellation, Claim, Eviction, Judgement, Observation, Observations,
    ProbeRule, Prober, ProberOutput, ProberRequest, ProberTimer, Question, Rebuttal, Shown,
    SignedObservation, Verdict, Watch,
};
use crate::election::membership_replicas;
use crate::testing::{World, registry};

/// Slots that the log executes in a period beside the statements.
const SLOTS_PER_PERIOD: u64 = 10;
const AGE_MAX: u64 = 50;

/// What stands between a member's prober and a server.
type Path = dyn Fn(usize, &Question, u64) -> Way;

/// What becomes of a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Through,
    Lost,
    /// Somebody without the key answers.
    Impostor,
}

/// The statements about one server that count, and whether it is to go.
struct Case {
    said: BTreeMap<(Verdict, NodeId), SignedObservation>,
    evicted: Option<Slot>,
    decided: Slot,
    rebuttal: Option<Rebuttal>,
    evictions: usize,
    cancellations: usize,
}

struct Group<'a> {
    world: &'a World,
    group: GroupConfiguration,
    probers: Vec<(Prober, Effects<Prober>, Option<Instant>)>,
    path: &'a Path,
    now: Instant,
    slot: Slot,
    cases: BTreeMap<NodeId, Case>,
    /// Statements in the log.
    ordered: u64,
}

impl<'a> Group<'a> {
    fn new(world: &'a World, path: &'a Path) -> Self {
        let prober = |member: usize| {
            let id = world.group()[member];
            let signer = world.signer(id, Epoch::ZERO);
            let watch = Watch { configuration: world.first.clone(), member: id, signer };
            let secret = Digest::new([u8::try_from(member).unwrap() + 1; 32]);
            let prober = Prober::new(watch, ProbeRule::default(), (Arc::new(registry()), secret));
            (prober, Effects::new(), None)
        };
        let mut group = Self {
            world,
            group: membership_replicas(&world.first, Slot::ZERO),
            probers: (0..world.group().len()).map(prober).collect(),
            path,
            now: Instant::ZERO,
            slot: Slot::new(1),
            cases: BTreeMap::new(),
            ordered: 0,
        };
        (0..group.probers.len()).for_each(|member| group.step(member, Input::Start));
        group
    }

    fn step(&mut self, member: usize, input: Input<Prober>) {
        let mut inputs = std::vec![(member, input)];
        while let Some((member, input)) = inputs.pop() {
            let now = Now { instant: self.now, wall: UnixTime::ZERO };
            let (prober, effects, alarm) = &mut self.probers[member];
            prober.step(now, input, effects);
            let mut told = Vec::new();
            for effect in effects.drain() {
                match effect {
                    Effect::Send { message, .. } => told.push(Err(message)),
                    Effect::Emit(output) => told.push(Ok(output)),
                    Effect::Arm { timer: ProberTimer::Turn, at } => *alarm = Some(at),
                    Effect::Mark(_) => {}
                    Effect::Persist(_) | Effect::Release(_) | Effect::Disarm(_) => {
                        panic!("a prober does nothing of the kind")
                    }
                }
            }
            for one in told {
                match one {
                    Err(question) => inputs.extend(self.ask(member, &question)),
                    Ok(ProberOutput::State(said)) => inputs.extend(self.order(said)),
                    Ok(ProberOutput::Rebutted(rebuttal)) => {
                        self.cases.entry(rebuttal.server).or_default().rebuttal = Some(rebuttal);
                    }
                }
            }
        }
    }

    fn ask(&self, member: usize, question: &Question) -> Option<(usize, Input<Prober>)> {
        let period = self.now.as_micros() / ProbeRule::default().period.as_micros();
        let way = (self.path)(member, question, period);
        if way == Way::Lost {
            return None;
        }
        let signer = self.world.signer(question.to, Epoch::ZERO);
        let key = AnswerKey { epoch: Epoch::ZERO, signer, certificate: None };
        let mut writer = Writer::default();
        let answerer = Answerer::new(self.group.system, question.to, key);
        answerer.answer(question, &mut writer).unwrap();
        let mut message: super::Answer = decode(writer.as_bytes()).unwrap();
        if way == Way::Impostor {
            message.shown = Shown::Life;
        }
        Some((member, Input::Deliver { from: Peer::Node(question.to), message }))
    }

    /// A statement is ordered: what it changes, and what all members hear of it.
    fn order(&mut self, said: SignedObservation) -> Vec<(usize, Input<Prober>)> {
        self.slot = self.slot.next();
        self.ordered += 1;
        let claim = said.observation.claim;
        let case = self.cases.entry(claim.server).or_default();
        let judgement = Judgement {
            group: &self.group,
            slot: self.slot,
            age_max: AGE_MAX,
            decided: case.decided,
        };
        if judgement.check(&said, claim, &registry()).is_err() {
            return Vec::new();
        }
        case.said.insert((claim.verdict, said.member), said);
        let mut requests =
            std::vec![ProberRequest::Executed(self.slot), ProberRequest::Heard(claim)];
        if let Some(news) = case.settle(claim, &judgement, self.world) {
            requests.push(news);
        }
        let everybody = 0..self.probers.len();
        let to_all = |request: &ProberRequest| {
            let request = request.clone();
            everybody.clone().map(move |member| (member, Input::Request(request.clone())))
        };
        requests.iter().rev().flat_map(to_all).collect()
    }

    /// Somebody who is a member says what it wants.
    fn lie(&mut self, member: usize, claim: Claim) {
        let id = self.world.group()[member];
        let (system, epoch) = (self.group.system, self.group.epoch);
        let observation = Observation { system, epoch, slot: self.slot, claim };
        let said = observation.sign(id, &*self.world.signer(id, Epoch::ZERO));
        for (member, input) in self.order(said) {
            self.step(member, input);
        }
    }

    fn run(&mut self, periods: u64) {
        let period = ProbeRule::default().period;
        for _ in 0..periods {
            let until = self.now.after(period);
            while let Some((at, member)) = self.next().filter(|(at, _)| *at <= until) {
                self.now = self.now.max(at);
                self.step(member, Input::Expired(ProberTimer::Turn));
            }
            self.now = until;
            self.slot = self.slot.plus(SLOTS_PER_PERIOD);
            for member in 0..self.probers.len() {
                self.step(member, Input::Request(ProberRequest::Executed(self.slot)));
            }
        }
    }

    fn next(&self) -> Option<(Instant, usize)> {
        let alarms = self.probers.iter().enumerate();
        alarms.filter_map(|(member, (_, _, alarm))| Some(((*alarm)?, member))).min()
    }

    fn evicted(&self) -> BTreeSet<NodeId> {
        let is_out = |(_, case): &(&NodeId, &Case)| case.evicted.is_some();
        self.cases.iter().filter(is_out).map(|(server, _)| *server).collect()
    }

    fn evictions(&self) -> usize {
        self.cases.values().map(|case| case.evictions).sum()
    }
}

impl Default for Case {
    fn default() -> Self {
        Self {
            said: BTreeMap::new(),
            evicted: None,
            decided: Slot::ZERO,
            rebuttal: None,
            evictions: 0,
            cancellations: 0,
        }
    }
}

impl Case {
    /// Upon one more statement: evicts or cancels, and says what the members hear of it.
    fn settle(
        &mut self,
        claim: Claim,
        judgement: &Judgement<'_>,
        world: &World,
    ) -> Option<ProberRequest> {
        let fresh = |said: &&SignedObservation| {
            let claim = said.observation.claim;
            judgement.check(said, claim, &registry()).is_ok()
        };
        let of = |verdict| {
            let said = self.said.iter().filter(move |((said, _), _)| *said == verdict);
            Observations(said.map(|(_, said)| said).filter(fresh).copied().collect())
        };
        let server = claim.server;
        if self.evicted.is_none() {
            let eviction = Eviction { server, suspicions: of(Verdict::Suspect) };
            eviction.check(judgement, &registry()).ok()?;
            (self.evicted, self.decided) = (Some(judgement.slot), judgement.slot);
            self.evictions += 1;
            return Some(ProberRequest::Evicted(server, judgement.slot));
        }
        let rebuttal = self.rebuttal?;
        let cancellation = Cancellation { rebuttal, sightings: of(Verdict::Alive) };
        let key = world.signer(server, Epoch::ZERO).public_key();
        cancellation.check(judgement, key, &registry()).ok()?;
        (self.evicted, self.rebuttal, self.decided) = (None, None, judgement.slot);
        self.cancellations += 1;
        Some(ProberRequest::Settled(server))
    }
}

fn outsiders(world: &World) -> Vec<NodeId> {
    let members = world.first.configuration().members.iter().map(|record| record.id);
    members.filter(|id| !world.group().contains(id)).collect()
}

#[test]
fn a_dead_server_is_evicted_by_all_and_only_it() {
    let world = World::new(10, 1);
    let dead = outsiders(&world)[2];
    let path = move |_: usize, question: &Question, _: u64| match question.to == dead {
        true => Way::Lost,
        false => Way::Through,
    };
    let mut group = Group::new(&world, &path);
    group.run(u64::from(ProbeRule::default().n_propose) + 2);
    assert_eq!(group.evicted(), BTreeSet::from([dead]));
    assert_eq!(group.evictions(), 1);
    let members = u64::try_from(world.group().len()).unwrap();
    assert!(group.ordered <= 2 * members, "{} statements", group.ordered);
}

/// Scenario 12.
#[test]
fn a_server_that_is_gone_is_evicted_though_somebody_answers_in_its_place() {
    let world = World::new(10, 1);
    let gone = outsiders(&world)[2];
    let path = move |_: usize, question: &Question, _: u64| match question.to == gone {
        true => Way::Impostor,
        false => Way::Through,
    };
    let mut group = Group::new(&world, &path);
    group.run(60);
    assert_eq!(group.evicted(), BTreeSet::from([gone]));
}

/// M01: `f` members call every live server dead, all the time, and a dead one alive.
#[test]
fn f_members_that_lie_evict_nobody_and_keep_nobody() {
    let world = World::new(10, 1);
    let (dead, lied_about) = (outsiders(&world)[2], outsiders(&world)[4]);
    let path = move |_: usize, question: &Question, _: u64| match question.to == dead {
        true => Way::Lost,
        false => Way::Through,
    };
    let mut group = Group::new(&world, &path);
    for _ in 0..20 {
        group.lie(3, Claim { server: lied_about, verdict: Verdict::Suspect });
        group.lie(3, Claim { server: dead, verdict: Verdict::Alive });
        group.run(1);
    }
    assert_eq!(group.evicted(), BTreeSet::from([dead]));
    assert_eq!(group.evictions(), 1);
}

/// M02: the adversary holds up what one member asks a server, and nothing else.
#[test]
fn a_server_that_one_member_alone_does_not_reach_stays() {
    let world = World::new(10, 1);
    let framed = outsiders(&world)[2];
    let path = move |member: usize, question: &Question, _: u64| match member == 0
        && question.to == framed
    {
        true => Way::Lost,
        false => Way::Through,
    };
    let mut group = Group::new(&world, &path);
    group.run(60);
    assert_eq!(group.evictions(), 0);
}

/// M02: what the network loses by chance evicts nobody, and hides nobody.
#[test]
fn with_one_in_twenty_lost_all_that_are_there_stay_and_the_one_that_is_not_goes() {
    let world = World::new(10, 1);
    let dead = outsiders(&world)[2];
    let path = move |_: usize, question: &Question, period: u64| {
        let is_lost = question.ticket.token.is_multiple_of(20);
        match is_lost || (question.to == dead && period >= 100) {
            true => Way::Lost,
            false => Way::Through,
        }
    };
    let mut group = Group::new(&world, &path);
    group.run(100);
    assert_eq!(group.evictions(), 0);
    let missed: u64 = group.probers.iter().map(|(prober, ..)| prober.status().missed).sum();
    assert!(missed >= 100, "{missed} were lost");
    group.run(u64::from(ProbeRule::default().n_propose) + 2);
    assert_eq!(group.evicted(), BTreeSet::from([dead]));
}

/// M03: alive and dead by turns, just under the threshold.
#[test]
fn who_is_silent_for_less_than_the_threshold_stays_and_who_exceeds_it_goes() {
    let world = World::new(10, 1);
    let flapping = outsiders(&world)[2];
    for (silent, evictions) in [(3, 0), (7, 1)] {
        let path = move |_: usize, question: &Question, period: u64| match question.to == flapping
            && period % 8 < silent
        {
            true => Way::Lost,
            false => Way::Through,
        };
        let mut group = Group::new(&world, &path);
        group.run(8);
        assert_eq!(group.evictions(), evictions, "{silent} of 8 periods");
    }
}

/// Scenario 14: it was silent for long enough, and is there.
#[test]
fn who_comes_back_before_the_freeze_rebuts_and_stays() {
    let world = World::new(10, 1);
    let back = outsiders(&world)[2];
    // A turn at the very end of the eighth period is one of the ninth.
    let path = move |_: usize, question: &Question, period: u64| match question.to == back
        && period <= 8
    {
        true => Way::Lost,
        false => Way::Through,
    };
    let mut group = Group::new(&world, &path);
    group.run(8);
    assert_eq!(group.evicted(), BTreeSet::from([back]));
    group.run(3);
    assert_eq!(group.evicted(), BTreeSet::new());
    assert_eq!((group.cases[&back].evictions, group.cases[&back].cancellations), (1, 1));
}

/// Scenario 10, with probers: the group is cut off from a part of the ring.
#[test]
fn in_a_partition_what_is_found_silent_goes_within_the_caps_alone() {
    let world = World::new(16, 1);
    let lost: BTreeSet<_> = outsiders(&world).into_iter().take(5).collect();
    let cut_off = lost.clone();
    let path = move |_: usize, question: &Question, _: u64| match cut_off.contains(&question.to) {
        true => Way::Lost,
        false => Way::Through,
    };
    let mut group = Group::new(&world, &path);
    group.run(u64::from(ProbeRule::default().n_propose) + 2);
    assert_eq!(group.evicted(), lost, "each by itself is found silent");
    let ring: Vec<_> = world.first.configuration().members.iter().map(|one| one.id).collect();
    let departure = |server| Departure { server, cause: Cause::Eviction, is_active: true };
    let departures: Vec<_> = group.evicted().into_iter().map(departure).collect();
    let resilience = Resilience::new(1).unwrap();
    let caps = Caps { resilience, evictions_max: 16, active_count: ring.len() };
    let old = OldRing { servers: &ring, gone: &BTreeSet::new() };
    let decided = decide(&old, &departures, &caps);
    assert!(!decided.going.is_empty());
    for start in 0..ring.len() {
        let window = (start..start + 4).map(|seat| ring[seat % ring.len()]);
        assert!(window.filter(|id| decided.going.contains(id)).count() <= 1);
    }
}

#[test]
fn half_of_the_world_is_not_evicted_when_it_is_the_group_that_is_cut_off() {
    let world = World::new(10, 1);
    let path = |_: usize, _: &Question, period: u64| match period < 20 {
        true => Way::Lost,
        false => Way::Through,
    };
    let mut group = Group::new(&world, &path);
    group.run(20);
    assert_eq!(group.evictions(), 0);
    group.run(3);
    let status = group.probers[0].0.status();
    assert_eq!((status.suspects, status.is_cut_off), (0, false));
}

/// The time that a rule takes is the same whatever its period.
#[test]
fn a_shorter_period_evicts_sooner() {
    let rule = ProbeRule::of_epoch(Duration::from_secs(5));
    assert_eq!(rule.period, Duration::from_millis(625));
    assert_eq!(rule.check(), Ok(()));
    assert_eq!(ProbeRule::of_epoch(Duration::from_secs(3600)), ProbeRule::default());
    assert_eq!(ProbeRule::of_epoch(Duration::from_millis(1)).check(), Ok(()));
}
