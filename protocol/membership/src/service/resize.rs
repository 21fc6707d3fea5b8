//! Another size of the membership group, on the word of the authority.
//!
//! Settled point 27: no resilience changes by itself. It takes effect as any other change does:
//! with the next epoch, or the one behind if the changes are fixed; with a group that could not be
//! drawn for want of candidates, as soon as one can.
//!
//! Invariants: MEM-4, MEM-8, MEM-22, MEM-25.

use quorate_crypto::Verifier;
use quorate_machine::Call;
use quorate_types::Epoch;

use super::change::{active_left, reject_standing};
use super::reply::Refusal;
use super::table::{Reader, Table};
use crate::authority::ResizeCertificate;
use crate::limits::MEMBERSHIP_F_MAX;

impl ResizeCertificate {
    /// The reason against it, if there is one.
    pub(super) fn reject(
        &self,
        (call, table): (&Call<'_>, &Reader<'_>),
        verifier: &dyn Verifier,
    ) -> Result<(), Refusal> {
        let grant = &self.grant;
        let standing = (grant.system, grant.validity);
        reject_standing((call, table), standing, table.highest_resize())?;
        if table.sharing_bytes().is_none() {
            return Err(Refusal::Founding);
        }
        if grant.membership.f() > usize::from(MEMBERSHIP_F_MAX) {
            return Err(Refusal::TooLarge);
        }
        // MEM-25: with all recorded changes counted.
        let left = active_left(table, table.tally().active, None);
        if left < grant.membership.replicas() as u64 {
            return Err(Refusal::TooFewServers);
        }
        // Of too small a pool nobody could be drawn, and the group would stay for good. Until a
        // freeze takes the size, another rule is measured by it.
        let rule = table.newest_rotation().unwrap_or_default().rotation;
        rule.check(grant.membership).or(Err(Refusal::NoGroup))?;
        if !self.is_endorsed(&table.council(), verifier) {
            return Err(Refusal::BadSignature);
        }
        Ok(())
    }

    /// Records it, in the place of an earlier one that no freeze has taken; returns after which
    /// epoch it takes effect.
    pub(super) fn record(self, table: &mut Table<'_>) -> Epoch {
        let reader = table.reader();
        let sequence = self.grant.validity.sequence;
        let (epoch, mut tally) = (reader.open_batch(), reader.tally());
        tally.await_change(reader.pending_resize(epoch).is_none());

        assert!(reader.highest_resize() < Some(sequence), "MEM-4: a certificate counts once");

        table.put_tally(tally);
        table.put_highest_resize(sequence);
        table.put_pending_resize(epoch, self.grant.membership);
        epoch
    }
}
