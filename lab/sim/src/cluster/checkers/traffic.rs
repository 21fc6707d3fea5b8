//! C12: what configurations and leases cost on the links, in bytes: so much for each node in a
//! second, and no more.

use quorate_machine::Recipients;

use crate::checker::{At, Broken, Checker, Verdict};
use crate::cluster::{ClusterMachine, Message};
use crate::fast::FastMap;
use crate::node::Node;

const SECOND_US: u64 = 1_000_000;
/// Bytes of a good server about configurations, in a second for each client that may ask: a page
/// and a few vouches each time that a client asks again.
const BYTES_PER_SECOND_MAX: u64 = 40_000;

/// Measures what good nodes send about configurations.
#[derive(Debug)]
pub(in crate::cluster) struct Traffic {
    /// Clients, who ask.
    clients: u64,
    bytes: FastMap<Node, u64>,
}

impl Traffic {
    pub(in crate::cluster) fn new(clients: u64) -> Self {
        Self { clients, bytes: FastMap::default() }
    }
}

impl Checker<ClusterMachine> for Traffic {
    fn id(&self) -> &'static str {
        "C12"
    }

    fn on_send(&mut self, at: &At, to: &Recipients, message: &Message) -> Verdict {
        let Message::Configuration(message) = message else { return Ok(()) };
        if !at.is_good() {
            return Ok(());
        }
        let peers = match to {
            Recipients::One(_) => 1,
            Recipients::Each(peers) => peers.len() as u64,
        };
        let sent = self.bytes.entry(at.node).or_insert(0);
        *sent += peers * quorate_wire::encode(&**message).len() as u64;
        let seconds = 1 + at.time_us / SECOND_US;
        let max = seconds * (1 + self.clients) * BYTES_PER_SECOND_MAX;
        if *sent <= max {
            return Ok(());
        }
        let what = format!("{sent} bytes about configurations, at most {max}");
        Err(Broken::new("C12", format!("{:?} has sent {what}", at.node)))
    }
}
