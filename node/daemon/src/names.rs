//! What the log and the metrics of a server call its peers.

use std::collections::BTreeMap;

use quorate_runtime::LinkNews;
use quorate_types::{Configuration, IdentityKey, NodeId, Peer};

/// The names of the servers of a configuration; whoever is not in it is called by its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Names(BTreeMap<NodeId, Known>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    name: String,
    address: String,
}

impl Names {
    /// The names of these servers.
    #[must_use]
    pub fn of(configuration: &Configuration) -> Self {
        let known = configuration.members.iter().map(|member| {
            (member.id, Known { name: member.name(), address: member.address.clone() })
        });
        Self(known.collect())
    }

    /// The name of a server or of a client.
    #[must_use]
    pub fn name(&self, peer: Peer) -> String {
        match peer {
            Peer::Node(id) => self.0.get(&id).map_or_else(
                // A server that no configuration names has its key for an id.
                || IdentityKey::new(*id.as_bytes()).name(),
                |known| known.name.clone(),
            ),
            Peer::Client(id) => id.public_key().name(),
        }
    }

    fn address(&self, id: NodeId) -> &str {
        self.0.get(&id).map_or("", |known| &known.address)
    }

    /// Writes to the log what happened to a link.
    pub(crate) fn log(&self, news: &LinkNews) {
        match news {
            LinkNews::Up(peer @ Peer::Node(id)) => {
                let (server, address) = (self.name(*peer), self.address(*id));
                tracing::info!(server, address, "connected");
            }
            LinkNews::Down { peer: peer @ Peer::Node(id), why } => {
                let (server, address) = (self.name(*peer), self.address(*id));
                tracing::warn!(server, address, why, "disconnected");
            }
            LinkNews::Up(peer @ Peer::Client(_)) => {
                tracing::debug!(client = self.name(*peer), "client connected");
            }
            LinkNews::Down { peer: peer @ Peer::Client(_), why } => {
                tracing::debug!(client = self.name(*peer), why, "client disconnected");
            }
            LinkNews::Failed { address, why, .. } => {
                tracing::debug!(%address, why, "no connection");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! One server has one name, also while it is in no configuration.
    use quorate_types::{ClientId, NodeId, Peer};

    use super::{Known, Names};

    #[test]
    fn a_server_is_called_by_its_identity_key_and_never_by_its_place_on_the_ring() {
        let place = NodeId::new([0x22; 32]);
        let known = Known { name: String::from("8c4caed6fba5e739"), address: String::from("a:1") };
        let names = Names([(place, known)].into());
        assert_eq!(names.name(Peer::Node(place)), "8c4caed6fba5e739");
        assert_eq!(names.name(Peer::Node(NodeId::new([0x5a; 32]))), "5a5a5a5a5a5a5a5a");
        assert_eq!(names.name(Peer::Client(ClientId::new([0xc1; 32]))), "c1c1c1c1c1c1c1c1");
    }
}
