//! All that changes in a transport, behind one lock that is never held across an await.
//!
//! # Invariants
//! - NET-11: at most one connection per peer and link is registered; a newer one waits for the
//!   older to end.
//! - NET-12: the queues of all clients together never pass their limit.

mod inbox;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::config::Limits;
use crate::counters::{NetCounters, count, raise};
use crate::error::{DownReason, HandshakeError};
use crate::event::{Event, Sent};
use crate::frame::Class;
use crate::hello::{Link, PeerKind};
use crate::identity::PeerKey;
use crate::limits::{EVENTS_MAX, FRAME_BYTES_MAX, SESSIONS_PER_CLIENT_MAX};
use crate::outbound::{Flush, Outbound, cost, link_of};
use crate::peer::{Peer, PeerId, Phase};
use crate::stop::Stop;

/// A registered connection.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) id: PeerId,
    pub(crate) link: Link,
    number: u64,
    pub(crate) writer: Arc<Notify>,
    pub(crate) reader: Arc<Notify>,
}

/// A connection that wants to be registered.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) id: PeerId,
    pub(crate) kind: PeerKind,
    pub(crate) link: Link,
    pub(crate) version: u16,
    pub(crate) stop: Arc<Stop>,
}

/// What became of a candidate.
#[derive(Debug)]
pub(crate) enum Registered {
    Done(Ticket),
    /// Something older has to end first: try again after a change.
    Wait(watch::Receiver<u64>),
    Refused(HandshakeError),
}

/// Whether a connection may be read now.
#[derive(Debug)]
pub(crate) enum Admission {
    Open,
    /// The caller has frames to take first.
    Pending,
    /// A budget is exhausted.
    Pause(Duration),
    /// The connection is no longer registered.
    Gone,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) peers: BTreeMap<PeerId, Peer>,
    /// Peers with received frames, by class, in turns.
    turns: [VecDeque<PeerId>; 3],
    events: VecDeque<Event>,
    clients_queue_bytes: usize,
    client_connections: usize,
    next_number: u64,
    handshakes: BTreeMap<u64, Arc<Stop>>,
    pub(crate) closed: bool,
    limits: Limits,
    counters: Arc<NetCounters>,
}

impl State {
    pub(crate) fn new(limits: Limits, counters: Arc<NetCounters>) -> Self {
        Self {
            peers: BTreeMap::new(),
            turns: [VecDeque::new(), VecDeque::new(), VecDeque::new()],
            events: VecDeque::new(),
            clients_queue_bytes: 0,
            client_connections: 0,
            next_number: 0,
            handshakes: BTreeMap::new(),
            closed: false,
            limits,
            counters,
        }
    }

