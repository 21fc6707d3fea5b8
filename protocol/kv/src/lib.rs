//! A small ordered key-value service: the second [`quorate_machine::Service`], for users and tests.
//!
//! Get, put and compare-and-swap over byte strings. The service keeps nothing of its own: a key of
//! the service is a key of the replicated map, so the root of the state proves what a key holds.
//!
//! # Invariants
//! - KVS-1: the reply and the new state follow from the operation and the state alone.
//! - KVS-2: an operation that is refused changes nothing; a swap happens only if the key holds
//!   exactly what was expected.
//! - KVS-3: every byte sequence gets a reply; none makes the service panic.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod limits;
mod operation;
mod reply;
mod service;

pub use operation::KvOperation;
pub use reply::{KvReply, Part};
pub use service::KeyValueService;
