//! The transport of a node or a client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;

use crate::config::{Config, ConnectorConfig, Known, Spawner, check, check_credential, wrong};
use crate::counters::NetCounters;
use crate::credential::{Credential, Recognise};
use crate::error::{BindError, DownReason};
use crate::event::{Event, Sent};
use crate::frame::Class;
use crate::hello::{Link, PeerKind};
use crate::identity::PeerKey;
use crate::limits::{BACKLOG_MAX, PEERS_MAX};
use crate::peer::Peer;
use crate::shared::{Parts, Shared};
use crate::stop::Stop;
use crate::tasks;
use crate::tls::link_key_of_seed;

/// The connections of this process: of a node to the other nodes and to clients, or of a client to
/// nodes. Dropping it closes all of them.
#[derive(Debug)]
pub struct Transport {
    shared: Arc<Shared>,
    /// Where a node listens.
    address: Option<SocketAddr>,
}

/// The events of a transport, for one receiver.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    /// The caller has had a batch since the tasks had their turn.
    turn_due: bool,
}

impl Transport {
    /// The transport of a node: listens, and dials those known nodes whose key is greater than the
    /// own one; the others dial us.
    ///
    /// # Errors
    /// [`BindError::Listen`] if the address cannot be used, [`BindError::Config`] if the
    /// configuration makes no sense.
    pub fn bind(config: &Config, spawner: Spawner) -> Result<(Self, Events), BindError> {
        check(config.versions, &config.peers, &config.limits)?;
        check_credential(&config.credential)?;
        let failed = |source| BindError::Listen { address: config.listen, source };
        let listener = listener(config.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::new(Parts {
            own: config.own,
            credential: config.credential.clone(),
            recognise: config.recognise.clone(),
            system: config.system,
            versions: config.versions,
            role: PeerKind::Node,
            session: 0,
            jitter_seed: config.jitter_seed,
            limits: config.limits,
            spawner,
        }));
        let started = Self::started(shared.clone(), Some(address), &config.peers);
        (shared.spawner)(Box::pin(tasks::listen(shared.clone(), listener)));
        Ok(started)
    }

    /// The transport of a client: dials all nodes given, and again whenever a connection is lost.
    ///
    /// # Errors
    /// [`BindError::Config`] if the configuration makes no sense.
    pub fn dial(config: &ConnectorConfig, spawner: Spawner) -> Result<(Self, Events), BindError> {
        check(config.versions, &config.peers, &config.limits)?;
        if config.session == 0 {
            return Err(wrong("session", &0, "a random number other than 0"));
        }
        let shared = Arc::new(Shared::new(Parts {
            own: link_key_of_seed(&config.seed).client(),
            credential: Credential { seed: config.seed.clone(), proof: Vec::new() },
            recognise: config.recognise.clone(),
            system: config.system,
            versions: config.versions,
            role: PeerKind::Client,
            session: config.session,
            jitter_seed: config.jitter_seed,
            limits: config.limits,
            spawner,
        }));
        Ok(Self::started(shared, None, &config.peers))
    }

    fn started(
        shared: Arc<Shared>,
        address: Option<SocketAddr>,
        peers: &[Known],
    ) -> (Self, Events) {
        set_known(&shared, peers);
        let events = Events { shared: shared.clone(), turn_due: false };
        (Self { shared, address }, events)
    }

    /// Where it listens, with the port that the system chose; a client does not.
    #[must_use]
    pub const fn local_address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Who this process is.
    #[must_use]
    pub fn key(&self) -> PeerKey {
        self.shared.own
    }

    /// Proves the node with another key from now on, and judges others anew: connections of nodes
    /// whose keys are no longer taken end, all others go on. Cheap: nothing is dialled again.
    ///
    /// # Errors
    /// [`BindError::Config`] if the proof is too long; nothing changes then.
    pub fn renew(
        &self,
        credential: Credential,
        recognise: Arc<dyn Recognise>,
    ) -> Result<(), BindError> {
        check_credential(&credential)?;
        self.shared.renew(credential, recognise);
        Ok(())
    }

    /// Replaces the set of known nodes: new ones are dialled or accepted from now on, missing
    /// ones are disconnected, and those whose address changed are dialled at the new one.
    ///
    /// # Errors
    /// [`BindError::Config`] if there are more than `PEERS_MAX`; nothing changes then.
    pub fn set_known(&self, peers: &[Known]) -> Result<(), BindError> {
        if peers.len() > PEERS_MAX {
            return Err(wrong("peers", &peers.len(), "at most PEERS_MAX"));
        }
        set_known(&self.shared, peers);
        Ok(())
    }

    /// Queues a frame for a peer; never waits. A client key stands for all its sessions.
    ///
    /// Frames may be lost: when the queue of the class is full (the newest is dropped and
    /// counted), and with the connection. Within one class of one connection frames keep their
    /// order. [`Event::Up`] says from when on a peer takes frames.
    pub fn send(&self, peer: PeerKey, class: Class, bytes: &Arc<Vec<u8>>) -> Sent {
        self.shared.state().send(peer, class, bytes)
    }

