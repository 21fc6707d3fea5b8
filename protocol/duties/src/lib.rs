//! What a server has to do in a configuration: which machines it runs, and in which groups.
//!
//! Everything here follows from the certified configuration alone, so that servers and clients,
//! and the simulator as well as production, come to the same answer without asking anybody.
//!
//! ```text
//! every server                  storage server, freshness responder
//! membership group              + replica of the membership service; vouches for freshness
//! key-value group               + replica of the key-value service
//! ```
//! The key-value group is placed on the ring like an object. What follows when an epoch ends is in
//! [`turnover`].
//!
//! # Not here
//! The ordering engine: a replica is started with the [`GroupConfiguration`] of its group, by
//! whoever has its disk. Frames and links: production names the machines on its links itself.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

use alloc::sync::Arc;
use core::fmt;

use quorate_crypto::{Domain, Signer, Verifier, hash};
use quorate_dht::{Body, CertifiedConfiguration, MessageContext, Ring, TooFewServers};
use quorate_membership::election::{UNKNOWN_KEY, membership_replicas};
use quorate_membership::handover::CommitmentBytes;
use quorate_membership::responder::{Member, ResponderLog};
use quorate_membership::{FreshnessResponder, MembershipService, Schemes, VerifiedConfiguration};
use quorate_types::{
    Epoch, GroupConfiguration, GroupId, GroupMember, NodeId, ObjectId, ReadMode, ReplicaId, Slot,
};

#[cfg(test)]
mod tests;
pub mod turnover;
pub use turnover::Turnover;

/// Why the groups of a configuration cannot be formed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupError {
    /// The ring is smaller than a group.
    TooFewServers(TooFewServers),
}

