//! All that changes in a transport, behind one lock that is never held across an await.
//!
//! # Invariants
//! - NET-11: at most one connection per peer and link is registered; a newer one waits for the
//!   older to end.
//! - NET-20: a node's connection is up only as long as the key that it proved is taken for its own:
//!   when that is renewed, the connections that are up are judged again.

mod inbox;
mod outbox;
mod strangers;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::config::Limits;
use crate::counters::NetCounters;
use crate::credential::{Recognised, Shown};
use crate::error::{DownReason, HandshakeError};
use crate::event::Event;
use crate::hello::{Link, PeerKind};
use crate::identity::PeerKey;
use crate::limits::{EVENTS_MAX, SESSIONS_PER_CLIENT_MAX};
use crate::peer::{Peer, PeerId, Phase, Seated};
use crate::stop::Stop;
use strangers::Strangers;

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
    /// None for a client.
    pub(crate) recognised: Option<Recognised>,
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
    strangers: Strangers,
    client_connections: usize,
    next_number: u64,
    handshakes: BTreeMap<u64, Arc<Stop>>,
    /// How often what is believed of peers was renewed.
    pub(crate) renewals: u64,
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
            strangers: Strangers::new(&limits, Instant::now()),
            client_connections: 0,
            next_number: 0,
            handshakes: BTreeMap::new(),
            renewals: 0,
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
        if candidate.kind == PeerKind::Client
            && !self.peers.contains_key(&id)
            && let Some(changes) = self.make_room()
        {
            return Registered::Wait(changes);
        }
        self.enter(candidate, now);
        let peer = self.peers.get_mut(&id).expect("it was entered");
        let link = peer.link(candidate.link);
        link.stop(DownReason::Replaced);
        let draining = candidate.link == Link::Main && *peer.phase() != Phase::Down;
        if link.connection.is_some() || draining || peer.events_waiting >= 2 {
            return Registered::Wait(peer.watch());
        }
        self.seat(candidate)
    }

    fn refuse_candidate(&self, candidate: &Candidate) -> Result<(), HandshakeError> {
        if candidate.recognised.as_ref().is_some_and(|it| it.renewal != self.renewals) {
            // NET-20: who was recognised by a former rule has to be recognised again.
            return Err(HandshakeError::Renewed);
        }
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
        if self.events.len() >= EVENTS_MAX {
            return Err(HandshakeError::ClientsFull { max: self.limits.client_connections });
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
        let shown = candidate.recognised.as_ref().map(|it| it.shown.clone());
        link.connection = Some(Seated { number, stop: candidate.stop.clone(), shown });
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
        if self.peers.get(&id).is_some_and(Peer::is_forgettable)
            && let Some(gone) = self.peers.remove(&id)
        {
            self.left(&gone);
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

    /// The connections of nodes, with what they were recognised by.
    pub(crate) fn recognised(&self) -> Vec<(PeerKey, Arc<Shown>, Arc<Stop>)> {
        let links = self.peers.iter().flat_map(|(id, peer)| [(id, &peer.main), (id, &peer.bulk)]);
        let seated = links.filter_map(|(id, link)| Some((id.0, link.connection.as_ref()?)));
        let node = |(key, seated): (PeerKey, &Seated)| {
            Some((key, seated.shown.clone()?, seated.stop.clone()))
        };
        seated.filter_map(node).collect()
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

    /// Charges processing time to every session of a peer.
    pub(crate) fn charge(&mut self, key: PeerKey, micros: u64, now: Instant) {
        let mut is_stranger = false;
        self.sessions_mut(key).for_each(|(_, peer)| {
            peer.cpu.take(micros, now);
            is_stranger |= peer.is_stranger();
        });
        if is_stranger {
            self.strangers.take_micros(micros, now);
        }
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
