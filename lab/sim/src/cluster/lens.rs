//! How the generic checkers read a cluster.

use quorate_bft::{ClientFailure, ClientOutput};

use quorate_dht::{Answer, ClientOutput as StorageOutput, ClientRequest, Failure};

use super::{Ask, ClusterMachine, Output, Request};
use crate::checker::{Lens, RequestKey};
use crate::node::{Node, Nodes};
use crate::ordering::{self, OrderingMachine, Replicated};
use crate::storage::lens::{PATIENCE, is_answer};

/// Reads the values of a cluster.
#[derive(Clone, Copy, Debug)]
pub struct ClusterLens {
    /// Good clients whose certificate runs out: to be told so is an end of what they ask for.
    pub ending: Nodes,
}

/// The operation that a client is told is refused, since its certificate does not hold.
pub(super) const fn refused(output: &Output) -> Option<u64> {
    match output {
        Output::Membership(ordering::Output::Client(ClientOutput::Failed {
            ticket,
            failure: ClientFailure::NotAuthorised,
        }))
        | Output::KeyValue(ordering::Output::Client(ClientOutput::Failed {
            ticket,
            failure: ClientFailure::NotAuthorised,
        })) => Some(*ticket),
        Output::StorageClient(StorageOutput::Returned {
            call,
            outcome: Err(Failure::NotAuthorised),
        }) => Some(call.get()),
        Output::Membership(_)
        | Output::KeyValue(_)
        | Output::Responder(_)
        | Output::Configuration(_)
        | Output::StorageServer(_)
        | Output::StorageClient(_)
        | Output::Begun(_) => None,
    }
}

/// Was an operation done for which a client needs its certificate?
pub(super) const fn is_served(output: &Output) -> bool {
    matches!(
        output,
        Output::Membership(ordering::Output::Client(ClientOutput::Replied { .. }))
            | Output::KeyValue(ordering::Output::Client(ClientOutput::Replied { .. }))
            | Output::StorageClient(StorageOutput::Returned {
                outcome: Ok(Answer::Stored(_) | Answer::Written(_)),
                ..
            })
    )
}

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
        | ordering::Output::Renounced
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
        // Operations of impatient callers are owed nothing.
        let is_owed = match &request.ask {
            Ask::Storage(ClientRequest::Invoke { timeout, .. }) => *timeout >= PATIENCE,
            Ask::Storage(
                ClientRequest::Lease { .. }
                | ClientRequest::Reconfigured(_)
                | ClientRequest::Scrub { .. },
            ) => false,
            Ask::Membership(_) | Ask::KeyValue(_) => true,
        };
        is_owed.then_some(RequestKey { client: node, number: request.ticket })
    }

    fn completed(&self, node: Node, output: &Output, into: &mut Vec<RequestKey>) {
        let number = match output {
            Output::Membership(output) | Output::KeyValue(output) => ended(output),
            Output::StorageClient(StorageOutput::Returned { call, outcome }) => {
                outcome.as_ref().err().is_none_or(is_answer).then_some(call.get())
            }
            Output::Responder(_)
            | Output::Configuration(_)
            | Output::StorageServer(_)
            | Output::StorageClient(_)
            | Output::Begun(_) => None,
        };
        let number = number.or_else(|| refused(output).filter(|_| self.ending.contains(node)));
        into.extend(number.map(|number| RequestKey { client: node, number }));
    }

    fn live_items(&self, machine: &ClusterMachine) -> usize {
        match machine {
            ClusterMachine::Server(seat) => {
                let held = seat.storage().server().holdings();
                let storage = held.requests + held.objects + held.loads + held.repairs;
                live_items(seat.membership()) + live_items(seat.key_value()) + storage
            }
            ClusterMachine::Client(seat) => {
                let calls = seat.storage().map_or(0, |client| client.client().calls_in_flight());
                seat.waiting_count() + calls
            }
        }
    }
}
