//! Fetching a configuration: one server at a time, one page at a time.
//!
//! The header is checked before the first member is kept, and every page but the last is full, so a
//! liar costs at most one download of the size that the system signed for, and its wait.
//!
//! Invariants: MEM-1, MEM-3.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Class, Effects};
use quorate_types::{Epoch, MemberRecord, NodeId, Now, Peer};

use super::{ClientTimer, ConfigurationClient};
use crate::configuration::{CertifiedConfiguration, VerifiedConfiguration};
use crate::header::VerifiedHeader;
use crate::limits::PAGE_MEMBERS_MAX;
use crate::message::{GetConfiguration, Message};
use crate::page::{ConfigurationPage, id_after};
use crate::rejected::Rejected;

const FIRST: NodeId = NodeId::new([0; 32]);

/// A server that was asked, with what it sent so far.
#[derive(Debug)]
pub(super) struct Fetch {
    peer: Peer,
    download: Option<Download>,
}

#[derive(Debug)]
struct Download {
    header: Box<VerifiedHeader>,
    members: Vec<Arc<MemberRecord>>,
}

/// What a page leads to.
enum Outcome {
    /// Ask for the next page.
    More(Download),
    /// The configuration is there.
    Complete(VerifiedConfiguration),
    /// The server has nothing later than what is known.
    NothingLater,
    /// The page is ignored for this reason.
    Ignored(&'static str),
}

impl Download {
    fn next(&self) -> NodeId {
        self.members.last().map_or(FIRST, |member| id_after(member.id))
    }

    fn left_count(&self) -> usize {
        (self.header.header().member_count as usize).saturating_sub(self.members.len())
    }

    /// Is this the next page of the same configuration, with as many members as it must have?
    fn is_continued_by(&self, page: &ConfigurationPage) -> bool {
        let is_ordered = page.members.is_sorted_by(|left, right| left.id < right.id);
        page.certified == *self.header.certified()
            && page.from == self.next()
            && page.members.first().is_some_and(|member| member.id >= page.from)
            && page.members.len() == self.left_count().min(PAGE_MEMBERS_MAX)
            && is_ordered
    }
}

impl ConfigurationClient {
    /// Asks the next contact, unless somebody is being asked.
    pub(super) fn fetch_from_next(&mut self, now: Now, effects: &mut Effects<Self>) {
        if self.fetch.is_some() {
            return;
        }
        let peers = self.contacts();
        let Some(peer) = peers.get(self.contact_next % peers.len().max(1)).copied() else {
            effects.arm(ClientTimer::Fetch, now.instant.after(self.fetch_wait));
            return;
        };
        self.contact_next = self.contact_next.wrapping_add(1);
        if self.contact_next.is_multiple_of(peers.len()) {
            self.fetch_wait = self.grown(self.fetch_wait);
        }
        self.fetch_from(now, peer, effects);
    }

    fn fetch_from(&mut self, now: Now, peer: Peer, effects: &mut Effects<Self>) {
        self.fetch = Some(Fetch { peer, download: None });
        self.ask(now, (peer, FIRST), effects);
    }

    fn ask(&self, now: Now, (peer, from): (Peer, NodeId), effects: &mut Effects<Self>) {
        let request = Message::GetConfiguration(GetConfiguration { from });
        effects.send(peer, Class::Control, request);
        effects.arm(ClientTimer::Fetch, now.instant.after(self.fetch_wait));
    }

    /// Everybody who may be asked: the installed contacts, then the known membership group.
    fn contacts(&self) -> Vec<Peer> {
        let group = self.configuration.iter();
        let group = group.flat_map(|known| &known.configuration().membership_group);
        let installed = self.parameters.contacts.iter().copied();
        installed.chain(group.copied().map(Peer::Node)).collect()
    }

    pub(super) fn on_fetch_timeout(&mut self, now: Now, effects: &mut Effects<Self>) {
        self.fetch = None;
        if self.usable(now.instant).is_none() {
            self.fetch_from_next(now, effects);
        }
    }

    pub(super) fn on_page(
        &mut self,
        now: Now,
        (from, page): (Peer, ConfigurationPage),
        effects: &mut Effects<Self>,
    ) {
        let Some(fetch) = self.fetch.take_if(|fetch| fetch.peer == from) else {
            self.on_unasked_page(now, (from, page.certified.header.epoch), effects);
            return;
        };

        match self.examine(fetch, page) {
            Outcome::More(download) => {
                self.ask(now, (from, download.next()), effects);
                self.fetch = Some(Fetch { peer: from, download: Some(download) });
            }
            Outcome::Complete(configuration) => {
                effects.disarm(ClientTimer::Fetch);
                self.fetch_wait = self.parameters.retry;
                self.adopt(now, configuration, effects);
            }
            Outcome::NothingLater => effects.mark("membership: nothing later"),
            // The alarm stays: the next contact is asked when it goes off, so that liars who
            // answer at once do not set the pace.
            Outcome::Ignored(mark) => self.ignore(mark, effects),
        }
    }