    pub(crate) fn sessions(&self, key: PeerKey) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.peers.range((key, 0)..=(key, u64::MAX))
    }

    fn sessions_mut(&mut self, key: PeerKey) -> impl Iterator<Item = (&PeerId, &mut Peer)> {
        self.peers.range_mut((key, 0)..=(key, u64::MAX))
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// Notes an accepted connection without hello; the oldest goes if there are too many.
    pub(crate) fn begin_handshake(&mut self, stop: Arc<Stop>) -> u64 {
        if self.handshakes.len() >= self.limits.handshakes
            && let Some((_, oldest)) = self.handshakes.pop_first()
        {
            oldest.stop(DownReason::Replaced);
        }
        let number = self.number();
        self.handshakes.insert(number, stop);
        number
    }

    pub(crate) fn end_handshake(&mut self, number: u64) {
        self.handshakes.remove(&number);
    }

    /// Registers a connection whose hello was right, or says what is in its way.
    pub(crate) fn register(&mut self, candidate: &Candidate, now: Instant) -> Registered {
        if self.closed {
            return Registered::Refused(HandshakeError::Closed);
        }
        let id = candidate.id;
        if let Err(error) = self.refuse_candidate(candidate) {
            return Registered::Refused(error);
        }
        let limits = self.limits;
        let peer = self.peers.entry(id).or_insert_with(|| Peer::new(candidate.kind, &limits, now));
        let link = peer.link(candidate.link);
        link.stop(DownReason::Replaced);
        let draining = candidate.link == Link::Main && *peer.phase() != Phase::Down;
        if link.connection.is_some() || draining || peer.events_waiting >= 2 {
            return Registered::Wait(peer.watch());
        }
        self.seat(candidate)
    }

    fn refuse_candidate(&self, candidate: &Candidate) -> Result<(), HandshakeError> {
        let peer = self.peers.get(&candidate.id);
        if candidate.kind == PeerKind::Node && !peer.is_some_and(|peer| peer.known) {
            return Err(HandshakeError::UnknownNode(candidate.id.0));
        }
        if candidate.link == Link::Bulk && !peer.is_some_and(Peer::is_up) {
            return Err(HandshakeError::NoMain);
        }
        if candidate.kind == PeerKind::Node || peer.is_some() {
            return Ok(());
        }
        if self.sessions(candidate.id.0).any(|(_, peer)| peer.kind == PeerKind::Node) {
            return Err(HandshakeError::Role(candidate.id.0));
        }
        if self.sessions(candidate.id.0).count() >= SESSIONS_PER_CLIENT_MAX {
            return Err(HandshakeError::SessionsFull { max: SESSIONS_PER_CLIENT_MAX });
        }
        let clients = self.peers.values().filter(|peer| peer.kind == PeerKind::Client).count();
        let max = self.limits.client_connections;
        if (clients + 1) * 2 > max || self.events.len() >= EVENTS_MAX {
            return Err(HandshakeError::ClientsFull { max });
        }
        Ok(())
    }

    /// Puts a candidate into its free place.
    fn seat(&mut self, candidate: &Candidate) -> Registered {
        let (id, number) = (candidate.id, self.number());
        let alone = candidate.link == Link::Main && self.is_key_down(id.0);
        let Some(peer) = self.peers.get_mut(&id) else {
            return Registered::Refused(HandshakeError::Closed);
        };
        let link = peer.link_mut(candidate.link);
        assert!(link.connection.is_none(), "NET-11: two connections of {:?}", id.0);
        link.connection = Some((number, candidate.stop.clone()));
        let (writer, reader) = (link.writer.clone(), link.reader.clone());
        if candidate.link == Link::Main {
            peer.set_phase(Phase::Up);
            if alone {
                peer.events_waiting += 1;
                let (peer, kind, version) = (id.0, candidate.kind, candidate.version);
                self.events.push_back(Event::Up { peer, kind, version });
            }
        }
        self.count_connection(candidate.kind, 1);
        Registered::Done(Ticket { id, link: candidate.link, number, writer, reader })
    }

    fn is_key_down(&self, key: PeerKey) -> bool {
        self.sessions(key).all(|(_, peer)| *peer.phase() == Phase::Down)
    }

    fn count_connection(&mut self, kind: PeerKind, change: isize) {
        use std::sync::atomic::Ordering::Relaxed;
        let change_gauge = |gauge: &std::sync::atomic::AtomicU64| match change {
            1.. => gauge.fetch_add(1, Relaxed),
            _ => gauge.fetch_sub(1, Relaxed),
        };
        change_gauge(&self.counters.connections);
        if kind == PeerKind::Client {
            change_gauge(&self.counters.client_connections);
            self.client_connections = self.client_connections.saturating_add_signed(change);
        }
    }

    /// A registered connection has ended.
    pub(crate) fn deregister(&mut self, ticket: &Ticket, reason: DownReason) {
        self.counters.cause(reason.cause());
        let id = ticket.id;
        let Some(peer) =
            self.peers.get_mut(&id).filter(|it| it.link(ticket.link).is(ticket.number))
        else {
            return;
        };
        let kind = peer.kind;
        peer.link_mut(ticket.link).connection = None;
        if ticket.link == Link::Main {
            peer.bulk.stop(reason.clone());
            peer.set_phase(Phase::Draining(reason));
        }
        peer.tell_change();
        self.with_outbound(id, |outbound| {
            outbound.written(ticket.link);
            if ticket.link == Link::Main {
                outbound.clear();
            }
        });
        self.count_connection(kind, -1);
        self.settle(id);
    }

    /// Ends the draining of a peer whose frames are all taken, forgets it if nothing is left.
    fn settle(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if let Phase::Draining(reason) = peer.phase()
            && !peer.has_inbound()
        {
            let (reason, kind) = (reason.clone(), peer.kind);
            peer.set_phase(Phase::Down);
            if self.is_key_down(id.0) {
                self.events.push_back(Event::Down { peer: id.0, kind, reason });
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.events_waiting += 1;
                }
            }
        }
        if self.peers.get(&id).is_some_and(Peer::is_forgettable) {
            self.peers.remove(&id);
        }
    }

    /// A node is no longer known: its connections end and it is forgotten.
    pub(crate) fn forget(&mut self, id: PeerId, reason: &DownReason) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.known = false;
        peer.main.stop(reason.clone());
        peer.bulk.stop(reason.clone());
        if let Some((_, stops)) = peer.dial.take() {
            stops.iter().for_each(|stop| stop.stop(reason.clone()));
        }
        self.settle(id);
    }

    /// Everything ends.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in ids {
            self.forget(id, &DownReason::Shutdown);
        }
        for stop in std::mem::take(&mut self.handshakes).values() {
            stop.stop(DownReason::Shutdown);
        }
    }

    /// Queues a frame for every session of a peer.
    pub(crate) fn send(&mut self, key: PeerKey, class: Class, body: &Arc<Vec<u8>>) -> Sent {
        let ids: Vec<PeerId> = match self.peers.contains_key(&(key, 0)) {
            true => vec![(key, 0)],
            false => self.sessions(key).map(|(id, _)| *id).collect(),
        };
        let mut sent = Sent::Down;
        for id in ids {
            let outcome = self.send_to(id, class, body);
            match outcome {
                Sent::Full => self.counters.dropped_full.add(class, 1),
                Sent::TooLarge => count(&self.counters.dropped_too_large),
                Sent::Queued | Sent::Down => {}
            }
            if sent != Sent::Queued && outcome != Sent::Down {
                sent = outcome;
            }
        }
        if sent == Sent::Down {
            self.counters.dropped_down.add(class, 1);
        }
        sent
    }

    fn send_to(&mut self, id: PeerId, class: Class, body: &Arc<Vec<u8>>) -> Sent {
        let Some(peer) = self.peers.get(&id).filter(|peer| peer.is_up()) else {
            return Sent::Down;
        };
        let cost = cost(body.len());
        if body.len() > FRAME_BYTES_MAX || cost > peer.outbound.limit(class) {
            return Sent::TooLarge;
        }
        if peer.kind == PeerKind::Client
            && self.clients_queue_bytes + cost > self.limits.clients_queue_bytes
        {
            return Sent::Full;
        }
        let writer = peer.link(link_of(class)).writer.clone();
        let bytes = self.with_outbound(id, |outbound| {
            outbound.push(class, body.clone()).map(|()| outbound.bytes(class))
        });
        let Some(Ok(bytes)) = bytes else { return Sent::Full };
        self.counters.queue_bytes_peak.raise(class, bytes);
        writer.notify_one();
        Sent::Queued
    }

    /// Changes the queues of a peer and keeps the sums over peers right.
    fn with_outbound<T>(
        &mut self,
        id: PeerId,
        change: impl FnOnce(&mut Outbound) -> T,
    ) -> Option<T> {
        use std::sync::atomic::Ordering::Relaxed;
        let peer = self.peers.get_mut(&id)?;
        let before = peer.outbound.bytes_total();
        let result = change(&mut peer.outbound);
        let after = peer.outbound.bytes_total();
        if after >= before {
            self.counters.queue_bytes.fetch_add((after - before) as u64, Relaxed);
        } else {
            self.counters.queue_bytes.fetch_sub((before - after) as u64, Relaxed);
        }
        if peer.kind == PeerKind::Client {
            self.clients_queue_bytes = self.clients_queue_bytes + after - before;
            assert!(
                self.clients_queue_bytes <= self.limits.clients_queue_bytes,
                "NET-12: {} bytes queued for clients",
                self.clients_queue_bytes
            );
            raise(&self.counters.clients_queue_bytes_peak, self.clients_queue_bytes);
        }
        Some(result)
    }

    /// The next write of a connection.
    pub(crate) fn take_flush(
        &mut self,
        ticket: &Ticket,
        buffer: Vec<u8>,
    ) -> Result<Flush, Vec<u8>> {
        let peer = self.peers.get_mut(&ticket.id);
        let Some(peer) = peer.filter(|peer| peer.link(ticket.link).is(ticket.number)) else {
            return Err(buffer);
        };
        peer.outbound.take(ticket.link, buffer)
    }

    /// The write taken last is done.
    pub(crate) fn flush_written(&mut self, ticket: &Ticket, flush: &Flush) {
        self.with_outbound(ticket.id, |outbound| outbound.written(ticket.link));
        for class in Class::ALL {
            self.counters.frames_out.add(class, flush.frames[class.index()]);
        }
        count(&self.counters.flushes_out);
        if let Ok(waited) = usize::try_from(flush.control_waited) {
            raise(&self.counters.control_flushes_waited_max, waited);
        }
    }

    /// Charges processing time to every session of a peer.
    pub(crate) fn charge(&mut self, key: PeerKey, micros: u64, now: Instant) {
        self.sessions_mut(key).for_each(|(_, peer)| peer.cpu.take(micros, now));
    }

    /// Ends the connections of a peer.
    pub(crate) fn disconnect(&self, key: PeerKey) {
        for (_, peer) in self.sessions(key) {
            peer.main.stop(DownReason::Disconnected);
            peer.bulk.stop(DownReason::Disconnected);
        }
    }
}

#[cfg(test)]
mod tests;
