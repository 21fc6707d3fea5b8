//! Claims about keys: that the system's is one's own, and that other ones are those of before (M13,
//!

use std::sync::Arc;

use quorate_crypto::{Domain, hash, hash_of};
use quorate_membership::handover::Deposit;
use quorate_membership::handover::message::Message as Handover;
use quorate_membership::monitor::{Answer, Shown};
use quorate_threshold::{DecryptionKey, Seed};
use quorate_types::Epoch;

use super::super::keys::derived;
use super::super::{Message, ServerSeat};
use super::villain::{Context, Mark, Sending, Villain};

/// Deposits the system's key as its own.
#[derive(Debug)]
pub(super) struct RogueDepositor;

impl Villain for RogueDepositor {
    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending<'_>) -> Option<Mark> {
        let Message::Handover(epoch, said) = sending.message else { return None };
        *said = Arc::new(rogue(context.seat, *epoch, said)?);
        Some("liar.deposited_badly")
    }
}

/// The deposit with the system's key as its own, and the proof for another. It signs that.
fn rogue(seat: &ServerSeat, epoch: Epoch, message: &Handover) -> Option<Handover> {
    let Handover::Deposit(honest) = message else { return None };
    let mut deposit = honest.clone();
    deposit.encryption_key.0 = *seat.kit().system_key.as_bytes();
    let said = (deposit.certificate.statement, deposit.encryption_key);
    let signed = hash_of(Domain::NextKeys, &said);
    deposit.signature = seat.signer(epoch.next())?.sign(&signed);
    Some(Handover::Deposit(deposit))
}

/// Has its keys until it crashes, and then others.
#[derive(Default, Debug)]
pub(super) struct Revenant {
    is_back: bool,
}

impl Villain for Revenant {
    fn on_send(&mut self, context: &mut Context<'_>, sending: Sending<'_>) -> Option<Mark> {
        if !self.is_back {
            return None;
        }
        match sending.message {
            Message::Handover(_, said) => {
                *said = Arc::new(relabelled(context.seat, said)?);
            }
            Message::Probed(answer) => {
                *answer = Arc::new(signed_by_another(context.seat, answer)?);
            }
            Message::Ordered(..)
            | Message::Spread(_)
            | Message::Freshness(_)
            | Message::Probe(_) => return None,
        }
        Some("liar.relabelled")
    }

    fn on_restart(&mut self) {
        self.is_back = true;
    }
}

/// The deposit of another key for the next epoch under the same name.
fn relabelled(seat: &ServerSeat, message: &Handover) -> Option<Handover> {
    let Handover::Deposit(honest) = message else { return None };
    let signer = seat.kit().keys.signer(&derived("revenant", 0));
    let mut certificate = honest.certificate.clone();
    certificate.statement.epoch_key = signer.public_key();
    let decryption = DecryptionKey::derive(&Seed::new(derived("revenant decrypts", 0)));
    let deposit = Deposit::new(certificate, &*signer, &decryption);
    let deposit = deposit.proving(honest.root_proof.clone());
    Some(Handover::Deposit(Box::new(deposit)))
}

/// The answer with the signature of another key.
fn signed_by_another(seat: &ServerSeat, answer: &Answer) -> Option<Answer> {
    let mut other = answer.clone();
    let (Shown::Signature(proof) | Shown::Rebuttal(proof)) = &mut other.shown else { return None };
    let signer = seat.kit().keys.signer(&derived("revenant", 0));
    proof.signature = signer.sign(&hash(Domain::ProbeAnswer, proof.signature.as_bytes()));
    Some(other)
}
