//! Why something that a program asked of a cluster did not happen.

use quorate_bft::ClientFailure;
use quorate_dht::manifest::ManifestError;
use quorate_dht::{Failure, TooFewServers};
use quorate_net::BindError;
use quorate_runtime::{HostError, NodeError};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No server gave a configuration that verifies.
    #[error(
        "no server gave a configuration that verifies under the key of the cluster file within \
         {seconds} s ({reached} of {contacts} servers were reached); check that the cluster runs \
         and that the cluster file is its own"
    )]
    NoConfiguration {
        /// How long was waited.
        seconds: u64,
        /// Servers that were connected.
        reached: usize,
        /// Servers in the cluster file.
        contacts: usize,
    },
    /// The address of a server cannot be resolved.
    #[error("the address {address} of a server cannot be resolved; check names and resolver")]
    Address {
        /// The address.
        address: String,
    },
    /// A storage operation failed.
    #[error("{0}")]
    Storage(Failure),
    /// An ordered operation failed.
    #[error("the ordered request failed: {0:?}; it may or may not have been executed")]
    Ordered(ClientFailure),
    /// An ordered request was not answered in time.
    #[error(
        "no quorum answered the ordered request within {seconds} s; it may or may not be executed \
         later"
    )]
    NoReply {
        /// How long was waited.
        seconds: u64,
    },
    /// A reply of a service that this version does not know.
    #[error("the service answered with bytes that this version does not know; use a newer client")]
    UnknownReply,
    /// The manifest of a file is not one.
    #[error("the manifest of the file is damaged: {0}")]
    Manifest(ManifestError),
    /// The bytes that were read are not those that were stored.
    #[error("the file's hash is {got}, its manifest says {expected}; report this, it is a bug")]
    WrongHash {
        /// In the manifest.
        expected: String,
        /// Of the bytes.
        got: String,
    },
    /// The program's own reader or writer failed.
    #[error("{action}: {source}")]
    Local {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The client cannot connect at all.
    #[error("cannot start the connections: {0}")]
    Connect(BindError),
    /// A machine cannot be hosted.
    #[error("{0}")]
    Host(HostError),
    /// The client's own loop ended.
    #[error("{0}")]
    Node(NodeError),
    /// The client was shut down while the operation was under way.
    #[error("the client was shut down while the operation was under way")]
    Stopped,
    /// The system is smaller than one group.
    #[error("{0}; a system needs at least 3f+1 active servers")]
    TooFewServers(TooFewServers),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Randomness,
}
