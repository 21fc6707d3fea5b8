//! Complete, DONE: a quorum of the next group holds its shares. The last step of an epoch.
//!
//! Specification of the cryptography 2.3; settled points 1, 5 and 10. Only statements count that
//! name the choice and the sharing as the log computes them, and that show the share.
//!
//! Invariants: MEM-20, MEM-21, MEM-24, MEM-56.

use alloc::boxed::Box;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_threshold::{Domain, GroupKey, Session};
use quorate_types::Digest;

use super::{HandoverRefusal, Outcome, Step};
use crate::handover::dealing::{choice_digest, sharing};
use crate::handover::{CommitmentBytes, Completion, Stage, Underway, Word};
use crate::service::next::Next;

impl Step<'_> {
    pub(super) fn complete(
        &self,
        completions: &[Word<Completion>],
    ) -> Result<Outcome, HandoverRefusal> {
        let Stage::Dealing(underway) = self.reader.stage() else {
            return Err(HandoverRefusal::NotNow);
        };
        if underway.dealings.len() < self.reader.header().membership.weak_quorum() {
            return Err(HandoverRefusal::ChoiceOpen);
        }
        let session = self.session(&underway.attempt);
        let sharing = self.sharing(&underway, session)?;
        let points = CommitmentBytes::of(sharing.commitment());
        let commitments = points.digest();
        let is_asked = is_asked((&underway, session), commitments);
        let attempt = &underway.attempt;
        let key_of = |node| attempt.key_of(node);
        self.reject_words(completions, attempt.resilience.quorum(), is_asked, key_of)?;
        self.reject_shares(completions, (&underway, session), &sharing)?;

        let place = (&self.reader, self.call.time);
        let next = Next::of(place, *underway, (points, commitments));
        Ok(Outcome::Done(Box::new(next)))
    }

    /// MEM-21: what the choice makes of the old sharing, the same for everybody.
    fn sharing(&self, underway: &Underway, session: Session) -> Result<GroupKey, HandoverRefusal> {
        let (old, place) = (self.reader.sharing(), (session, underway.attempt.parameters()));
        let made = sharing(&underway.dealings, place, old.as_ref());
        let key = made.map(|sharing| sharing.group_key().clone());
        key.or(Err(HandoverRefusal::NoSharing))
    }

    /// Does everybody show the share that the sharing has for it?
    fn reject_shares(
        &self,
        completions: &[Word<Completion>],
        (underway, session): (&Underway, Session),
        sharing: &GroupKey,
    ) -> Result<(), HandoverRefusal> {
        let shown = |word: &Word<Completion>| {
            let partial = word.said.proof.partial().ok()?;
            (underway.attempt.index_of(word.by) == Some(partial.index())).then_some(partial)
        };
        let partials = completions.iter().map(shown).collect::<Option<Vec<_>>>();
        let is_good = partials.is_some_and(|partials| {
            let (scheme, message) = (&self.schemes.threshold, session.as_bytes());
            scheme.wrong_partials(sharing, Domain::Share, message, &partials).is_empty()
        });
        if is_good { Ok(()) } else { Err(HandoverRefusal::BadShare) }
    }
}

fn is_asked(
    (underway, session): (&Underway, Session),
    commitments: Digest,
) -> impl Fn(&Completion) -> bool {
    let session = Digest::new(*session.as_bytes());
    let choice = choice_digest(&underway.dealings);
    move |said| {
        let is_choice = said.choice == choice || planted(Plant::CompletionOfAnyChoice);
        (said.session, said.commitments) == (session, commitments) && is_choice
    }
}
