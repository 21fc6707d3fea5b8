//! Whole clusters as a system under test: servers that host what a daemon hosts, and clients that
//! begin with nothing but the system's key and some addresses.
//!
//! Which machines a server runs is decided by `quorate_duties`, as in production. A server is one
//! node: its machines share its fate, its clocks and its disk, and their records lie in one log,
//! each machine's with numbers of their own. So a crash takes a suffix of all that the server did;
//! its machines do not talk to each other, so that no more is lost than with a log for each.
//! A client fetches and verifies the configuration, gets a lease, and acts only while it has one.
//!
//! ```text
//! server   membership replica   key-value replica   storage server   freshness responder
//!             |                    |                   |                |
//! client   ordered client       ordered client      storage client   configuration client
//!                                                                       `--lease--> all
//! ```

use std::sync::Arc;

use quorate_bft::Message as OrderedMessage;
use quorate_crypto::Verified;
use quorate_dht::{
    ClientOutput as StorageOutput, ClientRequest as StorageRequest, Message as StorageMessage,
    Record as StorageRecord, ServerOutput,
};
use quorate_kv::KeyValueService;
use quorate_machine::{Effects, Input, Machine, RecordNumber};
use quorate_membership::{
    ClientOutput as ConfigurationOutput, ClientTimer as ConfigurationTimer, ConfigurationClient,
    FreshnessResponder, MembershipService, Message as ConfigurationMessage, ResponderOutput,
    ResponderRecord,
};
use quorate_types::Now;

mod checkers;
mod client;
mod founding;
mod host;
mod lens;
mod marks;
mod plants;
mod server;
mod sight;
mod system;
#[cfg(test)]
mod tests;
mod villains;
mod within;
mod workload;

pub use client::ClientSeat;
pub use host::ClusterHost;
pub use lens::ClusterLens;
pub use server::ServerSeat;
pub use system::Cluster;

use crate::ordering::{self, OrderingMachine};

use crate::part::Part;
use crate::storage::seat::{
    ClientSeat as StorageClient, ClientSeatTimer, ServerSeat as StorageServer, ServerSeatTimer,
};

/// What a replica keeps, shared as the simulator shares it.
pub type OrderedRecord = Arc<quorate_bft::Record>;
/// A replica or a client of the membership service.
pub type MembershipMachine = OrderingMachine<MembershipService>;
/// A replica or a client of the key-value service.
pub type KeyValueMachine = OrderingMachine<KeyValueService>;

/// Both kinds of participants in one type.
#[derive(Debug)]
pub enum ClusterMachine {
    /// Hosts what the configuration asks of it.
    Server(Box<ServerSeat>),
    /// Asks.
    Client(Box<ClientSeat>),
}

/// A message between two nodes, by the machines that it is between.
#[derive(Clone, Debug)]
pub enum Message {
    /// Of the group of the membership service.
    Membership(Arc<OrderedMessage>),
    /// Of the group of the key-value service.
    KeyValue(Arc<OrderedMessage>),
    /// About configurations.
    Configuration(Arc<ConfigurationMessage>),
    /// About stored objects.
    Storage(Arc<StorageMessage>),
}

/// A message that was admitted.
#[derive(Clone, Debug)]
pub enum Received {
    /// Of the group of the membership service.
    Membership(Verified<OrderedMessage>),
    /// Of the group of the key-value service.
    KeyValue(Verified<OrderedMessage>),
    /// About configurations: its receiver checks it.
    Configuration(Arc<ConfigurationMessage>),
    /// About stored objects.
    Storage(Box<Verified<StorageMessage>>),
}

/// A record of one machine, in the log of its server.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its number among those of its machine.
    pub number: RecordNumber,
    /// What it says.
    pub kept: Kept,
}

/// What the machines of a server keep.
#[derive(Clone, Debug)]
pub enum Kept {
    /// The replica of the membership service.
    Membership(OrderedRecord),
    /// The replica of the key-value service.
    KeyValue(OrderedRecord),
    /// The freshness responder.
    Responder(ResponderRecord),
    /// The storage server: a change of its object store.
    Storage(StorageRecord),
}

/// What the timers of all machines are for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// In the group of the membership service.
    Membership(ordering::Timer),
    /// In the group of the key-value service.
    KeyValue(ordering::Timer),
    /// The configuration client's.
    Configuration(ConfigurationTimer),
    /// A storage server's.
    StorageServer(ServerSeatTimer),
    /// A storage client's.
    StorageClient(ClientSeatTimer),
}

