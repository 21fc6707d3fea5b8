//! Whether an answer counts, and what it proves.
//!
//! Invariants: MEM-47.

use alloc::boxed::Box;

use quorate_machine::{Plant, planted};
use quorate_types::{Instant, MemberRecord, PublicKey};

use super::Prober;
use super::table::Sent;
use crate::monitor::answerer::Answering;
use crate::monitor::datagram::{Answer, Proof, Shown};
use crate::monitor::rebuttal::Rebuttal;

/// The key of a proof, and the rebuttal that it was.
pub(super) type Proven = Option<(PublicKey, Option<Box<Rebuttal>>)>;

/// Judging answers.
impl Prober {
    /// The key that the server's answers are checked with, if it is known.
    pub(super) fn key_of(&self, place: u32) -> Option<PublicKey> {
        self.members()[place as usize].epoch_key.or(self.rows[place as usize].shown_key)
    }

    /// What the answer proves, if it counts.
    pub(super) fn judge(&self, now: Instant, answer: &Answer) -> Option<Proven> {
        let place = answer.ticket.place;
        let row = self.rows.get(place as usize)?;
        if row.sent == Sent::Nothing || answer.ticket != self.ticket((place, row.number)) {
            return None;
        }
        if now.since(row.sent_at) > self.rule.within {
            return None;
        }
        match (&answer.shown, row.sent) {
            (Shown::Life, Sent::Plain) => Some(None),
            (Shown::Life, _) => planted(Plant::PlainAnswerEnough).then_some(None),
            (Shown::Signature(proof) | Shown::Rebuttal(proof), _) => {
                self.prove(answer, proof).map(Some)
            }
        }
    }

    fn prove(&self, answer: &Answer, proof: &Proof) -> Option<(PublicKey, Option<Box<Rebuttal>>)> {
        let place = answer.ticket.place;
        let configuration = self.watch.configuration.configuration();
        if answer.epoch != configuration.epoch {
            return None;
        }
        let record = &configuration.members[place as usize];
        let key = self.key_of(place).or_else(|| self.certified_key(record, proof))?;
        let (system, epoch) = (configuration.system, configuration.epoch);
        let answering = Answering { system, epoch, server: record.id };
        let said = (key, proof.signature);
        let (check, rebuttal) = match (&answer.shown, self.accused.get(&place)) {
            (Shown::Rebuttal(_), Some(eviction)) => {
                let rebuttal = Rebuttal {
                    server: record.id,
                    eviction: *eviction,
                    signature: proof.signature,
                    certificate: proof.certificate.as_deref().cloned(),
                };
                (answering.check_rebuttal(*eviction, said), Some(Box::new(rebuttal)))
            }
            (Shown::Signature(_), _) => {
                let nonce = self.nonce((place, self.rows[place as usize].number));
                (answering.check_answer(nonce, said), None)
            }
            (Shown::Life | Shown::Rebuttal(_), _) => return None,
        };
        self.verifier.is_valid(&check).then_some((key, rebuttal))
    }

    /// The key that the server's identity certified for this epoch, if the answer shows it.
    fn certified_key(&self, record: &MemberRecord, proof: &Proof) -> Option<PublicKey> {
        let configuration = self.watch.configuration.configuration();
        let whose = (configuration.system, record, configuration.epoch);
        proof.certificate.as_deref()?.key_of(whose, &*self.verifier)
    }
}