    /// A member that does not vouch for our epoch answers a challenge with a later configuration.
    fn on_unasked_page(
        &mut self,
        now: Now,
        (from, epoch): (Peer, Epoch),
        effects: &mut Effects<Self>,
    ) {
        if self.round.is_some() {
            self.on_claim(now, (from, epoch), effects);
        } else {
            self.ignore("membership: page that nobody asked for", effects);
        }
    }

    fn examine(&self, fetch: Fetch, page: ConfigurationPage) -> Outcome {
        let mut download = match fetch.download {
            Some(download) => download,
            None => match self.begin(&page) {
                Ok(download) => download,
                Err(outcome) => return outcome,
            },
        };
        if !download.is_continued_by(&page) {
            return Outcome::Ignored("membership: malformed page");
        }
        download.members.extend(page.members);
        if download.left_count() > 0 {
            return Outcome::More(download);
        }
        let Download { header, members } = download;
        match VerifiedConfiguration::join(*header, members) {
            Ok(configuration) => Outcome::Complete(configuration),
            Err(reason) => Outcome::Ignored(reason.mark()),
        }
    }

    /// Checks the header of a first page.
    fn begin(&self, page: &ConfigurationPage) -> Result<Download, Outcome> {
        let said = &page.certified.header;
        if let Some(known) = &self.configuration {
            if said.epoch < known.epoch() {
                return Err(Outcome::Ignored("membership: earlier configuration"));
            }
            if said.hash() == known.hash() {
                return Err(Outcome::NothingLater);
            }
        }
        let ignored = |reason: Rejected| Outcome::Ignored(reason.mark());
        let (key, scheme) = (&self.parameters.system_key, &*self.schemes.threshold);
        let header = page.certified.verify(key, scheme).map_err(ignored)?;
        if self.configuration.as_ref().is_some_and(|known| known.epoch() == said.epoch) {
            // Only a system whose key was taken signs two configurations of one epoch.
            return Err(Outcome::Ignored("membership: fork"));
        }
        Ok(Download { header: Box::new(header), members: Vec::new() })
    }

    /// Somebody says that an epoch has begun: if it is a later one, see what they have.
    pub(super) fn on_claim(
        &mut self,
        now: Now,
        (from, epoch): (Peer, Epoch),
        effects: &mut Effects<Self>,
    ) {
        let is_later = self.configuration.as_ref().is_some_and(|known| known.epoch() < epoch);
        if !is_later || self.fetch.is_some() || !self.may_claim(from) {
            self.ignore("membership: claim of another epoch", effects);
            return;
        }
        self.fetch_from(now, from, effects);
    }

    /// A server gave a whole configuration. Checking it costs a pairing, so a server has one
    /// checked between two challenges.
    pub(super) fn on_given(
        &mut self,
        now: Now,
        (from, given): (Peer, &CertifiedConfiguration),
        effects: &mut Effects<Self>,
    ) {
        let epoch = given.certified.header.epoch;
        let is_later = self.configuration.as_ref().is_none_or(|known| known.epoch() < epoch);
        if !is_later || !self.may_claim(from) {
            self.ignore("membership: claim of another epoch", effects);
            return;
        }

        match given.verify(&self.parameters.system_key, &self.schemes) {
            Ok(new) => {
                // What was being fetched may be older than what is adopted now.
                self.fetch = None;
                self.fetch_wait = self.parameters.retry;
                effects.disarm(ClientTimer::Fetch);
                effects.mark("membership: given a later configuration");
                self.adopt(now, new, effects);
            }
            Err(rejected) => self.ignore(rejected.mark(), effects),
        }
    }

    /// Each server may set off one fetch between two challenges, so that a liar cannot keep the
    /// client from asking others.
    fn may_claim(&mut self, from: Peer) -> bool {
        match from {
            Peer::Node(id) => {
                let members = self.configuration.as_ref();
                let is_member =
                    members.is_some_and(|known| known.configuration().member(id).is_some());
                let is_contact = self.parameters.contacts.contains(&from);
                (is_member || is_contact)
                    && self.claimants.len() < super::CONTACTS_MAX
                    && self.claimants.insert(id)
            }
            Peer::Client(_) => false,
        }
    }
}
