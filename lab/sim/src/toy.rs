//! A toy to test the simulator with: one leader orders requests, a quorum votes, nobody replaces
//! the leader.
//!
//! It is real as far as it goes: signed votes that are persisted before they are sent, recovery
//! from a log with snapshots, retransmission, catching up from the certificates of others. It
//! keeps C1, C2 and C4 with up to `f` Byzantine replicas and any crashes; progress needs a correct
//! leader.
//!
//! ```text
//! client  --Request--> all replicas
//! leader  --Propose--> replicas        one proposal for each slot, persisted first
//! replica --Vote-----> replicas        one vote for each slot, persisted first
//! replica: 2f+1 votes: decided, persisted, executed in order, --Reply--> client (f+1 needed)
//! replica --Status---> replicas        now and then; who is ahead answers with Decided
//! ```
//!
//! # Invariants
//! - TOY-1: a replica votes once in a slot, over all its lives.
//! - TOY-2: slots are executed in order, each request once.

use quorate_machine::{Effects, Input, Machine};
use quorate_types::Now;

mod client;
mod host;
mod lens;
mod liar;
mod message;
mod replica;
#[cfg(test)]
mod tests;

pub use client::Client;
pub use host::{Toy, ToyHost};
pub use lens::ToyLens;
pub use liar::{ADVERSARIES, Equivocator, Mute, Naysayer};
pub use message::{Body, Message, Proof, Record, Snapshot};
pub use replica::Replica;

use std::sync::Arc;

use quorate_crypto::Verified;

/// A bug on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// Sends votes and proposals in front of their records.
    VoteBeforePersist,
    /// Counts votes instead of voters.
    DuplicateVotes,
    /// Decides with one vote less than a quorum.
    ShortQuorum,
    /// Executes the last decided slot of the log again after a restart.
    ExecuteTwice,
    /// Orders a request that comes again once more.
    NoDeduplication,
    /// Does not arm the timer of its status again.
    SilentAfterAll,
    /// Never takes a request off the list of those that wait.
    Hoarding,
}

/// What the timers of both kinds of machines are for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// A replica tells how far it is.
    Status,
    /// A client sends again what was not answered.
    Retry,
}

/// What a client is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wish {
    /// The client's number for it.
    pub number: u64,
}

/// What machines tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// A replica has executed a request.
    Executed {
        /// Where it was decided.
        slot: u64,
        /// Its place among the executed ones.
        position: u64,
        /// The request.
        request: Arc<Message>,
    },
    /// A client knows that its request was executed.
    Completed {
        /// Its number.
        number: u64,
    },
}

/// Both kinds of participants in one type.
#[derive(Debug)]
pub enum ToyMachine {
    /// Orders and executes.
    Replica(Box<Replica>),
    /// Asks.
    Client(Client),
}

impl Machine for ToyMachine {
    type Inbound = Verified<Arc<Message>>;
    type Outbound = Arc<Message>;
    type Record = Record;
    type Timer = Timer;
    type Request = Wish;
    type Output = Output;

    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>) {
        match self {
            Self::Replica(replica) => replica.step(now, input, effects),
            Self::Client(client) => client.step(now, input, effects),
        }
    }
}
