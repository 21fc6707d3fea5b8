//! Who takes part in a system of one group: its replicas are the first nodes, its clients follow.

use std::fmt;
use std::sync::Arc;

use quorate_crypto::Signer;
use quorate_types::{ClientId, GroupMember, NodeId, Peer, ReplicaId};

use crate::node::Node;

/// The keys of everybody, in the order of the nodes.
pub(crate) struct Parties<S: ?Sized> {
    replicas: Vec<Arc<S>>,
    clients: Vec<Arc<S>>,
}

/// What a node is in its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Replica(ReplicaId),
    /// With its index among the clients.
    Client(usize),
}

impl<S: Signer + ?Sized> Parties<S> {
    pub(crate) const fn new(replicas: Vec<Arc<S>>, clients: Vec<Arc<S>>) -> Self {
        Self { replicas, clients }
    }

    pub(crate) const fn replica_count(&self) -> usize {
        self.replicas.len()
    }

    /// The replicas as a configuration lists them; each one's id is its key.
    pub(crate) fn members(&self) -> Vec<GroupMember> {
        let keys = self.replicas.iter().map(|signer| signer.public_key());
        keys.map(|key| GroupMember { node: NodeId::new(*key.as_bytes()), key }).collect()
    }

    pub(crate) fn client_ids(&self) -> Vec<ClientId> {
        self.clients.iter().map(|signer| signer.public_key().client()).collect()
    }

    pub(crate) fn part(&self, node: Node) -> Part {
        match node.index().checked_sub(self.replicas.len()) {
            None => Part::Replica(node.replica()),
            Some(client) => Part::Client(client),
        }
    }

    pub(crate) fn signer(&self, node: Node) -> Arc<S> {
        Arc::clone(match self.part(node) {
            Part::Replica(replica) => &self.replicas[replica.index()],
            Part::Client(client) => &self.clients[client],
        })
    }

    /// The address of a node on its links.
    pub(crate) fn peer(&self, node: Node) -> Peer {
        let key = self.signer(node).public_key();
        match self.part(node) {
            Part::Replica(_) => Peer::Node(NodeId::new(*key.as_bytes())),
            Part::Client(_) => Peer::Client(key.client()),
        }
    }

    /// What a node is called in the log of events.
    pub(crate) fn label(&self, node: Node) -> String {
        match self.part(node) {
            Part::Replica(replica) => replica.to_string(),
            Part::Client(client) => format!("C{client}"),
        }
    }
}

impl<S: ?Sized> fmt::Debug for Parties<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} replicas, {} clients", self.replicas.len(), self.clients.len())
    }
}
