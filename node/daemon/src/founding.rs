//! How a system is founded with files: the keys, the genesis, and what each server keeps of them.
//!
//! ```text
//! authority:  quorate authority new --> authority.key
//! server i:   quorate node new      --> keys/ node.toml | admission (carried)
//! authority:  quorate init          --> genesis (for all; nothing in it is secret)
//! server i:   quorate node run      --> keys/founding: the key that the servers have made
//! authority:  quorate system-key    --> cluster.toml (for all clients)
//! client:     quorate client new    --> client.key client.certificate
//! ```
//! Nobody ever has the key of the system: its servers make it (`making`).
//!
//! Nothing here replaces a file: a key that is overwritten is a server that is lost.

pub mod ceremony;
mod envelope;
mod error;
mod founder;
mod genesis;
mod node;
mod pinned;
pub(crate) mod place;
mod verified;

pub use envelope::GENESIS_BYTES_MAX;
pub use error::{AdmissionFault, FoundingError, GenesisFault, KeyFault, RequestFault};
pub use founder::Founder;
pub use genesis::GenesisFile;
pub use node::{Loaded, NodeIdentity};
pub use quorate_client::cluster_file::{SEED_BYTES, read_seed};
pub use verified::VerifiedFounding;

#[cfg(test)]
mod tests;
