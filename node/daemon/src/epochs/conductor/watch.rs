//! Monitoring, between the log and this server's prober.
//!
//! What the prober finds goes into the log, one statement at a time; what the log makes of it is
//! read from the own replica a few times per period of the probes, and the difference goes back:
//! what other members say, who is evicted and has to be asked, what is settled. So nothing is lost
//! when this server starts anew, and nothing else travels between members.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use quorate_duties::turnover::Event;
use quorate_membership::handover::machine::Request as HandoverRequest;
use quorate_membership::monitor::{ProberOutput, ProberRequest};
use quorate_membership::{Docket, MembershipOperation, Turnout, VerifiedConfiguration};
use quorate_types::{Configuration, Epoch, MemberStatus, NodeId, Peer};

use super::super::{Happening, say};
use super::Conductor;
use crate::error::ServerError;
use crate::names::Names;

/// How often the log is read in a period of the probes.
const READINGS: u32 = 4;
/// How often at most, and at least.
const READING: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(15));

/// What this server has read of the log.
#[derive(Debug)]
pub(super) struct Watching {
    every: Duration,
    next: Instant,
    /// What the prober has heard of the log, but for what is untold.
    docket: Option<Docket>,
    untold: Untold,
    is_at_risk: bool,
}

impl Watching {
    /// Reads the log so often that a prober with this period hears in time.
    pub(super) fn of_period(period: quorate_types::Duration) -> Self {
        let part = Duration::from_micros(period.as_micros()) / READINGS;
        let every = part.clamp(READING.0, READING.1);
        let untold = Untold::default();
        Self { every, next: Instant::now(), docket: None, untold, is_at_risk: false }
    }

    /// Has the log convicted a server, as it was read last?
    pub(super) fn has_convicted(&self, server: NodeId) -> bool {
        self.docket.as_ref().is_some_and(|docket| docket.is_convicted(server))
    }

    /// When the log is read next.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }
}

/// What the prober has to hear of a reading that it has not taken yet, in its order.
#[derive(Default, Debug)]
struct Untold(VecDeque<ProberRequest>);

impl Untold {
    /// Tells what waits, and then the news; what is refused waits. False if the news are not asked
    /// for, since something waits still.
    fn tell(
        &mut self,
        news: impl FnOnce() -> Vec<ProberRequest>,
        mut takes: impl FnMut(ProberRequest) -> Result<(), ProberRequest>,
    ) -> bool {
        let has_room = self.flush(&mut takes);
        if has_room {
            self.0 = news().into();
            self.flush(&mut takes);
        }
        has_room
    }

    /// Whether all was taken.
    fn flush(
        &mut self,
        takes: &mut impl FnMut(ProberRequest) -> Result<(), ProberRequest>,
    ) -> bool {
        while let Some(request) = self.0.pop_front() {
            if let Err(refused) = takes(request) {
                self.0.push_front(refused);
                return false;
            }
        }
        true
    }
}

impl Conductor {
    /// Has the own replica tell what the log says of monitoring, if it is time.
    pub(super) fn read_docket(&mut self) {
        if Instant::now() < self.watching.next {
            return;
        }
        self.watching.next = Instant::now() + self.watching.every;
        let epoch = self.all.turnover.configuration().epoch();
        let Some(replica) = self.all.replicas.get(&epoch) else { return };
        let told = self.all.ground.told.clone();
        let looks = replica.look(move |replica| {
            let scan = |from: &[u8], count| replica.scan_service(from, count);
            if let Some(docket) = Docket::read(replica.executed_slot(), scan) {
                say(&told, Happening::Watched(epoch, Box::new(docket)));
            }
        });
        if !looks {
            tracing::debug!(%epoch, "the replica is busy: it is read later");
        }
    }

    /// The prober has found something: the log hears of it.
    pub(super) fn report(&mut self, found: ProberOutput) -> Vec<quorate_duties::turnover::Order> {
        let epoch = self.all.turnover.configuration().epoch();
        let operation = match found {
            ProberOutput::State(said) => MembershipOperation::Observe(said),
            ProberOutput::Rebutted(rebuttal) => MembershipOperation::Rebut(rebuttal),
        };
        self.all.turnover.on(Event::Report(epoch, Box::new(operation)))
    }

