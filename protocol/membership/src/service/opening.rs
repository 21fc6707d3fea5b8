//! With what a group's replicated map begins: nothing, or the state that the group before left.
//!
//! TDSC'12 section VI.D; settled point 10: the next group starts from the checkpoint of the slot
//! that holds DONE, so nothing that was acknowledged before is lost.
//!
//! Invariants: MEM-1, MEM-24.

use quorate_types::{Digest, Epoch};

use super::table::{KeyRecord, Reader, Table};
use crate::configuration::VerifiedConfiguration;
use crate::handover::{CommitmentBytes, Decided, News, Stage};

/// What a group begins with.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    configuration: VerifiedConfiguration,
    /// The public side of the sharing, for a map that is empty.
    sharing: Option<CommitmentBytes>,
}

impl Opening {
    /// The first epoch of a system whose key a dealer has dealt.
    ///
    /// Requires: the header of the configuration names this sharing.
    pub(super) fn founded(configuration: VerifiedConfiguration, sharing: CommitmentBytes) -> Self {
        let named = configuration.header().header().lineage.commitments;
        assert!(sharing.digest() == named, "MEM-1: the sharing of another configuration");
        Self { configuration, sharing: Some(sharing) }
    }

    /// An epoch whose group has the map of the group before.
    pub(super) const fn following(configuration: VerifiedConfiguration) -> Self {
        Self { configuration, sharing: None }
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.configuration.epoch()
    }

    /// Makes the map one of this epoch, if it is not yet.
    pub(super) fn open(&self, table: &mut Table<'_>) {
        let Some(header) = table.reader().header_if_any() else {
            return self.fill(table);
        };
        let system = self.configuration.configuration().system;
        assert!(header.system == system, "MEM-1: the state belongs to another system");
        if header.epoch != self.epoch() {
            let stage = table.reader().stage();
            let decided = self.decided(&stage).expect("MEM-24: the state of another epoch");
            self.begin(decided, table);
        }
    }

    fn fill(&self, table: &mut Table<'_>) {
        let sharing = self.sharing.as_ref();
        let sharing = sharing.expect("MEM-24: only the first group begins with nothing");
        self.put_header(table);
        table.put_sharing(sharing);
        let mut tally = table.reader().tally();
        for member in &self.configuration.configuration().members {
            let record = KeyRecord { member: Some(member.id), ..KeyRecord::default() };
            table.put_member(member);
            table.put_key_record(member.identity_key, record);
            tally.known_keys += 1;
            tally.replace(None, Some(member.status));
        }
        table.put_tally(tally);
    }

    /// Goes on with the state that the last slot of the epoch before left.
    fn begin(&self, decided: &Decided, table: &mut Table<'_>) {
        let header = self.configuration.header().header();
        assert!(*header == decided.header, "MEM-24: signed is what the log decided");
        self.put_header(table);
        table.put_sharing(&decided.sharing);
        table.put_stage(&Stage::Open);
    }

    fn put_header(&self, table: &mut Table<'_>) {
        let certified = self.configuration.header().certified();
        table.put_header(&certified.header);
        table.put_signature(certified.signature);
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
            (None, _) => (self.sharing.clone(), Stage::Open),
            (Some(_), Some(decided)) => (Some(decided.sharing.clone()), Stage::Open),
            (Some(_), None) => (reader.sharing_bytes(), stage),
        };
        News {
            system: self.configuration.configuration().system,
            epoch: self.epoch(),
            header: self.header_hash(),
            sharing,
            change_count: u32::try_from(reader.tally().waiting).unwrap_or(u32::MAX),
            stage,
        }
    }

    fn header_hash(&self) -> Digest {
        self.configuration.hash()
    }

    /// Is DONE of this epoch in the map?
    pub(super) fn is_over(&self, reader: &Reader<'_>) -> bool {
        matches!(reader.stage(), Stage::Done(decided) if decided.header.epoch > self.epoch())
    }
}
