//! Clients that nobody has vouched for: anybody who can make a key is one, so what all of them
//! hold together is bounded, and whoever is vouched for leaves their ranks.
//!
//! ```text
//! new session --> stranger --prove--> proven          places: strangers  <= their share
//!                    |                                        proven     <= all minus that share
//!                    '-- oldest, when a newer stranger needs its place --> displaced
//! ```
//! The oldest goes, and not the newcomer: else whoever came first could keep everybody out. Who is
//! displaced may dial again; a client with a certificate shows it with its first frame.
//!
//! # Invariants
//! - NET-18: strangers never hold more than their share of the places, so that there is always one
//!   for whoever will be vouched for, and the proven never lose one to them.
//! - NET-19: the queues of all strangers together never pass their limit.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Candidate, State};
use crate::budget::Bucket;
use crate::config::Limits;
use crate::counters::{count, raise};
use crate::error::DownReason;
use crate::hello::PeerKind;
use crate::identity::PeerKey;
use crate::peer::{Peer, PeerId};

/// What all strangers use together.
#[derive(Debug)]
pub(super) struct Strangers {
    sessions: usize,
    /// Sessions that were strangers once.
    proven: usize,
    queue_bytes: usize,
    queue_bytes_max: usize,
    bytes: Bucket,
    cpu: Bucket,
}

impl Strangers {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            sessions: 0,
            proven: 0,
            queue_bytes: 0,
            queue_bytes_max: limits.strangers_queue_bytes,
            bytes: Bucket::new(limits.strangers_budget.bytes_per_second, now),
            cpu: Bucket::new(limits.strangers_budget.micros_per_second, now),
        }
    }

    /// How long none of them is read.
    pub(super) fn pause(&mut self, now: Instant) -> Duration {
        self.cpu.pause(now).max(self.bytes.pause(now))
    }

    pub(super) fn take_bytes(&mut self, bytes: usize, now: Instant) {
        self.bytes.take(bytes as u64, now);
    }

    pub(super) fn take_micros(&mut self, micros: u64, now: Instant) {
        self.cpu.take(micros, now);
    }

    pub(super) const fn queue_bytes(&self) -> usize {
        self.queue_bytes
    }

    pub(super) const fn have_room_for(&self, cost: usize) -> bool {
        self.queue_bytes.saturating_add(cost) <= self.queue_bytes_max
    }

    /// The queue of one of them has changed.
    pub(super) fn change_queue(&mut self, before: usize, after: usize) {
        self.queue_bytes = self.queue_bytes + after - before;
        assert!(
            self.queue_bytes <= self.queue_bytes_max,
            "NET-19: {} bytes queued for strangers",
            self.queue_bytes
        );
    }
}

impl State {
    const fn stranger_sessions_max(&self) -> usize {
        self.limits.stranger_connections / 2
    }

    const fn proven_sessions_max(&self) -> usize {
        self.limits.client_connections / 2 - self.stranger_sessions_max()
    }

    /// Nothing if there is a place for one more stranger. Otherwise the oldest is asked to leave,
    /// and this tells when it has.
    pub(super) fn make_room(&self) -> Option<watch::Receiver<u64>> {
        if self.strangers.sessions < self.stranger_sessions_max() {
            return None;
        }
        let strangers = self.peers.values().filter(|peer| peer.is_stranger());
        let oldest = strangers.min_by_key(|peer| peer.arrival)?;
        oldest.main.stop(DownReason::Displaced);
        oldest.bulk.stop(DownReason::Displaced);
        Some(oldest.watch())
    }

    /// Notes the peer of a candidate; a client begins as a stranger.
    pub(super) fn enter(&mut self, candidate: &Candidate, now: Instant) {
        if self.peers.contains_key(&candidate.id) {
            return;
        }
        let mut peer = Peer::new(candidate.kind, &self.limits, now);
        peer.arrival = self.number();
        self.peers.insert(candidate.id, peer);
        if candidate.kind == PeerKind::Client {
            self.strangers.sessions += 1;
            let (sessions, max) = (self.strangers.sessions, self.stranger_sessions_max());
            assert!(sessions <= max, "NET-18: {sessions} sessions of strangers");
            raise(&self.counters.stranger_sessions_peak, sessions);
        }
    }

    /// A peer was forgotten.
    pub(super) fn left(&mut self, peer: &Peer) {
        if peer.is_stranger() {
            self.strangers.sessions -= 1;
        } else if peer.kind == PeerKind::Client {
            self.strangers.proven -= 1;
            self.counters.proven_sessions.fetch_sub(1, Relaxed);
        }
    }

    /// The sessions of a client are no strangers any more, as far as there is room.
    pub(crate) fn prove(&mut self, key: PeerKey) {
        let strangers = self.sessions(key).filter(|(_, peer)| peer.is_stranger());
        let ids: Vec<PeerId> = strangers.map(|(id, _)| *id).collect();
        for id in ids {
            if self.strangers.proven >= self.proven_sessions_max() {
                count(&self.counters.unproven_for_lack_of_room);
                return;
            }
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.proven = true;
            self.strangers.change_queue(peer.outbound.bytes_total(), 0);
            self.strangers.sessions -= 1;
            self.strangers.proven += 1;
            self.counters.proven_sessions.fetch_add(1, Relaxed);
            peer.tell_change();
        }
    }
}
