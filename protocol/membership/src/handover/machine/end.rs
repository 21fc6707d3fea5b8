//! Votes that the epoch ends: `f + 1` of them fix its changes.
//!
//! # Invariants
//! - MEM-52: a correct member votes for an end because of a risk, or of changes, only behind a
//!   quarter of the epoch's length, so servers that come and go make epochs shorter by a factor
//!   that is known.
//! - MEM-57: whatever the reason is, it votes only some seconds after it began the epoch, by its
//!   own clock: all that are reachable have time to deposit, also where an epoch is over when it
//!   begins, because all servers were stopped or a leader let the time of the log stand still. The
//!   seconds are few, so that members that start again and again hold up no end.

use quorate_machine::{Plant, planted};
use quorate_types::{Duration, Instant, NodeId, Now};

use super::{Handover, Topic, Turn};
use crate::handover::message::Message;
use crate::handover::operation::HandoverOperation;
use crate::handover::stage::Stage;
use crate::handover::vote::{EndReason, EndVote};
use crate::handover::word::{Word, Words};
use crate::limits::{DEPOSITS_AWAITED_MAX, EARLIEST_END_PART};

impl Handover {
    fn wish_end(&mut self, reason: EndReason) {
        self.end_wish.get_or_insert(reason);
    }

    fn votes_end(&self) -> bool {
        matches!(self.stage(), None | Some(Stage::Open))
    }

    pub(super) fn vote_end(&mut self, turn: &mut Turn<'_>) {
        if !self.votes_end() {
            return;
        }
        // MEM-57: an epoch can be over when it begins.
        if turn.now.instant >= self.earliest_end || planted(Plant::RiskEndsAtOnce) {
            self.wish_what_is_due(turn.now);
        }
        if let Some(reason) = self.end_wish {
            self.say_end_vote(turn, reason);
        }
        if self.end_votes.len() >= self.resilience().weak_quorum() {
            let votes = self.end_votes.values().cloned().collect();
            self.announce(turn, HandoverOperation::End(Words(votes)));
        }
    }

    fn wish_what_is_due(&mut self, now: Now) {
        let changes = self.own.as_ref().map_or(0, |news| news.change_count);
        if self.has_lasted() {
            self.wish_end(EndReason::Time);
        }
        // MEM-52: changes and risks that stay would end one epoch after the other.
        if !self.may_end_early(now) {
            return;
        }
        if changes >= self.setup.policy.change_count_max {
            self.wish_end(EndReason::Changes);
        }
        if self.is_at_risk {
            self.wish_end(EndReason::WindowAtRisk);
        }
    }

    /// A founding lasts until every founder has deposited; or for a while, until so many have that
    /// the system can bear the absence of the others.
    fn has_lasted(&self) -> bool {
        if !self.is_founding() {
            return self.is_due;
        }
        let configuration = &self.setup.configuration;
        let bearable = configuration.storage.f().min(configuration.membership.f());
        let awaited = self.own.as_ref().map(|news| news.awaited);
        awaited.is_some_and(|count| count == 0 || self.is_due && count as usize <= bearable)
    }

    /// MEM-57: before which this server votes for no end, if it begins the epoch now.
    pub(super) fn others_awaited_until(&self, now: Instant) -> Instant {
        now.after(self.part_of_length().min(DEPOSITS_AWAITED_MAX))
    }

    // MEM-52: whoever comes and goes, an epoch lasts as long as this.
    /// Has the epoch lasted so long that it may end for a risk, or for changes?
    fn may_end_early(&self, now: Now) -> bool {
        let begun = self.setup.configuration.created.as_micros();
        let least = begun.saturating_add(self.part_of_length().as_micros());
        now.wall.as_micros() >= least || planted(Plant::RiskEndsAtOnce)
    }

    fn part_of_length(&self) -> Duration {
        Duration::from_micros(self.setup.policy.length.as_micros() / EARLIEST_END_PART)
    }

    fn say_end_vote(&mut self, turn: &mut Turn<'_>, reason: EndReason) {
        let is_due = self.setup.member.is_some() && self.says(Topic::EndVote);
        let Some(member) = self.setup.member.as_ref().filter(|_| is_due) else { return };
        let configuration = &self.setup.configuration;
        let (system, epoch) = (configuration.system, configuration.epoch);
        let said = EndVote { system, epoch, reason };
        let word = Word::sign(said, self.setup.me, &*member.signer);
        turn.mark("handover.end_voted");
        self.note_end();
        self.end_votes.insert(self.setup.me, word.clone());
        self.tell_members(turn, &Message::EndVote(word));
        self.arm_repeat(turn);
    }

    pub(super) fn on_end_vote(&mut self, turn: &mut Turn<'_>, word: Word<EndVote>) {
        let configuration = &self.setup.configuration;
        let is_about_this =
            word.said.system == configuration.system && word.said.epoch == configuration.epoch;
        if !is_about_this
            || !self.votes_end()
            || !self.is_by_member(&word.by, |key| word.check(key))
        {
            return turn.mark("handover.end_vote_rejected");
        }

        self.note_end();
        self.end_votes.insert(word.by, word);
    }

    /// With the first vote what is not settled is said again from the beginning.
    fn note_end(&mut self) {
        if self.end_votes.is_empty() {
            self.repetitions = 0;
        }
    }

    /// Did a member sign this with its key of the epoch?
    pub(super) fn is_by_member(
        &self,
        by: &NodeId,
        check: impl Fn(quorate_types::PublicKey) -> quorate_crypto::SignatureCheck,
    ) -> bool {
        let key = self.member_key(*by);
        key.is_some_and(|key| self.setup.schemes.signatures.is_valid(&check(key)))
    }
}
