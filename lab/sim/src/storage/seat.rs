//! The production machines of the DHT, each with what its node does for it.
//!
//! A [`ServerSeat`] answers the loads of its server from a [`SharedDisk`], after a while and behind
//! every record that stands before the load, as the daemon does. A [`ClientSeat`] gives its client
//! leases. Both are machines, and become [parts](crate::part::Part) of whatever system uses them.

use std::convert::Infallible;
use std::sync::Arc;

use quorate_crypto::Verified;
use quorate_dht::{
    Client, ClientOutput, ClientRequest, ClientTimer, Message, ObjectKey, Record, Server,
    ServerOutput, ServerRequest, ServerTimer, Ticket,
};
use quorate_history::Prng;
use quorate_machine::{Effect, Effects, Input, Machine};
use quorate_types::{Duration, Instant, Now};

use super::disk::SharedDisk;

/// Longest time that a load takes; each is drawn below it.
const LOAD_US_MAX: u64 = 2_000;
/// How long a client waits for a lease that it asked for.
const LEASE_DELAY: Duration = Duration::from_millis(40);

/// What a load is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wanted {
    /// This object.
    This(ObjectKey),
    /// The object with the lowest name above this one.
    Next(Option<ObjectKey>),
    /// What is held from the first to the last of these names.
    Names(ObjectKey, ObjectKey),
}

/// What the timers of a server's seat are for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ServerSeatTimer {
    /// The server's own.
    Server(ServerTimer),
    /// The disk has read.
    Loaded(Ticket, Wanted),
}

/// A storage server with its disk.
#[derive(Debug)]
pub struct ServerSeat {
    server: Server,
    disk: SharedDisk,
    prng: Prng,
    effects: Effects<Server>,
}

impl ServerSeat {
    /// A server in front of its disk; `prng` says how long loads take.
    #[must_use]
    pub const fn new(server: Server, disk: SharedDisk, prng: Prng) -> Self {
        Self { server, disk, prng, effects: Effects::new() }
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// What the disk has read for the server.
    fn read(&self, ticket: Ticket, wanted: Wanted) -> ServerRequest {
        let disk = self.disk.open();
        match wanted {
            Wanted::This(key) => ServerRequest::Loaded { ticket, found: disk.find(key) },
            Wanted::Next(after) => ServerRequest::Loaded { ticket, found: disk.find_next(after) },
            Wanted::Names(first, last) => {
                ServerRequest::Listed { ticket, held: Some(disk.list(first, last)) }
            }
        }
    }

    /// The alarm upon which the disk has read.
    fn load(&mut self, now: Now, ticket: Ticket, wanted: Wanted) -> Effect<Self> {
        let at = now.instant.after(Duration::from_micros(1 + self.prng.below(LOAD_US_MAX)));
        Effect::Arm { timer: ServerSeatTimer::Loaded(ticket, wanted), at }
    }
}

impl Machine for ServerSeat {
    type Inbound = Verified<Message>;
    type Outbound = Arc<Message>;
    type Record = Record;
    type Timer = ServerSeatTimer;
    type Request = ServerRequest;
    type Output = ServerOutput;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        let input = match input {
            Input::Start => Input::Start,
            Input::Deliver { from, message } => Input::Deliver { from, message },
            Input::Expired(ServerSeatTimer::Server(timer)) => Input::Expired(timer),
            Input::Expired(ServerSeatTimer::Loaded(ticket, wanted)) => {
                Input::Request(self.read(ticket, wanted))
            }
            Input::Request(request) => Input::Request(request),
        };
        let mut wanted = std::mem::take(&mut self.effects);
        self.server.step(now, input, &mut wanted);
        for effect in wanted.drain() {
            effects.push(match effect {
                Effect::Persist(record) => Effect::Persist(record),
                Effect::Release(number) => Effect::Release(number),
                Effect::Send { to, class, message } => {
                    Effect::Send { to, class, message: Arc::new(message) }
                }
                Effect::Arm { timer, at } => {
                    Effect::Arm { timer: ServerSeatTimer::Server(timer), at }
                }
                Effect::Disarm(timer) => Effect::Disarm(ServerSeatTimer::Server(timer)),
                Effect::Emit(ServerOutput::Load { ticket, key }) => {
                    self.load(now, ticket, Wanted::This(key))
                }
                Effect::Emit(ServerOutput::LoadNext { ticket, after }) => {
                    self.load(now, ticket, Wanted::Next(after))
                }
                Effect::Emit(ServerOutput::List { ticket, first, last }) => {
                    self.load(now, ticket, Wanted::Names(first, last))
                }
                Effect::Emit(output) => Effect::Emit(output),
                Effect::Mark(mark) => Effect::Mark(mark),
            });
        }
        self.effects = wanted;
    }
}

