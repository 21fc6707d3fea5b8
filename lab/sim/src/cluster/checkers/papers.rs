//! C3: the authority's word counts as long as it holds, and nobody else's: no good server executes
//! or stores for a client whose certificate has run out or is of somebody else, and no change that
//! the authority did not sign is recorded.

use quorate_bft::ClientOutput;
use quorate_dht::Message as StorageMessage;
use quorate_machine::Recipients;
use quorate_membership::MembershipReply;
use quorate_types::{ClientId, Peer};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::cluster::workload::is_forged;
use crate::cluster::{ClusterMachine, Message, Output};
use crate::ordering;

/// Looks at everybody's papers.
#[derive(Debug)]
pub(in crate::cluster) struct Papers {
    /// Clients without a certificate that holds.
    without: Vec<ClientId>,
}

impl Papers {
    pub(in crate::cluster) const fn new(without: Vec<ClientId>) -> Self {
        Self { without }
    }

    fn served(&self, at: &At, client: ClientId) -> Verdict {
        if !self.without.contains(&client) {
            return Ok(());
        }
        let what = format!("{:?} serves {client:?}, who has no certificate", at.node);
        Err(Broken::new("C3", what))
    }
}

/// A change with a forged certificate is refused.
fn told(at: &At, ticket: u64, reply: &[u8]) -> Verdict {
    let recorded = matches!(quorate_wire::decode(reply), Ok(MembershipReply::Recorded(_)));
    if !recorded || !is_forged(ticket) {
        return Ok(());
    }
    let what = format!("{:?} is told that {ticket}, which is forged, is recorded", at.node);
    Err(Broken::new("C3", what))
}

impl Checker<ClusterMachine> for Papers {
    fn id(&self) -> &'static str {
        "C3"
    }

    fn on_send(&mut self, at: &At, to: &Recipients, message: &Message) -> Verdict {
        if let (Message::Storage(message), Recipients::One(Peer::Client(client))) = (message, to)
            && matches!(**message, StorageMessage::Stored(_))
            && at.is_good()
        {
            return self.served(at, *client);
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        let (Output::Membership(said) | Output::KeyValue(said)) = output else { return Ok(()) };
        if !at.is_good() {
            return Ok(());
        }
        match said {
            ordering::Output::Served { client, .. } => self.served(at, *client),
            ordering::Output::Client(ClientOutput::Replied { ticket, reply })
                if matches!(output, Output::Membership(_)) =>
            {
                told(at, *ticket, reply)
            }
            ordering::Output::Client(_)
            | ordering::Output::Replica(_)
            | ordering::Output::State { .. } => Ok(()),
        }
    }
}
