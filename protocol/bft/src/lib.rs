//! The ordering engine: LanePBFT, Byzantine fault tolerant state machine replication.
//!
//! PBFT (Castro and Liskov, OSDI'99, TOCS'02) over the pre-ordering of Prime (Amir, Coan, Kirsch,
//! Lane, TDSC'11), in the shape of lanes and cuts. Every replica spreads the requests of its own
//! clients in its own hash-chained *lane*; replicas acknowledge what they hold in small signed
//! vectors; the leader proposes *cuts*, which name for each lane how far it is ordered; PBFT's
//! three phases decide the cuts, one per *slot*; executing a slot expands the difference between
//! two cuts in an order that is the same everywhere. The leader's work does not grow with the
//! load. Classic PBFT is the case of one lane whose batch travels inside the proposal.
//!
//! ```text
//! client --Request--> replica i --Batch--> all --AckVector--> all        (lanes)
//! leader --PrePrepare(cut)--> all --Prepare--> all --Commit--> all       (order)
//! all: execute the difference between cuts --Reply--> client             (execution)
//! ```
//!
//! The engine is started with a group's configuration and knows nothing of epochs beyond it. Its
//! service says which slot is the last of the epoch (`replica::end`); the next group begins with
//! the state after it ([`succession`]).
//!
//! # Invariants
//! - BFT-1 (`lanes`), BFT-2 (`rules`), BFT-3 (`sessions`) stand in their modules.
//! - BFT-4: a replica prepares at most one cut per slot and view (`replica::prepare`).
//! - BFT-5: a replica commits only what a quorum prepared, and only behind its parent
//!   (`replica::commit`).
//! - BFT-6: decided cuts form one chain, executed in order, each once (`replica::execute`).
//! - BFT-7: after it entered a view a replica votes in no earlier one (`replica::view_change`).
//! - BFT-11, BFT-12, BFT-13, BFT-16 (`replica::end`) and BFT-14 (`succession`) stand in their
//!   modules.
//! - BFT-15: of a member a replica tells one contradiction at most, and only what the member signed
//!   (`replica`).
//!
//! # Deviations from the papers
//! - Votes are signed, so certificates are transferable and the view change needs neither PBFT's
//!   P and Q sets nor acknowledgements.
//! - There are no null slots and no re-agreed decided slots: see [`choice`].
//! - A replica that decided a slot which a new view proposes again does not vote again; it serves
//!   the decision to whoever lacks it.
//! - A proposal with an inline batch, which leaves when its cut is on the leader's disk, carries
//!   the leader's prepare as its signature; certificates are a quorum's prepares all the same.
//! - Proposals are not flooded; whoever sees a vote for a proposal that it lacks fetches it from
//!   the voter, who accepted it and so can serve it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod choice;
pub mod client;
pub mod contradiction;
#[cfg(test)]
mod fixtures;
pub mod lanes;
pub mod limits;
pub mod message;
pub mod parameters;
pub mod record;
pub mod replica;
pub mod rules;
pub mod sessions;
pub mod slots;
pub mod succession;

pub use client::{Client, ClientCall, ClientFailure, ClientOutput, ClientRequest, ClientTimer};
pub use contradiction::{Contradiction, SignedWord};
pub use message::Message;
pub use parameters::Parameters;
pub use record::{Image, ImageUpdate, Record};
pub use replica::{Output, Replica, Request, Setup, Timer};
pub use succession::{Inheritance, Succession, SuccessionTimer};
