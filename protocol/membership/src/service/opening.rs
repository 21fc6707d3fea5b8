//! With what a group's replicated map begins: nothing, or the state that the group before left.
//!
//! TDSC'12 section VI.D; settled point 10: the next group starts from the checkpoint of the slot
//! that holds DONE, so nothing that was acknowledged before is lost.
//!
//! A system without a dealer begins with its genesis as epoch 0, which no key has signed: there is
//! none. The group of the genesis makes it at the end of that epoch, and the first configuration
//! that is signed is that of epoch 1; it names the hash of the genesis' header as the one before.
//!
//! # Invariants
//! - MEM-73: what ends an epoch before its time by its number are changes of the authority, each
//!   once: what was postponed does not count again, and what was found of servers does not at all.
//!   Else bad servers, who can be evicted and come back for ever, or whom the caps hold back, would
//!   end one epoch after the other.
//!
//! Also MEM-1, MEM-24.

use alloc::sync::Arc;

use quorate_threshold::Signature as ThresholdSignature;
use quorate_types::{Epoch, MemberRecord};

use super::table::{KeyRecord, Reader, Table};
use crate::configuration::VerifiedConfiguration;
use crate::genesis::UnsignedConfiguration;
use crate::handover::{CommitmentBytes, Decided, News, Stage};
use crate::header::ConfigurationHeader;
use crate::shortlist::active_count;

/// What a group begins with.
#[derive(Clone, Debug)]
pub(super) enum Opening {
    /// The first epoch of a system whose key a dealer has dealt.
    Founded(VerifiedConfiguration, CommitmentBytes),
    /// An epoch whose group has the map of the group before.
    Following(VerifiedConfiguration),
    /// The epoch in which a system makes its key.
    Genesis(UnsignedConfiguration),
}

impl Opening {
    /// Requires: the header of the configuration names this sharing.
    pub(super) fn founded(configuration: VerifiedConfiguration, sharing: CommitmentBytes) -> Self {
        let named = configuration.header().header().lineage.commitments;
        assert!(sharing.digest() == named, "MEM-1: the sharing of another configuration");
        Self::Founded(configuration, sharing)
    }

    fn header(&self) -> &ConfigurationHeader {
        match self {
            Self::Founded(configuration, _) | Self::Following(configuration) => {
                configuration.header().header()
            }
            Self::Genesis(unsigned) => unsigned.header(),
        }
    }

    fn signature(&self) -> Option<ThresholdSignature> {
        match self {
            Self::Founded(configuration, _) | Self::Following(configuration) => {
                Some(configuration.header().certified().signature)
            }
            Self::Genesis(_) => None,
        }
    }

    pub(super) fn members(&self) -> &[Arc<MemberRecord>] {
        match self {
            Self::Founded(configuration, _) | Self::Following(configuration) => {
                &configuration.configuration().members
            }
            Self::Genesis(unsigned) => &unsigned.configuration().members,
        }
    }

    /// The sharing that an empty map begins with.
    fn sharing(&self) -> Option<&CommitmentBytes> {
        match self {
            Self::Founded(_, sharing) => Some(sharing),
            Self::Following(_) | Self::Genesis(_) => None,
        }
    }

    fn epoch(&self) -> Epoch {
        self.header().epoch
    }

    /// Makes the map one of this epoch, if it is not yet.
    pub(super) fn open(&self, table: &mut Table<'_>) {
        let Some(header) = table.reader().header_if_any() else {
            return self.fill(table);
        };
        assert!(header.system == self.header().system, "MEM-1: the state of another system");
        if header.epoch != self.epoch() {
            let stage = table.reader().stage();
            let decided = self.decided(&stage).expect("MEM-24: the state of another epoch");
            self.begin(decided, table);
        }
    }

    fn fill(&self, table: &mut Table<'_>) {
        let is_first = !matches!(self, Self::Following(_));
        assert!(is_first, "MEM-24: only the first group begins with nothing");
        self.put_header(table);
        self.sharing().into_iter().for_each(|sharing| table.put_sharing(sharing));
        let mut tally = table.reader().tally();
        for member in self.members() {
            let record = KeyRecord { member: Some(member.id), ..KeyRecord::default() };
            table.put_member(member);
            table.put_key_record(member.identity_key, record);
            tally.known_keys += 1;
            tally.replace(None, Some(member.status));
        }
        tally.present = active_count(self.members());
        table.put_tally(tally);
    }

    /// Goes on with the state that the last slot of the epoch before left.
    fn begin(&self, decided: &Decided, table: &mut Table<'_>) {
        assert!(*self.header() == decided.header, "MEM-24: signed is what the log decided");
        self.put_header(table);
        table.put_sharing(&decided.sharing);
        table.put_stage(&Stage::Open);
    }

    fn put_header(&self, table: &mut Table<'_>) {
        table.put_header(self.header());
        self.signature().into_iter().for_each(|signature| table.put_signature(signature));
    }

    /// What was decided about this epoch by the one before, if the map stands there.
    fn decided<'s>(&self, stage: &'s Stage) -> Option<&'s Decided> {
        let Stage::Done(decided) = stage else { return None };
        (decided.header.epoch == self.epoch()).then_some(decided)
    }

    /// What the servers that run the service are told.
    pub(super) fn news(&self, reader: &Reader<'_>) -> News {
        let stage = reader.stage();
        let (sharing, stage) = match (reader.header_if_any(), self.decided(&stage)) {
            (None, _) => (self.sharing().cloned(), Stage::Open),
            (Some(_), Some(decided)) => (Some(decided.sharing.clone()), Stage::Open),
            (Some(_), None) => (reader.sharing_bytes(), stage),
        };
        News {
            system: self.header().system,
            epoch: self.epoch(),
            header: self.header().hash(),
            sharing,
            // MEM-73: nothing else comes again by itself.
            change_count: u32::try_from(reader.tally().fresh).unwrap_or(u32::MAX),
            awaited: self.awaited(reader),
            stage,
        }
    }

    /// Founders without a deposit, while there is no key.
    fn awaited(&self, reader: &Reader<'_>) -> u32 {
        match self {
            Self::Genesis(_) => self.members().len().saturating_sub(reader.deposit_count()),
            Self::Founded(..) | Self::Following(_) => 0,
        }
        .try_into()
        .unwrap_or(u32::MAX)
    }

    /// Is DONE of this epoch in the map?
    pub(super) fn is_over(&self, reader: &Reader<'_>) -> bool {
        matches!(reader.stage(), Stage::Done(decided) if decided.header.epoch > self.epoch())
    }
}
