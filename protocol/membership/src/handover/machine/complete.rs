//! The next group is ready, or the attempt is given up: whichever comes first in the log.
//!
//! Settled points 1, 10, 14. Completions start nothing by themselves; DONE does.

use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_threshold::Domain;
use quorate_types::{Digest, NodeId};

use super::{Handover, Timer, Topic, Turn};
use crate::handover::dealing::choice_digest;
use crate::handover::message::Message;
use crate::handover::operation::HandoverOperation;
use crate::handover::vote::{AbortVote, Completion};
use crate::handover::word::{Word, Words};
use crate::header::commitment_digest;

impl Handover {
    /// Kept unchecked, the latest of each recipient: this member may not have heard of the choice.
    pub(super) fn on_completion(
        &mut self,
        turn: &mut Turn<'_>,
        from: NodeId,
        word: Word<Completion>,
    ) {
        let is_recipient = self.attempt().is_none_or(|it| it.index_of(from).is_some());
        if self.member_place().is_none() || word.by != from || !is_recipient {
            return turn.mark("handover.completion_ignored");
        }
        let is_known = self.completions.get(&from).is_some_and(|(known, _)| *known == word);
        if !is_known {
            self.completions.insert(from, (word, None));
        }
    }

    pub(super) fn complete(&mut self, turn: &mut Turn<'_>) {
        if self.member_place().is_none() || self.underway().is_none() || !self.is_choice_made() {
            return;
        }
        let Some(needed) = self.attempt().map(|attempt| attempt.resilience.quorum()) else {
            return;
        };
        if self.completions.len() < needed {
            return;
        }
        let unchecked = self.completions.iter().filter(|(_, (_, is_right))| is_right.is_none());
        let unchecked: Vec<_> = unchecked.map(|(node, (word, _))| (*node, word.clone())).collect();
        for (node, word) in unchecked {
            let is_right = self.is_complete(&word);
            if !is_right {
                turn.mark("handover.completion_rejected");
            }
            self.completions.insert(node, (word, Some(is_right)));
        }
        let right = self.completions.values().filter(|(_, is_right)| *is_right == Some(true));
        let words: Vec<_> = right.map(|(word, _)| word.clone()).collect();
        if words.len() >= needed {
            self.announce(turn, HandoverOperation::Complete(Words(words)));
        }
    }

    /// Does the recipient hold its share of the sharing that the choice makes?
    fn is_complete(&mut self, word: &Word<Completion>) -> bool {
        let Some(sharing) = self.sharing() else { return false };
        let (Some(session), Some(choice)) = (self.session(), self.choice()) else { return false };
        let Some(attempt) = self.attempt() else { return false };
        let Completion { session: named, choice: chosen, commitments, proof } = &word.said;
        let session = Digest::new(*session.as_bytes());
        let group_key = sharing.group_key();
        let is_of_this = *named == session
            && *chosen == choice_digest(choice)
            && *commitments == commitment_digest(group_key.commitment());
        let Some(key) = attempt.key_of(word.by).filter(|_| is_of_this) else { return false };
        let Ok(partial) = proof.partial() else { return false };
        let scheme = &*self.setup.schemes.threshold;
        let verified = scheme.verify_partial(group_key, Domain::Share, named.as_bytes(), &partial);
        attempt.index_of(word.by) == Some(partial.index())
            && self.setup.schemes.signatures.is_valid(&word.check(key))
            && verified.is_ok()
    }

    /// Sets the alarm of an attempt, each twice as long as the one before it.
    pub(super) fn watch_attempt(&mut self, turn: &mut Turn<'_>) {
        let number = self.underway().map(|underway| underway.attempt.number);
        if self.member_place().is_none() || number == self.attempt_watched {
            return;
        }
        self.attempt_watched = number;
        // What was right in one attempt says nothing in another.
        self.completions.values_mut().for_each(|(_, is_right)| *is_right = None);
        self.abort_votes.clear();
        self.abort_wish = None;
        match number {
            Some(number) => {
                let doubled =
                    (0..number.min(16)).fold(self.setup.policy.attempt, |it, _| it.doubled());
                turn.effects.arm(Timer::Attempt, turn.now.instant.after(doubled));
            }
            None => turn.effects.disarm(Timer::Attempt),
        }
    }

    pub(super) fn give_up(&mut self) {
        if planted(Plant::AttemptForEver) {
            return;
        }
        self.abort_wish = self.underway().map(|underway| underway.attempt.number);
    }

    pub(super) fn vote_abort(&mut self, turn: &mut Turn<'_>) {
        let Some(number) = self.underway().map(|underway| underway.attempt.number) else { return };
        if let Some(member) = &self.setup.member
            && self.abort_wish == Some(number)
        {
            let word = Word::sign(self.abort(number), self.setup.me, &*member.signer);
            if self.says(Topic::AbortVote) {
                turn.mark("handover.abort_voted");
                self.abort_votes.insert(self.setup.me, word.clone());
                self.tell_members(turn, &Message::AbortVote(word));
            }
        }
        if self.abort_votes.len() >= self.resilience().quorum() {
            let votes = self.abort_votes.values().cloned().collect();
            self.announce(turn, HandoverOperation::Abort(Words(votes)));
        }
    }

    fn abort(&self, attempt: u32) -> AbortVote {
        let configuration = &self.setup.configuration;
        AbortVote { system: configuration.system, epoch: configuration.epoch, attempt }
    }

    pub(super) fn on_abort_vote(&mut self, turn: &mut Turn<'_>, word: Word<AbortVote>) {
        let number = self.underway().map(|underway| underway.attempt.number);
        let is_about_this = number.is_some_and(|number| word.said == self.abort(number));
        if !is_about_this || !self.is_by_member(&word.by, |key| word.check(key)) {
            return turn.mark("handover.abort_vote_rejected");
        }

        self.abort_votes.insert(word.by, word);
    }
}
