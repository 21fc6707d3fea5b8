//! C2: a client is told the place at which its request was executed, and no other.

use quorate_bft::ClientOutput;
use quorate_types::ClientId;

use crate::checker::{At, Broken, Checker, Verdict};
use crate::fast::FastMap;
use crate::ordering::{OrderingMachine, Output};

/// Compares replies with what good replicas executed.
#[derive(Debug)]
pub(in crate::ordering) struct Answers {
    replicas: usize,
    clients: Vec<ClientId>,
    executed: FastMap<u64, (ClientId, u64)>,
}

impl Answers {
    pub(in crate::ordering) fn new(replicas: usize, clients: Vec<ClientId>) -> Self {
        Self { replicas, clients, executed: FastMap::default() }
    }
}

impl Checker<OrderingMachine> for Answers {
    fn id(&self) -> &'static str {
        "C2"
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        match output {
            Output::Served { client, number, position } if at.is_good() => {
                self.executed.insert(*position, (*client, *number));
                Ok(())
            }
            Output::Client(ClientOutput::Replied { ticket, reply }) if at.is_good() => {
                let client = self.clients[at.node.index() - self.replicas];
                let bytes: Option<[u8; 8]> = reply.as_slice().try_into().ok();
                let place = bytes.map(u64::from_be_bytes);
                let executed = place.and_then(|place| self.executed.get(&place));
                if executed == Some(&(client, *ticket)) {
                    return Ok(());
                }
                let what = format!("{:?} is told {place:?} for {ticket}", at.node);
                Err(Broken::new("C2", format!("{what}, where {executed:?} was executed")))
            }
            Output::Served { .. }
            | Output::Replica(_)
            | Output::State { .. }
            | Output::Client(_) => Ok(()),
        }
    }
}
