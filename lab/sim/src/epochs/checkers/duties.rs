//! C13: no good server that is reachable loses its duties, whatever `f` liars say of it or show
//! against it; who is gone has lost them within three epochs, and so has a dealer that somebody
//! found to cheat. While too few others bring their keys in time the group stays as it is, and with
//! it a member that is to go (decision 22): of dealers only epochs with another group count.
//!
//! It watches runs in which nothing fails but for one villain, so every good server is reachable.

use std::collections::{BTreeMap, BTreeSet};

use quorate_machine::RecordNumber;
use quorate_membership::VerifiedConfiguration;
use quorate_types::{Epoch, MemberStatus, NodeId};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::epochs::villains::{GONE, STAY};
use crate::epochs::{EpochsMachine, Output, Record};
use crate::node::Node;
use crate::scenario::{FaultKind, Scenario};

const ID: &str = "C13";
/// Within so many epochs behind the one in which a server has left it is inactive.
const EPOCHS_MAX: u64 = 3;

/// Compares who has duties with who is there.
#[derive(Debug)]
pub(in crate::epochs) struct Duties {
    /// The servers and their nodes.
    nodes: BTreeMap<NodeId, Node>,
    /// Who leaves for good.
    gone: Vec<Node>,
    /// The newest epoch when they left.
    left_in: Epoch,
    /// The dealers that were found to cheat, and at the end of which epoch first.
    cheats: BTreeMap<NodeId, Epoch>,
    /// The members of the group of each epoch.
    groups: BTreeMap<Epoch, BTreeSet<NodeId>>,
}

impl Duties {
    pub(in crate::epochs) fn new(servers: &[NodeId], scenario: &Scenario) -> Self {
        let nodes = servers.iter().enumerate().map(|(index, id)| (*id, Node::at(index))).collect();
        let gone = scenario.faults.iter().filter_map(|fault| {
            let FaultKind::Byzantine { node, adversary: GONE } = fault.kind else { return None };
            Some(node)
        });
        let (cheats, groups) = Default::default();
        Self { nodes, gone: gone.collect(), left_in: Epoch::ZERO, cheats, groups }
    }

    /// How many epochs behind this one, up to the other, have another group than the one before.
    fn turns(&self, since: Epoch, until: Epoch) -> u64 {
        let group = |epoch: u64| self.groups.get(&Epoch::new(epoch));
        let is_turn = |epoch: &u64| match (group(epoch - 1), group(*epoch)) {
            (Some(former), Some(next)) => former != next,
            _ => false,
        };
        (since.get() + 1..=until.get()).filter(is_turn).count() as u64
    }

    fn judge(&self, at: &At, configuration: &VerifiedConfiguration) -> Verdict {
        let epoch = configuration.epoch();
        let is_late = |since: Epoch| epoch.get() >= since.get() + EPOCHS_MAX;
        for member in &configuration.configuration().members {
            let Some(node) = self.nodes.get(&member.id) else { continue };
            let is_active = member.status == MemberStatus::Active;
            if !is_active && !at.bad.contains(*node) {
                let what = format!("{node:?} is good, and inactive in epoch {epoch}");
                return Err(Broken::new(ID, what));
            }
            if is_active && is_late(self.left_in) && self.gone.contains(node) {
                let what = format!("{node:?} is gone since epoch {}", self.left_in);
                return Err(Broken::new(ID, format!("{what}, and active in epoch {epoch}")));
            }
            let is_due = |since: &&Epoch| is_active && self.turns(**since, epoch) >= EPOCHS_MAX;
            if let Some(cheated) = self.cheats.get(&member.id).filter(is_due) {
                let what = format!("{node:?} was found to cheat at the end of epoch {cheated}");
                return Err(Broken::new(ID, format!("{what}, and is active in epoch {epoch}")));
            }
        }
        Ok(())
    }
}

impl Checker<EpochsMachine> for Duties {
    fn id(&self) -> &'static str {
        ID
    }

    fn on_durable(&mut self, at: &At, _: RecordNumber, record: &Record) -> Verdict {
        let Record::Adopted(configuration) = record else { return Ok(()) };
        if !at.is_good() {
            return Ok(());
        }
        if at.time_us <= STAY.as_micros() {
            self.left_in = self.left_in.max(configuration.epoch());
        }
        let group = configuration.configuration().membership_group.iter().copied().collect();
        self.groups.entry(configuration.epoch()).or_insert(group);
        self.judge(at, configuration)
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        let Output::Cheated(epoch, dealer) = output else { return Ok(()) };
        if !at.is_good() {
            return Ok(());
        }
        let node = self.nodes.get(dealer).copied();
        if node.is_some_and(|node| !at.bad.contains(node)) {
            let what = format!("{:?} takes {node:?}, which is good, for a cheat", at.node);
            return Err(Broken::new(ID, what));
        }
        self.cheats.entry(*dealer).or_insert(*epoch);
        Ok(())
    }
}
