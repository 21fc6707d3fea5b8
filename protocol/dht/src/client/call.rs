//! A call from phase to phase: beginning, replies, retransmission, leases.

use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_types::{Duration, Now, Peer, ReplicaId};

use crate::limits::{CLIENT_RETRY_MAX, CLIENT_RETRY_MIN, CLIENT_RETRY_PUT_MIN};
use crate::message::{Head, Message, OperationId, Refusal, WrongEpoch};

use super::goal::{GetPurpose, Goal};
use super::phase::Phase;
use super::{Answer, CallId, Client, ClientEffects, ClientOutput, ClientTimer, Failure};

/// An operation in flight.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) goal: Goal,
    /// Nothing while the call waits for a lease.
    pub(super) phase: Option<Phase>,
    retry: Duration,
}

/// What a reply leads to.
#[derive(Debug)]
pub(super) enum Next {
    /// More replies are needed.
    Wait,
    /// The phase reached its end: go on with this.
    Goal(Goal),
    /// The operation is over.
    Return(Result<Answer, Failure>),
}

impl Call {
    pub(super) const fn new(id: CallId, goal: Goal) -> Self {
        Self { id, goal, phase: None, retry: CLIENT_RETRY_MIN }
    }

    pub(super) fn failure_at_deadline(&self) -> Failure {
        let Some(phase) = &self.phase else { return Failure::LeaseExpired };
        let (answered, missing) = phase.who_answered();
        Failure::NoQuorum { needed: phase.group.resilience().quorum(), answered, missing }
    }
}

impl Client {
    /// Begins a phase of the call's goal, or lets the call wait for a lease.
    pub(super) fn begin_phase(&mut self, now: Now, mut call: Call, effects: &mut ClientEffects) {
        if let Some(old) = call.phase.take()
            && !planted(Plant::PhasesKept)
        {
            self.operations.remove(&old.head.operation);
        }
        if !self.has_lease(now) {
            self.park(call, effects);
            return;
        }
        let operation = OperationId::new(self.next_operation);
        self.next_operation = self.next_operation.wrapping_add(1);
        let head = Head { epoch: self.ring.epoch, operation };
        let mut phase = Phase::new(head, self.ring.group(call.goal.key().id()));
        if let Goal::Write { held: Some((epoch, held)), .. } = &call.goal
            && *epoch == head.epoch
        {
            phase.answered = *held;
        }
        self.operations.insert(operation, call.id);
        call.retry = first_retry(&call.goal);
        self.ask(now, (&call.goal, &mut phase), effects);
        effects.arm(ClientTimer::Retry(call.id), now.instant.after(call.retry));
        call.phase = Some(phase);
        self.calls.insert(call.id, call);
    }

    fn park(&mut self, mut call: Call, effects: &mut ClientEffects) {
        effects.mark("dht.client.lease_expired");
        effects.disarm(ClientTimer::Retry(call.id));
        effects.emit(ClientOutput::LeaseExpired(self.ring.epoch));
        if let Some(phase) = call.phase.take() {
            self.operations.remove(&phase.head.operation);
        }
        self.calls.insert(call.id, call);
    }

    pub(super) fn begin_parked_phases(&mut self, now: Now, effects: &mut ClientEffects) {
        let parked = self.calls.values().filter(|call| call.phase.is_none());
        let parked: Vec<CallId> = parked.map(|call| call.id).collect();
        for id in parked {
            if let Some(call) = self.calls.remove(&id) {
                self.begin_phase(now, call, effects);
            }
        }
    }

