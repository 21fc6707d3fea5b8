//! The links of a node, and who is at their other ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_machine::Class;
use quorate_net::{
    BindError, Config, ConnectorConfig, Credential, Event, Events, Known, NetCounters, PeerKey,
    PeerKind, Recognise, Sent, Transport,
};
use quorate_types::{ClientId, NodeId, Peer};

use crate::spawn::spawner;

/// A server: its name in the protocols, and where and under which key it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub id: NodeId,
    /// Who it is on links, and its address.
    pub known: Known,
}

/// The links of a node or client, with all servers that it may talk to.
#[derive(Debug)]
pub struct Links {
    transport: Transport,
    pub(crate) events: Events,
    keys: BTreeMap<NodeId, PeerKey>,
    names: BTreeMap<PeerKey, NodeId>,
}

fn known(servers: &[Server]) -> Vec<Known> {
    servers.iter().map(|server| server.known).collect()
}

/// The class of the transport for a class of the machines.
const fn to_net(class: Class) -> quorate_net::Class {
    match class {
        Class::Control => quorate_net::Class::Control,
        Class::Ordered => quorate_net::Class::Ordered,
        Class::Bulk => quorate_net::Class::Bulk,
    }
}

/// The class of the machines for a class of the transport.
pub(crate) const fn to_machine(class: quorate_net::Class) -> Class {
    match class {
        quorate_net::Class::Control => Class::Control,
        quorate_net::Class::Ordered => Class::Ordered,
        quorate_net::Class::Bulk => Class::Bulk,
    }
}

impl Links {
    /// Links of a server: listens, and connects to these servers, which replace `config.peers`.
    ///
    /// # Errors
    /// [`BindError`] says what is wrong with the address or the configuration.
    pub fn listen(mut config: Config, servers: &[Server]) -> Result<Self, BindError> {
        config.peers = known(servers);
        let (transport, events) = Transport::bind(&config, spawner())?;
        Ok(Self::assembled(transport, events, servers))
    }

    /// Links of a client to these servers, which replace `config.peers`. To be called inside of a
    /// runtime.
    ///
    /// # Errors
    /// [`BindError`] says what is wrong with the configuration.
    pub fn dial(mut config: ConnectorConfig, servers: &[Server]) -> Result<Self, BindError> {
        config.peers = known(servers);
        let (transport, events) = Transport::dial(&config, spawner())?;
        Ok(Self::assembled(transport, events, servers))
    }

    fn assembled(transport: Transport, events: Events, servers: &[Server]) -> Self {
        let mut links = Self { transport, events, keys: BTreeMap::new(), names: BTreeMap::new() };
        links.name(servers);
        links
    }

    fn name(&mut self, servers: &[Server]) {
        self.keys = servers.iter().map(|server| (server.id, server.known.key)).collect();
        self.names = servers.iter().map(|server| (server.known.key, server.id)).collect();
    }

    /// Replaces the servers: new ones are connected to, missing ones are disconnected.
    ///
    /// # Errors
    /// [`BindError::Config`] if there are too many; nothing changes then.
    pub fn set_servers(&mut self, servers: &[Server]) -> Result<(), BindError> {
        self.transport.set_known(&known(servers))?;
        self.name(servers);
        Ok(())
    }

    /// Where it listens; a client does not.
    #[must_use]
    pub const fn local_address(&self) -> Option<std::net::SocketAddr> {
        self.transport.local_address()
    }

    /// Who this node or client is.
    #[must_use]
    pub fn key(&self) -> PeerKey {
        self.transport.key()
    }

    /// The counters of the transport.
    #[must_use]
    pub fn counters(&self) -> Arc<NetCounters> {
        self.transport.counters()
    }

    /// The name of the other end of a link; none for a node that is not known.
    pub(crate) fn peer(&self, key: PeerKey, kind: PeerKind) -> Option<Peer> {
        match kind {
            PeerKind::Node => self.names.get(&key).copied().map(Peer::Node),
            PeerKind::Client => Some(Peer::Client(ClientId::new(*key.as_bytes()))),
        }
    }

    fn key_of(&self, peer: Peer) -> Option<PeerKey> {
        match peer {
            Peer::Node(id) => self.keys.get(&id).copied(),
            Peer::Client(id) => Some(PeerKey::new(*id.as_bytes())),
        }
    }

    pub(crate) fn send(&self, peer: Peer, class: Class, frame: &Arc<Vec<u8>>) -> Sent {
        let Some(key) = self.key_of(peer) else { return Sent::Down };
        self.transport.send(key, to_net(class), frame)
    }

    pub(crate) fn charge(&self, peer: Peer, micros: u64) {
        let Some(key) = self.key_of(peer).filter(|_| micros > 0) else { return };
        self.transport.charge(key, micros);
    }

    pub(crate) fn disconnect(&self, peer: Peer) {
        let Some(key) = self.key_of(peer) else { return };
        self.transport.disconnect(key);
    }

    /// A client has shown that it may use the system.
    pub(crate) fn prove(&self, peer: Peer) {
        if let Peer::Client(client) = peer {
            self.transport.prove(PeerKey::new(*client.as_bytes()));
        }
    }

    pub(crate) fn renew(
        &self,
        credential: Credential,
        recognise: Arc<dyn Recognise>,
    ) -> Result<(), BindError> {
        self.transport.renew(credential, recognise)
    }

    pub(crate) async fn shut(&self) {
        self.transport.shut().await;
    }

    /// What to tell the node about a link, in its own names.
    pub(crate) fn news(&self, event: &Event) -> Option<LinkNews> {
        match event {
            Event::Up { peer, kind, .. } => self.peer(*peer, *kind).map(LinkNews::Up),
            Event::Down { peer, kind, reason } => {
                let why = reason.to_string();
                self.peer(*peer, *kind).map(|peer| LinkNews::Down { peer, why })
            }
            Event::HandshakeFailed { peer, address, error, .. } => Some(LinkNews::Failed {
                node: peer.and_then(|key| self.names.get(&key).copied()),
                address: *address,
                why: error.to_string(),
            }),
            Event::Frames(_) => None,
        }
    }
}

/// What happened to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkNews {
    /// A peer is connected.
    Up(Peer),
    /// A peer is gone.
    Down {
        /// The peer.
        peer: Peer,
        /// Why.
        why: String,
    },
    /// A connection did not come up.
    Failed {
        /// The server, if it is one that is known.
        node: Option<NodeId>,
        /// The address dialled or dialling.
        address: std::net::SocketAddr,
        /// Why.
        why: String,
    },
}
