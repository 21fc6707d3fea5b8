//! Dealt: a dealing that a quorum of the next group holds.
//!
//! Specification of the cryptography 2.3; settled point 5. `2f' + 1` acknowledgements are
//! those of `f' + 1` correct recipients, who can repair the subshare of everybody else.
//!
//! Invariants: MEM-21.

use quorate_machine::{Plant, planted};
use quorate_threshold::Session;
use quorate_types::{Digest, Resilience};

use super::{HandoverRefusal, Outcome, Step};
use crate::handover::{Acknowledgement, CertifiedDealing, ChosenDealing, Stage, Underway};

impl Step<'_> {
    pub(super) fn dealt(&self, certified: CertifiedDealing) -> Result<Outcome, HandoverRefusal> {
        let Stage::Dealing(mut underway) = self.reader.stage() else {
            return Err(HandoverRefusal::NotNow);
        };
        let old = self.reader.header().membership;
        // MEM-21: what comes behind the first `f + 1` changes nothing.
        if underway.dealings.len() >= old.weak_quorum() {
            return Err(HandoverRefusal::NotNow);
        }
        let session = self.session(&underway.attempt);
        self.reject_dealing((&certified, session), &underway, old)?;
        self.reject_acknowledgements(&certified, &underway)?;

        underway.dealings.push(certified.dealing);
        Ok(Outcome::Reached(Stage::Dealing(underway)))
    }

    fn reject_dealing(
        &self,
        (certified, session): (&CertifiedDealing, Session),
        underway: &Underway,
        old: Resilience,
    ) -> Result<(), HandoverRefusal> {
        if certified.session.as_bytes() != session.as_bytes() {
            return Err(HandoverRefusal::OtherSubject);
        }
        let dealing = &certified.dealing;
        if underway.dealings.iter().any(|chosen| chosen.dealer == dealing.dealer) {
            return Err(HandoverRefusal::Repeated);
        }
        if usize::from(dealing.dealer) > old.replicas() {
            return Err(HandoverRefusal::Stranger);
        }
        let parameters = underway.attempt.parameters();
        let checked = dealing.checked((session, parameters), self.reader.sharing().as_ref());
        checked.map(drop).or(Err(HandoverRefusal::BadDealing))
    }

    fn reject_acknowledgements(
        &self,
        certified: &CertifiedDealing,
        underway: &Underway,
    ) -> Result<(), HandoverRefusal> {
        let (session, attempt) = (certified.session, &underway.attempt);
        let asked = acknowledgement(&certified.dealing, session);
        let is_short = planted(Plant::ShortDealing);
        let resilience = attempt.resilience;
        let needed = if is_short { resilience.weak_quorum() } else { resilience.quorum() };
        let words = &certified.acknowledgements.0;
        self.reject_words(words, needed, |said| *said == asked, |node| attempt.key_of(node))
    }
}

fn acknowledgement(dealing: &ChosenDealing, session: Digest) -> Acknowledgement {
    Acknowledgement { session, dealer: dealing.dealer, digest: dealing.digest(session) }
}
