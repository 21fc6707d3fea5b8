//! Keys of the next epoch, from the servers of the shortlist to the log.

use alloc::boxed::Box;

use quorate_types::{Instant, MemberRecord, NodeId};

use super::{Handover, Output, Topic, Turn};
use crate::handover::attempt::Seat;
use crate::handover::deposit::Deposit;
use crate::handover::message::Message;
use crate::handover::operation::HandoverOperation;
use crate::handover::stage::Stage;
use crate::later_root::{RootNeed, RootQuota};

/// After so many repetitions a depositor asks whether the next header is signed.
const QUESTION_EVERY: u32 = 8;
/// So often a deposit is said again before the wait doubles: links may have to come up first.
const SAID_FIRST: u32 = 4;

impl Handover {
    /// MEM-69: is this server of the epoch asked for its keys? A member is, since its group may
    /// have to stay.
    fn is_asked(&self, record: &MemberRecord) -> bool {
        self.place_of(record.id).is_some() || self.setup.shortlist.has(record)
    }

    /// MEM-72: is there room for the root that a server names which is not asked for keys? Each
    /// member counts those that it passes on; the log counts again.
    fn has_room_for_root(&self, record: &MemberRecord, deposit: &Deposit) -> bool {
        let quota = RootQuota::of(self.setup.configuration.members.len() as u64);
        let need = RootNeed::of(record.later_root.as_deref().copied(), &deposit.certificate);
        self.roots.contains(&record.id) || quota.takes(self.roots.len() as u64, need)
    }

    /// Does the log take the keys of a server now: of any, before the freeze; of a member, also
    /// while dealings are awaited (decision 24).
    fn takes_deposit_of(&self, node: NodeId) -> bool {
        match self.stage() {
            None | Some(Stage::Open) => true,
            Some(Stage::Dealing(_)) => self.place_of(node).is_some(),
            Some(Stage::Frozen(_) | Stage::Redrawing(_) | Stage::Done(_)) => false,
        }
    }

    /// Has this server to bring its keys at once, and not only now and then?
    fn is_deposit_awaited(&self) -> bool {
        let lacks_keys = |seat: &Seat| seat.node == self.setup.me && seat.keys.is_none();
        match self.stage() {
            None | Some(Stage::Open) => true,
            Some(Stage::Dealing(underway)) => underway.attempt.seats.iter().any(lacks_keys),
            Some(Stage::Frozen(_) | Stage::Redrawing(_) | Stage::Done(_)) => false,
        }
    }

    /// Sends the own keys to `f + 1` members, others each time: a lie, a crash or a loss costs no
    /// more than a repetition. Nobody says that they are in the log, and each time they go there
    /// again: so the wait doubles, and begins anew when the epoch is about to end. Every few
    /// repetitions they are said whatever the log awaits, as a question: whoever has the signed
    /// header answers with it. A server that brings no keys asks nobody: it gets the header with
    /// the delta.
    pub(super) fn deposit(&mut self, turn: &mut Turn<'_>) {
        let next = self.setup.next.as_ref();
        let Some(deposit) = next.and_then(|next| next.deposit.as_ref()) else { return };
        let own = self.setup.configuration.member(self.setup.me);
        let brings = |record| self.is_asked(record) || deposit.successor().is_some();
        if !own.is_some_and(brings) {
            return;
        }
        let deposit = Box::new(deposit.clone());
        let is_first = self.repetitions <= SAID_FIRST;
        let is_said = self.is_founding() || is_first || self.repetitions.is_power_of_two();
        let is_due =
            (self.is_deposit_awaited() && is_said) || self.repetitions % QUESTION_EVERY == 1;
        if !is_due || self.certified.is_some() || !self.says(Topic::Deposit) {
            return;
        }
        if self.member_place().is_some() {
            self.on_deposit(turn, self.setup.me, deposit.clone());
        }
        let (members, count) = (self.other_members(), self.resilience().weak_quorum());
        let skipped = usize::try_from(self.repetitions).unwrap_or(0) * count % members.len();
        for member in members.iter().cycle().skip(skipped).take(count) {
            turn.send(*member, Message::Deposit(deposit.clone()));
        }
    }

    pub(super) fn on_deposit(&mut self, turn: &mut Turn<'_>, from: NodeId, deposit: Box<Deposit>) {
        let configuration = &self.setup.configuration;
        let record = configuration.member(from);
        let record = record.filter(|record| record.identity_key == deposit.identity_key());
        let is_time = self.member_place().is_some() && self.takes_deposit_of(from);
        let Some(record) = record.filter(|_| is_time) else {
            return turn.mark("handover.deposit_ignored");
        };
        let is_asked = self.is_asked(record);
        if !is_asked && deposit.successor().is_none() {
            return turn.mark("handover.deposit_ignored");
        }
        if !is_asked && !self.has_room_for_root(record, &deposit) {
            return turn.mark("handover.root_refused");
        }
        let wait = self.setup.policy.repeat_idle;
        let is_recent = |at: &Instant| turn.now.instant < at.after(wait);
        if self.deposited.get(&from).is_some_and(is_recent) {
            return turn.mark("handover.deposit_repeated");
        }
        let place = (configuration.system, configuration.epoch);
        if deposit.check(place, record.root(), &self.setup.schemes).is_err() {
            return turn.mark("handover.deposit_rejected");
        }

        if !is_asked {
            self.roots.insert(from);
        }
        self.deposited.insert(from, turn.now.instant);
        turn.effects.emit(Output::Announce(Box::new(HandoverOperation::Deposit(deposit))));
    }
}
