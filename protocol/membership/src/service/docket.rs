//! What the log says of monitoring, as a member reads it for its prober: who is suspected, who is
//! to go, and how near the ring is to losing a group.
//!
//! A member reads it from time to time. The difference of two readings is what the prober has to
//! hear, so nothing is lost when one comes late, and a member that starts anew hears everything.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use quorate_machine::ServiceState;
use quorate_types::{Configuration, Epoch, NodeId, Slot};

use super::table::{Reader, Watched};
use crate::handover::Stage;
use crate::monitor::caps::{
    Caps, Cause, Departure, OldRing, active_count, decide, margin, ring_of,
};
use crate::monitor::{Case, Claim, Finding, Found, LastSaid, ProberRequest};

/// One reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Docket {
    /// The epoch that the log is in.
    pub epoch: Epoch,
    /// The last slot that was executed.
    pub slot: Slot,
    /// What members said last, by server and member.
    said: BTreeMap<(NodeId, NodeId), LastSaid>,
    /// What was found and is not fixed.
    open: Vec<Finding>,
    /// What was found and takes effect with the next epoch, whatever comes.
    fixed: Vec<Finding>,
    /// Who was proved to lie.
    convicted: BTreeSet<NodeId>,
    /// Changes and findings that no freeze has taken yet.
    waiting: u64,
}

/// What was found, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct DocketCounts {
    /// Servers that are to lose their duties with the next epoch.
    pub evictions: u64,
    /// Those of them that the caps held back before.
    pub postponed: u64,
    /// Servers that are to get their duties back.
    pub returning: u64,
    /// Servers that were proved to lie.
    pub convicted: u64,
    /// Changes of the authority and findings that wait for the end of an epoch.
    pub waiting: u64,
}

impl Docket {
    /// Reads it from the map of a replica that has executed `slot`; none: the map is empty. `scan`
    /// gives entries of the map from a key on.
    #[must_use]
    pub fn read(
        slot: Slot,
        scan: impl Fn(&[u8], usize) -> Vec<(Vec<u8>, Vec<u8>)>,
    ) -> Option<Self> {
        let map = Scanned(&scan);
        let reader = Reader::new(&map);
        let (epoch, is_open) = (reader.header_if_any()?.epoch, reader.stage() == Stage::Open);
        let Watched { cases, findings, convicted } = Watched::read(&scan);
        let last = |(server, case): (NodeId, Case)| {
            case.said.into_iter().map(move |said| ((server, said.member), said))
        };
        let (fixed, open) = findings.into_iter().partition(|it| !is_open && it.epoch == epoch);
        Some(Self {
            epoch,
            slot,
            said: cases.into_iter().flat_map(last).collect(),
            open,
            fixed,
            convicted: convicted.into_iter().collect(),
            waiting: reader.tally().waiting,
        })
    }

    /// What the prober has to hear that heard of `before`.
    #[must_use]
    pub fn news_since(&self, before: Option<&Self>) -> Vec<ProberRequest> {
        let before = before.filter(|before| before.epoch == self.epoch);
        let mut news = alloc::vec![ProberRequest::Executed(self.slot)];
        let (was, is) = (before.map(Self::rebuttable).unwrap_or_default(), self.rebuttable());
        let settled = was.iter().filter(|(server, slot)| is.get(*server) != Some(*slot));
        news.extend(settled.map(|(server, _)| ProberRequest::Settled(*server)));
        let known = |place| before.and_then(|before| before.said.get(place));
        let said = self.said.iter().filter(|(place, said)| known(place) != Some(*said));
        let claim = |(server, verdict)| ProberRequest::Heard(Claim { server, verdict });
        news.extend(said.map(|((server, _), said)| claim((*server, said.verdict))));
        let evicted = is.iter().filter(|(server, slot)| was.get(*server) != Some(*slot));
        news.extend(evicted.map(|(server, slot)| ProberRequest::Evicted(*server, *slot)));
        let is_news = |server: &&NodeId| !before.is_some_and(|it| it.is_convicted(**server));
        let convicted = self.convicted.iter().filter(is_news);
        news.extend(convicted.map(|server| ProberRequest::Convicted(*server)));
        news
    }

    /// The evictions that can still be cancelled.
    fn rebuttable(&self) -> BTreeMap<NodeId, Slot> {
        let silent = self.open.iter().filter(|finding| finding.found == Found::Silent);
        silent.map(|finding| (finding.server, finding.slot)).collect()
    }

    /// Would the end of the epoch take so many of some neighbourhood out of the ring that it should
    /// not be waited for? What the caps hold back anyway hurries nobody.
    #[must_use]
    pub fn is_at_risk(&self, configuration: &Configuration) -> bool {
        let is_fresh = |finding: &&Finding| finding.found.is_eviction() && finding.held.is_none();
        let departure = |finding: &Finding| Departure {
            server: finding.server,
            cause: Cause::Eviction,
            is_active: true,
        };
        let departures: Vec<_> = self.open.iter().filter(is_fresh).map(departure).collect();
        if departures.is_empty() {
            return false;
        }
        let (servers, gone) = ring_of(&configuration.members);
        let ring = OldRing { servers: &servers, gone: &gone };
        let active = active_count(&configuration.members);
        let resilience = configuration.storage;
        let active_min = resilience.replicas().max(configuration.membership.replicas());
        let going = decide(&ring, &departures, &Caps::usual(resilience, active, active_min)).going;
        margin(&ring, &going.into_iter().collect(), resilience).is_at_risk
    }

    /// What was found of whom.
    #[must_use]
    pub fn outlook(&self) -> BTreeMap<NodeId, Found> {
        let all = self.fixed.iter().chain(&self.open);
        all.map(|finding| (finding.server, finding.found)).collect()
    }

    /// Was this server proved to lie?
    #[must_use]
    pub fn is_convicted(&self, server: NodeId) -> bool {
        self.convicted.contains(&server)
    }

    /// What was found, in numbers.
    #[must_use]
    pub fn counts(&self) -> DocketCounts {
        let all = || self.open.iter().chain(&self.fixed);
        let count = |is: &dyn Fn(&Finding) -> bool| all().filter(|it| is(it)).count() as u64;
        DocketCounts {
            evictions: count(&|it| it.found.is_eviction()),
            postponed: count(&|it| it.held.is_some()),
            returning: count(&|it| it.found == Found::Back),
            convicted: self.convicted.len() as u64,
            waiting: self.waiting,
        }
    }
}

/// A map that is looked at through its entries.
struct Scanned<F>(F);

impl<F: Fn(&[u8], usize) -> Vec<(Vec<u8>, Vec<u8>)>> ServiceState for Scanned<F> {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (found, value) = (self.0)(key, 1).into_iter().next()?;
        (found == key).then_some(value)
    }

    fn put(&mut self, _: &[u8], _: Vec<u8>) {
        unreachable!("a reading changes nothing")
    }

    fn remove(&mut self, _: &[u8]) {
        unreachable!("a reading changes nothing")
    }

    fn scan(&self, from: &[u8], count_max: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        (self.0)(from, count_max)
    }
}
