//! A recipient: takes dealings, acknowledges them, and puts its share together.
//!
//! Specification of the cryptography 2.3, steps 3 and 5; settled points 5 and 33. A dealing is
//! acknowledged when its subshare is right and it is durable, and only the first of each dealer
//! (MEM-14). The share is made of the dealings that the log chose and of no others, and is durable
//! before anybody hears of it.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_threshold::{
    CheckedDealing, Complaint, DecryptionKey, KeyShare, Opened, SealedSubshares, Session,
    ShareIndex, Sharing, Subshare,
};
use quorate_types::{Digest, NodeId};

use super::{Handover, Output, Record, Topic, Turn};
use crate::handover::attempt::Attempt;
use crate::handover::dealing::{
    Acknowledgement, ChosenDealing, PublishedDealing, choice_digest, sharing,
};
use crate::handover::message::{DealingName, Message};
use crate::handover::signed_dealing::SignedDealing;
use crate::handover::stage::Stage;
use crate::handover::vote::{Completion, ShareProof};
use crate::handover::word::Word;
use crate::header::commitment_digest;

/// What a recipient found in a dealing.
pub(super) enum Inside {
    /// What it is owed.
    Subshare(Subshare),
    /// Something else, and the proof of it.
    Cheated(Box<Complaint>),
}

/// A dealing that this recipient has opened.
pub(super) struct Held {
    pub(super) published: SignedDealing,
    pub(super) checked: CheckedDealing,
    pub(super) sealed: SealedSubshares,
    pub(super) inside: Inside,
    is_durable: bool,
}

/// All that a recipient holds of the attempt.
#[derive(Default)]
pub(super) struct Receiving {
    session: Option<Digest>,
    /// By dealer.
    pub(super) held: BTreeMap<u16, Held>,
    /// Dealings of an attempt that this server has not heard of, the latest of each dealer.
    early: BTreeMap<u16, SignedDealing>,
    /// What was acknowledged before a crash.
    durable: BTreeMap<(Digest, u16), SignedDealing>,
    /// The dealers that were proved to cheat: one proof of each is enough.
    pub(super) exposed: BTreeSet<u16>,
    /// What others say that a dealer that cheated dealt to them.
    pub(super) help: BTreeMap<u16, Vec<Subshare>>,
    /// Whom a complaint was found right or wrong for: each is judged once.
    pub(super) judged: BTreeMap<(u16, ShareIndex), bool>,
    sharing: Option<Arc<Sharing>>,
    share: Option<(Digest, Arc<KeyShare>)>,
}

impl Receiving {
    pub(super) const fn session(&self) -> Option<Digest> {
        self.session
    }

    /// The share of the attempt that this server is in.
    pub(super) fn share(&self) -> Option<&Arc<KeyShare>> {
        let of_attempt = self.share.as_ref().filter(|(of, _)| Some(*of) == self.session);
        of_attempt.map(|(_, share)| share)
    }

    /// The share of whatever attempt.
    pub(super) fn any_share(&self) -> Option<&Arc<KeyShare>> {
        self.share.as_ref().map(|(_, share)| share)
    }

    pub(super) fn holds_secrets(&self) -> bool {
        let is_opened = |held: &Held| matches!(held.inside, Inside::Subshare(_));
        self.share.is_some() || !self.help.is_empty() || self.held.values().any(is_opened)
    }

    pub(super) fn replay_dealing(&mut self, published: SignedDealing) {
        let PublishedDealing { session, dealer, .. } = published.dealing;
        self.durable.insert((session, dealer), published);
    }

    /// What this server has of a dealer.
    pub(super) fn dealings_of(&self, dealer: u16) -> impl Iterator<Item = &SignedDealing> {
        let held = self.held.get(&dealer).map(|held| &held.published);
        held.into_iter().chain(self.early.get(&dealer))
    }

    pub(super) fn replay_share(&mut self, session: Digest, share: Arc<KeyShare>) {
        self.share = Some((session, share));
    }

    /// Forgets every secret that was received.
    pub(super) fn forget(&mut self) {
        self.held.clear();
        self.help.clear();
        self.share = None;
    }