    /// Bytes of bodies that the queue of this class takes now (the fullest session of a client;
    /// each frame costs `FRAME_COST_BYTES` more). 0 if the peer is not connected.
    #[must_use]
    pub fn room(&self, peer: PeerKey, class: Class) -> usize {
        let state = self.shared.state();
        let up = state.sessions(peer).filter(|(_, peer)| peer.is_up());
        let rooms = up.map(|(_, peer)| peer.outbound.limit(class) - peer.outbound.bytes(class));
        rooms.min().unwrap_or(0)
    }

    /// Charges a peer for processing its frames. A peer that is over its budget is not read
    /// until the budget has refilled, at most `PAUSE_MS_MAX`.
    pub fn charge(&self, peer: PeerKey, micros: u64) {
        self.shared.state().charge(peer, micros, Instant::now());
    }

    /// The caller has seen that a client may use this system: its sessions are no strangers any
    /// more, as far as there is room for them among those of other clients. A session that comes
    /// later begins as a stranger, whatever its key.
    pub fn prove(&self, client: PeerKey) {
        self.shared.state().prove(client);
    }

    /// Ends the connections of a peer, for example of a client that is not authorised. It may
    /// connect again.
    pub fn disconnect(&self, peer: PeerKey) {
        self.shared.state().disconnect(peer);
    }

    /// Whether frames can be sent to a peer now.
    #[must_use]
    pub fn is_up(&self, peer: PeerKey) -> bool {
        self.shared.state().sessions(peer).any(|(_, peer)| peer.is_up())
    }

    /// The counters, also for other threads.
    #[must_use]
    pub fn counters(&self) -> Arc<NetCounters> {
        self.shared.counters.clone()
    }

    /// Ends the listener, all connections and all tasks; frames still queued are dropped.
    /// [`Events::recv`] gives the remaining events and then nothing.
    pub fn close(&self) {
        self.shared.listener_stop.stop(DownReason::Shutdown);
        self.shared.state().close();
        self.shared.events.notify_one();
    }

    /// Does as [`Self::close`], and waits until somebody else can listen at the address.
    pub async fn shut(&self) {
        self.close();
        if self.address.is_some() {
            self.shared.listener_gone.notified().await;
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.close();
    }
}

impl Events {
    /// The next event; nothing once the transport is closed and all events are taken. Taking
    /// frames makes room for more of the same peers. Between two batches the tasks of the
    /// transport have their turn: what was sent meanwhile is written then, in one write per
    /// peer. Cancel safe.
    pub async fn recv(&mut self) -> Option<Event> {
        if self.turn_due {
            tokio::task::yield_now().await;
            self.turn_due = false;
        }
        loop {
            let (event, finished) = {
                let mut state = self.shared.state();
                (state.next_event(), state.is_finished())
            };
            if event.is_some() || finished {
                self.turn_due = matches!(event, Some(Event::Frames(_)));
                return event;
            }
            self.shared.events.notified().await;
        }
    }

    /// Waits until there is an event to take, or until none can come any more: false then. Takes
    /// none and gives nobody a turn, as [`Self::try_recv`] does. Cancel safe.
    pub async fn ready(&mut self) -> bool {
        loop {
            let (waits, finished) = {
                let state = self.shared.state();
                (state.has_event(), state.is_finished())
            };
            if waits || finished {
                return waits;
            }
            self.shared.events.notified().await;
        }
    }

    /// The next event, if there is one now. Does not give the tasks of the transport a turn:
    /// who loops over it has to await something in between.
    pub fn try_recv(&mut self) -> Option<Event> {
        self.shared.state().next_event()
    }
}

/// Listens, with room for more connections than the standard library would have wait.
fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restarted server gets its port although connections of the last one linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_MAX)
}

fn set_known(shared: &Arc<Shared>, peers: &[Known]) {
    let own = shared.own;
    let wanted = peers.iter().filter(|peer| peer.key != own);
    let wanted: BTreeMap<PeerKey, Known> = wanted.map(|peer| (peer.key, *peer)).collect();
    let mut state = shared.state();
    if state.closed {
        return;
    }
    let gone = state.peers.iter().filter(|(id, peer)| peer.known && !wanted.contains_key(&id.0));
    let gone: Vec<_> = gone.map(|(id, _)| *id).collect();
    for id in gone {
        state.forget(id, &DownReason::Removed);
    }
    let mut dials = Vec::new();
    for known in wanted.values() {
        let fresh = || Peer::new(PeerKind::Node, &shared.limits, Instant::now());
        let peer = state.peers.entry((known.key, 0)).or_insert_with(fresh);
        peer.known = true;
        if shared.role == PeerKind::Client || own < known.key {
            dials.extend(redial(peer, *known));
        }
    }
    drop(state);
    for (known, link, stop) in dials {
        (shared.spawner)(Box::pin(tasks::keep_dialled(shared.clone(), known, link, stop)));
    }
    shared.events.notify_one();
}

/// The tasks to start for a peer that is dialled at a new address.
fn redial(peer: &mut Peer, known: Known) -> Vec<(Known, Link, Arc<Stop>)> {
    if peer.dial.as_ref().is_some_and(|(address, _)| *address == known.address) {
        return Vec::new();
    }
    if let Some((_, stops)) = peer.dial.take() {
        stops.iter().for_each(|stop| stop.stop(DownReason::Replaced));
    }
    let stops = [Arc::new(Stop::default()), Arc::new(Stop::default())];
    let [main, bulk] = stops.clone();
    peer.dial = Some((known.address, stops));
    vec![(known, Link::Main, main), (known, Link::Bulk, bulk)]
}
