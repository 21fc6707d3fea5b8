//! C7: an epoch ends once, with one slot and one state; nothing is executed behind it, and nobody
//! signs the end whose node vouches for the epoch still.

use std::sync::Arc;

use quorate_bft::Output as ReplicaOutput;
use quorate_bft::message::{CheckpointCertificate, CheckpointStatement, Message};
use quorate_machine::Recipients;
use quorate_types::{GroupConfiguration, ReplicaSet};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::node::Nodes;
use crate::ordering::{OrderingMachine, Output, Replicated};

/// Watches the end of the epoch.
#[derive(Debug)]
pub(in crate::ordering) struct Endings {
    group: Arc<GroupConfiguration>,
    /// The first end that a good replica told, or a certificate showed.
    end: Option<CheckpointStatement>,
    /// The highest slot that a good replica executed.
    executed: u64,
    /// Nodes that vouch for the epoch no more.
    renounced: Nodes,
}

impl Endings {
    pub(in crate::ordering) const fn new(group: Arc<GroupConfiguration>) -> Self {
        Self { group, end: None, executed: 0, renounced: Nodes::EMPTY }
    }

    /// The epoch has ended like this, and not otherwise before.
    fn ends(&mut self, at: &At, end: CheckpointStatement) -> Verdict {
        let known = *self.end.get_or_insert(end);
        if known != end {
            let what = format!("{:?} ends with {end:?}, another one with {known:?}", at.node);
            return Err(Broken::new("C7", what));
        }
        self.nothing_behind(at)
    }

    fn nothing_behind(&self, at: &At) -> Verdict {
        match self.end.map(|end| end.slot.get()) {
            Some(last) if self.executed > last => {
                let what = format!("slot {} was executed behind the last, {last}", self.executed);
                Err(Broken::new("C7", format!("{what}: seen at {:?}", at.node)))
            }
            _ => Ok(()),
        }
    }

    fn certified(&mut self, at: &At, certificate: &CheckpointCertificate) -> Verdict {
        let signers: ReplicaSet = certificate.certificate.signers();
        let needed = self.group.resilience.quorum();
        if signers.len() < needed {
            let what = format!("{} signers end the epoch, {needed} are needed", signers.len());
            return Err(Broken::new("C7", format!("{:?}: {what}", at.node)));
        }
        self.ends(at, certificate.statement)
    }
}

impl<S: Replicated> Checker<OrderingMachine<S>> for Endings {
    fn id(&self) -> &'static str {
        "C7"
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        match output {
            Output::Renounced => {
                self.renounced.insert(at.node);
                Ok(())
            }
            Output::Replica(ReplicaOutput::Executed { slot, .. }) => {
                self.executed = self.executed.max(slot.get());
                self.nothing_behind(at)
            }
            Output::Replica(ReplicaOutput::Concluded(end)) => self.ends(at, *end),
            Output::Replica(ReplicaOutput::Ended(certificate)) => self.certified(at, certificate),
            _ => Ok(()),
        }
    }

    fn on_send(&mut self, at: &At, _: &Recipients, message: &Arc<Message>) -> Verdict {
        let Message::Checkpoint(said) = &**message else { return Ok(()) };
        let is_own = self.group.member(said.from).is_some_and(|_| said.from == at.node.replica());
        let signs_end = at.is_good() && is_own && said.statement.is_last;
        if signs_end && !self.renounced.contains(at.node) {
            let what = format!("{:?} signs the end, and its node vouches still", at.node);
            return Err(Broken::new("C7", what));
        }
        Ok(())
    }
}
