//! How the checkers of storage read a cluster.

use quorate_dht::{ClientOutput, ClientRequest, Message as StorageMessage, ServerOutput};
use quorate_machine::Input;
use quorate_types::Peer;

use super::{Ask, ClusterMachine, Kept, Message, Output, Received, Record, Request};
use crate::storage::sight::{Held, Sight};

/// Finds the values of the DHT among those of a cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct InCluster;

impl Sight<ClusterMachine> for InCluster {
    fn received<'a>(&self, input: &'a Input<ClusterMachine>) -> Option<(Peer, &'a StorageMessage)> {
        if let Input::Deliver { from, message: Received::Storage(message) } = input {
            Some((*from, &***message))
        } else {
            None
        }
    }

    fn asked<'a>(&self, input: &'a Input<ClusterMachine>) -> Option<&'a ClientRequest> {
        if let Input::Request(Request { ask: Ask::Storage(request), .. }) = input {
            Some(request)
        } else {
            None
        }
    }

    fn sent<'a>(&self, message: &'a Message) -> Option<&'a StorageMessage> {
        if let Message::Storage(message) = message { Some(message) } else { None }
    }

    fn kept<'a>(&self, record: &'a Record) -> Option<&'a quorate_dht::Record> {
        if let Kept::Storage(record) = &record.kept { Some(record) } else { None }
    }

    fn told<'a>(&self, output: &'a Output) -> Option<&'a ClientOutput> {
        if let Output::StorageClient(output) = output { Some(output) } else { None }
    }

    fn server_told<'a>(&self, output: &'a Output) -> Option<&'a ServerOutput> {
        if let Output::StorageServer(output) = output { Some(output) } else { None }
    }

    fn holdings(&self, machine: &ClusterMachine) -> Held {
        match machine {
            ClusterMachine::Server(seat) => Held::Server(seat.storage().server().holdings()),
            ClusterMachine::Client(seat) => {
                seat.storage().map_or(Held::Nothing, |client| Held::Client {
                    calls: client.client().calls_in_flight(),
                    phases: client.client().phases_in_flight(),
                })
            }
        }
    }
}
