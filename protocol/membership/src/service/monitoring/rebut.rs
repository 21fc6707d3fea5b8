//! Rebut: a server that is evicted says that it is there.
//!
//! Settled point 32. Its word and `f + 1` members that saw it since come in any order.

use super::{Change, Hearing, MonitoringRefusal, Ruling};
use crate::monitor::{Answering, Finding, Rebuttal};

impl Hearing<'_> {
    pub(in crate::service) fn rebut(
        &self,
        rebuttal: &Rebuttal,
    ) -> Result<Ruling, MonitoringRefusal> {
        let subject = self.subject(rebuttal.server)?;
        if self.is_fixed(&subject) {
            return Err(MonitoringRefusal::Fixed);
        }
        let eviction = subject.eviction().ok_or(MonitoringRefusal::NothingToSay)?;
        if eviction.slot != rebuttal.eviction {
            return Err(MonitoringRefusal::OtherSubject);
        }
        if eviction.is_rebutted {
            return Err(MonitoringRefusal::Repeated);
        }
        let (system, epoch) = (subject.header.system, subject.header.epoch);
        let answering = Answering { system, epoch, server: rebuttal.server };
        if !rebuttal.is_valid(&answering, &subject.record, &*self.schemes.signatures) {
            return Err(MonitoringRefusal::BadSignature);
        }

        if self.is_seen(&subject, &subject.case) {
            return Ok(self.cancelled(eviction));
        }
        let finding = Change::Put(Finding { is_rebutted: true, ..eviction });
        Ok(Ruling { finding, ..Ruling::of(rebuttal.server) })
    }
}
