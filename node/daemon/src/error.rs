//! What keeps a server from starting or running, each with what to do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use quorate_client::error::ClientError;
use quorate_client::explanation::Explanation;
use quorate_dht::ObjectKey;
use quorate_duties::GroupError;
use quorate_net::BindError;
use quorate_runtime::{HostError, JournalError, NodeError};
use quorate_store::error::StoreError;
use quorate_types::Epoch;

use crate::founding::FoundingError;
use crate::host::storage::loss::LostObject;
use crate::keys::KeysError;

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
    /// The groups of the configuration cannot be formed.
    #[error("{source}; a system needs at least 3f+1 active servers with keys")]
    Groups {
        /// Why.
        source: GroupError,
    },
    /// The listener does not come up.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: BindError,
    },
    /// The sockets of probes cannot be opened.
    #[error(
        "cannot answer probes on {address} (UDP): {source}; free the port, or give the server \
         another `--probe-port` with `quorate node new`"
    )]
    Probes {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
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
    /// The server stopped since an object is damaged and cannot be mended.
    #[error("{}", loss_text(object, file))]
    Lost {
        /// Which, and how bad it is.
        object: Box<LostObject>,
        /// The `node.toml` of the server.
        file: PathBuf,
    },
    /// There is nothing to give up.
    #[error("there is no copy of {key} here; look for its name in the log of the server")]
    NoCopy {
        /// The object.
        key: ObjectKey,
    },
    /// What is whole is not given up.
    #[error("the copy of {key} is whole; start the server: it serves it, and others mend theirs")]
    WholeCopy {
        /// The object.
        key: ObjectKey,
    },
    /// The damaged copy cannot be put aside.
    #[error("{0}")]
    Aside(Explanation),
    /// The keys of this server cannot be read or written.
    #[error("{source}")]
    Keys {
        /// Which and why.
        source: KeysError,
    },
    /// What opens the subshares of the next epoch is gone.
    #[error(
        "the key that opens what is sealed for {epoch} is gone; this server goes on in the epoch \
         after that one"
    )]
    NoDecryptionKey {
        /// The epoch.
        epoch: Epoch,
    },
    /// The clock of this machine is behind a time on which servers have agreed.
    #[error(
        "the clock of this machine is {seconds} s behind the time at which {epoch} began; set the \
         clock, then start the server"
    )]
    ClockBehind {
        /// How far, at least.
        seconds: u64,
        /// The epoch.
        epoch: Epoch,
    },
    /// The authority has removed this server.
    #[error(
        "the authority has removed this server from its system, from {epoch} on; its identity does \
         not come back: make another server with `quorate node new`"
    )]
    Removed {
        /// Its name.
        server: String,
        /// The first epoch without it.
        epoch: Epoch,
    },
    /// The servers that this one asks cannot be asked.
    #[error("{source}")]
    Contacts {
        /// Why.
        source: ClientError,
    },
    /// The thread that goes on from epoch to epoch has died.
    #[error("the thread of the epochs died; report what it printed, then restart the server")]
    ConductorDied,
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers; a server cannot run without them")]
    Randomness,
}

fn loss_text(object: &LostObject, file: &Path) -> String {
    let LostObject { key, damaged, others, .. } = object;
    let again = match key {
        ObjectKey::Chunk(_) | ObjectKey::Manifest(_) => {
            "store its file again with `quorate blob put` if you have it, or "
        }
        ObjectKey::Register(_) => "",
    };
    format!(
        "{key} is damaged here and at {damaged} of the {others} other servers of its group, all of \
         which were asked, and cannot be mended; {again}give this copy up with `quorate node \
         give-up --config {} {key}`, then start this server",
        file.display()
    )
}

impl From<StoreError> for ServerError {
    fn from(source: StoreError) -> Self {
        Self::Store { source }
    }
}
