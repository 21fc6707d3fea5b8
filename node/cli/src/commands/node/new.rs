//! `quorate node new`: makes the keys of a server where they stay.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use quorate_client::carried::{ADMISSION, to_line};
use quorate_client::cluster_file::ClusterFile;
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
    /// For a server that joins a system which is there already: the first epoch whose key it can
    /// certify. Take the present one, or one of the next.
    #[arg(long, value_name = "EPOCH", requires = "cluster")]
    first_epoch: Option<u64>,
    /// The cluster.toml of the system that the server joins; not for one that founds a system.
    #[arg(long, value_name = "FILE", requires = "first_epoch")]
    cluster: Option<PathBuf>,
}

/// What a server is made for that founds no system.
fn joining(arguments: &NewArguments) -> Result<Option<Joining>, Failure> {
    let (Some(file), Some(epoch)) = (&arguments.cluster, arguments.first_epoch) else {
        return Ok(None);
    };
    Ok(Some(Joining { system: ClusterFile::read(file)?.system, epoch: Epoch::new(epoch) }))
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
