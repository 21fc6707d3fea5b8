//! The server's part in monitoring: it answers probes, and probes if it is in the membership group;
//! what its prober finds goes into the log, and what the log makes of it is read a few times per
//! period. As `monitoring.rs` and `conductor/watch.rs` of the daemon do.

use std::sync::Arc;

use quorate_duties::turnover::Event;
use quorate_machine::{Class, Effect, Effects, Input, Machine, Recipients};
use quorate_membership::handover::machine::Request as HandoverRequest;
use quorate_membership::monitor::{
    Answer, AnswerKey, Answerer, Claim, Observation, ProbeRule, Prober, ProberOutput,
    ProberRequest, Question, Verdict, Watch,
};
use quorate_membership::{Docket, MembershipOperation, VerifiedConfiguration};
use quorate_types::{Digest, Duration, Epoch, NodeId, Peer, Slot};

use super::super::{Message, Timer};
use super::accusing::Accusing;
use super::{ServerSeat, Turn};

/// How often the log is read in a period of the probes.
const READINGS: u64 = 4;
/// How often at most.
const READING_MIN: Duration = Duration::from_millis(100);

/// What answers and what asks.
#[derive(Debug)]
pub(super) struct Monitoring {
    rule: ProbeRule,
    secret: Digest,
    /// What it does besides, each time that it reads the log.
    vice: Option<Vice>,
    answerer: Option<Answerer>,
    prober: Option<Prober>,
    docket: Option<Docket>,
    readings: u64,
    pub(super) accusing: Accusing,
}

/// What a bad member does in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Vice {
    /// It calls every other server silent.
    Frames,
    /// It calls every other server alive.
    Flatters,
    /// It fills the log with what nobody wants.
    Floods,
}

impl Monitoring {
    /// A server that knows nothing yet; `secret` is of this start alone.
    pub(super) fn new(rule: ProbeRule, secret: Digest, vice: Option<Vice>) -> Self {
        let (answerer, prober, docket) = (None, None, None);
        let accusing = Accusing::default();
        Self { rule, secret, vice, answerer, prober, docket, readings: 0, accusing }
    }

    /// Does it accuse those who have done nothing?
    pub(super) fn frames(&self) -> bool {
        self.vice == Some(Vice::Frames)
    }

    fn reading(&self) -> Duration {
        let part = Duration::from_micros(self.rule.period.as_micros() / READINGS);
        part.max(READING_MIN)
    }

    fn watch(&mut self, watch: Option<Watch>, seat: &ServerSeat) -> Option<Input<Prober>> {
        let Some(watch) = watch else {
            self.prober = None;
            return None;
        };
        if self.prober.is_some() {
            return Some(Input::Request(ProberRequest::Adopt(watch)));
        }
        let verifier = Arc::clone(&seat.kit.schemes.signatures);
        self.prober = Some(Prober::new(watch, self.rule, (verifier, self.secret)));
        Some(Input::Start)
    }
}

impl ServerSeat {
    /// An epoch begins for this server: it answers with the key of it, and probes if it is its
    /// turn.
    pub(super) fn monitor(&mut self, turn: &mut Turn<'_>, configuration: &VerifiedConfiguration) {
        let Some(mut monitoring) = self.monitoring.take() else { return };
        let epoch = configuration.epoch();
        if let Some(certified) = self.cabinet.certified(turn.effects, epoch) {
            let (signer, certificate) = (certified.signer, Some(certified.certificate));
            let key = AnswerKey { epoch, signer: Arc::clone(&signer), certificate };
            let system = configuration.configuration().system;
            let me = self.id;
            let fresh = || Answerer::new(system, me, key.clone());
            monitoring.answerer.get_or_insert_with(fresh).hold(key);
            let is_member = configuration.group_member(self.id).is_some();
            let configuration = configuration.clone();
            let watch = is_member.then(|| Watch { configuration, member: me, signer });
            let input = monitoring.watch(watch, self);
            monitoring.docket = None;
            turn.effects.arm(Timer::Docket, turn.now.instant.after(monitoring.reading()));
            self.monitoring = Some(monitoring);
            input.into_iter().for_each(|input| self.step_prober(turn, input));
        } else {
            self.monitoring = Some(monitoring);
        }
    }

    /// Answers with the key of an epoch no more.
    pub(super) fn forget_answer_key(&mut self, epoch: Epoch) {
        let answerer = self.monitoring.as_mut().and_then(|it| it.answerer.as_mut());
        if let Some(answerer) = answerer {
            answerer.forget(epoch);
        }
    }

    /// The epochs with whose keys it answers.
    pub(super) fn answer_keys(&self) -> impl Iterator<Item = Epoch> {
        let answerer = self.monitoring.as_ref().and_then(|it| it.answerer.as_ref());
        answerer.into_iter().flat_map(Answerer::epochs)
    }

