//! How the checkers of storage read the values of a system in which the DHT's machines run.

use quorate_dht::{ClientOutput, ClientRequest, Message, Record, ServerOutput};
use quorate_machine::Input;
use quorate_types::Peer;

use crate::host::Subject;

/// Finds the values of the DHT among those of a system.
pub trait Sight<M: Subject>: Copy + 'static {
    /// A message of the DHT that comes in.
    fn received<'a>(&self, input: &'a Input<M>) -> Option<(Peer, &'a Message)>;
    /// What a client of the DHT is asked for.
    fn asked<'a>(&self, input: &'a Input<M>) -> Option<&'a ClientRequest>;
    /// A message of the DHT that leaves.
    fn sent<'a>(&self, message: &'a M::Outbound) -> Option<&'a Message>;
    /// A change of a server's object store.
    fn kept<'a>(&self, record: &'a M::Record) -> Option<&'a Record>;
    /// What a client of the DHT tells.
    fn told<'a>(&self, output: &'a M::Output) -> Option<&'a ClientOutput>;
    /// What a server of the DHT tells.
    fn server_told<'a>(&self, output: &'a M::Output) -> Option<&'a ServerOutput>;
    /// What the machine holds, in numbers.
    fn holdings(&self, machine: &M) -> Held;
}

/// What a machine of the DHT holds in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// A storage server.
    Server(quorate_dht::Holdings),
    /// A client.
    Client {
        /// Operations in flight.
        calls: usize,
        /// Phases of which a reply would be taken.
        phases: usize,
    },
    /// Neither.
    Nothing,
}
