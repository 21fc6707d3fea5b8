//! The client's side: from a pinned key and some addresses to a configuration that may be used.
//!
//! TDSC'12 section VI.C; specification 6 (freshness and client rules); settled point 4.
//!
//! # Protocol
//! Fetch: ask one server after the other for the newest configuration, page by page; check the
//! header before keeping a member, and everything before using it. Adopt it if its epoch is later.
//! Challenge: send a fresh nonce to the whole membership group; `2f + 1` vouches give a lease that
//! counts from the send time. Renew at half of its length. Whoever seems to know of a later epoch
//! is asked for its configuration; who gives a whole one, as storage servers do, has it checked.
//! Without a lease nothing is used.
//!
//! ```text
//! no configuration --fetch--> configuration, no lease --challenge--> lease
//!                                  ^   ^------ expired, or later epoch ------|
//!                                  |------------ later epoch ----------------|
//! ```
//!
//! Invariants: MEM-1, MEM-2, MEM-3, MEM-5, MEM-7.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use quorate_machine::{Effects, Input, Machine};
use quorate_threshold::PublicKey;
use quorate_types::{Duration, Epoch, Instant, NodeId, Now, Peer};

use crate::configuration::{CertifiedConfiguration, VerifiedConfiguration};
use crate::freshness::{Lease, LeaseRule, Round};
use crate::limits::{CONTACTS_MAX, RETRY_DEFAULT, RETRY_MAX_DEFAULT, RETRY_MIN};
use crate::message::Message;
use crate::schemes::Schemes;

mod challenge;
mod fetch;

use fetch::Fetch;

/// A client that gets no answer asks at least so often in the length of a lease.
const TRIES_IN_LEASE: u64 = 8;

/// What a client is installed with.
#[derive(Clone)]
pub struct ClientParameters {
    /// The one key of the system.
    pub system_key: PublicKey,
    /// Servers to ask; at most [`CONTACTS_MAX`] are used.
    pub contacts: Vec<Peer>,
    /// Uniform secret bytes, fresh at each start: the nonces follow from them.
    pub nonce_seed: [u8; 32],
    /// How long leases are.
    pub lease: LeaseRule,
    /// First wait before asking again; doubles up to [`Self::retry_max`].
    pub retry: Duration,
    /// Longest wait before asking again.
    pub retry_max: Duration,
}

impl ClientParameters {
    /// Parameters with the default times.
    #[must_use]
    pub fn new(system_key: PublicKey, contacts: Vec<Peer>, nonce_seed: [u8; 32]) -> Self {
        let (lease, retry, retry_max) = (LeaseRule::default(), RETRY_DEFAULT, RETRY_MAX_DEFAULT);
        Self { system_key, contacts, nonce_seed, lease, retry, retry_max }
    }

    /// The same with leases of this rule; while half of one is left to renew it, the group is asked
    /// several times.
    #[must_use]
    pub fn with_lease(self, lease: LeaseRule) -> Self {
        let part = Duration::from_micros(lease.length().as_micros() / TRIES_IN_LEASE);
        Self { lease, retry_max: self.retry_max.min(part), ..self }
    }
}

impl fmt::Debug for ClientParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientParameters({:?}, {:?})", self.system_key, self.contacts)
    }
}

// tidy: timers
/// What a client sets alarms for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ClientTimer {
    /// The server that is asked for a configuration is too slow.
    Fetch,
    /// The group has not answered the challenge.
    Challenge,
    /// Half of the lease is over.
    Renew,
    /// The lease is over.
    Expire,
}

/// What the node may ask of its client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientRequest {
    /// A server gave this as the configuration of a later epoch: check it, and adopt it.
    Given {
        /// Who gave it.
        from: Peer,
        /// The configuration, which proves itself.
        configuration: Box<CertifiedConfiguration>,
    },
    /// A server said that this epoch has begun: see what it has.
    Heard {
        /// Who said so.
        from: Peer,
        /// The epoch.
        epoch: Epoch,
    },
    /// Who should answer in this epoch does not: see whether it has ended. A lease says that it had
    /// not when it was given, and may hold for minutes.
    Doubt,
}

/// Why a lease is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// It ran out and could not be renewed.
    Expired,
    /// A later epoch has begun.
    LaterEpoch,
}

/// What a client tells its node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientOutput {
    /// This configuration is the newest that is known; it may not be used without a lease.
    Configuration(VerifiedConfiguration),
    /// The configuration may be used until this moment.
    Lease {
        /// First moment at which it may not be used any more.
        until: Instant,
        /// What may be used.
        configuration: VerifiedConfiguration,
    },
    /// The configuration of this epoch may not be used any more.
    LeaseLost {
        /// The epoch.
        epoch: Epoch,
        /// Why.
        loss: Loss,
    },
}

/// The machine of every client, and of every server that is a client of the membership service.
#[derive(Debug)]
pub struct ConfigurationClient {
    parameters: ClientParameters,
    schemes: Schemes,
    configuration: Option<VerifiedConfiguration>,
    fetch: Option<Fetch>,
    fetch_wait: Duration,
    contact_next: usize,
    round: Option<Round>,
    challenge_wait: Duration,
    nonce_count: u64,
    /// Members that claimed a later epoch since the last challenge.
    claimants: BTreeSet<NodeId>,
    lease: Option<Lease>,
    ignored: BTreeMap<&'static str, u64>,
}

