//! What a program needs to use a cluster.
#![forbid(unsafe_code)]

pub mod blob;
pub mod capacity;
pub mod carried;
pub mod changes;
pub mod cluster;
pub mod cluster_file;
pub mod error;
pub mod evidence;
pub mod explanation;
pub mod findings;
pub mod groups;
mod hosts;
pub mod links;
pub mod objects;
pub mod reach;
pub mod scrub;
pub mod settings;
#[cfg(test)]
mod testing;
mod waiting;

pub use quorate_kv::{KvOperation, KvReply};
pub use quorate_runtime::block_on;
