//! Servers that go from epoch to epoch, as a system under test: the keys of each epoch are made and
//! erased, the membership group moves, the system's key is dealt on.
//!
//! A server hosts what the daemon hosts for this: what orders the turns (`quorate_duties`), the
//! participants of the ends of epochs, the replicas of the membership service with the ordering
//! engine under them, the responder, and who passes configurations on. Its [`seat`](ServerSeat)
//! carries out the orders as the daemon's conductor does, and in the same order on the disk. The
//! key of the system and the shares of it are real ones; keys of servers are ideal ones, or real.
//! Clients follow the configurations and hold leases.
//!
//! ```text
//! turnover --orders--> seat: cabinet (keys, shares), chain (configurations)
//!   replica of an epoch <--announcements, seal--      --news, end--> turnover
//!   participant of an epoch --announcements, header--> turnover
//!   responder, disseminator, succession
//! client: configuration, lease
//! ```
//! All that a server keeps is one row of records; a crash takes a suffix of it. Its machines talk
//! to each other in the process, and each speaks behind what the others have recorded, so less can
//! be lost here than on a disk with a log for each: that is shown by the tests of the daemon.
//!
//! Servers probe each other, and evict, in the runs of feuds alone: there everybody who is good is
//! reachable.
//!
//! # Not here
//! Stored objects; servers that join: certificates for servers that never
//! come are executed, and change the configurations.

use std::sync::Arc;

use quorate_machine::{Effects, Input, Machine, RecordNumber};
use quorate_membership::dissemination::{DisseminatorTimer, Message as SpreadMessage};
use quorate_membership::handover::machine as participant;
use quorate_membership::handover::message::Message as HandoverMessage;
use quorate_membership::handover::{Decided, News};
use quorate_membership::monitor::{Answer, Evidence, ProberTimer, Question};
use quorate_membership::{
    ClientOutput, ClientTimer, Message as FreshnessMessage, VerifiedConfiguration,
};
use quorate_types::{Digest, Epoch, Now, Slot};

mod cabinet;
mod checkers;
mod client;
mod disk;
mod founding;
mod host;
mod keys;
mod marks;
mod memory;
mod plants;
mod seat;
mod system;
#[cfg(test)]
mod tests;
mod villains;
pub mod year;

pub use cabinet::Name;
pub use client::ClientSeat;
pub use host::EpochsHost;
pub use seat::ServerSeat;
pub use system::Epochs;

/// Both kinds of participants in one type.
#[derive(Debug)]
pub enum EpochsMachine {
    /// Goes from epoch to epoch.
    Server(Box<ServerSeat>),
    /// Follows.
    Client(Box<ClientSeat>),
}

/// A message between two nodes, by the machines that it is between. Where an epoch is named it
/// stands for the channel of that epoch's group.
#[derive(Clone, Debug)]
pub enum Message {
    /// Of the membership group of an epoch.
    Ordered(Epoch, Arc<quorate_bft::Message>),
    /// About the end of an epoch.
    Handover(Epoch, Arc<HandoverMessage>),
    /// About configurations, between servers.
    Spread(Arc<SpreadMessage>),
    /// About configurations and leases, with clients.
    Freshness(Arc<FreshnessMessage>),
    /// A probe.
    Probe(Question),
    /// The answer to one.
    Probed(Arc<Answer>),
}

/// Where the slots of an epoch begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Base {
    /// The last slot of the epoch before.
    pub slot: Slot,
    /// Names the state that it left.
    pub digest: Digest,
}

/// What a server keeps.
#[derive(Clone, Debug)]
pub enum Record {
    /// Of the replica of an epoch, with its number there.
    Ordered(Epoch, RecordNumber, Arc<quorate_bft::Record>),
    /// Of the participant of the end of an epoch; no share.
    Handover(Epoch, Arc<participant::Record>),
    /// The responder vouches for an epoch no more.
    Ended(Epoch),
    /// A configuration.
    Adopted(VerifiedConfiguration),
    /// The replica of an epoch begins here; nothing of an earlier beginning is left.
    Begun(Epoch, Base),
    /// A file of the cabinet.
    File(Name, Vec<u8>),
    /// A file of the cabinet is overwritten and unlinked.
    Erased(Name),
    /// Nothing is left of the machines of an epoch.
    Forgotten(Epoch),
}

/// What the timers of all machines are for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// Of the replica of an epoch.
    Ordered(Epoch, quorate_bft::Timer),
    /// Of the participant of an epoch.
    Handover(Epoch, participant::Timer),
    /// Of what gets the state for an epoch.
    Succession(Epoch, quorate_bft::SuccessionTimer),
    /// Of who passes configurations on.
    Spread(DisseminatorTimer),
    /// Of who probes the others.
    Probe(ProberTimer),
    /// The log is read for what it says of monitoring.
    Docket,
    /// A client's.
    Client(ClientTimer),
}

/// What machines tell their observers.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// The replica of an epoch, but for news.
    Ordered(Epoch, quorate_bft::Output),
    /// The replica of an epoch needs no records below this one.
    Released(Epoch, RecordNumber),
    /// The log of an epoch has changed the stage of its end.
    News(Box<News>),
    /// A dealer was proved to lie, at the end of this epoch.
    Cheated(Epoch, Box<Evidence>),
    /// The members of an epoch's group know that this server vouches for it.
    Vouches(Epoch),
    /// A client.
    Client(Box<ClientOutput>),
}

/// What is asked of a server: to have an operation of the membership service ordered.
#[derive(Clone, Debug)]
pub struct Request(pub Vec<u8>);

impl Machine for EpochsMachine {
    type Inbound = Message;
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

impl EpochsMachine {
    /// The seat of a server.
    #[must_use]
    pub const fn server(&self) -> Option<&ServerSeat> {
        match self {
            Self::Server(seat) => Some(seat),
            Self::Client(_) => None,
        }
    }
}

/// What the log of an epoch has decided, if it has.
fn decided(news: &News) -> Option<&Decided> {
    match &news.stage {
        quorate_membership::handover::Stage::Done(decided) => Some(decided),
        quorate_membership::handover::Stage::Open
        | quorate_membership::handover::Stage::Frozen(_)
        | quorate_membership::handover::Stage::Dealing(_)
        | quorate_membership::handover::Stage::Redrawing(_) => None,
    }
}
