//! The configuration of an epoch as its servers work with it: signed by the system, or, while the
//! system makes its key, computed from the genesis.

use quorate_types::{Configuration, Digest, Epoch, NodeId};

use crate::configuration::VerifiedConfiguration;
use crate::genesis::UnsignedConfiguration;
use crate::header::ConfigurationHeader;

/// Of any epoch, the first one too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EpochConfiguration {
    /// Of epoch 0 of a system that makes its key itself.
    Genesis(UnsignedConfiguration),
    /// Of every other epoch.
    Signed(VerifiedConfiguration),
}

impl EpochConfiguration {
    /// The servers of the epoch.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        match self {
            Self::Genesis(unsigned) => unsigned.configuration(),
            Self::Signed(verified) => verified.configuration(),
        }
    }

    /// What the system signs about the epoch, or would.
    #[must_use]
    pub fn header(&self) -> &ConfigurationHeader {
        match self {
            Self::Genesis(unsigned) => unsigned.header(),
            Self::Signed(verified) => verified.header().header(),
        }
    }

    /// The name of the configuration.
    #[must_use]
    pub fn hash(&self) -> Digest {
        match self {
            Self::Genesis(unsigned) => unsigned.header().hash(),
            Self::Signed(verified) => verified.hash(),
        }
    }

    /// The epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.configuration().epoch
    }

    /// Is this server in the membership group, with a key to sign there?
    #[must_use]
    pub fn has_seat(&self, id: NodeId) -> bool {
        let servers = self.configuration();
        let has_key = servers.member(id).is_some_and(|record| record.epoch_key.is_some());
        has_key && servers.membership_group.contains(&id)
    }
}

impl From<VerifiedConfiguration> for EpochConfiguration {
    fn from(verified: VerifiedConfiguration) -> Self {
        Self::Signed(verified)
    }
}

impl From<UnsignedConfiguration> for EpochConfiguration {
    fn from(unsigned: UnsignedConfiguration) -> Self {
        Self::Genesis(unsigned)
    }
}

impl From<&VerifiedConfiguration> for EpochConfiguration {
    fn from(verified: &VerifiedConfiguration) -> Self {
        Self::Signed(verified.clone())
    }
}

impl From<&Self> for EpochConfiguration {
    fn from(configuration: &Self) -> Self {
        configuration.clone()
    }
}
