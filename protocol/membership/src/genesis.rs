//! How a system begins: from the words of its first servers to the configuration of epoch 0.
//!
//! ```text
//! server i: NodeAdmission --> authority: Genesis --check--> CheckedGenesis
//! CheckedGenesis --unsigned--> UnsignedConfiguration of epoch 0, which every founder works out
//! ```
//! Nobody signs epoch 0, since there is no key yet: the members of its group deal one to each other
//! at its end, and the configuration of epoch 1 is the first that is signed. The system's id is the
//! hash of the genesis, so two that differ in anything are two systems.
//!
//! For tests and for the simulator alone a key can be dealt: `CheckedGenesis --found--> Founding`.
//!
//! Invariants: MEM-10.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use quorate_crypto::{Domain, Verifier, hash_of};
use quorate_types::{
    Configuration, Digest, Epoch, IdentityKey, MemberRecord, MemberStatus, PublicKey, Resilience,
    SystemId, UnixTime,
};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::admission::{AdmissionError, NodeAdmission};
use crate::codec::{FORMAT, read_format};
use crate::election::{elect, node_id};
use crate::limits::ADMISSIONS_MAX;

mod founding;
mod unsigned;
pub use founding::Founding;
pub use unsigned::UnsignedConfiguration;

const ADMISSIONS: Limit = Limit::new("admissions", ADMISSIONS_MAX);

/// Everything that a system begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Genesis {
    /// Key of the trusted authority.
    pub authority_key: PublicKey,
    /// Bad servers tolerated in each storage group.
    pub storage: Resilience,
    /// Bad servers tolerated in the membership group.
    pub membership: Resilience,
    /// When the system was founded.
    pub created: UnixTime,
    /// Uniform bytes that nobody knew when the servers made their keys: the first randomness.
    pub randomness: Digest,
    /// The first servers, in ascending order of identity key.
    pub admissions: Vec<NodeAdmission>,
}

/// Why no system can begin like this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GenesisError {
    /// There are too few servers for a group.
    TooFewServers {
        /// Servers that are needed.
        needed: usize,
        /// Servers that were given.
        got: usize,
    },
    /// There are too many servers for a genesis; more can be added later.
    TooManyServers {
        /// Servers that were given.
        got: usize,
    },
    /// The servers are not in ascending order of identity key, or one is there twice.
    Order {
        /// The first that is out of order.
        identity_key: IdentityKey,
    },
    /// Two servers have one address, or one key of the epoch.
    Shared {
        /// The second of them.
        identity_key: IdentityKey,
    },
    /// A server's own words are not accepted.
    Admission {
        /// The server.
        identity_key: IdentityKey,
        /// Why.
        reason: AdmissionError,
    },
}

impl fmt::Display for GenesisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewServers { needed, got } => {
                write!(f, "{got} servers, at least {needed} are needed")
            }
            Self::TooManyServers { got } => {
                write!(f, "{got} servers, at most {ADMISSIONS_MAX} can found a system")
            }
            Self::Order { identity_key } => {
                write!(f, "server {identity_key} is there twice, or out of order")
            }
            Self::Shared { identity_key } => {
                write!(f, "server {identity_key} has the address or key of another")
            }
            Self::Admission { identity_key, reason } => {
                write!(f, "server {identity_key}: {reason}")
            }
        }
    }
}

impl core::error::Error for GenesisError {}

impl Genesis {
    /// Checks the rules and every signature.
    ///
    /// # Errors
    /// [`GenesisError`] names the first server that is wrong, or the number of servers.
    pub fn check(self, verifier: &dyn Verifier) -> Result<CheckedGenesis, GenesisError> {
        self.check_count()?;
        self.check_distinct()?;
        for admission in &self.admissions {
            let identity_key = admission.identity_key();
            let failed = |reason| GenesisError::Admission { identity_key, reason };
            admission.check(verifier).map_err(failed)?;
            if admission.certificate.statement.epoch != Epoch::ZERO {
                return Err(failed(AdmissionError::LaterEpoch));
            }
        }
        let system = SystemId::new(*hash_of(Domain::System, &self).as_bytes());
        Ok(CheckedGenesis { genesis: self, system })
    }

    fn check_count(&self) -> Result<(), GenesisError> {
        let needed = self.storage.replicas().max(self.membership.replicas());
        let got = self.admissions.len();
        if got < needed {
            return Err(GenesisError::TooFewServers { needed, got });
        }
        if got > ADMISSIONS_MAX {
            return Err(GenesisError::TooManyServers { got });
        }
        Ok(())
    }

    fn check_distinct(&self) -> Result<(), GenesisError> {
        let keys = self.admissions.iter().map(NodeAdmission::identity_key);
        for (left, right) in keys.clone().zip(keys.skip(1)) {
            if left >= right {
                return Err(GenesisError::Order { identity_key: right });
            }
        }
        let (mut addresses, mut epoch_keys) = (BTreeSet::new(), BTreeSet::new());
        for admission in &self.admissions {
            let is_own = addresses.insert(&admission.server.address)
                & epoch_keys.insert(admission.epoch_key());
            if !is_own {
                return Err(GenesisError::Shared { identity_key: admission.identity_key() });
            }
        }
        Ok(())
    }
}

/// A genesis that was checked, with the id of its system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckedGenesis {
    genesis: Genesis,
    system: SystemId,
}

impl CheckedGenesis {
    /// The id of the system.
    #[must_use]
    pub const fn system(&self) -> SystemId {
        self.system
    }

    /// What the system begins with.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The configuration of epoch 0.
    ///
    /// # Panics
    /// Never: the number of servers was checked.
    #[must_use]
    pub fn configuration(&self) -> Configuration {
        let genesis = &self.genesis;
        let mut members: Vec<_> =
            genesis.admissions.iter().map(|admission| Arc::new(self.member(admission))).collect();
        members.sort_unstable_by_key(|member| member.id);
        let candidates = members.iter().map(|member| member.id);
        let group = elect((genesis.randomness, 0), candidates, genesis.membership);
        Configuration {
            system: self.system,
            epoch: Epoch::ZERO,
            ring_epoch: Epoch::ZERO,
            storage: genesis.storage,
            membership: genesis.membership,
            authority_key: genesis.authority_key,
            membership_group: group.expect("MEM-10: a checked genesis has enough servers"),
            created: genesis.created,
            members,
        }
    }

    fn member(&self, admission: &NodeAdmission) -> MemberRecord {
        let server = &admission.server;
        MemberRecord {
            id: node_id(self.system, admission.identity_key(), self.genesis.randomness),
            identity_key: admission.identity_key(),
            later_root: None,
            epoch_key: Some(admission.epoch_key()),
            address: server.address.clone(),
            probe_port: server.probe_port,
            failure_domain: server.failure_domain.clone(),
            version: server.version,
            status: MemberStatus::Active,
            is_on_ring: true,
            is_in_pool: false,
        }
    }
}

impl Encode for Genesis {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(FORMAT);
        self.authority_key.encode(writer);
        self.storage.encode(writer);
        self.membership.encode(writer);
        self.created.encode(writer);
        self.randomness.encode(writer);
        writer.sequence(&self.admissions);
    }
}

impl Decode for Genesis {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_format(reader, "Genesis")?;
        Ok(Self {
            authority_key: Decode::decode(reader)?,
            storage: Decode::decode(reader)?,
            membership: Decode::decode(reader)?,
            created: Decode::decode(reader)?,
            randomness: Decode::decode(reader)?,
            admissions: reader.sequence(ADMISSIONS)?,
        })
    }
}

#[cfg(test)]
mod tests;
