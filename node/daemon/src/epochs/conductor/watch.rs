//! Monitoring, between the log and this server's prober.
//!
//! What the prober finds goes into the log, one statement at a time; what the log makes of it is
//! read from the own replica a few times per period of the probes, and the difference goes back:
//! what other members say, who is evicted and has to be asked, what is settled. So nothing is lost
//! when this server starts anew, and nothing else travels between members.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use quorate_duties::turnover::Event;
use quorate_membership::handover::machine::Request as HandoverRequest;
use quorate_membership::monitor::ProberOutput;
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
    docket: Option<Docket>,
    is_at_risk: bool,
}

impl Watching {
    /// Reads the log so often that a prober with this period hears in time.
    pub(super) fn of_period(period: quorate_types::Duration) -> Self {
        let part = Duration::from_micros(period.as_micros()) / READINGS;
        let every = part.clamp(READING.0, READING.1);
        Self { every, next: Instant::now(), docket: None, is_at_risk: false }
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

    /// The log was read: the prober hears what is new.
    ///
    /// # Errors
    /// What the disk reports.
    pub(super) fn on_docket(&mut self, epoch: Epoch, docket: Docket) -> Result<(), ServerError> {
        let configuration = self.all.turnover.configuration();
        if configuration.epoch() != epoch {
            return Ok(());
        }
        let news = docket.news_since(self.watching.docket.as_ref());
        let is_at_risk = docket.is_at_risk(configuration.configuration());
        if is_at_risk != self.watching.is_at_risk
            && let Some(handover) = self.handovers.get(&epoch)
        {
            drop(handover.request(HandoverRequest::AtRisk(is_at_risk)));
            self.watching.is_at_risk = is_at_risk;
        }
        log_findings(configuration, (self.watching.docket.as_ref(), &docket));
        self.all.ground.view.set_found(docket.counts());
        self.all.ground.view.set_gone(&docket);
        self.accuse_again(&docket)?;
        self.watching.docket = Some(docket);
        let monitoring = self.all.monitoring.lock().unwrap_or_else(PoisonError::into_inner);
        news.into_iter().for_each(|request| monitoring.tell(request));
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
        self.watching.is_at_risk = false;
        self.all.ground.view.set_members(configuration);
        if let Some(former) = self.all.turnover.former() {
            log_changes(former.configuration(), configuration.configuration());
            let turnout = Turnout::between(former, configuration.configuration());
            self.all.ground.view.set_turnout(turnout);
            if !turnout.is_enough() {
                let Turnout { asked, brought } = turnout;
                tracing::warn!(asked, brought, "too few servers brought keys: the group stays");
            }
        }
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
