//! Placement: which servers hold an object.
//!
//! TDSC 2012, section VII: the ids of servers and objects share one space that wraps; the group of
//! an object is the `3f + 1` active servers that follow its id.
//!
//! # Invariants
//! - DHT-6: a group has exactly `3f + 1` distinct members, in the order of the ring.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use quorate_types::{
    Configuration, Epoch, MemberStatus, NodeId, ObjectId, Peer, PublicKey, ReplicaId, Resilience,
    SystemId,
};

/// A configuration that has too few servers for one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFewServers {
    /// Active servers in the configuration.
    pub active: usize,
    /// Servers of one group.
    pub needed: usize,
}

impl fmt::Display for TooFewServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} active servers; a storage group needs {}", self.active, self.needed)
    }
}

impl core::error::Error for TooFewServers {}

/// What the DHT knows of an epoch: cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ring {
    /// The system of the servers.
    pub system: SystemId,
    /// The period in which the ring holds.
    pub epoch: Epoch,
    /// Key of the trusted authority, which certifies clients.
    pub authority_key: PublicKey,
    resilience: Resilience,
    active: Arc<[NodeId]>,
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
    /// [`TooFewServers`] if fewer than `3f + 1` are active.
    pub fn new(configuration: &Configuration) -> Result<Self, TooFewServers> {
        let is_active = |status| status == MemberStatus::Active;
        let members = configuration.members.iter().filter(|member| is_active(member.status));
        let mut active: Vec<NodeId> = members.map(|member| member.id).collect();
        active.sort_unstable();
        active.dedup();
        let needed = configuration.storage.replicas();
        if active.len() < needed {
            return Err(TooFewServers { active: active.len(), needed });
        }
        Ok(Self {
            system: configuration.system,
            epoch: configuration.epoch,
            authority_key: configuration.authority_key,
            resilience: configuration.storage,
            active: active.into(),
        })
    }

    /// The servers that hold the object with this id.
    #[must_use]
    pub fn group(&self, id: ObjectId) -> Group {
        let first = self.active.partition_point(|node| node.as_bytes() < id.as_bytes());
        let (before, behind) = self.active.split_at(first);
        let around = behind.iter().chain(before);
        let members: Vec<NodeId> = around.take(self.resilience.replicas()).copied().collect();
        assert!(members.len() == self.resilience.replicas(), "DHT-6: a group of another size");
        Group { members, resilience: self.resilience }
    }

    /// The active servers in ascending order of id.
    #[must_use]
    pub fn servers(&self) -> &[NodeId] {
        &self.active
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