/// How long the leases of a client last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leases {
    /// The first one for ever.
    Endless,
    /// So long each; the client asks for the next when it needs one.
    Lasting(Duration),
    /// The system that uses the seat gives them.
    Elsewhere,
}

/// What the timers of a client's seat are for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ClientSeatTimer {
    /// The client's own.
    Client(ClientTimer),
    /// The lease that was asked for is here.
    Lease,
}

/// A client with its leases.
#[derive(Debug)]
pub struct ClientSeat {
    client: Client,
    leases: Leases,
    is_asking: bool,
    effects: Effects<Client>,
}

impl ClientSeat {
    /// A client that gets its leases so.
    #[must_use]
    pub const fn new(client: Client, leases: Leases) -> Self {
        Self { client, leases, is_asking: false, effects: Effects::new() }
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// A lease from now on; none if the system gives them.
    fn lease(&self, now: Now) -> Option<Input<Client>> {
        let until = match self.leases {
            Leases::Endless => Instant::from_micros(u64::MAX),
            Leases::Lasting(duration) => now.instant.after(duration),
            Leases::Elsewhere => return None,
        };
        Some(Input::Request(ClientRequest::Lease { epoch: self.client.epoch(), until }))
    }

    fn is_own_to_give(&self) -> bool {
        self.leases != Leases::Elsewhere
    }
}

impl Machine for ClientSeat {
    type Inbound = Verified<Message>;
    type Outbound = Arc<Message>;
    type Record = Infallible;
    type Timer = ClientSeatTimer;
    type Request = ClientRequest;
    type Output = ClientOutput;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        let input = match input {
            Input::Start => {
                self.client.step(now, Input::Start, &mut self.effects);
                self.lease(now)
            }
            Input::Deliver { from, message } => Some(Input::Deliver { from, message }),
            Input::Expired(ClientSeatTimer::Client(timer)) => Some(Input::Expired(timer)),
            Input::Expired(ClientSeatTimer::Lease) => {
                self.is_asking = false;
                self.lease(now)
            }
            Input::Request(request) => Some(Input::Request(request)),
        };
        if let Some(input) = input {
            self.client.step(now, input, &mut self.effects);
        }
        let mut wanted = std::mem::take(&mut self.effects);
        for effect in wanted.drain() {
            effects.push(match effect {
                Effect::Persist(()) => unreachable!("a client keeps nothing"),
                Effect::Release(number) => Effect::Release(number),
                Effect::Send { to, class, message } => {
                    Effect::Send { to, class, message: Arc::new(message) }
                }
                Effect::Arm { timer, at } => {
                    Effect::Arm { timer: ClientSeatTimer::Client(timer), at }
                }
                Effect::Disarm(timer) => Effect::Disarm(ClientSeatTimer::Client(timer)),
                Effect::Emit(ClientOutput::LeaseExpired(_)) if self.is_own_to_give() => {
                    if std::mem::replace(&mut self.is_asking, true) {
                        continue;
                    }
                    Effect::Arm {
                        timer: ClientSeatTimer::Lease,
                        at: now.instant.after(LEASE_DELAY),
                    }
                }
                Effect::Emit(output) => Effect::Emit(output),
                Effect::Mark(mark) => Effect::Mark(mark),
            });
        }
        self.effects = wanted;
    }
}
