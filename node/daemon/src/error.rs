//! What keeps a server from starting or running, each with what to do.

use std::net::SocketAddr;

use quorate_dht::TooFewServers;
use quorate_net::BindError;
use quorate_runtime::{HostError, JournalError, NodeError};
use quorate_store::error::StoreError;

use crate::founding::FoundingError;

/// Why a server does not start, or has stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The files that make this server what it is are missing or wrong.
    #[error("{source}")]
    Founding {
        /// Which and why.
        source: FoundingError,
    },
    /// The page of metrics cannot be served.
    #[error("cannot serve metrics on {address}: {source}; choose another `metrics` address")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system refuses what an event loop needs.
    #[error("cannot start the event loop: {source}")]
    Runtime {
        /// Why.
        source: std::io::Error,
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
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers; a server cannot run without them")]
    Randomness,
}
