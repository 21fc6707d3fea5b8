//! What clients and servers say to each other about configurations.
//!
//! None of it is ordered, and none needs to be believed for its sender's sake: a configuration
//! proves itself under the pinned key and a vouch is signed, so a machine checks each with what it
//! holds at that moment. That is why they arrive unverified.

use alloc::boxed::Box;

use crate::freshness::{Challenge, Vouch};
use crate::page::ConfigurationPage;
use quorate_types::NodeId;

/// A request for the page of the newest configuration that begins at an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetConfiguration {
    /// Where the page begins; zero for the first.
    pub from: NodeId,
}

quorate_wire::fields!(GetConfiguration { from });

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
}

quorate_wire::variants!(Message {
    1 => GetConfiguration,
    2 => Configuration,
    3 => Challenge,
    4 => Vouch,
});

#[cfg(test)]
mod tests;
