//! The key of the system, for commands that verify a file with nothing else.

use std::path::PathBuf;

use clap::Args;
use quorate_client::cluster_file::{ClusterFile, parse_system_key};
use quorate_threshold::PublicKey;

use crate::failure::Failure;

/// Where the key comes from.
#[derive(Args, Debug, Clone)]
pub(crate) struct SystemKeyArguments {
    /// The key of the system: 96 digits.
    #[arg(long, value_name = "DIGITS", value_parser = parse_system_key)]
    system_key: Option<PublicKey>,
    /// The cluster.toml that names the key, if it is not given itself.
    #[arg(long, value_name = "FILE", env = "QUORATE_CLUSTER")]
    cluster: Option<PathBuf>,
}

impl SystemKeyArguments {
    /// The cluster.toml of a running cluster.
    ///
    /// # Errors
    /// That none is named.
    pub(crate) fn cluster_file(&self) -> Result<PathBuf, Failure> {
        self.cluster.clone().ok_or_else(|| {
            let what = "neither a file nor a cluster to ask";
            Failure::usage("--cluster", what, "name a chain, or give --cluster with a cluster.toml")
        })
    }

    /// The key.
    ///
    /// # Errors
    /// That there is none, or what is wrong with the file that should name it.
    pub(crate) fn key(&self) -> Result<PublicKey, Failure> {
        match (&self.system_key, &self.cluster) {
            (Some(key), _) => Ok(*key),
            (None, Some(file)) => Ok(ClusterFile::read(file)?.system_key),
            (None, None) => {
                let what = "no key to verify with";
                let remedy = "give --system-key, or --cluster with a cluster.toml";
                Err(Failure::usage("--system-key", what, remedy))
            }
        }
    }
}
