//! The storage DHT as a system under test: servers on a ring and their clients.
//!
//! The machines are the production ones. [`seat`] gives each of them what its node does for it, so
//! that other systems can use them too; this module only joins server and client into one type.
//! The [`checkers`] see them through a [`sight::Sight`], and are not bound to this system either.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "observers pick the few messages that concern them"
)]

use std::sync::Arc;

use quorate_crypto::Verified;
use quorate_dht::{ClientOutput, ClientRequest, Message, Record, ServerOutput, ServerRequest};
use quorate_machine::{Effects, Input, Machine};
use quorate_types::{Now, Peer};

mod adversaries;
pub mod checkers;
pub mod disk;
pub mod host;
pub(crate) mod lens;
mod marks;
mod plants;
pub mod scene;
pub mod seat;
pub mod sight;
mod system;
#[cfg(test)]
mod tests;
pub(crate) mod workload;

pub use adversaries::{CLIENT_VILLAINS, SERVER_VILLAINS};
pub use lens::StorageLens;
pub use system::Storage;

use crate::part::{Part, pass_on};
use seat::{ClientSeat, ClientSeatTimer, ServerSeat, ServerSeatTimer};
use sight::{Held, Sight};

/// Both kinds of participants in one type.
#[derive(Debug)]
pub enum StorageMachine {
    /// Keeps objects.
    Server(Box<(ServerSeat, Effects<ServerSeat>)>),
    /// Reads and writes them.
    Client(Box<(ClientSeat, Effects<ClientSeat>)>),
}

impl StorageMachine {
    /// A server, as a node of the simulation.
    #[must_use]
    pub fn server(seat: ServerSeat) -> Self {
        Self::Server(Box::new((seat, Effects::new())))
    }

    /// A client, as a node of the simulation.
    #[must_use]
    pub fn client(seat: ClientSeat) -> Self {
        Self::Client(Box::new((seat, Effects::new())))
    }
}

/// What the timers of both are for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// A server's.
    Server(ServerSeatTimer),
    /// A client's.
    Client(ClientSeatTimer),
}

/// What both can be asked for.
#[derive(Clone, Debug)]
pub enum Request {
    /// A server.
    Server(ServerRequest),
    /// A client.
    Client(ClientRequest),
}

/// What both tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// A server.
    Server(ServerOutput),
    /// A client.
    Client(ClientOutput),
}

impl Machine for StorageMachine {
    type Inbound = Verified<Message>;
    type Outbound = Arc<Message>;
    type Record = Record;
    type Timer = Timer;
    type Request = Request;
    type Output = Output;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match self {
            Self::Server(server) => {
                let input = match input {
                    Input::Start => Input::Start,
                    Input::Deliver { from, message } => Input::Deliver { from, message },
                    Input::Expired(Timer::Server(timer)) => Input::Expired(timer),
                    Input::Request(Request::Server(request)) => Input::Request(request),
                    Input::Expired(Timer::Client(_)) | Input::Request(Request::Client(_)) => return,
                };
                let (seat, own) = &mut **server;
                seat.step(now, input, own);
                pass_on(own, effects);
            }
            Self::Client(client) => {
                let input = match input {
                    Input::Start => Input::Start,
                    Input::Deliver { from, message } => Input::Deliver { from, message },
                    Input::Expired(Timer::Client(timer)) => Input::Expired(timer),
                    Input::Request(Request::Client(request)) => Input::Request(request),
                    Input::Expired(Timer::Server(_)) | Input::Request(Request::Server(_)) => return,
                };
                let (seat, own) = &mut **client;
                seat.step(now, input, own);
                pass_on(own, effects);
            }
        }
    }
}

impl Part<StorageMachine> for ServerSeat {
    fn record(record: Record) -> Record {
        record
    }

    fn message(message: Arc<Message>) -> Arc<Message> {
        message
    }

    fn timer(timer: ServerSeatTimer) -> Timer {
        Timer::Server(timer)
    }

    fn output(output: ServerOutput) -> Output {
        Output::Server(output)
    }
}

impl Part<StorageMachine> for ClientSeat {
    fn record(never: std::convert::Infallible) -> Record {
        match never {}
    }

    fn message(message: Arc<Message>) -> Arc<Message> {
        message
    }

    fn timer(timer: ClientSeatTimer) -> Timer {
        Timer::Client(timer)
    }

    fn output(output: ClientOutput) -> Output {
        Output::Client(output)
    }
}

/// How checkers read this system.
#[derive(Clone, Copy, Debug)]
pub struct Plainly;

impl Sight<StorageMachine> for Plainly {
    fn received<'a>(&self, input: &'a Input<StorageMachine>) -> Option<(Peer, &'a Message)> {
        match input {
            Input::Deliver { from, message } => Some((*from, &**message)),
            Input::Start | Input::Expired(_) | Input::Request(_) => None,
        }
    }

    fn asked<'a>(&self, input: &'a Input<StorageMachine>) -> Option<&'a ClientRequest> {
        match input {
            Input::Request(Request::Client(request)) => Some(request),
            Input::Start
            | Input::Deliver { .. }
            | Input::Expired(_)
            | Input::Request(Request::Server(_)) => None,
        }
    }

    fn sent<'a>(&self, message: &'a Arc<Message>) -> Option<&'a Message> {
        Some(message)
    }

    fn kept<'a>(&self, record: &'a Record) -> Option<&'a Record> {
        Some(record)
    }

    fn told<'a>(&self, output: &'a Output) -> Option<&'a ClientOutput> {
        match output {
            Output::Client(output) => Some(output),
            Output::Server(_) => None,
        }
    }

    fn server_told<'a>(&self, output: &'a Output) -> Option<&'a ServerOutput> {
        match output {
            Output::Server(output) => Some(output),
            Output::Client(_) => None,
        }
    }

    fn holdings(&self, machine: &StorageMachine) -> Held {
        match machine {
            StorageMachine::Server(server) => Held::Server(server.0.server().holdings()),
            StorageMachine::Client(client) => Held::Client {
                calls: client.0.client().calls_in_flight(),
                phases: client.0.client().phases_in_flight(),
            },
        }
    }
}
