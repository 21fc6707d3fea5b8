//! What the transport knows about one peer (for a client: about one session).
//!
//! # Invariants
//! - NET-10: a peer goes `Down -> Up -> Draining -> Down` and no other way.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::budget::Bucket;
use crate::config::Limits;
use crate::credential::Shown;
use crate::error::DownReason;
use crate::frame::Class;
use crate::hello::{Link, PeerKind};
use crate::identity::PeerKey;
use crate::outbound::Outbound;
use crate::stop::Stop;

/// A peer and, for clients, its session (0 for nodes).
pub(crate) type PeerId = (PeerKey, u64);

/// Where a peer is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No main connection.
    Down,
    /// The main connection is there.
    Up,
    /// The main connection is gone, the caller has not taken all its frames.
    Draining(DownReason),
}

impl Phase {
    const fn may_follow(&self, next: &Self) -> bool {
        matches!(
            (self, next),
            (Self::Down, Self::Up)
                | (Self::Up, Self::Draining(_))
                | (Self::Draining(_), Self::Down)
        )
    }
}

/// A connection that has its place.
#[derive(Debug)]
pub(crate) struct Seated {
    pub(crate) number: u64,
    /// Ends it.
    pub(crate) stop: Arc<Stop>,
    /// What a node was recognised by.
    pub(crate) shown: Option<Arc<Shown>>,
}

/// One of the two connections of a peer.
#[derive(Debug)]
pub(crate) struct LinkState {
    pub(crate) connection: Option<Seated>,
    /// Received bytes that the caller has not taken.
    pub(crate) pending: usize,
    pub(crate) bytes: Bucket,
    pub(crate) writer: Arc<Notify>,
    pub(crate) reader: Arc<Notify>,
}

impl LinkState {
    fn new(bytes_per_second: u64, now: Instant) -> Self {
        Self {
            connection: None,
            pending: 0,
            bytes: Bucket::new(bytes_per_second, now),
            writer: Arc::new(Notify::new()),
            reader: Arc::new(Notify::new()),
        }
    }

    /// Whether this connection is still the one in place.
    pub(crate) fn is(&self, number: u64) -> bool {
        self.connection.as_ref().is_some_and(|seated| seated.number == number)
    }

    /// Asks the connection to end, if there is one.
    pub(crate) fn stop(&self, reason: DownReason) {
        if let Some(seated) = &self.connection {
            seated.stop.stop(reason);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) kind: PeerKind,
    /// A known node stays in the table while it is down; a client does not.
    pub(crate) known: bool,
    /// Of a client: the caller has vouched for its key.
    pub(crate) proven: bool,
    /// Of a client: its place among all that came.
    pub(crate) arrival: u64,
    /// Where to dial it and how to stop dialling, if it is dialled.
    pub(crate) dial: Option<(SocketAddr, [Arc<Stop>; 2])>,
    phase: Phase,
    pub(crate) outbound: Outbound,
    pub(crate) inbound: [VecDeque<Vec<u8>>; 3],
    pub(crate) main: LinkState,
    pub(crate) bulk: LinkState,
    pub(crate) cpu: Bucket,
    /// `Up` and `Down` that the caller has not taken.
    pub(crate) events_waiting: usize,
    changed: watch::Sender<u64>,
}

impl Peer {
    pub(crate) fn new(kind: PeerKind, limits: &Limits, now: Instant) -> Self {
        let (queue, budget) = match kind {
            PeerKind::Node => (limits.node_queue, limits.node_budget),
            PeerKind::Client => (limits.client_queue, limits.client_budget),
        };
        Self {
            kind,
            known: false,
            proven: false,
            arrival: 0,
            dial: None,
            phase: Phase::Down,
            outbound: Outbound::new(queue),
            inbound: [VecDeque::new(), VecDeque::new(), VecDeque::new()],
            main: LinkState::new(budget.bytes_per_second, now),
            bulk: LinkState::new(budget.bytes_per_second, now),
            cpu: Bucket::new(budget.micros_per_second, now),
            events_waiting: 0,
            changed: watch::Sender::new(0),
        }
    }

    pub(crate) const fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(crate) fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// A client that nobody has vouched for.
    pub(crate) const fn is_stranger(&self) -> bool {
        matches!(self.kind, PeerKind::Client) && !self.proven
    }

    pub(crate) fn set_phase(&mut self, next: Phase) {
        assert!(self.phase.may_follow(&next), "NET-10: {:?} -> {next:?}", self.phase);
        self.phase = next;
        self.tell_change();
    }

    /// Wakes who waits for a change of this peer.
    pub(crate) fn tell_change(&self) {
        self.changed.send_modify(|version| *version = version.wrapping_add(1));
    }

    /// Sees every change from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) const fn link(&self, link: Link) -> &LinkState {
        match link {
            Link::Main => &self.main,
            Link::Bulk => &self.bulk,
        }
    }

    pub(crate) const fn link_mut(&mut self, link: Link) -> &mut LinkState {
        match link {
            Link::Main => &mut self.main,
            Link::Bulk => &mut self.bulk,
        }
    }

    pub(crate) fn has_inbound(&self) -> bool {
        Class::ALL.iter().any(|class| !self.inbound[class.index()].is_empty())
    }

    /// Whether nothing is left of a peer that need not be remembered.
    pub(crate) fn is_forgettable(&self) -> bool {
        !self.known && self.phase == Phase::Down && self.bulk.connection.is_none()
    }
}