    /// Leaves everything of the attempt before behind; the session of the share in it, if there was
    /// one. A share from before a crash is none of those, and stays until its attempt comes: where
    /// the log is read again, that may be behind this one. It was counted there, and may be all
    /// that is left of its dealings (MEM-75).
    fn enter(&mut self, session: Digest) -> Option<Digest> {
        if self.session == Some(session) {
            return None;
        }
        let before = self.session.replace(session);
        self.held.clear();
        self.help.clear();
        self.judged.clear();
        self.sharing = None;
        self.share.take_if(|(known, _)| before == Some(*known)).map(|(left, _)| left)
    }
}

impl Handover {
    /// The attempt and this server's share index in it, if its deposited keys are those that it
    /// holds.
    pub(super) fn seat(&self) -> Option<(&Attempt, ShareIndex)> {
        let (attempt, me) = (self.attempt()?, self.setup.me);
        let own = self.setup.next.as_ref()?.signer.public_key();
        (attempt.key_of(me) == Some(own)).then_some((attempt, attempt.index_of(me)?))
    }

    pub(super) fn session(&self) -> Option<Session> {
        Some(self.attempt()?.session(&self.occasion()))
    }

    /// The dealings that the log chose, once there are enough.
    pub(super) fn choice(&self) -> Option<&[ChosenDealing]> {
        let dealings = match self.stage()? {
            Stage::Dealing(underway) => &underway.dealings,
            Stage::Done(decided) => &decided.dealings,
            Stage::Open | Stage::Frozen(_) | Stage::Redrawing(_) => return None,
        };
        dealings.get(..self.resilience().weak_quorum())
    }

    pub(super) fn on_dealing(
        &mut self,
        turn: &mut Turn<'_>,
        from: NodeId,
        published: SignedDealing,
    ) {
        // MEM-53: before anything is made of it, whoever passes it on.
        if !self.is_signed(&published) {
            return turn.mark("handover.dealing_unsigned");
        }
        self.compare(turn, &published);
        let dealer = published.dealing.dealer;
        let is_of_dealer = self.index_of(from).is_some_and(|index| index.get() == dealer);
        let session = self.session().map(|session| Digest::new(*session.as_bytes()));
        if session != Some(published.dealing.session) {
            if is_of_dealer {
                self.receiving.early.insert(dealer, published);
            }
            return;
        }
        let is_chosen = self.is_chosen(&published.dealing);
        if !is_of_dealer && !is_chosen {
            return turn.mark("handover.dealing_of_another");
        }
        if self.receiving.held.contains_key(&dealer)
            && !self.replaces(&published.dealing, is_chosen)
        {
            return turn.mark("handover.dealing_repeated");
        }

        self.open(turn, published);
    }

    /// MEM-53: is it signed with the key that its dealer has in the epoch that ends?
    fn is_signed(&self, published: &SignedDealing) -> bool {
        let dealer = self.dealer(published.dealing.dealer);
        let key = dealer.and_then(|dealer| self.member_key(dealer));
        let verifier = &*self.setup.schemes.signatures;
        key.is_some_and(|key| published.is_by(key, self.place(), verifier))
    }

    fn is_chosen(&self, published: &PublishedDealing) -> bool {
        let (name, session) = (published.digest(), published.session);
        let mut choice = self.choice().unwrap_or_default().iter();
        choice.any(|it| it.dealer == published.dealer && it.digest(session) == name)
    }

    /// The log has the last word about which of two dealings of a liar it is.
    fn replaces(&self, published: &PublishedDealing, is_chosen: bool) -> bool {
        let held = self.receiving.held.get(&published.dealer);
        let is_taken = is_chosen || planted(Plant::AcknowledgesTwice);
        is_taken && held.is_some_and(|held| held.published.dealing != *published)
    }

    /// What opens dealings, until the share is there.
    fn decryption_key(&self) -> Option<&DecryptionKey> {
        self.setup.next.as_ref()?.decryption_key.as_ref()
    }

