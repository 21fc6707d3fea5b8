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
    /// Who lies now.
    liars: Nodes,
    /// Who has forgotten what it may have promised, for good.
    amnesiacs: Nodes,
}

impl Ledger {
    pub(crate) const fn new(groups: Vec<Group>) -> Self {
        Self { groups, liars: Nodes::EMPTY, amnesiacs: Nodes::EMPTY }
    }

    /// The node lies from now on.
    pub(crate) fn charge_liar(&mut self, node: Node) {
        self.liars.insert(node);
        self.check();
    }

    /// The node has forgotten what it may have promised.
    pub(crate) fn charge_amnesiac(&mut self, node: Node) {
        self.amnesiacs.insert(node);
        self.check();
    }

    fn check(&self) {
        for group in &self.groups {
            let bad = group.members.and(self.bad());
            assert!(bad.len() <= group.f, "SIM-4: {bad:?} are bad and f is {}", group.f);
        }
    }

    /// The right program runs where a liar was, on what it wrote: an adversary only changes what is
    /// sent.
    pub(crate) const fn repair(&mut self, node: Node) {
        self.liars.remove(node);
    }

    #[cfg(test)]
    pub(crate) const fn is_good(&self, node: Node) -> bool {
        !self.bad().contains(node)
    }

    pub(crate) const fn bad(&self) -> Nodes {
        self.liars.or(self.amnesiacs)
    }
}
