//! Who speaks for the authority from now on, on the word of those who did until now.
//!
//! It counts at once: a council is replaced because one of its keys is lost or stolen.
//!
//! Invariants: MEM-4, MEM-8.

use quorate_crypto::Verifier;
use quorate_machine::Call;
use quorate_types::Epoch;

use super::change::reject_standing;
use super::reply::Refusal;
use super::table::{CouncilRecord, Reader, Table};
use crate::authority::CouncilCertificate;

impl CouncilCertificate {
    /// The reason against it, if there is one.
    pub(super) fn reject(
        &self,
        (call, table): (&Call<'_>, &Reader<'_>),
        verifier: &dyn Verifier,
    ) -> Result<Epoch, Refusal> {
        let grant = &self.grant;
        let highest = table.council_record().map(|record| record.sequence);
        let epoch = reject_standing((call, table), (grant.system, grant.validity), highest)?;
        grant.council.check().or(Err(Refusal::NoCouncil))?;
        if !self.is_endorsed(&table.council(), verifier) {
            return Err(Refusal::BadSignature);
        }
        Ok(epoch)
    }

    /// Records it in the place of the council that there was.
    pub(super) fn record(self, table: &mut Table<'_>) {
        let sequence = self.grant.validity.sequence;
        let before = table.reader().council_record().map(|record| record.sequence);

        assert!(before < Some(sequence), "MEM-4: a certificate counts once");

        table.put_council(&CouncilRecord { sequence, council: self.grant.council });
    }
}
