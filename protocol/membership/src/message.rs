//! What clients and servers say to each other about configurations.
//!
//! None of it is ordered, and none needs to be believed for its sender's sake: a configuration
//! proves itself under the pinned key and a vouch is signed, so a machine checks each with what it
//! holds at that moment. That is why they arrive unverified.

use alloc::boxed::Box;

use quorate_threshold as threshold;
use quorate_types::{NodeId, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::codec::{read_system_key, write_system_key};
use crate::configuration::CertifiedConfiguration;
use crate::freshness::{Challenge, Vouch};
use crate::page::ConfigurationPage;

/// A request for the page of the newest configuration that begins at an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetConfiguration {
    /// Where the page begins; zero for the first.
    pub from: NodeId,
}

quorate_wire::fields!(GetConfiguration { from });

/// A request for the first configuration that a system has signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetFounding {
    /// The system.
    pub system: SystemId,
}

quorate_wire::fields!(GetFounding { system });

/// The first configuration that a system has signed, and the key under which it did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Founding {
    /// The one key of the system, as who answers pinned it.
    pub system_key: threshold::PublicKey,
    /// The configuration of epoch 1.
    pub configuration: CertifiedConfiguration,
}

impl Encode for Founding {
    fn encode(&self, writer: &mut Writer) {
        write_system_key(writer, &self.system_key);
        self.configuration.encode(writer);
    }
}

impl Decode for Founding {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { system_key: read_system_key(reader)?, configuration: Decode::decode(reader)? })
    }
}

// tidy: messages
/// A message about configurations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// Which configuration is the newest that you hold?
    GetConfiguration(GetConfiguration),
    /// A page of it.
    Configuration(Box<ConfigurationPage>),
    /// Has the epoch ended?
    Challenge(Challenge),
    /// It has not.
    Vouch(Vouch),
    /// How was the system founded, and what is its key?
    GetFounding(GetFounding),
    /// That is how.
    Founding(Box<Founding>),
}

quorate_wire::variants!(Message {
    1 => GetConfiguration,
    2 => Configuration,
    3 => Challenge,
    4 => Vouch,
    5 => GetFounding,
    6 => Founding,
});

#[cfg(test)]
mod tests;