    fn open(&mut self, turn: &mut Turn<'_>, published: SignedDealing) {
        let Some((attempt, me)) = self.seat().filter(|_| self.decryption_key().is_some()) else {
            return;
        };
        let (session, parameters) = (attempt.session(&self.occasion()), attempt.parameters());
        let dealing = &published.dealing;
        let checked = dealing.chosen().checked((session, parameters), self.group_key.as_deref());
        let Ok((checked, sealed)) =
            checked.and_then(|checked| Ok((checked, dealing.sealed(parameters)?)))
        else {
            return turn.mark("handover.dealing_rejected");
        };
        let Some(key) = self.decryption_key() else { return };
        let inside = match key.open(&checked, &sealed, me) {
            Ok(Opened::Owed(subshare)) => Inside::Subshare(subshare),
            Ok(Opened::Complaint(complaint)) => {
                self.expose(turn, &published, complaint.encode());
                Inside::Cheated(Box::new(complaint))
            }
            Err(_) => return turn.mark("handover.dealing_rejected"),
        };
        let is_durable = self.receiving.is_durable(&published.dealing);
        let dealer = published.dealing.dealer;
        let held = Held { published, checked, sealed, inside, is_durable };
        self.receiving.held.insert(dealer, held);
    }

    pub(super) fn receive(&mut self, turn: &mut Turn<'_>) {
        let Some(session) = self.session() else { return };
        let session = Digest::new(*session.as_bytes());
        if let Some(left) = self.receiving.enter(session) {
            turn.effects.emit(Output::Abandoned(left));
        }
        if self.seat().is_none() {
            return;
        }
        self.take_up(turn, session);
        if self.choice().is_none() {
            return self.acknowledge(turn);
        }
        if self.receiving.share().is_none() {
            self.assemble(turn, session);
        }
        if self.receiving.share().is_some() {
            self.say_completion(turn, session);
            self.settle(turn);
        }
    }

    // MEM-75: behind the decision no other attempt comes, and nothing has to be opened any more.
    /// Forgets what opens dealings, also those of attempts that failed. Subshares of the chosen
    /// ones, with which others are helped, stay in memory.
    fn settle(&mut self, turn: &mut Turn<'_>) {
        if !self.is_decided() {
            return;
        }
        let epoch = self.setup.configuration.epoch.next();
        let Some(next) = &mut self.setup.next else { return };
        if next.decryption_key.take().is_some() {
            turn.mark("handover.settled");
            turn.settle(epoch);
        }
    }

    /// Has the attempt succeeded in which this server has its seat?
    fn is_decided(&self) -> bool {
        let number = self.attempt().map(|attempt| attempt.number);
        let signed = self.certified.as_ref().map(|certified| certified.header.lineage.attempt);
        matches!(self.stage(), Some(Stage::Done(_))) || (signed.is_some() && signed == number)
    }

    /// Dealings that came too early, or before a crash.
    fn take_up(&mut self, turn: &mut Turn<'_>, session: Digest) {
        if self.decryption_key().is_none() {
            return;
        }
        let of_before = self.receiving.durable.range((session, 0)..=(session, u16::MAX));
        let of_before: Vec<_> = of_before.map(|(_, published)| published.clone()).collect();
        let early = core::mem::take(&mut self.receiving.early).into_values();
        let early = early.filter(|published| published.dealing.session == session);
        for published in of_before.into_iter().chain(early) {
            if !self.receiving.held.contains_key(&published.dealing.dealer) {
                self.open(turn, published);
            }
        }
    }

    /// Says which dealings this server holds; MEM-14: what is not durable yet becomes so first.
    fn acknowledge(&mut self, turn: &mut Turn<'_>) {
        let right = |held: &&Held| matches!(held.inside, Inside::Subshare(_));
        let held = self.receiving.held.values().filter(right);
        let due: Vec<_> = held.map(|held| held.published.clone()).collect();
        for published in due {
            let dealer = published.dealing.dealer;
            if !self.says(Topic::Acknowledgement(dealer)) || !self.keep(turn, &published) {
                continue;
            }
            let session = published.dealing.session;
            let said = Acknowledgement { session, dealer, digest: published.dealing.digest() };
            let Some(next) = &self.setup.next else { return };
            let word = Word::sign(said, self.setup.me, &*next.signer);
            let Some(member) = self.dealer(dealer) else { continue };
            self.tell(turn, member, Message::Acknowledgement(word));
        }
    }

