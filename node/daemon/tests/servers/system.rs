//! Systems of four servers in one process, and a client that uses them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_client::cluster::{Cluster, Credentials, with_cluster};
use quorate_client::cluster_file::ClusterFile;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::founding::NodeIdentity;
use quorate_daemon::keys::ServerKeys;
use quorate_daemon::server;
use quorate_runtime::Handle;
use quorate_threshold::Commitment;

use crate::founders::{Founders, scratch};

/// A system in a directory that has a key, whose servers do not run.
pub(crate) struct System {
    /// The `node.toml` of each server.
    pub(crate) nodes: Vec<PathBuf>,
    /// The file of a client.
    pub(crate) file: ClusterFile,
    /// How its key is shared.
    pub(crate) sharing: Commitment,
}

/// Has four servers found a system.
pub(crate) fn found(directory: &Path) -> System {
    made(&Founders::new(directory, 4))
}

pub(crate) fn made(founders: &Founders) -> System {
    let (found, sharing) = founders.make_key();
    let file = founders.client(&found);
    System { nodes: founders.nodes.iter().map(|node| node.file.clone()).collect(), file, sharing }
}

/// The keys of a server that does not run.
pub(crate) fn keys_of(node: &Path) -> ServerKeys {
    let settings = NodeConfiguration::read(node).expect("node.toml is right");
    ServerKeys::open_directory(&settings.keys).expect("its keys")
}

/// Starts the server of a `node.toml`.
pub(crate) async fn start(file: &Path) -> server::RunningServer {
    let settings = NodeConfiguration::read(file).expect("node.toml is right");
    let identity = NodeIdentity::load(&settings).expect("the server's files are right");
    let started = server::start(&settings, &identity, Box::new(server::Nobody)).await;
    started.expect("a server starts")
}

pub(crate) fn credentials(file: &ClusterFile) -> Credentials {
    let identity = file.client_identity().expect("the cluster file names a client");
    Credentials { seed: *identity.seed, certificate: identity.certificate }
}

/// Runs servers and a client on one thread until the client is done.
pub(crate) fn with_servers(name: &str, work: impl AsyncFnOnce(Cluster)) {
    with_servers_in(&scratch(name), work);
}

pub(crate) fn with_servers_in(directory: &Path, work: impl AsyncFnOnce(Cluster)) {
    with_watched_servers(directory, async |cluster, _| work(cluster).await);
}

/// A server that runs: what it counts, and its storage.
pub(crate) struct Served {
    pub(crate) metrics: Arc<quorate_runtime::Metrics>,
    pub(crate) storage: Handle<quorate_dht::Server>,
}

/// As [`with_servers_in`]; the work sees the servers, too.
pub(crate) fn with_watched_servers(directory: &Path, work: impl AsyncFnOnce(Cluster, Vec<Served>)) {
    serve(&found(directory), work);
    std::fs::remove_dir_all(directory).expect("the scratch directory goes");
}

/// Runs servers that were founded, and a client, until the client is done.
pub(crate) fn serve(system: &System, work: impl AsyncFnOnce(Cluster, Vec<Served>)) {
    let System { nodes, file, .. } = system;
    let credentials = credentials(file);
    quorate_runtime::block_on(async {
        let mut running = Vec::new();
        for node in nodes {
            running.push(start(node).await);
        }
        let controls: Vec<_> = running.iter().map(|server| server.node().control()).collect();
        let served = |server: &server::RunningServer| Served {
            metrics: server.node().metrics(),
            storage: server.storage().clone(),
        };
        let served: Vec<_> = running.iter().map(served).collect();
        let use_it = async {
            let work = async |cluster| work(cluster, served).await;
            with_cluster(file, &credentials, work).await.expect("the client connects");
            controls.iter().for_each(quorate_runtime::Control::stop);
        };
        let [a, b, c, d] = <[_; 4]>::try_from(running).expect("four servers");
        let serve = async { tokio::join!(a.run(), b.run(), c.run(), d.run()) };
        let (ran, ()) = tokio::join!(Box::pin(serve), Box::pin(use_it));
        for outcome in [ran.0, ran.1, ran.2, ran.3] {
            outcome.expect("a server runs until it is told to stop");
        }
    })
    .expect("an event loop");
}
