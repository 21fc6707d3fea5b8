//! The fault budget: who is bad, and that no group has more of them than it tolerates.
//!
//! # Invariants
//! - SIM-4: at each moment the Byzantine, amnesiac and data-less nodes of a group are at most `f`.

use crate::node::{Node, Nodes};
use crate::scenario::Group;

#[cfg(test)]
mod tests;

/// Counts bad nodes. Crashes that keep what was synced, pauses and bad links cost nothing.
#[derive(Debug)]
pub(crate) struct Ledger {
    groups: Vec<Group>,
    bad: Nodes,
}

impl Ledger {
    pub(crate) const fn new(groups: Vec<Group>) -> Self {
        Self { groups, bad: Nodes::EMPTY }
    }

    /// The node is bad from now on; one that forgot something for good, since that may have been
    /// promised.
    pub(crate) fn charge(&mut self, node: Node) {
        self.bad.insert(node);
        for group in &self.groups {
            let bad = group.members.and(self.bad);
            assert!(bad.len() <= group.f, "SIM-4: {bad:?} are bad and f is {}", group.f);
        }
    }

    /// A Byzantine node is good again: the right program runs there, and what that wrote is what
    /// it finds, for an adversary only changes what is sent.
    pub(crate) const fn repair(&mut self, node: Node) {
        self.bad.remove(node);
    }

    #[cfg(test)]
    pub(crate) const fn is_good(&self, node: Node) -> bool {
        !self.bad.contains(node)
    }

    pub(crate) const fn bad(&self) -> Nodes {
        self.bad
    }
}
