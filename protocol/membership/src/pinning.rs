//! How whoever has the genesis, and nothing else, comes to the key of the system.
//!
//! The genesis names no key: the servers make it. They say afterwards what it is, over links that
//! their identity keys authenticate, and show the first configuration that is signed under it.
//!
//! # Protocol
//! Upon start, and from time to time: ask the members of the group of the genesis.
//! Upon `Founding(key, configuration)`: keep it if the configuration is of this system, follows on
//! the genesis and is signed under the key; once `f + 1` members say the same, that is the key.
//!
//! # Invariants
//! - MEM-13: a key is taken for the system's only if `f + 1` members of the group of its genesis
//!   say so, and the configuration of epoch 1 that follows on the genesis is signed under it.
//!
//! # Not here
//! Members that were corrupted long after the founding: who asks late believes that of the group of
//! the genesis at most `f` were ever corrupted. Who has asked once keeps the key for ever.

use alloc::collections::BTreeMap;
use core::convert::Infallible;

use quorate_machine::{Class, Effects, Input, Machine};
use quorate_types::{Duration, NodeId, Now, Peer};

use crate::configuration::VerifiedConfiguration;
use crate::genesis::UnsignedConfiguration;
use crate::message::{Founding, GetFounding, Message};
use crate::schemes::Schemes;

/// Alarms.
// tidy: timers
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PinningTimer {
    /// Ask again.
    Again,
}

/// Asks the founders for the key.
#[derive(Debug)]
pub struct Pinning {
    genesis: UnsignedConfiguration,
    again: Duration,
    schemes: Schemes,
    said: BTreeMap<NodeId, VerifiedConfiguration>,
    is_found: bool,
}

impl Pinning {
    /// Asks for the key of the system of this genesis, each time after so long.
    #[must_use]
    pub const fn new(genesis: UnsignedConfiguration, again: Duration, schemes: Schemes) -> Self {
        Self { genesis, again, schemes, said: BTreeMap::new(), is_found: false }
    }

    /// How many members have told of the same key: of the one that most tell of.
    #[must_use]
    pub fn told_count(&self) -> usize {
        self.said.values().map(|one| self.count(one)).max().unwrap_or(0)
    }

    fn group(&self) -> &[NodeId] {
        &self.genesis.configuration().membership_group
    }

    fn count(&self, told: &VerifiedConfiguration) -> usize {
        self.said.values().filter(|other| other.hash() == told.hash()).count()
    }

    fn ask(&self, now: Now, effects: &mut Effects<Self>) {
        if self.is_found {
            return;
        }
        let system = self.genesis.configuration().system;
        let question = Message::GetFounding(GetFounding { system });
        for member in self.group().iter().filter(|member| !self.said.contains_key(member)) {
            effects.send(Peer::Node(*member), Class::Control, question.clone());
        }
        effects.arm(PinningTimer::Again, now.instant.after(self.again));
    }

    /// The configuration that a member shows, if it can be the first one of this system.
    fn check(&self, founding: &Founding) -> Option<VerifiedConfiguration> {
        let shown = founding.configuration.verify(&founding.system_key, &self.schemes).ok()?;
        let (genesis, header) = (self.genesis.header(), shown.header().header());
        let follows = header.system == genesis.system
            && header.epoch == genesis.epoch.next()
            && header.lineage.previous == genesis.hash();
        follows.then_some(shown)
    }

    fn on_founding(&mut self, from: NodeId, founding: &Founding, effects: &mut Effects<Self>) {
        if self.is_found || !self.group().contains(&from) {
            return effects.mark("pinning.ignored");
        }
        let Some(shown) = self.check(founding) else { return effects.mark("pinning.rejected") };

        self.said.insert(from, shown.clone());
        // MEM-13: of so many members one is correct.
        if self.count(&shown) >= self.genesis.configuration().membership.weak_quorum() {
            self.is_found = true;
            effects.emit(shown);
        }
    }
}

impl Machine for Pinning {
    type Inbound = Message;
    type Outbound = Message;
    type Record = Infallible;
    type Timer = PinningTimer;
    type Request = Infallible;
    /// The first signed configuration, under the key that is found by it.
    type Output = VerifiedConfiguration;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Start | Input::Expired(PinningTimer::Again) => self.ask(now, effects),
            Input::Deliver { from: Peer::Node(from), message: Message::Founding(founding) } => {
                self.on_founding(from, &founding, effects);
            }
            Input::Deliver { .. } => effects.mark("pinning.ignored"),
            Input::Request(request) => match request {},
        }
    }
}

#[cfg(test)]
mod tests;
