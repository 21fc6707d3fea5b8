//! How a system is founded with files: the keys, the genesis, and what each server keeps of them.
//!
//! ```text
//! authority:  quorate authority new --> authority.key
//! server i:   quorate node new      --> keys/ node.toml | admission (carried)
//! authority:  quorate init          --> genesis cluster.toml (for all), one share file each
//! client:     quorate client new    --> client.key client.certificate
//! ```
//! The key of the system is dealt by `quorate init`, on one machine: whoever controls it at that
//! moment can sign in the name of the system for ever. The seed is drawn, used and erased there;
//! each share file is to be carried to its server and erased behind it. No command founds a
//! system without a dealer yet.
//!
//! Nothing here replaces a file: a key that is overwritten is a server that is lost.

pub mod ceremony;
mod envelope;
mod error;
mod file;
mod founder;
mod genesis;
mod node;
mod pinned;
pub(crate) mod place;

pub use error::{AdmissionFault, FoundingError, GenesisFault, KeyFault, RequestFault};
pub use file::{FoundingFile, GENESIS_BYTES_MAX, VerifiedFounding};
pub use founder::Founder;
pub use genesis::GenesisFile;
pub use node::{Loaded, NodeIdentity};
pub use quorate_client::cluster_file::{SEED_BYTES, read_seed};

#[cfg(test)]
mod tests;
