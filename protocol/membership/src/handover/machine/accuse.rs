//! Whoever is shown that a dealer cheats makes evidence of it that convinces everybody.
//!
//! Two signed dealings of one attempt, or one by which a recipient cannot come to its share: the
//! recipient itself proves that, or whoever judges its complaint. What becomes of it is the log's
//! business; the handover goes on as if nothing were known, since a complaint never removes a
//! dealing (settled point 5).
//!
//! Invariants: MEM-44, MEM-54.

use alloc::boxed::Box;

use quorate_threshold::COMPLAINT_BYTES;
use quorate_types::{Epoch, NodeId, SystemId};

use super::{Handover, Output, Turn};
use crate::handover::signed_dealing::SignedDealing;
use crate::monitor::evidence::{Contradiction, Misdeed, WrongSubshare};
use crate::monitor::{Accused, Evidence};

impl Handover {
    /// What dealings of this end of an epoch are signed for.
    pub(super) fn place(&self) -> (SystemId, Epoch) {
        (self.setup.configuration.system, self.setup.configuration.epoch)
    }

    /// The member with this index among dealers.
    pub(super) fn dealer(&self, index: u16) -> Option<NodeId> {
        let place = usize::from(index).checked_sub(1)?;
        self.setup.configuration.membership_group.get(place).copied()
    }

    /// Has the dealer signed something else in the same attempt?
    pub(super) fn compare(&mut self, turn: &mut Turn<'_>, published: &SignedDealing) {
        let dealer = published.dealing.dealer;
        let place = self.place();
        let mut known = self.receiving.dealings_of(dealer);
        let first = known.find(|it| it.contradicts(published)).map(|it| it.statement(place));
        drop(known);
        let Some(first) = first else { return };
        let second = published.statement(place);
        turn.mark("handover.dealt_twice");
        self.tell_proof(turn, dealer, Misdeed::Contradiction(Contradiction { first, second }));
    }

    /// A dealing was proved to cheat the one who complains.
    pub(super) fn expose(
        &mut self,
        turn: &mut Turn<'_>,
        published: &SignedDealing,
        complaint: [u8; COMPLAINT_BYTES],
    ) {
        let Some(attempt) = self.attempt().cloned() else { return };
        let wrong = WrongSubshare {
            epoch: self.setup.configuration.epoch,
            system_key: self.setup.system_key,
            attempt,
            dealing: published.clone(),
            complaint,
        };
        let dealer = published.dealing.dealer;
        self.tell_proof(turn, dealer, Misdeed::WrongSubshare(Box::new(wrong)));
    }

    fn tell_proof(&mut self, turn: &mut Turn<'_>, dealer: u16, misdeed: Misdeed) {
        let Some(server) = self.dealer(dealer) else { return };
        if self.receiving.exposed.contains(&dealer) {
            return;
        }
        let evidence = Evidence { server, misdeed };
        // A recipient whose own key is not the one that it deposited is not cheated by the dealer.
        if !self.convinces(&evidence) {
            return turn.mark("handover.proof_unfounded");
        }
        self.receiving.exposed.insert(dealer);
        turn.mark("handover.dealer_exposed");
        turn.effects.emit(Output::Cheated(Box::new(evidence)));
    }

    /// Would the log of this epoch convict?
    fn convinces(&self, evidence: &Evidence) -> bool {
        let Some(record) = self.setup.configuration.member(evidence.server) else { return false };
        let (system, epoch) = self.place();
        let accused = Accused {
            system,
            epoch,
            epoch_key: record.epoch_key,
            identity_key: record.identity_key,
            root: record.root(),
        };
        evidence.check(&accused, &*self.setup.schemes.signatures).is_ok()
    }
}
