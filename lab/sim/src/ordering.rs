//! The ordering engine as a system under test: a replica group and its clients.
//!
//! The machines are the production ones; this module only joins replica and client into one type,
//! keeps the images of the replicas' states as their disks would, and tells the generic checkers
//! what to look at. All of it works for any replicated service ([`Replicated`]); this system runs a
//! ledger that numbers what it executes, so that a request which is executed twice, or in another
//! order, shows. In some runs the ledger ends the epoch in the middle of the load.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "observers pick the few messages that concern them"
)]

use std::sync::Arc;

use quorate_bft::message::Message;
use quorate_bft::{
    Client, ClientOutput, ClientRequest, ClientTimer, Output as ReplicaOutput, Record, Replica,
    Request as ReplicaRequest, Timer as ReplicaTimer,
};
use quorate_crypto::Verified;
use quorate_machine::{Effect, Effects, Input, Machine};
use quorate_types::{ClientId, Digest, Now, UnixTime};

mod adversaries;
mod checkers;
mod disk;
mod group;
mod host;
mod knowledge;
mod lens;
mod marks;
mod plants;
mod scenes;
mod service;
#[cfg(test)]
mod tests;

pub use adversaries::{CLIENT_VILLAINS, REPLICA_VILLAINS};
pub(crate) use disk::Disk;
pub(crate) use group::{GroupHost, GroupSetup, first_nonce, rewrite, wire_bytes};
pub(crate) use host::CALL_TIMEOUT;
pub use host::{Ordering, OrderingHost};
pub use lens::OrderingLens;
pub use service::{Ledger, Replicated, Watched};

/// What the timers of both kinds of machines are for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// A replica's.
    Replica(ReplicaTimer),
    /// A client's.
    Client(ClientTimer),
}

/// What machines tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// A replica's own words.
    Replica(ReplicaOutput),
    /// A replica states its state after a slot.
    State {
        /// The slot.
        slot: u64,
        /// Root of the state.
        root: Digest,
    },
    /// A replica's service executed a request.
    Served {
        /// Whose.
        client: ClientId,
        /// The client's number for it.
        number: u64,
        /// Its place among all executed requests.
        position: u64,
        /// The agreed time of its slot.
        time: UnixTime,
        /// Digest of what it returned.
        reply: Digest,
    },
    /// A replica's node vouches for the epoch no more.
    Renounced,
    /// A client's own words.
    Client(ClientOutput),
}

/// Both kinds of participants in one type.
#[derive(Debug)]
pub enum OrderingMachine<S: Replicated> {
    /// Orders and executes.
    Replica(Box<ReplicaSeat<S>>),
    /// Asks.
    Client(Box<ClientSeat>),
}

/// A replica with the list that its effects go to first.
#[derive(Debug)]
pub struct ReplicaSeat<S: Replicated> {
    pub(crate) replica: Replica<Watched<S>>,
    /// The last slot after which the replica stated its state in this life.
    stated: u64,
    /// The replica has told its node of the end: the node makes durable that it vouches no more,
    /// which takes until the next step, and has the replica sign.
    has_concluded: bool,
    effects: Effects<Replica<Watched<S>>>,
}

/// A client with the list that its effects go to first.
#[derive(Debug)]
pub struct ClientSeat {
    pub(crate) client: Client,
    effects: Effects<Client>,
}

impl<S: Replicated> OrderingMachine<S> {
    fn replica(replica: Replica<Watched<S>>) -> Self {
        Self::Replica(Box::new(ReplicaSeat {
            replica,
            stated: 0,
            has_concluded: false,
            effects: Effects::new(),
        }))
    }

    pub(crate) fn client(client: Client) -> Self {
        Self::Client(Box::new(ClientSeat { client, effects: Effects::new() }))
    }
}

impl<S: Replicated> Machine for OrderingMachine<S> {
    type Inbound = Verified<Message>;
    type Outbound = Arc<Message>;
    type Record = Arc<Record>;
    type Timer = Timer;
    type Request = ClientRequest;
    type Output = Output;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match self {
            Self::Replica(seat) => seat.step(now, input, effects),
            Self::Client(seat) => seat.step(now, input, effects),
        }
    }
}

impl<S: Replicated> ReplicaSeat<S> {
    fn step(
        &mut self,
        now: Now,
        input: Input<OrderingMachine<S>>,
        effects: &mut Effects<OrderingMachine<S>>,
    ) {
        let input = match input {
            Input::Start => Input::Start,
            Input::Deliver { from, message } => Input::Deliver { from, message },
            Input::Expired(Timer::Replica(timer)) => Input::Expired(timer),
            Input::Expired(Timer::Client(_)) | Input::Request(_) => return,
        };
        if std::mem::take(&mut self.has_concluded) {
            effects.emit(Output::Renounced);
            let seal = ReplicaRequest::Seal { heirs: Vec::new() };
            self.replica.step(now, Input::Request(seal), &mut self.effects);
        }
        self.replica.step(now, input, &mut self.effects);
        for served in self.replica.service_mut().take_served() {
            effects.emit(served);
        }
        let own = self.replica.id();
        let mut stated = None;
        for effect in self.effects.drain() {
            effects.push(match effect {
                Effect::Persist(record) => Effect::Persist(Arc::new(record)),
                Effect::Release(number) => Effect::Release(number),
                Effect::Send { to, class, message } => {
                    if let Message::Checkpoint(checkpoint) = &message
                        && checkpoint.from == own
                    {
                        let statement = &checkpoint.statement;
                        let (slot, root) = (statement.slot.get(), statement.root);
                        stated = Some((slot, root));
                    }
                    Effect::Send { to, class, message: Arc::new(message) }
                }
                Effect::Arm { timer, at } => Effect::Arm { timer: Timer::Replica(timer), at },
                Effect::Disarm(timer) => Effect::Disarm(Timer::Replica(timer)),
                Effect::Emit(output) => {
                    self.has_concluded |= matches!(output, ReplicaOutput::Concluded(_));
                    Effect::Emit(Output::Replica(output))
                }
                Effect::Mark(mark) => Effect::Mark(mark),
            });
        }
        if let Some((slot, root)) = stated
            && slot > self.stated
        {
            self.stated = slot;
            effects.emit(Output::State { slot, root });
        }
    }
}

impl ClientSeat {
    fn step<S: Replicated>(
        &mut self,
        now: Now,
        input: Input<OrderingMachine<S>>,
        effects: &mut Effects<OrderingMachine<S>>,
    ) {
        let input = match input {
            Input::Start => Input::Start,
            Input::Deliver { from, message } => Input::Deliver { from, message },
            Input::Expired(Timer::Client(timer)) => Input::Expired(timer),
            Input::Request(request) => Input::Request(request),
            Input::Expired(Timer::Replica(_)) => return,
        };
        self.client.step(now, input, &mut self.effects);
        for effect in self.effects.drain() {
            effects.push(match effect {
                Effect::Persist(never) => match never {},
                Effect::Release(number) => Effect::Release(number),
                Effect::Send { to, class, message } => {
                    Effect::Send { to, class, message: Arc::new(message) }
                }
                Effect::Arm { timer, at } => Effect::Arm { timer: Timer::Client(timer), at },
                Effect::Disarm(timer) => Effect::Disarm(Timer::Client(timer)),
                Effect::Emit(output) => Effect::Emit(Output::Client(output)),
                Effect::Mark(mark) => Effect::Mark(mark),
            });
        }
    }
}
