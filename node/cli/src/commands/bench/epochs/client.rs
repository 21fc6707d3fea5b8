//! A client that asks all the time whether the epoch has ended.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use quorate_client::cluster::{Credentials, fetch_configuration, watch_freshness};
use quorate_client::cluster_file::ClusterFile;
use quorate_client::error::ClientError;
use quorate_daemon::server::known_servers;
use tokio::sync::oneshot;

use crate::failure::Failure;

type Watched = std::io::Result<Result<Vec<Instant>, ClientError>>;

/// The client, on a thread of its own.
pub(super) struct FreshnessWatch {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Watched>,
}

impl FreshnessWatch {
    /// Begins to ask.
    pub(super) fn begin(path: &Path) -> Result<Self, Failure> {
        let file = ClusterFile::read(path)?;
        let identity = file.client_identity()?;
        let credentials = Credentials { seed: *identity.seed, certificate: identity.certificate };
        let (stop, stopped) = oneshot::channel();
        // What drives it stays on its thread.
        let ask = move || quorate_client::block_on(watch(file, credentials, stopped));
        let thread = std::thread::Builder::new().name(String::from("freshness")).spawn(ask);
        let thread = thread.map_err(|error| Failure::io("start a thread of", path, &error))?;
        Ok(Self { stop, thread })
    }

    /// The times between two proofs of freshness, longest first.
    pub(super) fn end(self) -> Result<Vec<Duration>, Failure> {
        if self.stop.send(()).is_err() {
            // It has ended by itself, and says why.
        }
        let failed = |error| Failure::io("ask from", Path::new("bench epochs"), &error);
        let ended = self.thread.join().unwrap_or(Ok(Err(ClientError::Stopped)));
        let proofs = ended.map_err(failed)??;
        let mut waits: Vec<Duration> =
            proofs.windows(2).map(|pair| pair[1].duration_since(pair[0])).collect();
        waits.sort_unstable_by(|left, right| right.cmp(left));
        Ok(waits)
    }
}

async fn watch(
    file: ClusterFile,
    credentials: Credentials,
    stopped: oneshot::Receiver<()>,
) -> Result<Vec<Instant>, ClientError> {
    let known = fetch_configuration(&file, &credentials).await?;
    let servers = known_servers(known.configuration());
    // Whoever drops the other end wants it to stop, too.
    let stopped = async { drop(stopped.await) };
    watch_freshness((file.system_key, &known), &servers, stopped).await
}
