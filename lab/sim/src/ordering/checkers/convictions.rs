//! C13: nobody is told to lie who does not: whoever contradicts itself is bad, or was, or has
//! forgotten.

use std::sync::Arc;

use quorate_bft::Output as ReplicaOutput;
use quorate_machine::Input;
use quorate_types::GroupConfiguration;

use crate::checker::{At, Broken, Checker, Verdict};
use crate::node::{Node, Nodes};
use crate::ordering::{OrderingMachine, Output, Replicated};

/// Watches what good replicas tell of others.
#[derive(Debug)]
pub(in crate::ordering) struct Convictions {
    group: Arc<GroupConfiguration>,
    /// Who was bad at some time: what it signed then may be found later.
    ever_bad: Nodes,
}

impl Convictions {
    pub(in crate::ordering) const fn new(group: Arc<GroupConfiguration>) -> Self {
        Self { group, ever_bad: Nodes::EMPTY }
    }
}

impl<S: Replicated> Checker<OrderingMachine<S>> for Convictions {
    fn id(&self) -> &'static str {
        "C13"
    }

    fn on_input(&mut self, at: &At, _: &Input<OrderingMachine<S>>) -> Verdict {
        at.bad.iter().for_each(|node| self.ever_bad.insert(node));
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        let Output::Replica(ReplicaOutput::Evidence(told)) = output else { return Ok(()) };
        let accused = self.group.replica_of(told.by).map(|replica| Node::at(replica.index()));
        match accused {
            _ if !at.is_good() => Ok(()),
            Some(accused) if self.ever_bad.contains(accused) => Ok(()),
            _ => {
                let what = format!("{:?} has proof against {accused:?}, which is good", at.node);
                Err(Broken::new("C13", format!("BFT-15: {what}")))
            }
        }
    }
}
