//! Why something that a program asked of a cluster did not happen.

use quorate_bft::ClientFailure;
use quorate_dht::Failure;
use quorate_dht::manifest::ManifestError;
use quorate_duties::GroupError;
use quorate_net::BindError;
use quorate_runtime::{HostError, NodeError};
use quorate_types::NodeId;

use crate::capacity::Excess;
use crate::explanation::{Explanation, Kind};
use crate::reach::Reach;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No server gave a configuration that verifies.
    #[error(
        "no server gave a configuration that verifies under the key of the cluster file within \
         {seconds} s: {reach}; check that the cluster runs and that the cluster file is its own"
    )]
    NoConfiguration {
        /// How long was waited.
        seconds: u64,
        /// Which servers of the cluster file were connected, and what stood against the others.
        reach: Reach,
    },
    /// The founders of a system do not say what its key is.
    #[error(
        "no {needed} servers of the founding group said within {seconds} s that they have made the \
         key of the system: {reach}; start the servers that the genesis names: their logs say what \
         they wait for"
    )]
    NotFounded {
        /// How long was waited.
        seconds: u64,
        /// How many have to say the same.
        needed: usize,
        /// Which servers of the group were connected, and what stood against the others.
        reach: Reach,
    },
    /// No address of a server can be resolved.
    #[error("no server's address can be resolved, such as {address}; check names and resolver")]
    Address {
        /// One of them.
        address: String,
    },
    /// A storage operation failed.
    #[error("{0}")]
    Storage(Failure),
    /// An ordered operation failed.
    #[error("the ordered request failed: {0:?}; it may or may not have been executed")]
    Ordered(ClientFailure),
    /// Nobody showed in time that the configuration is current; nothing was sent.
    #[error("no proof within {seconds} s that the configuration is current; nothing was sent")]
    NoLease {
        /// How long was waited.
        seconds: u64,
    },
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
    /// The proof that came is about a server that was not asked about.
    #[error(
        "the service was asked for the proof against {asked} and gave one against {got}; more of \
         its members lie than may"
    )]
    OtherProof {
        /// Whom the question named.
        asked: NodeId,
        /// Whom the proof names.
        got: NodeId,
    },
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
    #[error("cannot {action} the file: {source}")]
    Local {
        /// What was being done: read or write.
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
    /// The system is too much for this release.
    #[error("{0}")]
    Excess(Excess),
    /// The groups of the configuration cannot be formed.
    #[error("{0}; a system needs at least 3f+1 active servers with keys")]
    Groups(GroupError),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Randomness,
}

impl ClientError {
    /// What to tell the person in front of the program.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        if let Self::Excess(excess) = self {
            return excess.explain(String::from("cluster"));
        }
        let (kind, code, remedy) = match self {
            Self::NoConfiguration { reach, .. } if reach.is_complete() => {
                let remedy = "name the cluster file that is theirs, or pin the key of their system";
                (Kind::Configuration, "other-system", remedy)
            }
            Self::NoConfiguration { .. } => {
                let remedy = "start its servers, or name the cluster file that is theirs";
                (Kind::NoQuorum, "no-configuration", remedy)
            }
            Self::NotFounded { .. } => {
                let remedy = "start the servers that the genesis names; their logs say what they \
                              wait for";
                (Kind::NoQuorum, "not-founded", remedy)
            }
            Self::Address { .. } => (Kind::Configuration, "address", "correct the addresses"),
            Self::Storage(Failure::Absent) => {
                (Kind::NotFound, "absent", "check the id: a quorum of servers does not have it")
            }
            Self::Storage(Failure::NotAuthorised) => {
                (Kind::Unauthorised, "certificate", "have the authority issue a new certificate")
            }
            Self::Storage(Failure::NoQuorum { .. } | Failure::LeaseExpired) => {
                (Kind::NoQuorum, "no-quorum", "see `quorate status`, and start what is down")
            }
            Self::Storage(Failure::Unsuitable { bytes_max: 1.., .. }) => {
                (Kind::TooLarge, "too-large", "store it as a blob")
            }
            Self::Storage(Failure::Unsuitable { .. } | Failure::TooManyCalls) => {
                (Kind::Usage, "refused", "correct the call")
            }
            Self::Ordered(ClientFailure::NotAuthorised) => {
                (Kind::Unauthorised, "certificate", "have the authority issue a new certificate")
            }
            Self::Ordered(_) | Self::NoReply { .. } | Self::NoLease { .. } => {
                (Kind::NoQuorum, "no-quorum", "see `quorate status`, and start what is down")
            }
            Self::Manifest(_) | Self::WrongHash { .. } => {
                (Kind::Damaged, "damaged", "check that the id is that of a file")
            }
            Self::OtherProof { .. } => (
                Kind::Damaged,
                "evidence-other",
                "rely on nothing that this group says, and see `quorate status`",
            ),
            Self::Local { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                (Kind::DiskFull, "disk-full", "free space on the disk of the file")
            }
            Self::UnknownReply
            | Self::Local { .. }
            | Self::Connect(_)
            | Self::Host(_)
            | Self::Node(_)
            | Self::Stopped
            | Self::Excess(_)
            | Self::Groups(_)
            | Self::Randomness => (Kind::Internal, "client", "try again"),
        };
        // What helps has a place of its own.
        let text = self.to_string();
        let mut what = text.split_once("; ").map_or(text.as_str(), |(what, _)| what).to_owned();
        if let Self::Storage(Failure::NoQuorum { needed, answered, .. }) = self {
            // Servers have other names among people than on the ring; `quorate status` tells them.
            let answered = answered.len();
            what = format!("answers of {needed} servers are needed, {answered} came in time");
        }
        let place = String::from("cluster");
        Explanation { kind, code, what, place, remedy: String::from(remedy) }
    }
}

#[cfg(test)]
mod tests;
