//! What keeps a server from starting or running, each with what to do.

use std::net::SocketAddr;
use std::path::PathBuf;

use quorate_dht::TooFewServers;
use quorate_net::BindError;
use quorate_runtime::{HostError, JournalError, NodeError};
use quorate_store::error::StoreError;
use quorate_types::PublicKey;

/// Why a server does not start, or has stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The identity key is of no server of the configuration.
    #[error(
        "no server of this system has the identity key {key}; use the key files that `quorate \
         node new` made for this server, or have the server admitted"
    )]
    NotMember {
        /// The public key.
        key: PublicKey,
    },
    /// The key of the epoch is not the one that the configuration names.
    #[error(
        "the key of the epoch is {got}, the configuration names {expected}; use the key file that \
         was made together with this server's identity"
    )]
    WrongEpochKey {
        /// The key in the configuration.
        expected: PublicKey,
        /// The key in the file.
        got: PublicKey,
    },
    /// The ring is smaller than a group.
    #[error("{source}; a system needs at least 3f+1 active servers")]
    TooFewServers {
        /// How many there are.
        source: TooFewServers,
    },
    /// A server's address does not resolve.
    #[error("the address {address} of a server cannot be resolved; check names and resolver")]
    Address {
        /// The address.
        address: String,
    },
    /// The listener does not come up.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: BindError,
    },
    /// The disk refuses.
    #[error("{source}")]
    Store {
        /// Why.
        source: StoreError,
    },
    /// The log or the state of a replica cannot be read.
    #[error("{machine}: {source}")]
    Journal {
        /// Whose log.
        machine: &'static str,
        /// Why.
        source: JournalError,
    },
    /// A machine cannot be hosted.
    #[error("{source}")]
    Host {
        /// Why.
        source: HostError,
    },
    /// The server ran and stopped.
    #[error("{source}")]
    Node {
        /// Why.
        source: NodeError,
    },
    /// A small file cannot be written.
    #[error("cannot write {path}: {source}; check the disk and its permissions")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers; a server cannot run without them")]
    Randomness,
}