    /// Answers a probe, whoever asks.
    pub(super) fn on_question(&self, turn: &mut Turn<'_>, from: Peer, question: &Question) {
        let answerer = self.monitoring.as_ref().and_then(|it| it.answerer.as_ref());
        let mut writer = quorate_wire::Writer::default();
        if answerer.is_some_and(|answerer| answerer.answer(question, &mut writer).is_ok()) {
            let answer: Answer =
                quorate_wire::decode(writer.as_bytes()).expect("the answerer encoded it");
            turn.effects.mark("epochs.probe_answered");
            turn.send((Recipients::One(from), Class::Control), Message::Probed(Arc::new(answer)));
        }
    }

    pub(super) fn step_prober(&mut self, turn: &mut Turn<'_>, input: Input<Prober>) {
        let Some(monitoring) = &mut self.monitoring else { return };
        let Some(prober) = &mut monitoring.prober else { return };
        let mut effects = Effects::new();
        prober.step(turn.now, input, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Persist(never) => match never {},
                Effect::Send { to, class, message } => {
                    turn.send((to, class), Message::Probe(message));
                }
                Effect::Arm { timer, at } => turn.effects.arm(Timer::Probe(timer), at),
                Effect::Disarm(timer) => turn.effects.disarm(Timer::Probe(timer)),
                Effect::Emit(ProberOutput::State(said)) => {
                    self.report(turn, MembershipOperation::Observe(said));
                }
                Effect::Emit(ProberOutput::Rebutted(rebuttal)) => {
                    self.report(turn, MembershipOperation::Rebut(rebuttal));
                }
                Effect::Release(_) => {}
                Effect::Mark(mark) => turn.effects.mark(mark),
            }
        }
    }

    pub(super) fn report(&self, turn: &mut Turn<'_>, operation: MembershipOperation) {
        let epoch = self.turnover.configuration().epoch();
        turn.effects.mark("epochs.reported");
        turn.todo.push_back(Event::Report(epoch, Box::new(operation)).into());
    }

    /// Reads what the log says of monitoring, and tells the prober what is new.
    pub(super) fn read_docket(&mut self, turn: &mut Turn<'_>) {
        let configuration = self.turnover.configuration().clone();
        let epoch = configuration.epoch();
        let Some(monitoring) = &mut self.monitoring else { return };
        turn.effects.arm(Timer::Docket, turn.now.instant.after(monitoring.reading()));
        let Some(member) = self.members.get(&epoch) else { return };
        let replica = &member.replica;
        let scan = |from: &[u8], count| replica.scan_service(from, count);
        let Some(docket) = Docket::read(replica.executed_slot(), scan) else { return };
        let news = docket.news_since(monitoring.docket.as_ref());
        let is_at_risk = docket.is_at_risk(configuration.configuration());
        let slot = docket.slot;
        if docket.counts().convicted > 0 {
            turn.effects.mark("epochs.liar_convicted");
        }
        let is_convicted = |server: NodeId| docket.is_convicted(server);
        let proofs = monitoring.accusing.waiting(epoch, is_convicted);
        monitoring.docket = Some(docket);
        monitoring.readings += 1;
        let (vice, number) = (monitoring.vice, monitoring.readings);
        self.step_handover(turn, epoch, Input::Request(HandoverRequest::AtRisk(is_at_risk)));
        news.into_iter().for_each(|it| self.step_prober(turn, Input::Request(it)));
        proofs.into_iter().for_each(|proof| self.put_proof(turn, proof));
        match vice {
            Some(Vice::Frames) => {
                self.claim(turn, (epoch, slot), (number / 2, Verdict::Suspect));
                self.frame_dealer(turn, number);
            }
            Some(Vice::Flatters) => {
                for other in 0..configuration.configuration().members.len() as u64 {
                    self.claim(turn, (epoch, slot), (other, Verdict::Alive));
                }
            }
            Some(Vice::Floods) => self.flood(turn, epoch, number),
            None => {}
        }
    }

    /// Calls another server silent or alive, whatever it answered.
    fn claim(
        &self,
        turn: &mut Turn<'_>,
        (epoch, slot): (Epoch, Slot),
        (number, verdict): (u64, Verdict),
    ) {
        let configuration = self.turnover.configuration().configuration();
        let Some(signer) = self.cabinet.known(epoch) else { return };
        let others: Vec<NodeId> =
            configuration.members.iter().map(|it| it.id).filter(|it| *it != self.id).collect();
        let place = usize::try_from(number).expect("few readings") % others.len();
        let server = others[place];
        let claim = Claim { server, verdict };
        let observation = Observation { system: configuration.system, epoch, slot, claim };
        let said = observation.sign(self.id, &*signer);
        turn.effects.mark(match verdict {
            Verdict::Suspect => "liar.framed",
            Verdict::Alive => "liar.flattered",
        });
        self.report(turn, MembershipOperation::Observe(said));
    }
}
