//! Whether a certificate of the authority counts, and what it leaves behind.
//!
//! Settled point 32. The checks go from cheap to dear, and the signature comes last.
//!
//! Invariants: MEM-4, MEM-8.

use quorate_crypto::{SignatureCheck, Verifier};
use quorate_machine::Call;
use quorate_types::{Epoch, IdentityKey, PublicKey, Slot, SystemId};

use super::reply::Refusal;
use super::table::{KeyRecord, Reader, Table};
use crate::authority::{AddCertificate, RemoveCertificate, Validity};
use crate::limits::KNOWN_KEYS_MAX;

/// What the authority says of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Statement {
    /// It may join, or has moved.
    Add(AddCertificate),
    /// It must leave.
    Remove(RemoveCertificate),
}

quorate_wire::variants!(Statement { 1 => Add, 2 => Remove });

/// A change that takes effect with the next epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingChange {
    /// The epoch in which it was recorded.
    pub epoch: Epoch,
    /// The slot in which it was recorded.
    pub slot: Slot,
    /// What the authority says.
    pub statement: Statement,
}

quorate_wire::fields!(PendingChange { epoch, slot, statement });

impl Statement {
    pub(super) const fn system(&self) -> SystemId {
        match self {
            Self::Add(certificate) => certificate.grant.system,
            Self::Remove(certificate) => certificate.grant.system,
        }
    }

    pub(super) const fn identity_key(&self) -> IdentityKey {
        match self {
            Self::Add(certificate) => certificate.grant.identity_key,
            Self::Remove(certificate) => certificate.grant.identity_key,
        }
    }

    pub(super) const fn validity(&self) -> Validity {
        match self {
            Self::Add(certificate) => certificate.grant.validity,
            Self::Remove(certificate) => certificate.grant.validity,
        }
    }

    fn check(&self, authority_key: PublicKey) -> SignatureCheck {
        match self {
            Self::Add(certificate) => certificate.check(authority_key),
            Self::Remove(certificate) => certificate.check(authority_key),
        }
    }

    /// The reason against it, if there is one.
    pub(super) fn reject(
        &self,
        (call, table): (&Call<'_>, &Reader<'_>),
        verifier: &dyn Verifier,
    ) -> Result<(), Refusal> {
        let header = table.header();
        if self.system() != header.system {
            return Err(Refusal::Foreign);
        }
        self.reject_time(call.epoch)?;
        match table.key_record(self.identity_key()) {
            Some(record) => self.reject_replay(&record, call.epoch)?,
            None if table.known_keys() >= KNOWN_KEYS_MAX => return Err(Refusal::Full),
            None => {}
        }
        self.reject_server()?;
        if !verifier.is_valid(&self.check(header.authority_key)) {
            return Err(Refusal::BadSignature);
        }
        Ok(())
    }

    fn reject_time(&self, epoch: Epoch) -> Result<(), Refusal> {
        let validity = self.validity();
        if epoch < validity.first_epoch {
            return Err(Refusal::NotYetValid);
        }
        if epoch > validity.last_epoch {
            return Err(Refusal::Expired);
        }
        Ok(())
    }

    fn reject_replay(&self, record: &KeyRecord, epoch: Epoch) -> Result<(), Refusal> {
        if let Some(highest) = record.highest_sequence
            && self.validity().sequence <= highest
        {
            return Err(Refusal::Replayed { highest });
        }
        match (self, record.removed_until) {
            (Self::Add(_), Some(last_epoch)) if epoch <= last_epoch => {
                Err(Refusal::Removed { last_epoch })
            }
            (Self::Add(_) | Self::Remove(_), _) => Ok(()),
        }
    }

    fn reject_server(&self) -> Result<(), Refusal> {
        match self {
            Self::Add(certificate) => certificate.grant.server.check().or(Err(Refusal::BadServer)),
            Self::Remove(_) => Ok(()),
        }
    }

    /// Records it, in the place of an earlier change of the same server.
    pub(super) fn record(self, call: &Call<'_>, table: &mut Table<'_>) {
        let key = self.identity_key();
        let (sequence, last_epoch) = (self.validity().sequence, self.validity().last_epoch);
        let known = table.reader().key_record(key);
        let is_known = known.is_some();
        let mut record = known.unwrap_or_default();

        assert!(record.highest_sequence < Some(sequence), "MEM-4: a certificate counts once");

        record.highest_sequence = Some(sequence);
        if matches!(self, Self::Remove(_)) {
            record.removed_until = record.removed_until.max(Some(last_epoch));
        }
        table.put_key_record(key, record, is_known);
        let change = PendingChange { epoch: call.epoch, slot: call.slot, statement: self };
        table.put_pending(key, &change);
    }
}