    /// Takes a reply to a call, which was taken out of the table.
    pub(super) fn reply(
        &mut self,
        now: Now,
        (from, message): (Peer, Message),
        mut call: Call,
        effects: &mut ClientEffects,
    ) {
        let next = match &mut call.phase {
            Some(phase) => match phase.group.place_of_peer(from) {
                Some(place) => self.weigh(now, (&call.goal, phase), (place, message), effects),
                None => Next::Wait,
            },
            None => Next::Wait,
        };
        if matches!(next, Next::Wait) {
            self.calls.insert(call.id, call);
            return;
        }
        if !self.has_lease(now) {
            self.park(call, effects);
            return;
        }

        assert!(self.has_lease(now), "DHT-9: a phase ends without a valid lease");

        match next {
            Next::Wait => {}
            Next::Goal(goal) => {
                call.goal = goal;
                self.begin_phase(now, call, effects);
            }
            Next::Return(outcome) => self.finish(&call, outcome, effects),
        }
    }

    /// What a reply of a member means for the phase.
    fn weigh(
        &mut self,
        now: Now,
        (goal, phase): (&Goal, &mut Phase),
        (place, message): (ReplicaId, Message),
        effects: &mut ClientEffects,
    ) -> Next {
        let head = message.head();
        if let Message::WrongEpoch(reply) = message {
            pass_on_configuration((place, reply), phase, effects);
            return Next::Wait;
        }
        if head != phase.head {
            effects.mark("dht.client.other_epoch");
            return Next::Wait;
        }
        match message {
            Message::Refused(refused) => {
                phase.refusals.insert(place, refused.refusal);
                self.refused(now, (goal, phase), refused.refusal, effects)
            }
            Message::Stored(_) => stored(goal, phase, (head, place)),
            Message::Content(reply) => self.content(now, (goal, phase), (place, reply), effects),
            Message::Presence(reply) => super::content::presence(goal, phase, (place, reply)),
            Message::Versioned(reply) => self.versioned((goal, phase), (place, reply), effects),
            Message::WrongEpoch(_)
            | Message::PutContent(_)
            | Message::GetContent(_)
            | Message::StatContent(_)
            | Message::WriteVersion(_)
            | Message::ReadVersion(_)
            | Message::Compare(_)
            | Message::ListNames(_)
            | Message::Compared(_)
            | Message::Names(_)
            | Message::Scrub(_)
            | Message::Introduce(_)
            | Message::Scrubbed(_) => Next::Wait,
        }
    }

    fn refused(
        &mut self,
        now: Now,
        (goal, phase): (&Goal, &mut Phase),
        refusal: Refusal,
        effects: &mut ClientEffects,
    ) -> Next {
        effects.mark("dht.client.refused");
        let resilience = phase.group.resilience();
        if self.is_not_authorised(now, phase) {
            return Next::Return(Err(Failure::NotAuthorised));
        }
        if let Goal::Write { version, purpose, .. } = goal
            && phase.refused_by(Refusal::SequenceSkip) >= resilience.quorum()
            && let Some(lower) = super::goal::below(version, purpose)
        {
            effects.mark("dht.client.level_refused");
            return Next::Goal(lower);
        }
        let is_get = matches!(goal, Goal::Get { .. });
        if is_get && matches!(refusal, Refusal::Busy | Refusal::Damaged) {
            let _is_asked = self.ask_next_for_content(now, (goal, phase), effects);
        }
        Next::Wait
    }

    /// Has the client's certificate run out? `f + 1` members say so; or some say so by the client's
    /// own clock, where a quorum has spoken and the others did what was asked before the end.
    fn is_not_authorised(&self, now: Now, phase: &Phase) -> bool {
        let resilience = phase.group.resilience();
        let refused = phase.refused_by(Refusal::NotAuthorised);
        let has_run_out = !self.identity.certificate.holds_at(now.wall);
        let spoken = phase.answered.len() + refused;
        refused >= resilience.weak_quorum()
            || (refused > 0 && has_run_out && spoken >= resilience.quorum())
    }

