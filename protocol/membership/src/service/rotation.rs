//! Another rule by which the membership group is drawn, on the word of the authority.
//!
//! Specification of the membership service 4.3. It takes effect as any other change does, so it is
//! fixed before anybody knows the randomness: the authority cannot choose a group by it either.
//!
//! Invariants: MEM-4, MEM-8, MEM-22, MEM-23.

use quorate_crypto::Verifier;
use quorate_machine::Call;
use quorate_types::Epoch;

use super::change::reject_standing;
use super::reply::{GroupTerms, Refusal};
use super::table::{Reader, RotationRecord, Table};
use crate::authority::RotationCertificate;

impl GroupTerms {
    /// The group that begins behind an epoch, as far as is known.
    pub(super) fn behind(epoch: Epoch, table: &Reader<'_>) -> Self {
        let size = table.pending_resize(epoch).unwrap_or_else(|| table.header().membership);
        Self {
            membership: size,
            highest_resize: table.highest_resize(),
            rotation: table.rotation_behind(epoch).rotation,
            highest_rotation: table.newest_rotation().map(|record| record.sequence),
            signed_by: table.council_or_first(),
        }
    }
}

impl RotationCertificate {
    /// The reason against it, if there is one.
    pub(super) fn reject(
        &self,
        (call, table): (&Call<'_>, &Reader<'_>),
        verifier: &dyn Verifier,
    ) -> Result<(), Refusal> {
        let grant = &self.grant;
        let highest = table.newest_rotation().map(|record| record.sequence);
        reject_standing((call, table), (grant.system, grant.validity), highest)?;
        if table.sharing_bytes().is_none() {
            return Err(Refusal::Founding);
        }
        // A size that is recorded waits until a group of it is drawn, so it is the one that meets
        // the rule.
        grant.rotation.check(table.newest_size()).or(Err(Refusal::NoGroup))?;
        if !self.is_endorsed(&table.council(), verifier) {
            return Err(Refusal::BadSignature);
        }
        Ok(())
    }

    /// Records it, in the place of an earlier one that no freeze has taken; returns after which
    /// epoch it takes effect.
    pub(super) fn record(self, table: &mut Table<'_>) -> Epoch {
        let reader = table.reader();
        let (epoch, mut tally) = (reader.open_batch(), reader.tally());
        let record = RotationRecord {
            sequence: self.grant.validity.sequence,
            rotation: self.grant.rotation,
        };
        let highest = reader.newest_rotation().map(|record| record.sequence);

        assert!(highest < Some(record.sequence), "MEM-4: a certificate counts once");

        tally.await_change(reader.pending_rotation(epoch).is_none());
        table.put_tally(tally);
        table.put_pending_rotation(epoch, &record);
        epoch
    }
}
