//! `quorate epoch export`: the chain of all configurations, from servers into a file.
//!
//! Servers are believed nothing: each piece is checked under the key of the system before it is
//! taken, and what one does not have or has wrong is asked of another.

use std::path::{Path, PathBuf};

use clap::Args;
use quorate_client::cluster::{Credentials, WantedChain, fetch_configuration, read_chain};
use quorate_client::cluster_file::ClusterFile;
use quorate_client::error::ClientError;
use quorate_client::explanation::Kind;
use quorate_daemon::server::known_servers;
use quorate_membership::Chain;
use quorate_membership::archive::ReaderOutput;
use quorate_types::Epoch;
use serde_json::json;

use crate::answer::Answer;
use crate::commands::session::ClusterArguments;
use crate::failure::Failure;

/// Which cluster, and where to.
#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// The file; one that is there is replaced.
    file: PathBuf,
}

pub(super) fn run(arguments: &ExportArguments) -> Result<Answer, Failure> {
    let path = &arguments.cluster.cluster;
    let file = ClusterFile::read(path)?;
    let identity = file.client_identity()?;
    let credentials = Credentials { seed: *identity.seed, certificate: identity.certificate };
    let read = quorate_client::block_on(read(&file, &credentials));
    let read = read.map_err(|error| Failure::io("open an event loop for", path, &error))?;
    let (chain, newest, until) =
        read.map_err(|error| Failure::from(error).in_place_of("cluster", path))?;
    let chain =
        chain.filter(|_| newest >= until).ok_or_else(|| incomplete(path, (newest, until)))?;
    let bytes = quorate_wire::encode(&chain);
    std::fs::write(&arguments.file, &bytes)
        .map_err(|error| Failure::io("write", &arguments.file, &error))?;
    let (first, last) = (chain.first.certified.header.epoch.get(), until.get());
    let (count, length, to) = (chain.deltas.len() + 1, bytes.len(), arguments.file.display());
    let text = format!(
        "{count} configurations, epochs {first} to {last}, {length} bytes: {to}\n\
         verified under the key of the system"
    );
    let json = json!({
        "file": arguments.file, "bytes": length, "configurations": count,
        "first_epoch": first, "epoch": last, "is_verified": true,
    });
    Ok(Answer { text, json })
}

/// The chain as far as servers have it, its newest epoch, and that of the system.
async fn read(
    file: &ClusterFile,
    credentials: &Credentials,
) -> Result<(Option<Chain>, Epoch, Epoch), ClientError> {
    let current = fetch_configuration(file, credentials).await?;
    let (servers, until) = (known_servers(current.configuration()), current.epoch());
    let (system, system_key) = (file.system, file.system_key);
    let wanted = WantedChain { system, system_key, servers: &servers, known: None, until };
    let mut chain: Option<Chain> = None;
    let newest = read_chain(wanted, |output| match (output, &mut chain) {
        (ReaderOutput::First(first), chain) => {
            *chain = Some(Chain { first: first.to_certified(), deltas: Vec::new() });
        }
        (ReaderOutput::Followed(delta), Some(chain)) => chain.deltas.push(*delta),
        (ReaderOutput::Followed(_), None) | (ReaderOutput::Over(_), _) => {}
    });
    let newest = newest.await?.unwrap_or(Epoch::ZERO);
    Ok((chain, newest, until))
}

fn incomplete(path: &Path, (newest, until): (Epoch, Epoch)) -> Failure {
    let what = format!(
        "the servers that answer have the chain up to epoch {}, and the system is in epoch {}",
        newest.get(),
        until.get()
    );
    let remedy = "start the servers that are down, and see `quorate status`";
    Failure::about(path, (Kind::NoQuorum, "chain-incomplete"), what, remedy)
}