    /// The alarm of a call: ask those again who did not answer.
    pub(super) fn retry(&mut self, now: Now, id: CallId, effects: &mut ClientEffects) {
        let Some(mut call) = self.calls.remove(&id) else { return };
        if call.phase.is_some() && !self.has_lease(now) {
            // Nothing more is asked of a group that may not be the group any more.
            self.park(call, effects);
            return;
        }
        let Some(mut phase) = call.phase.take() else {
            self.calls.insert(id, call);
            return;
        };
        effects.mark("dht.client.retry");
        let next = self.when_late(now, (&call.goal, &mut phase), effects);
        call.phase = Some(phase);
        match next {
            Next::Wait => {}
            Next::Goal(goal) => {
                call.goal = goal;
                return self.begin_phase(now, call, effects);
            }
            Next::Return(outcome) => return self.finish(&call, outcome, effects),
        }
        call.retry = call.retry.doubled().min(CLIENT_RETRY_MAX);
        if !planted(Plant::RetriesOnce) {
            effects.arm(ClientTimer::Retry(id), now.instant.after(call.retry));
        }
        self.calls.insert(id, call);
    }

    /// Asks again, or says what leads further.
    fn when_late(
        &mut self,
        now: Now,
        (goal, phase): (&Goal, &mut Phase),
        effects: &mut ClientEffects,
    ) -> Next {
        match goal {
            Goal::Get { .. } => {
                for place in phase.asked.iter().filter(|place| !phase.answered.contains(**place)) {
                    self.preference.penalise(now, phase.group.member(*place));
                }
                self.ask(now, (goal, phase), effects);
                Next::Wait
            }
            Goal::Stat { key } if phase.has_quorum() => {
                effects.mark("dht.client.stat_by_get");
                Next::Goal(Goal::Get { key: *key, purpose: GetPurpose::Stat })
            }
            Goal::Read { key, needs_values: false, level_max }
                if !phase.asked_for_value.is_empty() =>
            {
                effects.mark("dht.client.value_withheld");
                Next::Goal(Goal::Read { key: *key, needs_values: true, level_max: *level_max })
            }
            Goal::Read { .. } | Goal::ReadStamps { .. } if phase.has_quorum() => {
                // What is neither contradicted nor supported is tried: the servers decide.
                phase.is_late = true;
                let next = self.chosen((goal, phase), effects);
                if matches!(next, Next::Wait) {
                    self.ask(now, (goal, phase), effects);
                }
                next
            }
            Goal::Put { .. }
            | Goal::Stat { .. }
            | Goal::ReadStamps { .. }
            | Goal::Write { .. }
            | Goal::Read { .. } => {
                self.ask(now, (goal, phase), effects);
                Next::Wait
            }
        }
    }
}

const fn first_retry(goal: &Goal) -> Duration {
    match goal {
        Goal::Put { .. } => CLIENT_RETRY_PUT_MIN,
        Goal::Get { .. }
        | Goal::Stat { .. }
        | Goal::ReadStamps { .. }
        | Goal::Write { .. }
        | Goal::Read { .. } => CLIENT_RETRY_MIN,
    }
}

/// A server of a later epoch says so: once for each member and phase.
fn pass_on_configuration(
    (place, reply): (ReplicaId, WrongEpoch),
    phase: &mut Phase,
    effects: &mut ClientEffects,
) {
    if reply.head.epoch > phase.head.epoch && phase.informed.insert(place) {
        effects.mark("dht.client.wrong_epoch");
        let from = phase.group.members()[place.index()];
        let (epoch, configuration) = (reply.head.epoch, reply.configuration);
        effects.emit(ClientOutput::NewerConfiguration { from, epoch, configuration });
    }
}

fn stored(goal: &Goal, phase: &mut Phase, (head, place): (Head, ReplicaId)) -> Next {
    let answer = match goal {
        Goal::Put { key, .. } => Answer::Stored(*key),
        Goal::Write { version, purpose, .. } => super::goal::written(version, purpose),
        Goal::Get { .. } | Goal::Stat { .. } | Goal::ReadStamps { .. } | Goal::Read { .. } => {
            return Next::Wait;
        }
    };
    phase.count(head, place);
    let is_enough = phase.answered.len() + usize::from(planted(Plant::ShortWrite))
        >= phase.group.resilience().quorum();
    if is_enough { Next::Return(Ok(answer)) } else { Next::Wait }
}
