//! Observe: a member says that a server is silent, or answers.
//!
//! TDSC'12 section VI.C; settled point 32. A member's later word takes the place of its earlier
//! one; what it says counts while it matters, and what changes nothing is not kept.

use quorate_machine::{Plant, planted};
use quorate_types::Slot;

use super::{Change, Hearing, MonitoringRefusal, Ruling, Subject};
use crate::limits::SPOKEN_ABOUT_MAX;
use crate::monitor::{Case, Finding, Found, Judgement, SignedObservation, Verdict};

impl Hearing<'_> {
    pub(in crate::service) fn observe(
        &self,
        said: &SignedObservation,
    ) -> Result<Ruling, MonitoringRefusal> {
        let claim = said.observation.claim;
        let subject = self.subject(claim.server)?;
        self.reject_pointless(&subject, said)?;
        let spoken = self.spoken(&subject, said)?;
        let judgement = Judgement {
            system: subject.header.system,
            epoch: subject.header.epoch,
            decided: subject.case.decided,
            moment: self.moment(),
        };
        let is_member = subject.header.membership_group.contains(&said.member);
        let key = is_member.then(|| self.reader.member(said.member)?.epoch_key).flatten();
        let checked = judgement.check(said, key, &*self.schemes.signatures);
        checked.map_err(MonitoringRefusal::of_statement)?;

        let mut case = subject.case.clone();
        case.hear(said);
        Ok(Ruling { spoken, ..self.rule(&subject, case) })
    }

    /// Refuses what changes nothing, whoever signed it.
    fn reject_pointless(
        &self,
        subject: &Subject,
        said: &SignedObservation,
    ) -> Result<(), MonitoringRefusal> {
        if self.is_fixed(subject) {
            return Err(MonitoringRefusal::Fixed);
        }
        let verdict = said.observation.claim.verdict;
        let last = subject.case.last_of(said.member);
        // Whoever has changed its mind may always say so.
        let is_retraction = last.is_some_and(|last| last.verdict != verdict);
        let is_asked = match subject.open_question() {
            Some(Found::Silent) => verdict == Verdict::Suspect,
            Some(Found::Back) => verdict == Verdict::Alive,
            Some(Found::Guilty) | None => subject.eviction().is_some() && verdict == Verdict::Alive,
        };
        if !is_asked && (!is_retraction || planted(Plant::RetractionsIgnored)) {
            return Err(MonitoringRefusal::NothingToSay);
        }
        // MEM-48: nothing that is said brings back who is proved to lie.
        let is_convicted = || self.reader.conviction(subject.record.id).is_some();
        let is_alive = verdict == Verdict::Alive && !planted(Plant::LiarsComeBack);
        if is_alive && is_convicted() {
            return Err(MonitoringRefusal::Convicted);
        }
        if subject.case.is_news(said) { Ok(()) } else { Err(MonitoringRefusal::Repeated) }
    }

    /// Counts the servers about which a member has spoken.
    fn spoken(
        &self,
        subject: &Subject,
        said: &SignedObservation,
    ) -> Result<Option<(quorate_types::NodeId, u32)>, MonitoringRefusal> {
        if subject.case.last_of(said.member).is_some() {
            return Ok(None);
        }
        // MEM-50: so many, and the end of the epoch forgets them.
        let count = self.reader.spoken_about(said.member);
        if count >= SPOKEN_ABOUT_MAX {
            return Err(MonitoringRefusal::Full);
        }
        Ok(Some((said.member, count + 1)))
    }

    /// What follows from what is said now.
    fn rule(&self, subject: &Subject, case: Case) -> Ruling {
        let server = subject.record.id;
        let needed = subject.header.membership.weak_quorum();
        let says = |verdict| case.count(verdict, &self.moment()) >= needed;
        if let Some(eviction) = subject.eviction() {
            if eviction.is_rebutted && self.is_seen(subject, &case) {
                return self.cancelled(eviction);
            }
            return Ruling { case: Some(case), ..Ruling::of(server) };
        }
        // MEM-43: `f + 1` distinct members.
        match subject.open_question() {
            Some(found @ Found::Silent) if says(Verdict::Suspect) => self.found(subject, found),
            Some(found @ Found::Back) if says(Verdict::Alive) => self.found(subject, found),
            Some(_) | None => Ruling { case: Some(case), ..Ruling::of(server) },
        }
    }

    /// Something is found: what was said before counts no more.
    pub(super) fn found(&self, subject: &Subject, found: Found) -> Ruling {
        let (server, slot): (_, Slot) = (subject.record.id, self.call.slot);
        // MEM-22: with the next epoch, or the one behind if its changes are fixed.
        let epoch = self.reader.open_batch();
        let finding = Finding { epoch, slot, server, found, is_rebutted: false, held: None };
        let case = Some(Case::after(slot));
        Ruling { case, finding: Change::Put(finding), ..Ruling::of(server) }
    }
}
