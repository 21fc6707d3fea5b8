//! `quorate node new`: makes the keys of a server where they stay.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use quorate_client::carried::{ADMISSION, to_line};
use quorate_client::cluster::meet_as_stranger;
use quorate_client::cluster_file::ClusterFile;
use quorate_client::cluster_file::EPOCH_SECONDS_MIN;
use quorate_client::explanation::Kind;
use quorate_daemon::founding::ceremony::{Joining, ServerRequest, new_server};
use quorate_types::Epoch;
use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;

/// Where a server answers about metrics and health, where nothing else is asked for.
const METRICS_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9700);

/// What is known about a new server.
#[derive(Args, Debug)]
pub(crate) struct NewArguments {
    /// The directory for its keys, node.toml and admission.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where it listens.
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,
    /// Where others reach it, if that is not where it listens.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// What it fails together with: a rack, a site, an owner.
    #[arg(long, value_name = "LABEL")]
    failure_domain: String,
    /// Where it answers about metrics and health; loopback only.
    #[arg(long, value_name = "IP:PORT", default_value_t = METRICS_DEFAULT)]
    metrics: SocketAddr,
    /// Port of its datagram probes; the port it listens on if not given.
    #[arg(long, value_name = "PORT")]
    probe_port: Option<u16>,
    /// The cluster.toml of the system that the server joins; not for one that founds a system.
    #[arg(long, value_name = "FILE", requires = "epoch_seconds")]
    cluster: Option<PathBuf>,
    /// For a server that joins: how long an epoch lasts there, as in the node.toml of the others.
    #[arg(long, value_name = "SECONDS", requires = "cluster",
          value_parser = clap::value_parser!(u64).range(EPOCH_SECONDS_MIN..))]
    epoch_seconds: Option<u64>,
    /// For a server that joins: the first epoch whose key it can certify, the present one or one of
    /// the next. If it is not given, the servers of the cluster are asked.
    #[arg(long, value_name = "EPOCH", requires = "cluster")]
    first_epoch: Option<u64>,
}

/// How long servers are given to say which epoch it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server is made for that founds no system.
fn joining(arguments: &NewArguments) -> Result<Option<Joining>, Failure> {
    let (Some(file), Some(epoch_seconds)) = (&arguments.cluster, arguments.epoch_seconds) else {
        return Ok(None);
    };
    let cluster = ClusterFile::read(file)?;
    let epoch = match arguments.first_epoch {
        Some(epoch) => Epoch::new(epoch),
        None => present_epoch(file, &cluster)?,
    };
    Ok(Some(Joining { cluster, epoch, epoch_seconds }))
}

/// The epoch of the system, from any of its servers.
fn present_epoch(file: &Path, cluster: &ClusterFile) -> Result<Epoch, Failure> {
    let asked = quorate_client::block_on(meet_as_stranger(cluster, PATIENCE));
    let asked = asked.map_err(|error| Failure::io("open an event loop for", file, &error))?;
    let found = asked?.ok_or_else(|| {
        let what = format!("no server said within {} s which epoch it is", PATIENCE.as_secs());
        let remedy = "start the servers of the system, or give --first-epoch";
        Failure::about(file, (Kind::NoQuorum, "no-configuration"), what, remedy)
    })?;
    Ok(found.epoch())
}

pub(super) fn run(arguments: &NewArguments) -> Result<Answer, Failure> {
    let request = ServerRequest {
        listen: arguments.listen,
        address: arguments.address.clone().unwrap_or_else(|| arguments.listen.to_string()),
        probe_port: arguments.probe_port.unwrap_or_else(|| arguments.listen.port()),
        metrics: arguments.metrics,
        failure_domain: arguments.failure_domain.clone(),
        joins: joining(arguments)?,
    };
    let server = new_server(&arguments.out, &request)?;
    let identity_key = server.admission.identity_key();
    let line = to_line(ADMISSION, &server.admission);
    let text = format!(
        "server {identity_key}\n\
         its keys are in {} and stay there, and are never copied\n\
         carry {} to the authority, as a file or as this line:\n{line}",
        arguments.out.display(),
        server.admission_file.display(),
    );
    let json = json!({
        "identity_key": identity_key.to_hex(),
        "address": request.address,
        "admission": line,
        "admission_file": server.admission_file,
        "node_file": server.node_file,
    });
    Ok(Answer { text, json })
}