    /// Makes a dealing durable, unless another one of its dealer is: that one was acknowledged.
    fn keep(&mut self, turn: &mut Turn<'_>, published: &SignedDealing) -> bool {
        let dealing = &published.dealing;
        let name = (dealing.session, dealing.dealer);
        if let Some(known) = self.receiving.durable.get(&name) {
            return known.dealing == *dealing || planted(Plant::AcknowledgesTwice);
        }
        // MEM-14: nothing of this dealer was acknowledged in this attempt, before a crash either.
        self.persist(turn, Record::Dealing(Box::new(published.clone())));
        self.receiving.durable.insert(name, published.clone());
        if let Some(held) = self.receiving.held.get_mut(&dealing.dealer) {
            held.is_durable = true;
        }
        true
    }

    /// Puts the share together, or asks for what it still lacks.
    fn assemble(&mut self, turn: &mut Turn<'_>, session: Digest) {
        let choice = self.choice().unwrap_or_default().to_vec();
        for chosen in &choice {
            self.lack(turn, chosen, session);
        }
        let Some((_, me)) = self.seat() else { return };
        let Some(sharing) = self.sharing() else { return };
        let mut subshares = Vec::with_capacity(choice.len());
        for chosen in &choice {
            let held = self.receiving.held.get(&chosen.dealer);
            match held.filter(|held| held.is(chosen)).map(|held| &held.inside) {
                Some(Inside::Subshare(subshare)) => subshares.push(subshare),
                Some(Inside::Cheated(_)) | None => return,
            }
        }
        let Ok(share) = sharing.assemble_share(me, &subshares) else {
            return turn.mark("handover.share_rejected");
        };
        let share = Arc::new(share);
        turn.mark("handover.share_assembled");
        self.persist(turn, Record::Share { session, share: Arc::clone(&share) });
        self.receiving.share = Some((session, share));
    }

    /// Asks for a chosen dealing that is missing, and complains about one that cheats.
    fn lack(&mut self, turn: &mut Turn<'_>, chosen: &ChosenDealing, session: Digest) {
        let dealer = chosen.dealer;
        match self.receiving.held.get(&dealer).filter(|held| held.is(chosen)) {
            Some(held) => match &held.inside {
                Inside::Subshare(_) => {}
                Inside::Cheated(complaint) => {
                    let complaint = complaint.encode();
                    self.complain(turn, DealingName { session, dealer }, complaint);
                }
            },
            None => self.fetch_dealing(turn, DealingName { session, dealer }),
        }
    }

    fn fetch_dealing(&mut self, turn: &mut Turn<'_>, name: DealingName) {
        if !self.says(Topic::Fetch(name.dealer)) {
            return;
        }
        turn.mark("handover.dealing_fetched");
        let dealer = self.dealer(name.dealer);
        let seats = self.attempt().into_iter().flat_map(|attempt| &attempt.seats);
        let asked = seats.map(|seat| seat.node).chain(dealer);
        let asked: Vec<_> = asked.filter(|node| *node != self.setup.me).collect();
        for node in asked {
            turn.send(node, Message::FetchDealing(name));
        }
    }

    pub(super) fn on_fetch_dealing(
        &mut self,
        turn: &mut Turn<'_>,
        from: NodeId,
        name: DealingName,
    ) {
        let is_recipient = self.attempt().is_some_and(|attempt| attempt.index_of(from).is_some());
        let held = self.receiving.held.get(&name.dealer).map(|held| &held.published);
        let own = self.own_dealing(name.session);
        let own = own.filter(|own| own.dealing.dealer == name.dealer);
        let held = held.filter(|held| held.dealing.session == name.session);
        let durable = self.receiving.durable.get(&(name.session, name.dealer));
        let found = held.or(own).or(durable).cloned();
        match found.filter(|_| is_recipient) {
            Some(published) => turn.send(from, Message::Dealing(Box::new(published))),
            None => turn.mark("handover.dealing_not_served"),
        }
    }

