//! Who is who in a run with storage servers, and what lies on their disks: what checkers look at.

use quorate_crypto::{Signer, Verifier};
use quorate_dht::object::{Stamp, StoredObject};
use quorate_dht::{ObjectKey, Ring};
use quorate_types::{ClientId, NodeId, Peer};
use std::sync::Arc;

use super::disk::SharedDisk;
use crate::node::{Node, Nodes};

/// The participants, as the nodes of the simulation that they are.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The servers' places.
    pub ring: Ring,
    /// Checks signatures.
    pub verifier: Arc<dyn Verifier>,
    /// Storage servers, each with its disk.
    pub servers: Vec<(Node, NodeId, SharedDisk)>,
    /// Clients of the DHT.
    pub clients: Vec<(Node, ClientId)>,
    /// Keys of the objects that are written.
    pub owners: Vec<Arc<dyn Signer>>,
}

impl Scene {
    /// The disk of a node that is a server.
    #[must_use]
    pub fn disk(&self, node: Node) -> Option<&SharedDisk> {
        let server = self.servers.iter().find(|(server, _, _)| *server == node);
        server.map(|(_, _, disk)| disk)
    }

    /// The node that has this address.
    #[must_use]
    pub fn node_of(&self, peer: Peer) -> Option<Node> {
        match peer {
            Peer::Node(id) => {
                let server = self.servers.iter().find(|(_, known, _)| *known == id);
                server.map(|(node, _, _)| *node)
            }
            Peer::Client(id) => {
                let client = self.clients.iter().find(|(_, known)| *known == id);
                client.map(|(node, _)| *node)
            }
        }
    }

    /// Is the node a client of the DHT?
    #[must_use]
    pub fn is_client(&self, node: Node) -> bool {
        self.clients.iter().any(|(client, _)| *client == node)
    }

    /// The servers that hold an object.
    #[must_use]
    pub fn group(&self, key: ObjectKey) -> Nodes {
        let group = self.ring.group(key.id());
        let members = group.members().iter().map(|member| self.node_of(Peer::Node(*member)));
        members.map(|node| node.expect("every member of the ring is a node")).collect()
    }

    /// Does the disk of this server hold this object: the version with this stamp, or a higher one?
    #[must_use]
    pub fn holds(&self, server: Node, key: ObjectKey, stamp: Option<Stamp>) -> bool {
        let Some(disk) = self.disk(server) else { return false };
        match disk.open().object(key) {
            Some(StoredObject::Content(content)) => key.is_name_of(&content.body),
            Some(StoredObject::Version(version)) => {
                version.key() == key && Some(version.stamp()) >= stamp
            }
            None => false,
        }
    }
}