/// An operation of a client.
#[derive(Clone, Debug)]
pub struct Request {
    /// Names the operation in what the client tells.
    pub ticket: u64,
    /// What is asked for.
    pub ask: Ask,
}

/// What a client can be asked for.
#[derive(Clone, Debug)]
pub enum Ask {
    /// An operation of the membership service.
    Membership(Vec<u8>),
    /// An operation of the key-value service.
    KeyValue(Vec<u8>),
    /// An operation on stored objects.
    Storage(StorageRequest),
}

/// What machines tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// In the group of the membership service.
    Membership(ordering::Output),
    /// In the group of the key-value service.
    KeyValue(ordering::Output),
    /// The freshness responder.
    Responder(ResponderOutput),
    /// The configuration client.
    Configuration(Box<ConfigurationOutput>),
    /// A storage server.
    StorageServer(ServerOutput),
    /// A storage client.
    StorageClient(StorageOutput),
    /// A client began this operation.
    Begun(u64),
}

impl Machine for ClusterMachine {
    type Inbound = Received;
    type Outbound = Message;
    type Record = Record;
    type Timer = Timer;
    type Request = Request;
    type Output = Output;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match self {
            Self::Server(seat) => seat.step(now, input, effects),
            Self::Client(seat) => seat.step(now, input, effects),
        }
    }
}

/// A record that has no number yet: its server gives it one.
const fn unnumbered(kept: Kept) -> Record {
    Record { number: RecordNumber::ZERO, kept }
}

impl Part<ClusterMachine> for MembershipMachine {
    fn record(record: OrderedRecord) -> Record {
        unnumbered(Kept::Membership(record))
    }

    fn message(message: Arc<OrderedMessage>) -> Message {
        Message::Membership(message)
    }

    fn timer(timer: ordering::Timer) -> Timer {
        Timer::Membership(timer)
    }

    fn output(output: ordering::Output) -> Output {
        Output::Membership(output)
    }
}

impl Part<ClusterMachine> for KeyValueMachine {
    fn record(record: OrderedRecord) -> Record {
        unnumbered(Kept::KeyValue(record))
    }

    fn message(message: Arc<OrderedMessage>) -> Message {
        Message::KeyValue(message)
    }

    fn timer(timer: ordering::Timer) -> Timer {
        Timer::KeyValue(timer)
    }

    fn output(output: ordering::Output) -> Output {
        Output::KeyValue(output)
    }
}

impl Part<ClusterMachine> for FreshnessResponder {
    fn record(record: ResponderRecord) -> Record {
        unnumbered(Kept::Responder(record))
    }

    fn message(message: ConfigurationMessage) -> Message {
        Message::Configuration(Arc::new(message))
    }

    fn timer(never: quorate_membership::responder::NoTimer) -> Timer {
        match never {}
    }

    fn output(output: ResponderOutput) -> Output {
        Output::Responder(output)
    }
}

impl Part<ClusterMachine> for ConfigurationClient {
    fn record(never: quorate_membership::client::NoRecord) -> Record {
        match never {}
    }

    fn message(message: ConfigurationMessage) -> Message {
        Message::Configuration(Arc::new(message))
    }

    fn timer(timer: ConfigurationTimer) -> Timer {
        Timer::Configuration(timer)
    }

    fn output(output: ConfigurationOutput) -> Output {
        Output::Configuration(Box::new(output))
    }
}

impl Part<ClusterMachine> for StorageServer {
    fn record(record: StorageRecord) -> Record {
        unnumbered(Kept::Storage(record))
    }

    fn message(message: Arc<StorageMessage>) -> Message {
        Message::Storage(message)
    }

    fn timer(timer: ServerSeatTimer) -> Timer {
        Timer::StorageServer(timer)
    }

    fn output(output: ServerOutput) -> Output {
        Output::StorageServer(output)
    }
}

impl Part<ClusterMachine> for StorageClient {
    fn record(never: std::convert::Infallible) -> Record {
        match never {}
    }

    fn message(message: Arc<StorageMessage>) -> Message {
        Message::Storage(message)
    }

    fn timer(timer: ClientSeatTimer) -> Timer {
        Timer::StorageClient(timer)
    }

    fn output(output: StorageOutput) -> Output {
        Output::StorageClient(output)
    }
}