    /// The sharing that the choice makes.
    pub(super) fn sharing(&mut self) -> Option<Arc<Sharing>> {
        if self.receiving.sharing.is_none() {
            let attempt = self.attempt()?;
            let place = (attempt.session(&self.occasion()), attempt.parameters());
            let made = sharing(self.choice()?, place, self.group_key.as_deref()).ok()?;
            self.receiving.sharing = Some(Arc::new(made));
        }
        self.receiving.sharing.clone()
    }

    fn say_completion(&mut self, turn: &mut Turn<'_>, session: Digest) {
        if self.certified.is_some() || !self.says(Topic::Completion) {
            return;
        }
        let Some(sharing) = self.sharing() else { return };
        let (Some(choice), Some(next)) = (self.choice(), &self.setup.next) else { return };
        let Some(share) = self.receiving.share() else { return };
        let domain = quorate_threshold::Domain::Share;
        let scheme = &*self.setup.schemes.threshold;
        let proof = scheme.sign_partial(share, domain, session.as_bytes());
        let said = Completion {
            session,
            choice: choice_digest(choice),
            commitments: commitment_digest(sharing.group_key().commitment()),
            proof: ShareProof::new(&proof),
        };
        let word = Word::sign(said, self.setup.me, &*next.signer);
        turn.mark("handover.completed");
        for member in self.setup.configuration.membership_group.clone() {
            self.tell(turn, member, Message::Completion(word.clone()));
        }
    }

    /// Sends to a server, or takes it at once if it is this one.
    pub(super) fn tell(&mut self, turn: &mut Turn<'_>, to: NodeId, message: Message) {
        if to == self.setup.me {
            self.on_message(turn, to, message);
        } else {
            turn.send(to, message);
        }
    }
}

impl Receiving {
    fn is_durable(&self, published: &PublishedDealing) -> bool {
        let known = self.durable.get(&(published.session, published.dealer));
        known.is_some_and(|known| known.dealing == *published)
    }
}

impl Held {
    /// Is this the dealing that the log chose?
    pub(super) fn is(&self, chosen: &ChosenDealing) -> bool {
        let dealing = &self.published.dealing;
        dealing.dealer == chosen.dealer && dealing.chosen() == *chosen
    }
}

#[cfg(test)]
mod tests {
    //! What a recipient gives up when it goes on to another attempt.
    use alloc::sync::Arc;

    use quorate_threshold::KeyShare;
    use quorate_types::Digest;

    use super::Receiving;

    const FIRST: Digest = Digest::new([1; 32]);
    const SECOND: Digest = Digest::new([2; 32]);

    fn share() -> Arc<KeyShare> {
        let mut bytes = [7; 34];
        bytes[..3].copy_from_slice(&[0, 1, 0]);
        Arc::new(KeyShare::decode(&bytes).expect("a number of the field"))
    }

    #[test]
    fn mem_71_the_share_of_the_attempt_that_is_left_is_given_up() {
        let mut receiving = Receiving::default();
        assert_eq!(receiving.enter(FIRST), None);
        receiving.replay_share(FIRST, share());
        assert_eq!(receiving.enter(FIRST), None);
        assert_eq!(receiving.enter(SECOND), Some(FIRST));
        assert!(receiving.share().is_none());
    }

    /// Scene `redraw`, seed 1, point 8020: who erased the share late erased it when it was there
    /// again, and had been counted.
    #[test]
    fn a_share_of_a_later_attempt_outlives_that_the_log_is_read_again() {
        let mut receiving = Receiving::default();
        receiving.replay_share(SECOND, share());
        assert_eq!(receiving.enter(FIRST), None, "it may be of an attempt behind this one");
        assert!(receiving.share().is_none(), "it is not of this one");
        assert_eq!(receiving.enter(SECOND), None);
        assert!(receiving.share().is_some(), "what it was made of may be gone: MEM-75");
    }
}
