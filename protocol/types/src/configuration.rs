//! The servers of an epoch, and the replica group that a machine is started with.
//!
//! [`Configuration`] is what the membership service certifies; [`GroupConfiguration`] is one
//! replica group of it, all that the ordering engine ever learns of membership.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::{
    Digest, Epoch, GroupId, IdentityKey, IdentityRoot, NodeId, Peer, PublicKey, ReplicaId,
    Resilience, Slot, SystemId, UnixTime,
};

/// A label of what fails together: a rack, a site, an owner. Up to 63 bytes of UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FailureDomain(pub String);

/// The version of the software that a server runs: major, minor, patch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SoftwareVersion {
    /// Changes when peers of another major version cannot talk to it.
    pub major: u16,
    /// Changes with features.
    pub minor: u16,
    /// Changes with corrections.
    pub patch: u16,
}

/// What the membership service holds of a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MemberStatus {
    /// Reachable: has duties.
    Active,
    /// Unreachable: kept, without duties; comes back without a new certificate.
    Inactive,
    /// Removed by the authority; its record stays as long as it has a place on the ring.
    Removed,
}

/// The root of an identity that is not its first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LaterRoot {
    /// The root.
    pub root: IdentityRoot,
    /// The first epoch whose configuration has it.
    pub since: Epoch,
}

/// One server in a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberRecord {
    /// Its place on the ring.
    pub id: NodeId,
    /// The key that stays: it certifies the key of each epoch, and signs nothing else but the
    /// admission of its server.
    pub identity_key: IdentityKey,
    /// What its identity certifies keys of later epochs by, if the first root was replaced; in a
    /// box, since few have one.
    pub later_root: Option<Box<LaterRoot>>,
    /// The key that it signs with in this epoch, if it deposited one for it in time. Whoever has
    /// none is in no group; on links everybody shows a certificate of its own.
    pub epoch_key: Option<PublicKey>,
    /// Host and port of its listener.
    pub address: String,
    /// Port of its datagram probes on the same host.
    pub probe_port: u16,
    /// What it fails together with.
    pub failure_domain: FailureDomain,
    /// What it runs.
    pub version: SoftwareVersion,
    /// Whether it has duties.
    pub status: MemberStatus,
    /// Whether it has a place on the ring, so that objects lie there.
    pub is_on_ring: bool,
    /// Whether it is in the pool from which the membership group is drawn, if there is one.
    pub is_in_pool: bool,
}

const _: () = assert!(size_of::<MemberRecord>() <= 168, "there may be 100,000 of them");

impl MemberRecord {
    /// What people call the server: [`IdentityKey::name`].
    #[must_use]
    pub fn name(&self) -> String {
        self.identity_key.name()
    }

    /// The root by which its identity certifies keys of later epochs than this one.
    #[must_use]
    pub fn root(&self) -> IdentityRoot {
        self.later_root.as_ref().map_or_else(|| self.identity_key.first_root(), |later| later.root)
    }
}

/// All servers of an epoch, in ascending order of id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configuration {
    /// The system that the servers belong to.
    pub system: SystemId,
    /// The period in which this configuration holds.
    pub epoch: Epoch,
    /// The epoch in which the ring was made on which objects lie. They do not move yet, so this is
    /// the epoch in which the system was founded.
    pub ring_epoch: Epoch,
    /// Bad servers tolerated in each storage group.
    pub storage: Resilience,
    /// Bad servers tolerated in the membership service's group.
    pub membership: Resilience,
    /// Key of the trusted authority, which certifies servers and clients.
    pub authority_key: PublicKey,
    /// The membership service's group, in the order of its share indices.
    pub membership_group: Vec<NodeId>,
    /// The wall clock time at which the configuration was made.
    pub created: UnixTime,
    /// The servers, in ascending order of id. Most of them are in the configuration of the next
    /// epoch as they are in this one, so the records are shared: whoever has both has them once.
    pub members: Vec<Arc<MemberRecord>>,
}

impl Configuration {
    /// The record of a server.
    #[must_use]
    pub fn member(&self, id: NodeId) -> Option<&MemberRecord> {
        let index = self.members.binary_search_by_key(&id, |member| member.id).ok()?;
        self.members.get(index).map(Arc::as_ref)
    }
}

/// How the clients of a group read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ReadMode {
    /// Reads are ordered like writes; `f + 1` equal replies complete a request.
    Ordered,
    /// Reads may be answered unordered; `2f + 1` equal replies complete every request.
    Quorum,
}

/// One member of a replica group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupMember {
    /// The server that runs the replica.
    pub node: NodeId,
    /// The key that it signs with in this epoch.
    pub key: PublicKey,
}

/// A replica group in an epoch: what the ordering engine is started with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupConfiguration {
    /// The system that the group belongs to.
    pub system: SystemId,
    /// The group.
    pub group: GroupId,
    /// The period in which the configuration holds.
    pub epoch: Epoch,
    /// Replica `i` is `members[i]`; there are `3f + 1` of them.
    pub members: Vec<GroupMember>,
    /// What follows from the number of members.
    pub resilience: Resilience,
    /// Key of the trusted authority, which certifies clients.
    pub authority_key: PublicKey,
    /// How clients read.
    pub read_mode: ReadMode,
    /// The last slot of the epoch before; the first slot of this one follows it.
    pub base_slot: Slot,
    /// The parent of the first cut: digest of what started the epoch.
    pub base_digest: Digest,
}

impl GroupConfiguration {
    /// The member with this index.
    #[must_use]
    pub fn member(&self, replica: ReplicaId) -> Option<&GroupMember> {
        self.members.get(replica.index())
    }

    /// The replica that this server runs.
    #[must_use]
    pub fn replica_of(&self, node: NodeId) -> Option<ReplicaId> {
        let index = self.members.iter().position(|member| member.node == node)?;
        Some(ReplicaId::new(u16::try_from(index).expect("a group has at most 64 members")))
    }

    /// The link address of a member.
    ///
    /// # Panics
    /// If the replica is not of this group: the caller checked it.
    #[must_use]
    pub fn peer(&self, replica: ReplicaId) -> Peer {
        Peer::Node(self.members[replica.index()].node)
    }
}
