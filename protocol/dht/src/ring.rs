//! Placement: which servers hold an object.
//!
//! TDSC 2012, section VII: the ids of servers and objects share one space that wraps; the group of
//! an object is the `3f + 1` servers on the ring that follow its id. Objects do not move yet: the
//! ring stays the one of the configuration in which the system was founded, whatever becomes of its
//! servers, and servers that were added since have no place on it.
//!
//! # Invariants
//! - DHT-6: a group has exactly `3f + 1` distinct members, in the order of the ring.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use quorate_types::{
    Configuration, Epoch, NodeId, ObjectId, Peer, PublicKey, ReplicaId, Resilience, SystemId,
};

/// A configuration that has too few servers for one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFewServers {
    /// Servers on the ring.
    pub on_ring: usize,
    /// Servers of one group.
    pub needed: usize,
}

impl fmt::Display for TooFewServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} servers on the ring; a storage group needs {}", self.on_ring, self.needed)
    }
}

impl core::error::Error for TooFewServers {}

/// What the DHT knows of an epoch: cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ring {
    /// The system of the servers.
    pub system: SystemId,
    /// The period in which the ring was made.
    pub epoch: Epoch,
    /// Key of the trusted authority, which certifies clients.
    pub authority_key: PublicKey,
    resilience: Resilience,
    servers: Arc<[NodeId]>,
}

/// The servers that hold one object, in the order of the ring from its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    members: Vec<NodeId>,
    resilience: Resilience,
}

impl Ring {
    /// The ring of a configuration.
    ///
    /// # Errors
    /// [`TooFewServers`] if fewer than `3f + 1` have a place on it.
    pub fn new(configuration: &Configuration) -> Result<Self, TooFewServers> {
        let members = configuration.members.iter().filter(|member| member.is_on_ring);
        let mut servers: Vec<NodeId> = members.map(|member| member.id).collect();
        servers.sort_unstable();
        servers.dedup();
        let needed = configuration.storage.replicas();
        if servers.len() < needed {
            return Err(TooFewServers { on_ring: servers.len(), needed });
        }
        Ok(Self {
            system: configuration.system,
            epoch: configuration.ring_epoch,
            authority_key: configuration.authority_key,
            resilience: configuration.storage,
            servers: servers.into(),
        })
    }

    /// The servers that hold the object with this id.
    #[must_use]
    pub fn group(&self, id: ObjectId) -> Group {
        let first = self.servers.partition_point(|node| node.as_bytes() < id.as_bytes());
        let (before, behind) = self.servers.split_at(first);
        let around = behind.iter().chain(before);
        let members: Vec<NodeId> = around.take(self.resilience.replicas()).copied().collect();
        assert!(members.len() == self.resilience.replicas(), "DHT-6: a group of another size");
        Group { members, resilience: self.resilience }
    }

    /// The servers on the ring in ascending order of id.
    #[must_use]
    pub fn servers(&self) -> &[NodeId] {
        &self.servers
    }

    /// Bad servers that each group tolerates, and what follows from it.
    #[must_use]
    pub const fn resilience(&self) -> Resilience {
        self.resilience
    }
}

impl Group {
    /// The members in the order of the ring.
    #[must_use]
    pub fn members(&self) -> &[NodeId] {
        &self.members
    }

    /// What follows from the size of the group.
    #[must_use]
    pub const fn resilience(&self) -> Resilience {
        self.resilience
    }

    /// The place of a server in the group.
    #[must_use]
    pub fn place_of(&self, node: NodeId) -> Option<ReplicaId> {
        let index = self.members.iter().position(|member| *member == node)?;
        Some(ReplicaId::new(u16::try_from(index).expect("a group has at most 64 members")))
    }

    /// The place of the other end of a link, if it is a member.
    #[must_use]
    pub fn place_of_peer(&self, peer: Peer) -> Option<ReplicaId> {
        match peer {
            Peer::Node(node) => self.place_of(node),
            Peer::Client(_) => None,
        }
    }

    /// The server at a place.
    ///
    /// # Panics
    /// If the place is not of this group: places come from [`Self::place_of`].
    #[must_use]
    pub fn member(&self, place: ReplicaId) -> NodeId {
        self.members[place.index()]
    }

    /// The link addresses of those members for which `is_wanted` holds.
    #[must_use]
    pub fn peers(&self, is_wanted: impl Fn(ReplicaId) -> bool) -> Arc<[Peer]> {
        let places = self.resilience.members().filter(|place| is_wanted(*place));
        places.map(|place| Peer::Node(self.member(place))).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
