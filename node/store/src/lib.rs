//! Crash-safe persistence: the write-ahead log, the objects and the secrets of one node.
//!
//! Everything here blocks and knows no message: records, keys and values are bytes. The runtime
//! calls it from a thread of its own. Whatever a function reports as stored survives the loss of
//! power; whatever is damaged on the disk is reported as damaged and never repaired by a guess.
#![forbid(unsafe_code)]

pub mod error;
mod files;
pub mod log;
pub mod medium;
