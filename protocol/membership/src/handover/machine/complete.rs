//! The next group is ready, or the attempt is given up: whichever comes first in the log.
//!
//! Settled points 1, 10, 14. Completions start nothing by themselves; DONE does.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_threshold::{Domain, PartialSignature, ShareIndex};
use quorate_types::NodeId;

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
        self.check_completions(turn);
        let right = self.completions.values().filter(|(_, is_right)| *is_right == Some(true));
        let words: Vec<_> = right.map(|(word, _)| word.clone()).collect();
        if words.len() >= needed {
            self.announce(turn, HandoverOperation::Complete(Words(words)));
        }
    }

    /// Finds out which of those that were not looked at yet are right, all of them together.
    fn check_completions(&mut self, turn: &mut Turn<'_>) {
        let unchecked = self.completions.iter().filter(|(_, (_, is_right))| is_right.is_none());
        let unchecked: Vec<_> = unchecked.map(|(node, (word, _))| (*node, word.clone())).collect();
        if unchecked.is_empty() {
            return;
        }
        let shown: Vec<_> = unchecked.iter().map(|(_, word)| self.shown(word)).collect();
        let wrong = self.wrong_partials(&shown.iter().flatten().copied().collect::<Vec<_>>());
        for ((node, word), partial) in unchecked.into_iter().zip(shown) {
            let is_right = partial.is_some_and(|partial| !wrong.contains(&partial.index()));
            if !is_right {
                turn.mark("handover.completion_rejected");
            }
            self.completions.insert(node, (word, Some(is_right)));
        }
    }

    /// What a recipient shows to prove that it holds its share of the sharing that the choice
    /// makes, if that is what it says.
    fn shown(&mut self, word: &Word<Completion>) -> Option<PartialSignature> {
        let sharing = self.sharing()?;
        let (session, attempt) = (self.session()?, self.attempt()?);
        let Completion { session: named, choice, commitments, proof } = &word.said;
        let is_of_this = named.as_bytes() == session.as_bytes()
            && *choice == choice_digest(self.choice()?)
            && *commitments == commitment_digest(sharing.group_key().commitment());
        let key = attempt.key_of(word.by).filter(|_| is_of_this)?;
        let partial = proof.partial().ok()?;
        let is_own = attempt.index_of(word.by) == Some(partial.index())
            && self.setup.schemes.signatures.is_valid(&word.check(key));
        is_own.then_some(partial)
    }

    /// Which of these were not made with shares of the sharing that the choice makes?
    fn wrong_partials(&mut self, partials: &[PartialSignature]) -> BTreeSet<ShareIndex> {
        let (Some(session), Some(sharing)) = (self.session(), self.sharing()) else {
            return partials.iter().map(PartialSignature::index).collect();
        };
        let (scheme, group_key) = (&*self.setup.schemes.threshold, sharing.group_key());
        scheme.wrong_partials(group_key, Domain::Share, session.as_bytes(), partials)
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
        if self.abort_wish == Some(number) {
            self.say_abort_vote(turn, number);
        }
        if self.abort_votes.len() >= self.resilience().quorum() {
            let votes = self.abort_votes.values().cloned().collect();
            self.announce(turn, HandoverOperation::Abort(Words(votes)));
        }
    }

    fn say_abort_vote(&mut self, turn: &mut Turn<'_>, number: u32) {
        let is_due = self.setup.member.is_some() && self.says(Topic::AbortVote);
        let Some(member) = self.setup.member.as_ref().filter(|_| is_due) else { return };
        let word = Word::sign(self.abort(number), self.setup.me, &*member.signer);
        turn.mark("handover.abort_voted");
        self.abort_votes.insert(self.setup.me, word.clone());
        self.tell_members(turn, &Message::AbortVote(word));
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
