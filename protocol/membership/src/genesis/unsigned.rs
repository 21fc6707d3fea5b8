//! The configuration of epoch 0 of a system that makes its key itself.
//!
//! No key has signed it, since there is none: whoever has the genesis computes it. It holds for
//! those who make the key, and for nobody behind them.

use alloc::sync::Arc;

use quorate_types::{Configuration, Digest};

use super::CheckedGenesis;
use crate::header::{ConfigurationHeader, Lineage};

#[derive(PartialEq, Eq, Debug)]
struct Inner {
    header: ConfigurationHeader,
    configuration: Configuration,
}

/// What the genesis says about epoch 0; only [`CheckedGenesis::unsigned`] makes one. Shared, so
/// that copies cost nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnsignedConfiguration(Arc<Inner>);

impl CheckedGenesis {
    /// The configuration of epoch 0, as the servers that make the key work with it.
    #[must_use]
    pub fn unsigned(&self) -> UnsignedConfiguration {
        let configuration = self.configuration();
        let lineage = Lineage {
            previous: Digest::ZERO,
            attempt: 0,
            randomness: self.genesis().randomness,
            commitments: Digest::ZERO,
        };
        let header = ConfigurationHeader::of(&configuration, lineage);
        UnsignedConfiguration(Arc::new(Inner { header, configuration }))
    }
}

impl UnsignedConfiguration {
    /// What would be signed if there were a key; the header of epoch 1 names its hash.
    #[must_use]
    pub fn header(&self) -> &ConfigurationHeader {
        &self.0.header
    }

    /// The servers that found the system.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.0.configuration
    }
}
