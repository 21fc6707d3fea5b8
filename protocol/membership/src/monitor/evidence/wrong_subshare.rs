//! A dealing by which somebody cannot come to the share that it promises: one signature, and the
//! complaint of the recipient that was cheated, which anybody can check.
//!
//! Specification of the cryptography 2.3; settled point 5; MPSS (TISSEC'10) for accusations that
//! all can verify. The complaint opens one envelope, under the key that its recipient had deposited
//! and for which the dealer sealed it. Which key that was says the attempt, and which attempt it
//! was the session that the dealer signed: nobody else chooses what it is judged by.
//!
//! # Invariants
//! - MEM-54: evidence of a wrong subshare holds only against the dealer that signed the dealing,
//!   for the attempt that hashes to its session, and if the complaint opens the envelope of a
//!   recipient with that recipient's key to something else than what is committed to.

use quorate_crypto::SignatureCheck;
use quorate_machine::{Plant, planted};
use quorate_threshold::{
    COMPLAINT_BYTES, CheckedDealing, Complaint, EncryptionKey, PublicKey as SystemKey, Rejected,
    SealedSubshares, Session, Verdict,
};
use quorate_types::Epoch;
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use super::{Accused, Unfounded};
use crate::codec::{read_system_key, write_system_key};
use crate::handover::attempt::{Attempt, Occasion};
use crate::handover::signed_dealing::SignedDealing;

/// A dealing that cheats a recipient, with all that it takes to see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrongSubshare {
    /// The epoch that ended: the dealer signed with its key of it.
    pub epoch: Epoch,
    /// The system's key, which was dealt; none if it was being made.
    pub system_key: Option<SystemKey>,
    /// To whom.
    pub attempt: Attempt,
    /// What was dealt.
    pub dealing: SignedDealing,
    /// The complaint of who was cheated, unchecked.
    pub complaint: [u8; COMPLAINT_BYTES],
}

impl WrongSubshare {
    /// What is left to check of the dealer's signature, if the dealing is of the attempt.
    pub(super) fn signature_check(&self, accused: &Accused) -> Result<SignatureCheck, Unfounded> {
        if self.epoch != accused.epoch {
            return Err(Unfounded::WrongEpoch);
        }
        // MEM-54: the dealer signed the hash of all that it is judged by.
        let session = self.session(accused);
        if session.as_bytes() != self.dealing.dealing.session.as_bytes() {
            return Err(Unfounded::WrongAttempt);
        }
        let key = accused.epoch_key.ok_or(Unfounded::NoKey)?;
        Ok(self.dealing.statement((accused.system, accused.epoch)).check(key))
    }

    fn session(&self, accused: &Accused) -> Session {
        let (system, epoch) = (accused.system, accused.epoch.next());
        self.attempt.session(&Occasion { system, epoch, system_key: self.system_key })
    }

    /// MEM-54: does the complaint prove that the dealer cheated who complains?
    pub(super) fn reject_complaint(&self) -> Result<(), Unfounded> {
        if planted(Plant::ComplaintUnchecked) {
            return Ok(());
        }
        match self.judge()? {
            Verdict::DealerLied => Ok(()),
            Verdict::RecipientLied => Err(Unfounded::NotCheated),
        }
    }

    fn judge(&self) -> Result<Verdict, Unfounded> {
        // A dealer may sign a hash of anything.
        if self.attempt.seats.len() != self.attempt.resilience.replicas() {
            return Err(Unfounded::Malformed);
        }
        let malformed = |_: Rejected| Unfounded::Malformed;
        let (checked, sealed) = self.contents().map_err(malformed)?;
        let complaint = Complaint::decode(&self.complaint).map_err(malformed)?;
        let place = usize::from(complaint.recipient().get()) - 1;
        let keys = self.attempt.seats.get(place).and_then(|seat| seat.keys);
        let key = keys.ok_or(Unfounded::NotCheated)?.encryption_key;
        let key = EncryptionKey::decode_vouched(&key.0).map_err(malformed)?;
        complaint.judge(&checked, &sealed, &key).map_err(malformed)
    }

    fn contents(&self) -> Result<(CheckedDealing, SealedSubshares), Rejected> {
        let dealing = &self.dealing.dealing;
        let session = Session::new(*dealing.session.as_bytes());
        let parameters = self.attempt.parameters();
        // Whose share it commits to does not matter: a correct dealer seals what it commits to.
        let checked = dealing.chosen().checked((session, parameters), None)?;
        Ok((checked, dealing.sealed(parameters)?))
    }
}

impl Encode for WrongSubshare {
    fn encode(&self, writer: &mut Writer) {
        self.epoch.encode(writer);
        self.system_key.is_some().encode(writer);
        self.system_key.iter().for_each(|key| write_system_key(writer, key));
        self.attempt.encode(writer);
        self.dealing.encode(writer);
        writer.raw(&self.complaint);
    }
}

impl Decode for WrongSubshare {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let epoch = Decode::decode(reader)?;
        let has_key = bool::decode(reader)?;
        let system_key = has_key.then(|| read_system_key(reader)).transpose()?;
        Ok(Self {
            epoch,
            system_key,
            attempt: Decode::decode(reader)?,
            dealing: Decode::decode(reader)?,
            complaint: reader.array()?,
        })
    }
}

#[cfg(test)]
mod tests;
