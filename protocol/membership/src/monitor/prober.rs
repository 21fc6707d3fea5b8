//! A member's watch over the servers: whom it asks when, and what it says of those who are silent.
//!
//! TDSC'12 section VI.C. Each member of the membership group has one, and each judges by itself.
//! What it says becomes known to the others through the ordered log.
//!
//! # Protocol
//! Upon its turn, once per period: a server that has not answered since its last turn has missed.
//! It is asked again: plainly; with a nonce one time in [`ProbeRule::signed_one_in`], which nobody
//! can foresee; with a nonce every time while it misses, and while it is inactive.
//! Upon an answer in time that shows what was asked for: the run of misses is over.
//! Upon `n_propose` misses in a row: state `Suspect`, and again from time to time while it lasts.
//! Upon the `Suspect` of another member: state the same after `n_evict < n_propose` misses, so that
//! all correct members agree with one that proposed.
//! Upon `n_return` answers in a row of an inactive server: state `Alive`; others agree after
//! `n_agree` of them.
//! Upon the answer of a server that it has called silent: state `Alive`, which takes that back.
//! Upon the eviction of a server, executed in slot `s`: ask it to sign `H(epoch, s, id)`; upon the
//! signature give it to the node, and state `Alive`.
//! Upon the end of the case: wait as after a statement.
//! While more than half of the active servers miss, it is the prober who is cut off: state no
//! `Suspect`.
//! Who was removed is asked nothing.
//! What is stated goes into the log as fast as `statements` lets it.
//!
//! # Invariants
//! - MEM-47: a run of misses ends with a signature that nobody but the server can make, so whoever
//!   answers at the address of a server that is gone does not keep it in.
//! - MEM-78: a question that was never sent is neither a miss nor an answer.
//!
//! # Deviations from the paper
//! - A run of misses is probed with nonces alone: were only one probe in ten signed, ten in a row
//!   would never be missed, and an impostor that answers the plain ones would do.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::convert::Infallible;

use quorate_crypto::{Domain, Hasher, Signer, Verifier};
use quorate_machine::{Class, Effects, Input, Machine};
use quorate_types::{Digest, Instant, MemberRecord, MemberStatus, NodeId, Now, Peer, Slot};

use super::datagram::{Answer, Question, Ticket, Wanted};
use super::observation::{Claim, SignedObservation, Verdict};
use super::rebuttal::Rebuttal;
use crate::configuration::VerifiedConfiguration;
use crate::freshness::Nonce;
use crate::limits::ACCUSED_MAX;

mod judge;
mod pace;
mod rule;
mod statements;
mod status;
mod table;
pub use rule::{ProbeRule, ProbeRuleError};
pub use status::ProberStatus;

use pace::Pace;
use statements::Unsaid;
use status::Round;
use table::{Row, Sent};

/// For which configuration, and as whom, a prober works.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The servers.
    pub configuration: VerifiedConfiguration,
    /// The member of its membership group that watches.
    pub member: NodeId,
    /// The member's key of the epoch.
    pub signer: Arc<dyn Signer>,
}

/// What the node tells its prober.
#[derive(Clone, Debug)]
pub enum ProberRequest {
    /// A new epoch.
    Adopt(Watch),
    /// The log has executed this slot.
    Executed(Slot),
    /// The log has recorded this of some member.
    Heard(Claim),
    /// The log has executed an eviction in this slot.
    Evicted(NodeId, Slot),
    /// The eviction of this server is cancelled, or final.
    Settled(NodeId),
    /// The log has a proof that this server lied.
    Convicted(NodeId),
    /// The question with this ticket was not sent: where its server is is not known yet.
    Unsent(Ticket),
}

/// What a prober tells its node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProberOutput {
    /// To be put into the log.
    State(SignedObservation),
    /// To be put into the log together with `f + 1` statements that the server is alive.
    Rebutted(Box<Rebuttal>),
}

// tidy: timers
/// What a prober sets an alarm for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ProberTimer {
    /// Somebody's turn has come.
    Turn,
}

/// What a draw from the secret is for.
const START: u8 = 0;
const TICKET: u8 = 1;
const LOT: u8 = 2;
const NONCE: u8 = 3;

/// The machine of a member of the membership group.
#[derive(Debug)]
pub struct Prober {
    watch: Watch,
    rule: ProbeRule,
    verifier: Arc<dyn Verifier>,
    /// What its tickets and nonces are drawn from.
    secret: Digest,
    rows: Vec<Row>,
    pace: Option<Pace>,
    executed: Slot,
    /// The evictions that wait for a rebuttal, by place.
    accused: BTreeMap<u32, Slot>,
    unsaid: Unsaid,
    round: Round,
    last_round: Round,
    status: ProberStatus,
}

