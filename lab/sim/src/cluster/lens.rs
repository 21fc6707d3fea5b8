//! How the generic checkers read a cluster.

use quorate_bft::{ClientFailure, ClientOutput};

use super::{ClusterMachine, Output, Request};
use crate::checker::{Lens, RequestKey};
use crate::node::Node;
use crate::ordering::{self, OrderingMachine, Replicated};

/// Reads the values of a cluster.
#[derive(Clone, Copy, Debug)]
pub struct ClusterLens;

/// The operation that a client of an ordered group tells the end of.
const fn ended(output: &ordering::Output) -> Option<u64> {
    // A session may be lost to late openings of the client's earlier processes; then the client
    // tells so, and that is an end too.
    match output {
        ordering::Output::Client(
            ClientOutput::Replied { ticket, .. }
            | ClientOutput::Failed { ticket, failure: ClientFailure::SessionLost },
        ) => Some(*ticket),
        ordering::Output::Client(_)
        | ordering::Output::Replica(_)
        | ordering::Output::State { .. }
        | ordering::Output::Served { .. } => None,
    }
}

fn live_items<S: Replicated>(machine: Option<&OrderingMachine<S>>) -> usize {
    match machine {
        Some(OrderingMachine::Replica(seat)) => seat.replica.live_items(),
        Some(OrderingMachine::Client(_)) | None => 0,
    }
}

impl Lens<ClusterMachine> for ClusterLens {
    fn requested(&self, node: Node, request: &Request) -> Option<RequestKey> {
        Some(RequestKey { client: node, number: request.ticket })
    }

    fn completed(&self, node: Node, output: &Output, into: &mut Vec<RequestKey>) {
        let number = match output {
            Output::Membership(output) | Output::KeyValue(output) => ended(output),
            Output::Responder(_) | Output::Configuration(_) | Output::Begun(_) => None,
        };
        into.extend(number.map(|number| RequestKey { client: node, number }));
    }

    fn live_items(&self, machine: &ClusterMachine) -> usize {
        match machine {
            ClusterMachine::Server(seat) => {
                live_items(seat.membership()) + live_items(seat.key_value())
            }
            ClusterMachine::Client(seat) => seat.waiting_count(),
        }
    }
}
