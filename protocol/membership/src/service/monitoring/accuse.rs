//! Accuse: what no correct server signs, as the server has signed it.
//!
//! Issue, monitoring: kept, shown, and an eviction within the same caps. Nothing cancels it: only
//! another identity, which the authority admits, brings the server back.

use super::{Change, Hearing, MonitoringRefusal, Ruling};
use crate::limits::CONVICTIONS_MAX;
use crate::monitor::{Accusation, Conviction, Found, Known};
use quorate_types::MemberStatus;

impl Hearing<'_> {
    pub(in crate::service) fn accuse(
        &self,
        accusation: Accusation,
    ) -> Result<Ruling, MonitoringRefusal> {
        let server = accusation.evidence.server;
        let subject = self.subject(server)?;
        if self.reader.conviction(server).is_some() {
            return Err(MonitoringRefusal::Repeated);
        }
        if self.reader.conviction_count() >= CONVICTIONS_MAX {
            return Err(MonitoringRefusal::Full);
        }
        let (system, epoch) = (subject.header.system, subject.header.epoch);
        let known = Known { system, epoch, former_key: self.reader.former_key(server) };
        let checked = accusation.check(&subject.record, &known, &*self.schemes.signatures);
        checked.map_err(MonitoringRefusal::of_evidence)?;

        let conviction = Conviction { epoch, slot: self.call.slot, accusation };
        let ruling = match (subject.record.status, subject.finding) {
            (MemberStatus::Inactive, Some(back)) => {
                Ruling { finding: Change::Remove(back), ..Ruling::of(server) }
            }
            (MemberStatus::Inactive, None) if !self.is_fixed(&subject) => Ruling::of(server),
            _ => self.found(&subject, Found::Guilty),
        };
        Ok(Ruling { conviction: Some(conviction), ..ruling })
    }
}
