//! How the generic checkers read the DHT.

use quorate_dht::{CallId, ClientOutput, ClientRequest, Failure};
use quorate_types::Duration;

use super::{Output, Request, StorageMachine};
use crate::checker::{Lens, RequestKey};
use crate::node::Node;

/// An operation with at least this time must not run into its deadline after the heal.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3_600);

/// Reads the DHT's values.
#[derive(Clone, Copy, Debug)]
pub struct StorageLens;

const fn key(client: Node, call: CallId) -> RequestKey {
    RequestKey { client, number: call.get() }
}

/// Is the operation over, in a way that its client can live with?
pub(crate) const fn is_answer(failure: &Failure) -> bool {
    match failure {
        Failure::Absent | Failure::TooManyCalls => true,
        Failure::NoQuorum { .. }
        | Failure::NotAuthorised
        | Failure::Unsuitable { .. }
        | Failure::LeaseExpired => false,
    }
}

impl Lens<StorageMachine> for StorageLens {
    /// Operations of impatient callers are owed nothing.
    fn requested(&self, node: Node, request: &Request) -> Option<RequestKey> {
        match request {
            Request::Client(ClientRequest::Invoke { call, timeout, .. })
                if *timeout >= PATIENCE =>
            {
                Some(key(node, *call))
            }
            Request::Client(_) | Request::Server(_) => None,
        }
    }

    fn completed(&self, node: Node, output: &Output, into: &mut Vec<RequestKey>) {
        if let Output::Client(ClientOutput::Returned { call, outcome }) = output
            && outcome.as_ref().err().is_none_or(is_answer)
        {
            into.push(key(node, *call));
        }
    }

    fn live_items(&self, machine: &StorageMachine) -> usize {
        match machine {
            StorageMachine::Server(server) => {
                let held = server.0.server().holdings();
                held.requests + held.objects + held.loads + held.repairs
            }
            StorageMachine::Client(client) => {
                client.0.client().calls_in_flight() + client.0.client().phases_in_flight()
            }
        }
    }
}
