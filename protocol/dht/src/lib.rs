//! dBQS: atomic objects on a ring of servers.
//!
//! Rodrigues, Liskov, Chen, Liskov and Schultz, TDSC 2012, section VII, on a fixed membership. An
//! object lives at the `3f + 1` servers that follow its id on the [`ring`]; up to `f` of them may
//! be bad. Writes wait for `2f + 1` acknowledgements, each of which follows the disk; reads wait
//! for `2f + 1` replies, so that any two operations share a correct server. No server talks to
//! another in the common case, and no server signs anything.
//!
//! ```text
//! content     client --PutContent-->   group         2f + 1 Stored
//!             client --GetContent-->   one of it     Content, checked by its hash
//! public-key  client --ReadVersion-->  group         2f + 1 Versioned: the highest stamp
//!             client --WriteVersion--> group         2f + 1 Stored
//! ```
//! [`Server`] and [`Client`] are pure machines. Objects stay in the object store of the node: the
//! server asks for them with [`ServerOutput::Load`] and changes them with `Persist`.
//!
//! # Invariants
//! - DHT-1: an acknowledgement leaves only behind the `Persist` of what it acknowledges, or after
//!   the same was loaded from the store and found whole.
//! - DHT-2: a stored version is replaced only by one with a higher stamp.
//! - DHT-3: nothing is sent by a server, or emitted by a client, that was not verified.
//! - DHT-4: replies of two epochs never count together.
//! - DHT-9: a client accepts nothing at a moment at which it holds no valid lease.
//!
//! # Deviations from the paper
//! - A stamp is the triple of sequence number, random writer id and hash of the value, since a
//!   writer that crashed after a partial write could otherwise give one stamp to two values.
//! - Existence of content is not atomic: a read may find content whose write never completed, and
//!   a later one may not. Members that missed it are sent a copy, but nobody waits for them.
//!
//! # Not here
//! Moving objects when the membership changes, and bad owners of public-key objects (BFT-BC).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod cell;
mod choice;
mod client;
#[cfg(test)]
mod fixture;
pub mod limits;
pub mod manifest;
mod message;
pub mod object;
pub mod ring;
mod server;

pub use client::{
    Answer, CallId, Client, ClientIdentity, ClientOutput, ClientRequest, ClientTimer, Failure,
    Operation,
};
pub use message::{
    CertifiedConfiguration, Compare, Compared, ContentReply, GetContent, Head, Held, Introduce,
    ListNames, Message, MessageContext, Names, OperationId, Presence, PutContent, ReadVersion,
    Refusal, Refused, Scrub, ScrubReport, ScrubState, Scrubbed, StatContent, Stored, Versioned,
    WriteAuthority, WriteStatement, WriteVersion, WrongEpoch,
};
pub use object::{Body, ContentKind, ObjectKey, Record, Value, Version, WriterId};
pub use ring::{Group, Ring, TooFewServers};
pub use server::{Found, Holdings, Server, ServerOutput, ServerRequest, ServerTimer, Ticket};
