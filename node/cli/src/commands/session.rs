//! What every command that talks to a cluster has in common.

use std::path::PathBuf;

use clap::Args;
use quorate_client::cluster::{Cluster, Credentials, with_cluster};
use quorate_client::cluster_file::ClusterFile;

use crate::failure::Failure;

/// Which cluster, and as whom.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClusterArguments {
    /// The cluster.toml of the cluster; it names the client too.
    #[arg(long, value_name = "FILE", env = "QUORATE_CLUSTER")]
    pub(crate) cluster: PathBuf,
}

/// Connects, does the work, and disconnects.
pub(crate) fn session<T>(
    arguments: &ClusterArguments,
    work: impl AsyncFnOnce(Cluster) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let file = ClusterFile::read(&arguments.cluster)?;
    let identity = file.client_identity()?;
    let credentials = Credentials { seed: *identity.seed, certificate: identity.certificate };
    let connected = quorate_client::block_on(with_cluster(&file, &credentials, work));
    connected
        .map_err(|error| Failure::io("open an event loop for", &arguments.cluster, &error))??
}
