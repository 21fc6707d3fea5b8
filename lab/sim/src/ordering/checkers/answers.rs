//! C2: a client is told what the execution of its request returned, and nothing else.

use quorate_bft::ClientOutput;
use quorate_crypto::{Domain, hash};
use quorate_types::{ClientId, Digest};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::fast::FastMap;
use crate::ordering::{OrderingMachine, Output, Replicated};

/// Compares replies with what good replicas executed.
#[derive(Debug)]
pub(in crate::ordering) struct Answers {
    replicas: usize,
    clients: Vec<ClientId>,
    /// By client and its own number: what the execution returned.
    executed: FastMap<(ClientId, u64), Digest>,
}

impl Answers {
    pub(in crate::ordering) fn new(replicas: usize, clients: Vec<ClientId>) -> Self {
        Self { replicas, clients, executed: FastMap::default() }
    }
}

impl<S: Replicated> Checker<OrderingMachine<S>> for Answers {
    fn id(&self) -> &'static str {
        "C2"
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        match output {
            Output::Served { client, number, reply, .. } if at.is_good() => {
                self.executed.insert((*client, *number), *reply);
                Ok(())
            }
            Output::Client(ClientOutput::Replied { ticket, reply }) if at.is_good() => {
                let client = self.clients[at.node.index() - self.replicas];
                let executed = self.executed.get(&(client, *ticket));
                let told = hash(Domain::Derivation, reply);
                if executed == Some(&told) {
                    return Ok(());
                }
                let what = format!("{:?} is told {told:?} for {ticket}", at.node);
                Err(Broken::new("C2", format!("{what}, where {executed:?} was executed")))
            }
            Output::Served { .. }
            | Output::Replica(_)
            | Output::State { .. }
            | Output::Renounced
            | Output::Client(_) => Ok(()),
        }
    }
}
