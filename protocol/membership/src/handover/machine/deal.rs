//! Each member deals its share to the next group, and collects what the recipients say to it.
//!
//! Specification of the cryptography 2.3, steps 2 to 4. The dealing follows from the seed of the
//! epoch and the session of the attempt, so a member that crashed deals the same again.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_threshold::{self as threshold, Dealer, Dealing, KeyShare, SESSION_BYTES, Session};
use quorate_types::{Digest, NodeId};

use super::{Handover, Topic, Turn};
use crate::handover::attempt::Attempt;
use crate::handover::dealing::{Acknowledgement, CertifiedDealing, PublishedDealing};
use crate::handover::message::Message;
use crate::handover::operation::HandoverOperation;
use crate::handover::signed_dealing::SignedDealing;
use crate::handover::word::{Word, Words};

/// The own dealing of an attempt.
pub(super) struct Dealt {
    published: SignedDealing,
    digest: Digest,
    acknowledgements: BTreeMap<NodeId, Word<Acknowledgement>>,
}

impl Handover {
    pub(super) fn deal(&mut self, turn: &mut Turn<'_>) {
        let Some(underway) = self.underway() else { return };
        let (attempt, is_chosen) = (underway.attempt.clone(), self.is_choice_made());
        let session = attempt.session(&self.occasion());
        let is_dealt = self.dealt.as_ref().is_some_and(|dealt| dealt.is_of(session));
        if !is_dealt {
            self.dealt = self.make_dealing(&attempt, session);
            if self.dealt.is_some() {
                turn.mark("handover.dealt");
            }
        }
        if is_chosen {
            return;
        }
        self.hand_out(turn, &attempt);
        self.certify_dealing(turn, &attempt);
    }

    /// None: this server has nothing to deal.
    fn make_dealing(&self, attempt: &Attempt, session: Session) -> Option<Dealt> {
        let member = self.setup.member.as_ref()?;
        let dealer = Dealer { seed: &member.seed, session, parameters: attempt.parameters() };
        let dealt = match (&member.share, self.setup.system_key) {
            (Some(share), _) if planted(Plant::DealingReused) => reused(&dealer, share),
            (Some(share), _) => dealer.deal_again(share),
            (None, None) => dealer.deal_fresh(self.index_of(self.setup.me)?),
            (None, Some(_)) => return None,
        };
        let keys = attempt.encryption_keys().ok()?;
        let sealed = dealer.seal(&dealt, &keys).ok()?;
        let dealing = PublishedDealing::new(&dealt.dealing, &sealed);
        let digest = dealing.digest();
        let published = SignedDealing::sign(dealing, self.place(), &*member.signer);
        Some(Dealt { published, digest, acknowledgements: BTreeMap::new() })
    }

    fn hand_out(&mut self, turn: &mut Turn<'_>, attempt: &Attempt) {
        let Some(dealt) = &self.dealt else { return };
        let published = Box::new(dealt.published.clone());
        let has_acknowledged = |node: &NodeId| dealt.acknowledgements.contains_key(node);
        let waiting: Vec<NodeId> =
            attempt.seats.iter().map(|seat| seat.node).filter(|it| !has_acknowledged(it)).collect();
        for node in waiting {
            if !self.says(Topic::Dealing(node)) {
                continue;
            }
            if node == self.setup.me {
                self.on_dealing(turn, node, (*published).clone());
            } else {
                turn.send(node, Message::Dealing(published.clone()));
            }
        }
    }

    pub(super) fn on_acknowledgement(&mut self, turn: &mut Turn<'_>, word: Word<Acknowledgement>) {
        let key = self.attempt().and_then(|attempt| attempt.key_of(word.by));
        let verifier = &self.setup.schemes.signatures;
        let is_own = self.dealt.as_ref().is_some_and(|dealt| dealt.is_acknowledged_by(&word));
        if !is_own || !key.is_some_and(|key| verifier.is_valid(&word.check(key))) {
            return turn.mark("handover.acknowledgement_rejected");
        }

        if let Some(dealt) = &mut self.dealt {
            dealt.acknowledgements.insert(word.by, word);
        }
    }

    fn certify_dealing(&mut self, turn: &mut Turn<'_>, attempt: &Attempt) {
        let Some(dealt) = &self.dealt else { return };
        let dealing = &dealt.published.dealing;
        let dealer = dealing.dealer;
        let is_in_log = self
            .underway()
            .is_some_and(|underway| underway.dealings.iter().any(|it| it.dealer == dealer));
        if is_in_log || dealt.acknowledgements.len() < attempt.resilience.quorum() {
            return;
        }
        let certified = CertifiedDealing {
            session: dealing.session,
            dealing: dealing.chosen(),
            acknowledgements: Words(dealt.acknowledgements.values().cloned().collect()),
        };
        self.announce_own(turn, HandoverOperation::Dealt(Box::new(certified)));
    }

    /// Have as many dealings been certified as make a sharing?
    pub(super) fn is_choice_made(&self) -> bool {
        let needed = self.resilience().weak_quorum();
        self.underway().is_some_and(|underway| underway.dealings.len() >= needed)
    }

    /// The own dealing, if it is of this session.
    pub(super) fn own_dealing(&self, session: Digest) -> Option<&SignedDealing> {
        let dealt = self.dealt.as_ref()?;
        (dealt.published.dealing.session == session).then_some(&dealt.published)
    }
}

/// The bug of [`Plant::DealingReused`]: one polynomial, whatever the attempt is.
fn reused(dealer: &Dealer<'_>, share: &KeyShare) -> threshold::Dealt {
    let once = Dealer { session: Session::new([0; SESSION_BYTES]), ..*dealer };
    let threshold::Dealt { dealing, subshares } = once.deal_again(share);
    let dealing = Dealing::new(dealer.session, dealing.dealer(), dealing.commitment().clone());
    threshold::Dealt { dealing, subshares }
}

impl Dealt {
    fn is_of(&self, session: Session) -> bool {
        self.published.dealing.session.as_bytes() == session.as_bytes()
    }

    fn is_acknowledged_by(&self, word: &Word<Acknowledgement>) -> bool {
        let Acknowledgement { session, dealer, digest } = word.said;
        let dealing = &self.published.dealing;
        session == dealing.session && dealer == dealing.dealer && digest == self.digest
    }
}