impl ConfigurationClient {
    /// A client; `known` is the newest configuration that it verified before it was started again.
    ///
    /// # Panics
    /// If `known` was verified under another key than the pinned one.
    #[must_use]
    pub fn new(
        mut parameters: ClientParameters,
        known: Option<VerifiedConfiguration>,
        schemes: Schemes,
    ) -> Self {
        let is_ours =
            |known: &VerifiedConfiguration| *known.header().system_key() == parameters.system_key;
        assert!(known.as_ref().is_none_or(is_ours), "MEM-1: known under another key");
        parameters.contacts.truncate(CONTACTS_MAX);
        parameters.retry = parameters.retry.max(RETRY_MIN);
        parameters.retry_max = parameters.retry_max.max(parameters.retry);
        Self {
            schemes,
            configuration: known,
            fetch: None,
            fetch_wait: parameters.retry,
            contact_next: 0,
            round: None,
            challenge_wait: parameters.retry,
            nonce_count: 0,
            claimants: BTreeSet::new(),
            lease: None,
            ignored: BTreeMap::new(),
            parameters,
        }
    }

    /// The configuration that may be used at this moment: none without a lease that holds.
    #[must_use]
    pub fn usable(&self, now: Instant) -> Option<&VerifiedConfiguration> {
        self.lease.filter(|lease| lease.holds_at(now)).and(self.configuration.as_ref())
    }

    /// The newest configuration that is known, which may not be used without a lease.
    #[must_use]
    pub const fn known(&self) -> Option<&VerifiedConfiguration> {
        self.configuration.as_ref()
    }

    /// How many answers were ignored for this reason; see [`crate::Rejected::mark`].
    #[must_use]
    pub fn ignored_count(&self, mark: &str) -> u64 {
        self.ignored.get(mark).copied().unwrap_or(0)
    }

    fn ignore(&mut self, mark: &'static str, effects: &mut Effects<Self>) {
        let count = self.ignored.entry(mark).or_insert(0);
        *count = count.saturating_add(1);
        effects.mark(mark);
    }

    fn grown(&self, wait: Duration) -> Duration {
        wait.doubled().min(self.parameters.retry_max)
    }

    fn start(&mut self, now: Now, effects: &mut Effects<Self>) {
        if self.configuration.is_some() {
            self.start_round(now, effects);
        }
        self.fetch_from_next(now, effects);
    }

    /// Adopts a configuration of a later epoch.
    fn adopt(&mut self, now: Now, new: VerifiedConfiguration, effects: &mut Effects<Self>) {
        let is_ours = *new.header().system_key() == self.parameters.system_key;
        assert!(is_ours, "MEM-1: verified under the pinned key");
        let is_later = self.configuration.as_ref().is_none_or(|old| old.epoch() < new.epoch());
        assert!(is_later, "MEM-3: back to an earlier epoch");

        let lost = self.lease.take();
        self.configuration = Some(new.clone());
        self.challenge_wait = self.parameters.retry;

        if let Some(lease) = lost {
            effects.disarm(ClientTimer::Renew);
            effects.disarm(ClientTimer::Expire);
            let (epoch, loss) = (lease.epoch(), Loss::LaterEpoch);
            effects.emit(ClientOutput::LeaseLost { epoch, loss });
        }
        effects.emit(ClientOutput::Configuration(new));
        self.start_round(now, effects);
    }

    fn deliver(&mut self, now: Now, from: Peer, message: Message, effects: &mut Effects<Self>) {
        match message {
            Message::Configuration(page) => self.on_page(now, (from, *page), effects),
            Message::Vouch(vouch) => self.on_vouch(now, (from, vouch), effects),
            Message::GetConfiguration(_) | Message::Challenge(_) | Message::GetFounding(_) => {
                self.ignore("membership: question to a client", effects);
            }
            Message::Founding(_) => {
                self.ignore("membership: a founding that was not asked for", effects);
            }
        }
    }

    fn expire(&mut self, now: Now, timer: ClientTimer, effects: &mut Effects<Self>) {
        match timer {
            ClientTimer::Fetch => self.on_fetch_timeout(now, effects),
            ClientTimer::Challenge => self.on_challenge_timeout(now, effects),
            ClientTimer::Renew => self.on_renew(now, effects),
            ClientTimer::Expire => self.on_lease_end(now, effects),
        }
    }
}

impl Machine for ConfigurationClient {
    type Inbound = Message;
    type Outbound = Message;
    type Record = NoRecord;
    type Timer = ClientTimer;
    type Request = ClientRequest;
    type Output = ClientOutput;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Start => self.start(now, effects),
            Input::Deliver { from, message } => self.deliver(now, from, message, effects),
            Input::Expired(timer) => self.expire(now, timer, effects),
            Input::Request(ClientRequest::Given { from, configuration }) => {
                self.on_given(now, (from, &configuration), effects);
            }
            Input::Request(ClientRequest::Heard { from, epoch }) => {
                self.on_claim(now, (from, epoch), effects);
            }
            Input::Request(ClientRequest::Doubt) => self.on_doubt(now, effects),
        }
    }
}

/// A client writes nothing to its log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoRecord {}

fn group_peers(configuration: &VerifiedConfiguration) -> Arc<[Peer]> {
    configuration.configuration().membership_group.iter().copied().map(Peer::Node).collect()
}

#[cfg(test)]
mod tests;
