//! A whole group watches, and what it says goes through one log: adversaries M01 to M03 and the
//! scenarios 10, 12 and 14 of the notes, with everything but the network and the engine as it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::vec::Vec;

use quorate_machine::{Call, Caller, Effect, Effects, Input, Machine, Service};
use quorate_types::{
    Digest, Duration, Epoch, Instant, NodeId, Now, Peer, Resilience, Slot, UnixTime,
};
use quorate_wire::{Writer, decode, encode};

use super::caps::{Caps, Cause, Departure, OldRing, decide};
use super::{
    AnswerKey, Answerer, Claim, Found, Observation, ProbeRule, Prober, ProberOutput, ProberTimer,
    Question, Shown, Verdict, Watch,
};
use crate::handover::CommitmentBytes;
use crate::service::{Docket, MembershipOperation, MembershipReply, MembershipService, Standing};
use crate::testing::{MapState, World, registry, schemes};

/// Slots that the log executes in a period beside the statements.
const SLOTS_PER_PERIOD: u64 = 10;

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

struct Group<'a> {
    world: &'a World,
    service: MembershipService,
    state: MapState,
    probers: Vec<(Prober, Effects<Prober>, Option<Instant>)>,
    path: &'a Path,
    now: Instant,
    slot: Slot,
    /// What the members have read of the log.
    docket: Option<Docket>,
    /// Statements in the log.
    ordered: u64,
    /// How often servers were found silent, and how often that was cancelled.
    evictions: usize,
    cancellations: usize,
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
        let sharing = CommitmentBytes::of(&world.founding.commitment);
        let mut group = Self {
            world,
            service: MembershipService::founded(world.first.clone(), sharing, schemes()),
            state: MapState::default(),
            probers: (0..world.group().len()).map(prober).collect(),
            path,
            now: Instant::ZERO,
            slot: Slot::new(1),
            docket: None,
            ordered: 0,
            evictions: 0,
            cancellations: 0,
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
                    Ok(ProberOutput::State(said)) => {
                        inputs.extend(self.order(&MembershipOperation::Observe(said)));
                    }
                    Ok(ProberOutput::Rebutted(rebuttal)) => {
                        inputs.extend(self.order(&MembershipOperation::Rebut(rebuttal)));
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
        let system = self.world.first.configuration().system;
        Answerer::new(system, question.to, key).answer(question, &mut writer).unwrap();
        let mut message: super::Answer = decode(writer.as_bytes()).unwrap();
        if way == Way::Impostor {
            message.shown = Shown::Life;
        }
        Some((member, Input::Deliver { from: Peer::Node(question.to), message }))
    }

    fn execute(&mut self, operation: &MembershipOperation) -> MembershipReply {
        self.slot = self.slot.next();
        let call = Call {
            caller: Caller::Member(self.world.group()[0]),
            operation: &encode(operation),
            epoch: Epoch::ZERO,
            slot: self.slot,
            time: UnixTime::ZERO,
            randomness: Digest::ZERO,
        };
        decode(&self.service.execute(&call, &mut self.state)).unwrap()
    }

    /// Something is ordered: what all members hear of it.
    fn order(&mut self, operation: &MembershipOperation) -> Vec<(usize, Input<Prober>)> {
        let before = self.evicted().len();
        let reply = self.execute(operation);
        if matches!(operation, MembershipOperation::Observe(_)) {
            self.ordered += 1;
            self.evictions += usize::from(matches!(reply, MembershipReply::Recorded(_)));
        }
        self.cancellations += before.saturating_sub(self.evicted().len());
        self.hear()
    }

    /// The members read the log.
    fn hear(&mut self) -> Vec<(usize, Input<Prober>)> {
        use quorate_machine::ServiceState;
        let docket = Docket::read(self.slot, |from, count| self.state.scan(from, count)).unwrap();
        let news = docket.news_since(self.docket.as_ref());
        self.docket = Some(docket);
        let everybody = 0..self.probers.len();
        let to_all = |request: &super::ProberRequest| {
            let request = request.clone();
            everybody.clone().map(move |member| (member, Input::Request(request.clone())))
        };
        news.iter().rev().flat_map(to_all).collect()
    }

    /// Somebody who is a member says what it wants.
    fn lie(&mut self, member: usize, claim: Claim) {
        let id = self.world.group()[member];
        let configuration = self.world.first.configuration();
        let (system, epoch) = (configuration.system, configuration.epoch);
        let observation = Observation { system, epoch, slot: self.slot, claim };
        let said = observation.sign(id, &*self.world.signer(id, Epoch::ZERO));
        for (member, input) in self.order(&MembershipOperation::Observe(said)) {
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
            self.execute(&MembershipOperation::GetFindings(NodeId::new([0; 32])));
            for (member, input) in self.hear() {
                self.step(member, input);
            }
        }
    }

    fn next(&self) -> Option<(Instant, usize)> {
        let alarms = self.probers.iter().enumerate();
        alarms.filter_map(|(member, (_, _, alarm))| Some(((*alarm)?, member))).min()
    }

    fn standings(&mut self) -> Vec<Standing> {
        let slot = self.slot;
        let all = MembershipOperation::GetFindings(NodeId::new([0; 32]));
        let MembershipReply::Findings(page) = self.execute(&all) else { panic!("a page") };
        self.slot = slot;
        page.standings
    }

    fn evicted(&mut self) -> BTreeSet<NodeId> {
        let is_out = |standing: &Standing| {
            standing.next.is_some_and(|finding| finding.found == Found::Silent)
        };
        let standings = self.standings();
        standings.iter().filter(|it| is_out(it)).map(|standing| standing.server).collect()
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
    assert_eq!(group.evictions, 1);
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
    assert_eq!(group.evictions, 1);
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
    assert_eq!(group.evictions, 0);
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
    assert_eq!(group.evictions, 0);
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
        assert_eq!(group.evictions, evictions, "{silent} of 8 periods");
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
    assert_eq!((group.evictions, group.cancellations), (1, 1));
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
    let caps = Caps::usual(resilience, ring.len(), 4);
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
    assert_eq!(group.evictions, 0);
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
