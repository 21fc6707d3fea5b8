//! What the log and the metrics of a server call its peers.

use std::sync::{Arc, PoisonError, RwLock};

use quorate_membership::EpochConfiguration;
use quorate_runtime::LinkNews;
use quorate_types::{IdentityKey, MemberRecord, NodeId, Peer};

/// The names of the servers of a configuration; whoever is not in it is called by its key. They
/// are made when they are asked for: of many servers few are ever spoken of. All clones go on to a
/// later configuration together.
#[derive(Clone, Default, Debug)]
pub struct Names(Arc<RwLock<Option<EpochConfiguration>>>);

impl Names {
    /// The names of these servers.
    #[must_use]
    pub fn of(configuration: impl Into<EpochConfiguration>) -> Self {
        let names = Self::default();
        names.follow(configuration);
        names
    }

    /// Goes on to the servers of a later configuration.
    pub(crate) fn follow(&self, later: impl Into<EpochConfiguration>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(later.into());
    }

    /// What is looked for in the record of a server, if there is one.
    fn find<T>(&self, id: NodeId, what: impl FnOnce(&MemberRecord) -> T) -> Option<T> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().and_then(|known| known.configuration().member(id)).map(what)
    }

    /// The name of a server or of a client.
    #[must_use]
    pub fn name(&self, peer: Peer) -> String {
        match peer {
            Peer::Node(id) => self.find(id, MemberRecord::name).unwrap_or_else(|| {
                // A server that no configuration names has its key for an id.
                IdentityKey::new(*id.as_bytes()).name()
            }),
            Peer::Client(id) => id.public_key().name(),
        }
    }

    fn address(&self, id: NodeId) -> String {
        self.find(id, |member| member.address.clone()).unwrap_or_default()
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
    use std::net::SocketAddr;

    use quorate_types::{ClientId, NodeId, Peer};

    use super::Names;
    use crate::crowd::{CROWD_MIN, Crowd};

    #[test]
    fn a_server_is_called_by_its_identity_key_and_never_by_its_place_on_the_ring() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let configuration = Crowd::new(CROWD_MIN, address).configuration().clone();
        let member = &configuration.configuration().members[2];
        let names = Names::of(&configuration);
        assert_eq!(names.name(Peer::Node(member.id)), member.identity_key.name());
        assert_eq!(names.address(member.id), address.to_string());
        assert_eq!(names.name(Peer::Node(NodeId::new([0x5a; 32]))), "5a5a5a5a5a5a5a5a");
        assert_eq!(names.name(Peer::Client(ClientId::new([0xc1; 32]))), "c1c1c1c1c1c1c1c1");
    }

    #[test]
    fn who_came_later_has_its_name_and_address_wherever_names_are_told() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        let before = Crowd::new(CROWD_MIN, address).configuration().clone();
        let later = Crowd::new(CROWD_MIN + 1, address).configuration().clone();
        let is_new = |id: NodeId| before.configuration().member(id).is_none();
        let new = later.configuration().members.iter().find(|member| is_new(member.id));
        let new = new.expect("one more");
        let names = Names::of(&before);
        let elsewhere = names.clone();
        assert_ne!(elsewhere.name(Peer::Node(new.id)), new.name());
        names.follow(&later);
        assert_eq!(elsewhere.name(Peer::Node(new.id)), new.name());
        assert_eq!(elsewhere.address(new.id), address.to_string());
    }
}
