//! A dealer that cheats one recipient and has the others certify what it dealt (M07): its sealed
//! subshare is off, the commitment is right.
//!
//! It stands in the seat and not between machine and world, since what it needs is an operation in
//! the log: the certificate of another dealing than its honest machine made.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_membership::handover::message::Message;
use quorate_membership::handover::{
    Acknowledgement, CertifiedDealing, News, PublishedDealing, SignedDealing, Stage, Word, Words,
};
use quorate_types::{Digest, Epoch, NodeId, SystemId};

/// What such a dealer signs with.
pub(super) struct Pens {
    /// Its server, in which system, at the end of which epoch.
    pub(super) me: NodeId,
    pub(super) place: (SystemId, Epoch),
    /// Its key of that epoch, and of the next.
    pub(super) old: Option<Arc<dyn Signer>>,
    pub(super) new: Option<Arc<dyn Signer>>,
}

/// What such a dealer remembers of an attempt.
#[derive(Default, Debug)]
pub(super) struct BadDealing {
    /// Who must acknowledge, and how many.
    recipients: Vec<NodeId>,
    quorum: usize,
    dealt: Option<PublishedDealing>,
    acknowledged: BTreeMap<NodeId, Word<Acknowledgement>>,
}

impl BadDealing {
    /// Learns who the recipients are.
    pub(super) fn learn(&mut self, news: &News) {
        if let Stage::Dealing(underway) = &news.stage {
            self.recipients = underway.attempt.seats.iter().map(|seat| seat.node).collect();
            self.quorum = underway.attempt.resilience.quorum();
        }
    }

    /// What it sends instead of what its machine wants to send; it acknowledges nobody else, so
    /// that its own dealing is among the first. With its own word on what it deals, as a recipient.
    pub(super) fn twist(&mut self, message: Message, pens: &Pens) -> Option<Message> {
        if matches!(message, Message::Acknowledgement(_)) {
            return None;
        }
        let Message::Dealing(honest) = message else { return Some(message) };
        let Some(old) = &pens.old else { return Some(Message::Dealing(honest)) };
        let cheat = self.cheat(honest.dealing);
        let me = pens.me;
        if let Some(new) = pens.new.as_ref().filter(|_| self.recipients.contains(&me)) {
            self.acknowledged.insert(me, Word::sign(name(&cheat), me, &**new));
        }
        Some(Message::Dealing(Box::new(SignedDealing::sign(cheat, pens.place, &**old))))
    }

    /// The dealing with the subshare of the last recipient off.
    fn cheat(&mut self, mut dealing: PublishedDealing) -> PublishedDealing {
        if let Some(byte) = dealing.sealed.last_mut() {
            *byte ^= 1;
        }
        if self.dealt.as_ref() != Some(&dealing) {
            self.acknowledged.clear();
            self.dealt = Some(dealing.clone());
        }
        dealing
    }

    /// Hears an acknowledgement; the certificate, when a quorum has acknowledged.
    pub(super) fn hear(&mut self, word: &Word<Acknowledgement>) -> Option<CertifiedDealing> {
        let dealt = self.dealt.as_ref().filter(|dealt| name(dealt) == word.said)?;
        self.acknowledged.insert(word.by, word.clone());
        let words: Vec<_> = self.acknowledged.values().cloned().collect();
        (words.len() >= self.quorum).then(|| CertifiedDealing {
            session: dealt.session,
            dealing: dealt.chosen(),
            acknowledgements: Words(words),
        })
    }
}

fn name(dealing: &PublishedDealing) -> Acknowledgement {
    let (session, digest): (Digest, Digest) = (dealing.session, dealing.digest());
    Acknowledgement { session, dealer: dealing.dealer, digest }
}