impl From<TooFewServers> for GroupError {
    fn from(error: TooFewServers) -> Self {
        Self::TooFewServers(error)
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewServers(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for GroupError {}

/// A group of a replicated service, and which of its replicas a server runs.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The group.
    pub group: Arc<GroupConfiguration>,
    /// The replica.
    pub me: ReplicaId,
}

/// The groups of the ordered services in a configuration.
#[derive(Clone, Debug)]
pub struct OrderedGroups {
    /// Of the membership service.
    pub membership: Arc<GroupConfiguration>,
    /// Of the key-value service.
    pub key_value: Arc<GroupConfiguration>,
}

impl OrderedGroups {
    /// The groups of a configuration.
    ///
    /// # Errors
    /// [`GroupError`] if the groups cannot be formed.
    pub fn of(configuration: &VerifiedConfiguration) -> Result<Self, GroupError> {
        Ok(Self {
            membership: Arc::new(membership_replicas(configuration, Slot::ZERO)),
            key_value: Arc::new(key_value_group(configuration)?),
        })
    }
}

/// What one server has to do.
#[derive(Clone, Debug)]
pub struct Duties {
    configuration: VerifiedConfiguration,
    me: NodeId,
    ring: Ring,
    groups: OrderedGroups,
}

impl Duties {
    /// The duties of a server in a configuration.
    ///
    /// # Errors
    /// [`GroupError`] if the groups cannot be formed.
    pub fn of(configuration: &VerifiedConfiguration, me: NodeId) -> Result<Self, GroupError> {
        Ok(Self {
            ring: Ring::new(configuration.configuration())?,
            groups: OrderedGroups::of(configuration)?,
            configuration: configuration.clone(),
            me,
        })
    }

    /// The groups of the ordered services.
    #[must_use]
    pub const fn groups(&self) -> &OrderedGroups {
        &self.groups
    }

    fn seat(&self, group: &Arc<GroupConfiguration>) -> Option<Seat> {
        let me = group.replica_of(self.me)?;
        Some(Seat { group: Arc::clone(group), me })
    }

    /// The server's replica of the membership service, if it is in its group.
    #[must_use]
    pub fn membership(&self) -> Option<Seat> {
        self.seat(&self.groups.membership)
    }

    /// The server's replica of the key-value service, if it is in its group.
    #[must_use]
    pub fn key_value(&self) -> Option<Seat> {
        self.seat(&self.groups.key_value)
    }

    /// The service that the first membership group replicates, with the public side of the sharing
    /// of the system's key.
    #[must_use]
    pub fn membership_service(
        &self,
        sharing: CommitmentBytes,
        schemes: Schemes,
    ) -> MembershipService {
        MembershipService::founded(self.configuration.clone(), sharing, schemes)
    }

    /// Who serves the configuration, and vouches with the server's key of the epoch if the server
    /// is in the membership group; `records` are what its log holds.
    #[must_use]
    pub fn responder(
        &self,
        epoch_key: &Arc<dyn Signer>,
        records: ResponderLog,
    ) -> FreshnessResponder {
        let (configuration, id) = (self.configuration.clone(), self.me);
        let epoch = configuration.epoch();
        let is_member = configuration.group_member(id).is_some();
        let member = is_member.then(|| Member { epoch, id, signer: Arc::clone(epoch_key) });
        FreshnessResponder::new(configuration, member, records)
    }

    /// Who stores objects; `first_number` is random, so that no late reply to an earlier run of
    /// the process counts in this one.
    #[must_use]
    pub fn storage(&self, verifier: Arc<dyn Verifier>, first_number: u64) -> quorate_dht::Server {
        let certified = self.configuration.to_bytes();
        let certified = CertifiedConfiguration::new(Body::new(certified));
        quorate_dht::Server::new(self.me, (self.ring.clone(), certified), verifier, first_number)
    }

    /// What messages about objects are checked against.
    #[must_use]
    pub fn storage_context(&self) -> MessageContext {
        storage_context(&self.configuration)
    }
}

/// What names a group in an epoch where machines of several epochs are side by side: not all of
/// their messages name the epoch themselves.
#[must_use]
pub fn ordering_instance(group: &GroupConfiguration) -> GroupId {
    if group.epoch == Epoch::ZERO {
        return group.group;
    }
    let bytes = [&group.group.as_bytes()[..], &group.epoch.get().to_be_bytes()].concat();
    GroupId::new(*hash(Domain::Group, &bytes).as_bytes())
}

/// What messages about objects are checked against in a configuration.
#[must_use]
pub fn storage_context(configuration: &VerifiedConfiguration) -> MessageContext {
    let servers = configuration.configuration();
    MessageContext { system: servers.system, authority_key: servers.authority_key }
}

/// The group of the key-value service: placed on the ring like an object, and of the epoch of the
/// ring. A later configuration names its members, for those who ask them; their keys stand in the
/// configuration of that epoch, with which the members themselves work.
///
/// # Errors
/// [`GroupError`] if it cannot be formed.
pub fn key_value_group(
    configuration: &VerifiedConfiguration,
) -> Result<GroupConfiguration, GroupError> {
    let servers = configuration.configuration();
    let system = servers.system;
    let point = hash(Domain::Group, &[b"key-value".as_slice(), system.as_bytes()].concat());
    let group = Ring::new(servers)?.group(ObjectId::new(*point.as_bytes()));
    let member = |node: &NodeId| {
        let record = servers.member(*node).expect("the ring is made of members");
        let known = record.epoch_key.filter(|_| servers.epoch == servers.ring_epoch);
        GroupMember { node: *node, key: known.unwrap_or(UNKNOWN_KEY) }
    };
    Ok(GroupConfiguration {
        system,
        group: GroupId::new(*point.as_bytes()),
        epoch: servers.ring_epoch,
        members: group.members().iter().map(member).collect(),
        resilience: servers.storage,
        authority_key: servers.authority_key,
        read_mode: ReadMode::Ordered,
        base_slot: Slot::ZERO,
        base_digest: hash(Domain::EpochStart, configuration.hash().as_bytes()),
    })
}