    /// The log was read: the prober hears what is new. While it has no room for that, the next
    /// reading shows the difference again, and so what waits is never more than one difference.
    ///
    /// # Errors
    /// What the disk reports.
    pub(super) fn on_docket(&mut self, epoch: Epoch, docket: Docket) -> Result<(), ServerError> {
        let configuration = self.all.turnover.configuration();
        if configuration.epoch() != epoch {
            return Ok(());
        }
        let is_at_risk = docket.is_at_risk(configuration.configuration());
        if is_at_risk != self.watching.is_at_risk
            && let Some(handover) = self.handovers.get(&epoch)
        {
            drop(handover.request(HandoverRequest::AtRisk(is_at_risk)));
            self.watching.is_at_risk = is_at_risk;
        }
        self.all.ground.view.set_found(docket.counts());
        self.all.ground.view.set_gone(&docket);
        self.accuse_again(&docket)?;
        let monitoring = self.all.monitoring.lock().unwrap_or_else(PoisonError::into_inner);
        let Watching { docket: before, untold, .. } = &mut self.watching;
        let news = |before: Option<&Docket>| docket.news_since(before);
        if untold.tell(|| news(before.as_ref()), |request| monitoring.tell(request)) {
            let configuration = self.all.turnover.configuration();
            log_findings(configuration, (before.as_ref(), &docket));
            *before = Some(docket);
        } else {
            tracing::warn!("the prober is behind, or has ended");
        }
        Ok(())
    }

    /// An epoch begins: nothing was read of it, and its servers are counted.
    ///
    /// # Errors
    /// What the disk reports.
    pub(super) fn watch_epoch(
        &mut self,
        configuration: &VerifiedConfiguration,
    ) -> Result<(), ServerError> {
        self.watching.docket = None;
        self.watching.untold = Untold::default();
        self.watching.is_at_risk = false;
        self.all.ground.view.set_members(configuration);
        let mut turnout = Turnout::default();
        if let Some(former) = self.all.turnover.former() {
            let (before, now) = (former.configuration(), configuration.configuration());
            log_changes(before, now);
            turnout = Turnout::between(former, now);
            if !turnout.is_enough() && before.membership_group == now.membership_group {
                let Turnout { asked, brought } = turnout;
                tracing::warn!(
                    asked,
                    brought,
                    "the group stays: less than two thirds brought keys"
                );
            }
        }
        self.all.ground.view.set_turnout(turnout);
        Ok(self.accusing.begin(configuration.epoch())?)
    }
}

/// Writes to the log what was found since, and what was cancelled.
fn log_findings(configuration: &VerifiedConfiguration, (before, now): (Option<&Docket>, &Docket)) {
    let names = Names::of(configuration);
    let name = |server: &NodeId| names.name(Peer::Node(*server));
    let was = before.map(Docket::outlook).unwrap_or_default();
    let is = now.outlook();
    for (server, found) in &is {
        if was.get(server) != Some(found) {
            tracing::warn!(server = name(server), found = found.text(), "found by the group");
        }
    }
    for (server, found) in was.iter().filter(|(server, _)| !is.contains_key(*server)) {
        tracing::info!(server = name(server), found = found.text(), "cancelled, or in effect");
    }
}

/// Writes to the log who has lost its duties with an epoch, and who has them again.
fn log_changes(former: &Configuration, now: &Configuration) {
    for member in &now.members {
        let server = || member.name();
        let before = former.member(member.id).map(|before| before.status);
        match (before, member.status) {
            (Some(MemberStatus::Active), MemberStatus::Inactive) => {
                tracing::warn!(server = server(), epoch = %now.epoch, "is inactive");
            }
            (Some(MemberStatus::Inactive), MemberStatus::Active) => {
                tracing::info!(server = server(), epoch = %now.epoch, "is active again");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    //! The prober hears everything of the log, once and in its order, whenever it has room.
    use quorate_membership::monitor::ProberRequest;
    use quorate_types::Slot;

    use super::Untold;

    fn slots(slots: impl IntoIterator<Item = u64>) -> Vec<ProberRequest> {
        slots.into_iter().map(|slot| ProberRequest::Executed(Slot::new(slot))).collect()
    }

    /// A prober that takes so many requests.
    fn taking(
        room: usize,
        heard: &mut Vec<u64>,
    ) -> impl FnMut(ProberRequest) -> Result<(), ProberRequest> {
        let full_at = heard.len() + room;
        move |request| {
            if heard.len() >= full_at {
                return Err(request);
            }
            let ProberRequest::Executed(slot) = request else { panic!("{request:?}") };
            heard.push(slot.get());
            Ok(())
        }
    }

    #[test]
    fn what_the_prober_refuses_it_hears_later() {
        let (mut untold, mut heard) = (Untold::default(), Vec::new());
        assert!(untold.tell(|| slots(0..10), taking(4, &mut heard)), "the rest waits");
        assert_eq!(heard, [0, 1, 2, 3]);
        let unread = || panic!("there is no room for more: the reading is not used");
        assert!(!untold.tell(unread, taking(4, &mut heard)));
        assert_eq!(heard.len(), 8, "it gets on, however little it takes");
        assert!(untold.tell(|| slots(10..12), taking(9, &mut heard)));
        assert!(heard.iter().copied().eq(0..12), "all, once, in the order of the log: {heard:?}");
    }
}
