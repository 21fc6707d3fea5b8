//! What every command that talks to a cluster has in common.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use quorate_client::cluster::{Cluster, Credentials, Tuning, with_tuned};
use quorate_client::cluster_file::ClusterFile;
use tokio::signal::unix::{SignalKind, signal};

use crate::answer::complain;
use crate::failure::Failure;

/// Which cluster, and as whom.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClusterArguments {
    /// The cluster.toml of the cluster; it names the client too.
    #[arg(long, value_name = "FILE", env = "QUORATE_CLUSTER")]
    pub(crate) cluster: PathBuf,
}

/// Where failures of a cluster as a whole happen, for the client.
const CLUSTER: &str = "cluster";

/// Connects, does the work, and disconnects; `json` says that the answer is for a program.
pub(crate) fn session<T>(
    arguments: &ClusterArguments,
    json: bool,
    work: impl AsyncFnOnce(Cluster) -> Result<T, Failure>,
) -> Result<T, Failure> {
    session_until((arguments, json), std::future::pending(), work)
}

/// As [`session`], for work that leaves something to be tidied up: a signal that asks to stop ends
/// it as a failure. Whatever reads standard input must not stand here, since no signal ends that.
pub(crate) fn interruptible<T>(
    arguments: &ClusterArguments,
    json: bool,
    work: impl AsyncFnOnce(Cluster) -> Result<T, Failure>,
) -> Result<T, Failure> {
    session_until((arguments, json), interruption(), work)
}

fn session_until<T>(
    (arguments, json): (&ClusterArguments, bool),
    stop: impl Future<Output = ()>,
    work: impl AsyncFnOnce(Cluster) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let file = ClusterFile::read(&arguments.cluster)?;
    let identity = file.client_identity()?;
    let credentials = Credentials { seed: *identity.seed, certificate: identity.certificate };
    let path = &arguments.cluster;
    let ended = quorate_client::block_on(async {
        tokio::select! {
            connected = with_tuned(&file, &credentials, tuning(json), work) => connected?,
            () = stop => Err(Failure::interrupted()),
        }
    });
    let ended = ended.map_err(|error| Failure::io("open an event loop for", path, &error))?;
    // The client knows no name for the cluster; people call it by its file.
    ended.map_err(|failure: Failure| failure.in_place_of(CLUSTER, path))
}

/// A connection that takes long says once what it waits for, on standard error. A program that
/// wants JSON finds nothing there but a failure.
fn tuning(json: bool) -> Tuning {
    if json && !std::io::stderr().is_terminal() {
        return Tuning::default();
    }
    Tuning { on_delay: |delay| complain(&delay.to_string()), ..Tuning::default() }
}

/// Comes back when a signal asks to stop; never if signals cannot be caught.
async fn interruption() {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        (Err(_), _) | (_, Err(_)) => std::future::pending().await,
    }
}
