//! What a server knows for certain about the beginning of its system.

use quorate_membership::{UnsignedConfiguration, VerifiedConfiguration};
use quorate_threshold as threshold;
use quorate_types::{NodeId, PublicKey, Resilience, SystemId};

use super::error::{FoundingError, GenesisFault};
use crate::configuration::NodeConfiguration;

/// With what a server began: the first configuration that was signed in the system that it founded
/// with others, or a later one that named it.
#[derive(Clone, Debug)]
pub struct VerifiedFounding {
    configuration: VerifiedConfiguration,
    /// With what the system began, if this server is a founder.
    genesis: Option<UnsignedConfiguration>,
}

impl VerifiedFounding {
    /// What a server begins with that joined a system with this configuration.
    #[must_use]
    pub const fn joined(configuration: VerifiedConfiguration) -> Self {
        Self { configuration, genesis: None }
    }

    /// Of a system whose key this server made with others.
    pub(super) const fn made(
        configuration: VerifiedConfiguration,
        genesis: UnsignedConfiguration,
    ) -> Self {
        Self { configuration, genesis: Some(genesis) }
    }

    /// Did this server join a system that others had founded?
    #[must_use]
    pub const fn is_joined(&self) -> bool {
        self.genesis.is_none()
    }

    /// The configuration of epoch 0, which nobody signed, for a founder.
    #[must_use]
    pub const fn genesis(&self) -> Option<&UnsignedConfiguration> {
        self.genesis.as_ref()
    }

    /// Does the genesis name this key of a server? So does the configuration that follows on it if
    /// the server never deposited another one.
    pub(super) fn is_of_genesis(&self, id: NodeId, key: PublicKey) -> bool {
        let genesis = self.genesis.as_ref().and_then(|it| it.configuration().member(id));
        genesis.is_some_and(|member| member.epoch_key == Some(key))
    }

    /// What an operator has pinned is the key of this system.
    pub(super) fn check_pinned(&self, settings: &NodeConfiguration) -> Result<(), FoundingError> {
        let (found, path) = (self.system_key(), settings.file.clone());
        let other = settings.system_key.filter(|pinned| *pinned != found);
        let Some(pinned) = other else { return Ok(()) };
        let fault = GenesisFault::OtherSystem { pinned: Box::new(pinned), found: Box::new(found) };
        Err(FoundingError::Genesis { path, fault })
    }

    /// The configuration of the first epoch of this server: if it founded the system, the first
    /// that was signed.
    #[must_use]
    pub const fn configuration(&self) -> &VerifiedConfiguration {
        &self.configuration
    }

    /// The system.
    #[must_use]
    pub fn system(&self) -> SystemId {
        self.configuration.configuration().system
    }

    /// The one key of the system.
    #[must_use]
    pub fn system_key(&self) -> threshold::PublicKey {
        *self.configuration.header().system_key()
    }

    /// Bad servers tolerated in each storage group.
    #[must_use]
    pub fn storage(&self) -> Resilience {
        self.configuration.configuration().storage
    }

    /// Bad servers tolerated in the membership group.
    #[must_use]
    pub fn membership(&self) -> Resilience {
        self.configuration.configuration().membership
    }
}
