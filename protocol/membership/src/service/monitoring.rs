//! What the log makes of monitoring: it counts what members say, and finds.
//!
//! TDSC'12 section VI.C; MD 3.1, 3.2; settled points 28, 32. Each statement goes into the log by
//! itself, since all members have to hear of it anyway, and `f + 1` of them make a finding there.
//! Whoever puts it in does not matter: all of it proves itself.
//!
//! ```text
//!   active --f+1 Suspect--> Silent --Rebuttal, f+1 Alive--> (nothing)
//!   active, inactive --Accusation--> Guilty, and a conviction that stays
//!   inactive, not convicted --f+1 Alive--> Back
//! ```
//! A finding takes effect with the next epoch, or with the one behind if the changes of that are
//! fixed (MEM-22); until then a Silent one can be cancelled. Whom the caps hold back is tried
//! again.
//!
//! # Invariants
//! - MEM-48: who is proved to lie is not brought back by anything that members say.
//! - MEM-49: what the caps hold back is kept for the next epoch, and its reason with it.
//! - MEM-50: the log keeps statements of a member about a bounded number of servers, and none
//!   beyond its epoch.
//! - MEM-55: what a member of the group of the epoch before signed then convicts it in this epoch
//!   too, without anything else being shown.
//!
//! Also MEM-8, MEM-22, MEM-43, MEM-44.

use quorate_machine::Call;
use quorate_types::{Epoch, MemberRecord, MemberStatus, NodeId, Slot};

use super::table::{Reader, Table};
use crate::handover::Stage;
use crate::header::ConfigurationHeader;
use crate::limits::OBSERVATION_AGE_SLOTS_MAX;
use crate::monitor::{Case, Conviction, Finding, Found, Moment, Verdict};
use crate::schemes::Schemes;

mod accuse;
mod observe;
mod rebut;
mod refusal;
pub use refusal::MonitoringRefusal;

/// What an operation of monitoring is judged by.
pub(super) struct Hearing<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) reader: Reader<'a>,
    pub(super) schemes: &'a Schemes,
}

/// What an operation of monitoring makes of the map.
pub(super) struct Ruling {
    server: NodeId,
    case: Option<Case>,
    spoken: Option<(NodeId, u32)>,
    finding: Change,
    conviction: Option<Conviction>,
}

/// What becomes of what was found of a server.
enum Change {
    None,
    Put(Finding),
    Remove(Finding),
}

impl Ruling {
    const fn of(server: NodeId) -> Self {
        Self { server, case: None, spoken: None, finding: Change::None, conviction: None }
    }

    /// Writes it; returns after which epoch what was found takes effect, if something was.
    pub(super) fn record(self, table: &mut Table<'_>) -> Option<Epoch> {
        if let Some(case) = &self.case {
            table.put_case(self.server, case);
        }
        if let Some((member, count)) = self.spoken {
            table.put_spoken_about(member, count);
        }
        if let Some(conviction) = &self.conviction {
            table.put_conviction(self.server, conviction);
        }
        let mut tally = table.reader().tally();
        match self.finding {
            Change::None => None,
            Change::Put(finding) => {
                let known = table.reader().finding(finding.epoch, finding.server);
                tally.waiting += u64::from(known.is_none());
                table.put_tally(tally);
                table.put_finding(&finding);
                Some(finding.epoch)
            }
            Change::Remove(finding) => {
                tally.waiting -= 1;
                table.put_tally(tally);
                table.remove_finding(&finding);
                None
            }
        }
    }
}

/// A server that something is said about.
struct Subject {
    header: ConfigurationHeader,
    record: MemberRecord,
    case: Case,
    /// What was found of it and is not fixed.
    finding: Option<Finding>,
}

impl Subject {
    /// What the log wants to hear of it.
    fn open_question(&self) -> Option<Found> {
        match (self.record.status, self.finding.map(|finding| finding.found)) {
            (MemberStatus::Active, None) => Some(Found::Silent),
            (MemberStatus::Inactive, None) => Some(Found::Back),
            _ => None,
        }
    }

    /// The eviction that can still be cancelled.
    fn eviction(&self) -> Option<Finding> {
        self.finding.filter(|finding| finding.found == Found::Silent)
    }
}

impl Hearing<'_> {
    fn moment(&self) -> Moment {
        Moment { slot: self.call.slot, age_max: OBSERVATION_AGE_SLOTS_MAX }
    }

    /// The server, if the log hears of it now.
    fn subject(&self, server: NodeId) -> Result<Subject, MonitoringRefusal> {
        let (header, stage) = (self.reader.header(), self.reader.stage());
        // Behind DONE the members in the map are those of the next epoch; without a key of the
        // system no epoch comes in which anything changes.
        if matches!(stage, Stage::Done(_)) || self.reader.sharing_bytes().is_none() {
            return Err(MonitoringRefusal::NotNow);
        }
        let record = self.reader.member(server).ok_or(MonitoringRefusal::Unknown)?;
        if record.status == MemberStatus::Removed {
            return Err(MonitoringRefusal::Unknown);
        }
        let finding = self.reader.finding(self.reader.open_batch(), server);
        let case = self.reader.case(server).unwrap_or_else(|| Case::after(Slot::ZERO));
        Ok(Subject { header, record, case, finding })
    }

    /// MEM-22: is it fixed already what the server will be in the next epoch?
    fn is_fixed(&self, subject: &Subject) -> bool {
        let (epoch, server) = (subject.header.epoch, subject.record.id);
        self.reader.open_batch() != epoch && self.reader.finding(epoch, server).is_some()
    }

    /// MEM-43: have `f + 1` members seen the server since it was evicted?
    fn is_seen(&self, subject: &Subject, case: &Case) -> bool {
        let needed = subject.header.membership.weak_quorum();
        case.count(Verdict::Alive, &self.moment()) >= needed
    }

    /// The eviction never was: what is said from now on counts.
    fn cancelled(&self, finding: Finding) -> Ruling {
        let case = Some(Case::after(self.call.slot));
        Ruling { case, finding: Change::Remove(finding), ..Ruling::of(finding.server) }
    }
}
