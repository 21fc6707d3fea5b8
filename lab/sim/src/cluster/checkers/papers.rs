//! C3: the authority's word counts as long as it holds, and nobody else's: no good server executes
//! or stores for a client whose certificate has run out or is of somebody else, and no change that
//! the authority did not sign is recorded. And it counts all that time: no good client is refused
//! before a clock says that its certificate has run out.
//!
//! What is ordered is judged by the agreed time of its slot; a write of an object by the clock of
//! the server at the moment at which the server first got it.

use quorate_bft::ClientOutput;
use quorate_dht::{Message as StorageMessage, OperationId};
use quorate_machine::{Input, Recipients};
use quorate_membership::MembershipReply;
use quorate_types::{ClientId, Peer, UnixTime};

use crate::checker::{At, Broken, Checker, Verdict};
use crate::clock::{Clock, ClockShape};
use crate::cluster::lens::refused;
use crate::cluster::workload::is_forged;
use crate::cluster::{ClusterMachine, Message, Output, Received};
use crate::fast::FastMap;
use crate::node::{Node, Nodes};
use crate::ordering;

/// A certificate that never runs out.
const FOR_EVER: UnixTime = UnixTime::from_micros(u64::MAX);

/// Looks at everybody's papers.
#[derive(Debug)]
pub(in crate::cluster) struct Papers {
    /// Until when each client's certificate holds, in the order of the clients; never for one of
    /// somebody else.
    until: Vec<(ClientId, UnixTime)>,
    servers: Nodes,
    clocks: Vec<ClockShape>,
    /// Writes of clients whose certificate runs out: what the server's clock showed when it first
    /// got each.
    came: FastMap<(Node, ClientId, OperationId), UnixTime>,
}

impl Papers {
    /// Judges clients with these papers before these servers. The clocks are those of all nodes,
    /// and nobody sets one in a run in which the certificate of a good client runs out.
    pub(in crate::cluster) fn new(
        until: Vec<(ClientId, UnixTime)>,
        servers: Nodes,
        clocks: Vec<ClockShape>,
    ) -> Self {
        Self { until, servers, clocks, came: FastMap::default() }
    }

    fn expires(&self, client: ClientId) -> UnixTime {
        let known = self.until.iter().find(|(known, _)| *known == client);
        known.map_or(UnixTime::ZERO, |(_, until)| *until)
    }

    /// What the wall clock of a node shows.
    fn wall(&self, node: Node, time_us: u64) -> UnixTime {
        Clock::new(self.clocks[node.index()]).now(time_us).wall
    }

    fn served(&self, at: &At, client: ClientId, time: UnixTime) -> Verdict {
        let expires = self.expires(client);
        if time < expires {
            return Ok(());
        }
        let what = format!("{:?} serves {client:?} at {time:?}", at.node);
        Err(Broken::new("C3", format!("{what}, whose certificate holds until {expires:?}")))
    }

    /// A good client is refused: has its certificate run out by its own clock, or by a server's?
    fn is_refused(&self, at: &At, ticket: u64) -> Verdict {
        let place = at.node.index() - self.servers.len();
        let (client, expires) = self.until[place];
        let clocks = self.servers.or(Nodes::from_iter([at.node])).iter();
        let latest = clocks.map(|node| self.wall(node, at.time_us)).max();
        if expires < FOR_EVER && latest >= Some(expires) {
            return Ok(());
        }
        let what = format!("{client:?} is refused operation {ticket} when clocks show {latest:?}");
        Err(Broken::new("C3", format!("{what}, and its certificate holds until {expires:?}")))
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

    fn on_input(&mut self, at: &At, input: &Input<ClusterMachine>) -> Verdict {
        let Input::Deliver { from: Peer::Client(client), message: Received::Storage(message) } =
            input
        else {
            return Ok(());
        };
        let is_write =
            matches!(***message, StorageMessage::PutContent(_) | StorageMessage::WriteVersion(_));
        if is_write && self.expires(*client) < FOR_EVER {
            let wall = self.wall(at.node, at.time_us);
            let place = (at.node, *client, message.head().operation);
            self.came.entry(place).or_insert(wall);
        }
        Ok(())
    }

    fn on_send(&mut self, at: &At, to: &Recipients, message: &Message) -> Verdict {
        if let (Message::Storage(message), Recipients::One(Peer::Client(client))) = (message, to)
            && let StorageMessage::Stored(stored) = &**message
            && at.is_good()
        {
            let place = (at.node, *client, stored.head.operation);
            let came = self.came.get(&place).copied().unwrap_or(UnixTime::ZERO);
            return self.served(at, *client, came);
        }
        Ok(())
    }

    fn on_output(&mut self, at: &At, output: &Output) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        if let Some(ticket) = refused(output) {
            return self.is_refused(at, ticket);
        }
        let (Output::Membership(said) | Output::KeyValue(said)) = output else { return Ok(()) };
        match said {
            ordering::Output::Served { client, time, .. } => self.served(at, *client, *time),
            ordering::Output::Client(ClientOutput::Replied { ticket, reply })
                if matches!(output, Output::Membership(_)) =>
            {
                told(at, *ticket, reply)
            }
            ordering::Output::Client(_)
            | ordering::Output::Replica(_)
            | ordering::Output::Renounced
            | ordering::Output::State { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
