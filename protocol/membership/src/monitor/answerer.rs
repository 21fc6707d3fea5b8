//! The server's side of probing: what it answers, and with which key.
//!
//! TDSC'12 section VI.C. It keeps nothing about who asks; how many signatures it gives away is
//! bounded by whoever holds the socket ([`Wanted::is_dear`](super::Wanted::is_dear)).
//!
//! # Protocol
//! Upon a question to another server: nothing. That server may have had this address before.
//! Upon a plain question: the own epoch, without a signature.
//! Upon a question with a nonce, or with the slot of an eviction: a signature with the key of the
//! epoch of the question; if there is none, the plain answer, which proves nothing.
//!
//! # Invariants
//! - MEM-42: what a server signs for whoever asks is a digest under a domain that nothing else
//!   uses, over its own id and the epoch: nobody gets a signature that counts for anything else.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{Domain, SignatureCheck, Signer, hash_of};
use quorate_types::{Digest, Epoch, NodeId, PublicKey, Signature, Slot, SystemId};
use quorate_wire::{Encode, Writer};

use super::datagram::{Answer, Proof, Question, Shown, Wanted};
use crate::epoch_key::EpochKeyCertificate;
use crate::freshness::Nonce;
use crate::limits::ANSWER_KEYS_MAX;

/// Who signs an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answering {
    /// The system.
    pub system: SystemId,
    /// The epoch of the key.
    pub epoch: Epoch,
    /// The server.
    pub server: NodeId,
}

quorate_wire::fields!(Answering { system, epoch, server });

impl Answering {
    /// MEM-42: what the server signs in answer to a nonce.
    fn answer_digest(&self, nonce: Nonce) -> Digest {
        hash_of(Domain::ProbeAnswer, &(*self, nonce))
    }

    /// MEM-42: what the server signs against an eviction: `H(epoch, slot of the eviction, id)`.
    fn rebuttal_digest(&self, eviction: Slot) -> Digest {
        let challenge = hash_of(Domain::EvictionChallenge, &(*self, eviction));
        hash_of(Domain::Rebuttal, &challenge)
    }

    /// The check of an answer to a nonce.
    #[must_use]
    pub fn check_answer(
        &self,
        nonce: Nonce,
        (key, signature): (PublicKey, Signature),
    ) -> SignatureCheck {
        SignatureCheck { key, digest: self.answer_digest(nonce), signature }
    }

    /// The check of a rebuttal of the eviction that was executed in a slot.
    #[must_use]
    pub fn check_rebuttal(
        &self,
        eviction: Slot,
        (key, signature): (PublicKey, Signature),
    ) -> SignatureCheck {
        SignatureCheck { key, digest: self.rebuttal_digest(eviction), signature }
    }
}

/// A key with which a server answers, and the certificate that it shows for it.
#[derive(Clone, Debug)]
pub struct AnswerKey {
    /// The epoch of the key.
    pub epoch: Epoch,
    /// The key.
    pub signer: Arc<dyn Signer>,
    /// The identity key's word for it, for probers whose configuration names no key.
    pub certificate: Option<EpochKeyCertificate>,
}

/// Why a question has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unanswered {
    /// It asks another server.
    NotMine,
}

/// A server as probers see it.
#[derive(Clone, Debug)]
pub struct Answerer {
    system: SystemId,
    server: NodeId,
    /// In ascending order of epoch; never empty.
    keys: Vec<AnswerKey>,
}

impl Answerer {
    /// A server that answers with this key.
    #[must_use]
    pub fn new(system: SystemId, server: NodeId, key: AnswerKey) -> Self {
        Self { system, server, keys: alloc::vec![key] }
    }

    /// The server that answers.
    #[must_use]
    pub const fn server(&self) -> NodeId {
        self.server
    }

    /// Answers with this key too, and forgets all but the newest [`ANSWER_KEYS_MAX`]: at the end of
    /// an epoch probers of both are about.
    pub fn hold(&mut self, key: AnswerKey) {
        self.keys.retain(|held| held.epoch != key.epoch);
        self.keys.push(key);
        self.keys.sort_by_key(|held| held.epoch);
        let excess = self.keys.len().saturating_sub(ANSWER_KEYS_MAX);
        self.keys.drain(..excess);
    }

    /// Answers with the key of an epoch no more: who asks for it learns that the server lives, and
    /// in which epoch. The only key stays.
    pub fn forget(&mut self, epoch: Epoch) {
        if self.keys.len() > 1 {
            self.keys.retain(|held| held.epoch != epoch);
        }
    }

    /// The epochs with whose keys it answers, in ascending order.
    pub fn epochs(&self) -> impl Iterator<Item = Epoch> {
        self.keys.iter().map(|held| held.epoch)
    }

    /// Writes the answer to a question.
    ///
    /// # Errors
    /// [`Unanswered`] if there is none; nothing is written.
    pub fn answer(&self, question: &Question, writer: &mut Writer) -> Result<(), Unanswered> {
        if question.to != self.server {
            return Err(Unanswered::NotMine);
        }
        let start = writer.as_bytes().len();

        self.reply(question).encode(writer);

        let length = writer.as_bytes().len() - start;
        assert!(length <= question.bytes(), "MEM-41: an answer longer than its question");
        Ok(())
    }

    fn reply(&self, question: &Question) -> Answer {
        let key = self.keys.iter().find(|held| held.epoch == question.epoch);
        let Some((key, shown)) = key.and_then(|key| Some((key, self.show(key, &question.wanted)?)))
        else {
            let newest = self.keys.last().map_or(Epoch::ZERO, |held| held.epoch);
            return Answer { ticket: question.ticket, epoch: newest, shown: Shown::Life };
        };
        Answer { ticket: question.ticket, epoch: key.epoch, shown }
    }

    fn show(&self, key: &AnswerKey, wanted: &Wanted) -> Option<Shown> {
        // MEM-42: whatever is asked, what is signed is one of these two digests about this server.
        let server = Answering { system: self.system, epoch: key.epoch, server: self.server };
        let prove = |digest: Digest, is_certificate_wanted: bool| {
            let certificate = key.certificate.as_ref().filter(|_| is_certificate_wanted);
            let certificate = certificate.cloned().map(Box::new);
            Proof { signature: key.signer.sign(&digest), certificate }
        };
        match *wanted {
            Wanted::Plain => None,
            Wanted::Signed { nonce, certificate } => {
                Some(Shown::Signature(prove(server.answer_digest(nonce), certificate)))
            }
            Wanted::Accused { slot, certificate } => {
                Some(Shown::Rebuttal(prove(server.rebuttal_digest(slot), certificate)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
