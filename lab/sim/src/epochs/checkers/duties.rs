//! C13: no good server that is reachable loses its duties, whatever `f` liars say of it or show
//! against it; who is gone has lost them within three epochs, and so has a dealer that somebody
//! found to cheat at the end of one. The log of the next epoch convicts it. That epoch may end
//! early for this very reason, before enough others have deposited keys for a group without the
//! dealer; of the one behind it such a group is expected, since it lasts its time (MEM-56) and all
//! that are reachable have deposited before its freeze (MEM-57).
//!
//! It watches runs in which nothing fails but for one villain, so every good server is reachable.

use std::collections::BTreeMap;

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
}

impl Duties {
    pub(in crate::epochs) fn new(servers: &[NodeId], scenario: &Scenario) -> Self {
        let nodes = servers.iter().enumerate().map(|(index, id)| (*id, Node::at(index))).collect();
        let gone = scenario.faults.iter().filter_map(|fault| {
            let FaultKind::Byzantine { node, adversary: GONE } = fault.kind else { return None };
            Some(node)
        });
        let cheats = BTreeMap::new();
        Self { nodes, gone: gone.collect(), left_in: Epoch::ZERO, cheats }
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
            let cheated = self.cheats.get(&member.id);
            if let Some(cheated) = cheated.filter(|in_epoch| is_late(**in_epoch) && is_active) {
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
        self.judge(at, configuration)
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        let Output::Cheated(epoch, proof) = output else { return Ok(()) };
        let dealer = &proof.server;
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