impl Prober {
    /// A prober that knows nothing yet; `secret` is uniform and of this start alone.
    #[must_use]
    pub fn new(
        watch: Watch,
        rule: ProbeRule,
        (verifier, secret): (Arc<dyn Verifier>, Digest),
    ) -> Self {
        let rows = table::rows(watch.configuration.configuration(), |_| None);
        Self {
            watch,
            rule,
            verifier,
            secret,
            rows,
            pace: None,
            executed: Slot::ZERO,
            accused: BTreeMap::new(),
            unsaid: Unsaid::default(),
            round: Round::default(),
            last_round: Round::default(),
            status: ProberStatus::default(),
        }
    }

    /// What it has done and found.
    #[must_use]
    pub fn status(&self) -> ProberStatus {
        ProberStatus { unsaid: self.unsaid.count(), ..self.status }
    }

    /// The active servers that have missed `n_propose` times in a row.
    pub fn suspects(&self) -> impl Iterator<Item = NodeId> + '_ {
        let rows = self.rows.iter().zip(&self.watch.configuration.configuration().members);
        rows.filter(|(row, _)| self.is_suspect(row)).map(|(_, record)| record.id)
    }

    /// The servers, of which the place in a ticket is an index.
    #[must_use]
    pub fn members(&self) -> &[Arc<MemberRecord>] {
        &self.watch.configuration.configuration().members
    }

    fn is_suspect(&self, row: &Row) -> bool {
        row.is_active() && row.missed >= self.rule.n_propose
    }

    fn place_of(&self, server: NodeId) -> Option<u32> {
        let found = self.members().binary_search_by_key(&server, |record| record.id).ok()?;
        u32::try_from(found).ok()
    }

    fn draw(&self, purpose: u8, (place, number): (u32, u32)) -> Digest {
        let mut hasher = Hasher::new(Domain::ProbeTicket);
        hasher.update(self.secret.as_bytes()).update(&[purpose]);
        hasher.update(&place.to_be_bytes()).update(&number.to_be_bytes());
        hasher.finish()
    }

    fn nonce(&self, at: (u32, u32)) -> Nonce {
        Nonce::new(self.draw(NONCE, at))
    }

    fn ticket(&self, at: (u32, u32)) -> Ticket {
        let place = at.0;
        let drawn = self.draw(TICKET, at);
        let (token, _) = drawn.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
        Ticket { place, token: u64::from_be_bytes(*token) }
    }

    /// Is this one of the probes that carry a nonce? Nobody knows before it is sent.
    fn is_drawn(&self, at: (u32, u32)) -> bool {
        let [first, second, ..] = *self.draw(LOT, at).as_bytes();
        u16::from_be_bytes([first, second]).is_multiple_of(self.rule.signed_one_in)
    }

    fn begin(&mut self, now: Instant, effects: &mut Effects<Self>) {
        let places = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        // Members begin at different places, so that no server is asked by all of them at once.
        let [a, b, c, d, ..] = *self.draw(START, (0, 0)).as_bytes();
        let place = u32::from_be_bytes([a, b, c, d]) % places.max(1);
        let lengths = (self.rule.period, self.rule.tick);
        self.pace = Some(Pace::new(now, (place, places), lengths));
        self.arm(now, effects);
    }

    fn arm(&self, now: Instant, effects: &mut Effects<Self>) {
        if let Some(pace) = &self.pace {
            effects.arm(ProberTimer::Turn, pace.next(now));
        }
    }

    fn on_turns(&mut self, now: Instant, effects: &mut Effects<Self>) {
        let Some(mut pace) = self.pace else { return };
        for _ in 0..pace.due(now) {
            let (place, is_around) = pace.take();
            self.turn(now, place, effects);
            self.state_waiting(place, effects);
            if is_around {
                self.end_round();
            }
        }
        self.pace = Some(pace);
        self.arm(now, effects);
    }

    fn end_round(&mut self) {
        self.last_round = self.round;
        self.round = Round { number: self.round.number.wrapping_add(1), ..Round::default() };
        self.status.is_cut_off = self.last_round.is_cut_off();
        if self.status.is_cut_off {
            self.unsaid.drop_suspicions();
        }
    }

    fn turn(&mut self, now: Instant, place: u32, effects: &mut Effects<Self>) {
        // Who was removed is asked nothing: the log hears no word about it.
        let is_removed = self.rows[place as usize].status == MemberStatus::Removed;
        if is_removed || self.members()[place as usize].id == self.watch.member {
            return;
        }
        if self.rows[place as usize].sent != Sent::Nothing {
            self.on_missed(place, effects);
        }
        let row = &self.rows[place as usize];
        // Who has begun to come back is asked as often as all others.
        let is_resting = !row.is_active() && row.answered == 0;
        let turn = self.round.number.wrapping_add(place);
        if is_resting && !turn.is_multiple_of(u32::from(self.rule.inactive_one_in)) {
            return;
        }
        self.ask(now, place, effects);
    }

    fn ask(&mut self, now: Instant, place: u32, effects: &mut Effects<Self>) {
        let at = (place, self.rows[place as usize].number.wrapping_add(1));
        let (to, epoch) = (self.members()[place as usize].id, self.watch.configuration.epoch());
        let wanted = self.wanted(at);

        let row = &mut self.rows[place as usize];
        row.number = at.1;
        row.sent = if wanted.is_dear() { Sent::Signed } else { Sent::Plain };
        row.sent_at = now;
        self.status.sent += 1;
        self.status.sent_signed += u64::from(wanted.is_dear());

        let question = Question { to, epoch, ticket: self.ticket(at), wanted };
        effects.send(Peer::Node(to), Class::Control, question);
    }

    fn wanted(&self, at: (u32, u32)) -> Wanted {
        let certificate = self.key_of(at.0).is_none();
        // The log knows no more of keys than the configuration says.
        let is_unknown = self.members()[at.0 as usize].epoch_key.is_none();
        match self.accused.get(&at.0) {
            Some(slot) => Wanted::Accused { slot: *slot, certificate: is_unknown },
            None if self.rows[at.0 as usize].needs_proof() || self.is_drawn(at) => {
                Wanted::Signed { nonce: self.nonce(at), certificate }
            }
            None => Wanted::Plain,
        }
    }

    fn on_missed(&mut self, place: u32, effects: &mut Effects<Self>) {
        let row = &mut self.rows[place as usize];
        row.miss();
        self.status.missed += 1;
        self.round.missed += u64::from(row.is_active());
        let is_one_more = row.is_active() && row.missed == self.rule.n_propose;
        self.status.suspects += u64::from(is_one_more);
        self.unsaid.drop_verdict(place, Verdict::Alive);

        self.state_if_due(place, effects);
    }

    /// States what a run of misses or answers has come to, if it was not stated lately: every
    /// statement is heard by all members, and if each were answered by others there would be no
    /// end to them.
    fn state_if_due(&mut self, place: u32, effects: &mut Effects<Self>) {
        let row = &self.rows[place as usize];
        let ProbeRule { n_propose, n_evict, n_return, n_agree, restate_every, .. } = self.rule;
        let (verdict, length, proposes_at, agrees_at) = match row.is_active() {
            true => (Verdict::Suspect, row.missed, n_propose, n_evict),
            false => (Verdict::Alive, row.answered, n_return, n_agree),
        };
        let agrees = row.heard == Some(verdict) && length >= agrees_at;
        if (length >= proposes_at || agrees) && row.is_news(length, restate_every) {
            self.state(place, verdict, effects);
        }
    }

    fn on_answer(&mut self, now: Instant, answer: &Answer, effects: &mut Effects<Self>) {
        let Some(proof) = self.judge(now, answer) else {
            self.status.refused += 1;
            return;
        };

        let place = answer.ticket.place;
        let is_suspect = self.is_suspect(&self.rows[place as usize]);
        let row = &mut self.rows[place as usize];
        let has_accused = row.said == Some(Verdict::Suspect);
        assert!(row.missed == 0 || proof.is_some(), "MEM-47: a run of misses ends with a proof");
        row.hear();
        row.heard = row.heard.filter(|verdict| *verdict == Verdict::Alive);
        row.shown_key = proof.as_ref().map(|(key, _)| *key).or(row.shown_key);
        self.status.suspects -= u64::from(is_suspect);
        self.status.answered += 1;
        self.round.answered += u64::from(row.is_active());
        self.unsaid.drop_verdict(place, Verdict::Suspect);

        let rebuttal = proof.and_then(|(_, rebuttal)| rebuttal);
        self.on_alive((place, has_accused), rebuttal, effects);
    }

    /// Says what follows from an answer that counted: who has called the server silent takes it
    /// back, so that nobody else's word is added to it later.
    fn on_alive(
        &mut self,
        (place, has_accused): (u32, bool),
        rebuttal: Option<Box<Rebuttal>>,
        effects: &mut Effects<Self>,
    ) {
        let is_due = has_accused || rebuttal.is_some();
        rebuttal.into_iter().for_each(|it| effects.emit(ProberOutput::Rebutted(it)));
        if is_due {
            self.state(place, Verdict::Alive, effects);
        } else {
            self.state_if_due(place, effects);
        }
    }

    fn on_request(&mut self, now: Instant, request: ProberRequest, effects: &mut Effects<Self>) {
        match request {
            ProberRequest::Adopt(watch) => self.adopt(now, watch, effects),
            ProberRequest::Executed(slot) => self.executed = self.executed.max(slot),
            ProberRequest::Heard(claim) => self.on_heard(claim, effects),
            ProberRequest::Evicted(server, slot) => self.on_evicted(now, (server, slot), effects),
            ProberRequest::Settled(server) => self.on_settled(server),
            ProberRequest::Convicted(server) => self.on_convicted(server),
            ProberRequest::Unsent(ticket) => self.on_unsent(ticket),
        }
    }

    /// What was just decided is no news: whoever has not asked the server since waits with its own.
    fn on_settled(&mut self, server: NodeId) {
        if let Some(place) = self.place_of(server)
            && self.accused.remove(&place).is_some()
        {
            let row = &mut self.rows[place as usize];
            row.stated = row.missed.max(row.answered);
            row.said = None;
            self.unsaid.drop_place(place);
        }
    }

    fn on_convicted(&mut self, server: NodeId) {
        if let Some(place) = self.place_of(server) {
            self.rows[place as usize].is_convicted = true;
            self.unsaid.drop_place(place);
        }
    }

    /// As if the server had not been asked; it has its next turn like all others.
    fn on_unsent(&mut self, ticket: Ticket) {
        let number = self.rows.get(ticket.place as usize).map(|row| row.number);
        if number.is_none_or(|number| ticket != self.ticket((ticket.place, number))) {
            return;
        }

        // MEM-78: nothing is awaited, so its next turn misses nothing, and no answer counts.
        let row = &mut self.rows[ticket.place as usize];
        let sent = core::mem::replace(&mut row.sent, Sent::Nothing);
        self.status.sent -= u64::from(sent != Sent::Nothing);
        self.status.sent_signed -= u64::from(sent == Sent::Signed);
    }

    fn on_heard(&mut self, claim: Claim, effects: &mut Effects<Self>) {
        let Some(place) = self.place_of(claim.server) else { return };
        self.rows[place as usize].heard = Some(claim.verdict);
        self.state_if_due(place, effects);
    }

    fn on_evicted(
        &mut self,
        now: Instant,
        (server, slot): (NodeId, Slot),
        effects: &mut Effects<Self>,
    ) {
        let Some(place) = self.place_of(server) else { return };
        if server == self.watch.member || self.accused.len() >= ACCUSED_MAX {
            effects.mark("membership: an eviction is not asked about");
            return;
        }
        self.accused.insert(place, slot);
        // What was said before counts no more.
        self.rows[place as usize].said = None;
        self.unsaid.drop_place(place);
        self.ask(now, place, effects);
    }

    fn adopt(&mut self, now: Instant, watch: Watch, effects: &mut Effects<Self>) {
        if watch.configuration.epoch() <= self.watch.configuration.epoch() {
            effects.mark("membership: configuration is not newer");
            return;
        }
        let ready = self.rule.n_propose - 1;
        let known = |id| {
            let row = self.rows[self.place_of(id)? as usize];
            // No statement outlives its epoch, so it takes one more miss to state it again.
            Some(Row { missed: row.missed.min(ready), ..row })
        };
        self.rows = table::rows(watch.configuration.configuration(), known);
        self.watch = watch;
        self.accused.clear();
        self.unsaid.drop_all();
        self.status.suspects = 0;
        if self.pace.is_some() {
            self.begin(now, effects);
        }
    }
}

impl Machine for Prober {
    type Inbound = Answer;
    type Outbound = Question;
    /// It writes nothing down: after a restart it counts again.
    type Record = Infallible;
    type Timer = ProberTimer;
    type Request = ProberRequest;
    type Output = ProberOutput;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Start => self.begin(now.instant, effects),
            // Whoever sent it: what counts is in it.
            Input::Deliver { message, .. } => self.on_answer(now.instant, &message, effects),
            Input::Expired(ProberTimer::Turn) => self.on_turns(now.instant, effects),
            Input::Request(request) => self.on_request(now.instant, request, effects),
        }
    }
}

#[cfg(test)]
mod tests;
