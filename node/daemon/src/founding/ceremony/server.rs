//! `quorate node new`: the keys of a server, made where they stay, and its own words about itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use quorate_client::carried::{ADMISSION, to_line};
use quorate_client::cluster_file::{ClusterFile, parse_address};
use quorate_kes::{Blake3Tree, Seed};
use quorate_membership::{AdmissionError, Identity, NodeAdmission, ServerDescription};
use quorate_types::limits::FAILURE_DOMAIN_BYTES_MAX;
use quorate_types::{Epoch, FailureDomain, SoftwareVersion};

use super::super::error::{FoundingError, RequestFault};
use super::super::place;
use crate::configuration::{CONTACTS, KEY_DIRECTORY, NodeTemplate};
use crate::keys::ServerKeys;

/// The file that is carried to the authority.
pub const ADMISSION_FILE: &str = "admission";
/// The file with what the server is told by its operator.
const NODE_FILE: &str = "node.toml";

/// What is known about a new server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerRequest {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Host and port under which others reach it.
    pub address: String,
    /// Port of its datagram probes on the same host.
    pub probe_port: u16,
    /// Where it answers about metrics and health.
    pub metrics: SocketAddr,
    /// What it fails together with.
    pub failure_domain: String,
    /// The system that it joins, if it does not found one.
    pub joins: Option<Joining>,
}

/// What a server is made for that joins a system which is there already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joining {
    /// The system, and the servers that it asks.
    pub cluster: ClusterFile,
    /// The first epoch whose key it certifies: not above the one in which it is to serve first.
    pub epoch: Epoch,
    /// How long an epoch lasts there.
    pub epoch_seconds: u64,
}

/// A new server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewServer {
    /// What it says about itself.
    pub admission: NodeAdmission,
    /// The file with it, for the authority.
    pub admission_file: PathBuf,
    /// Its `node.toml`, which still lacks the key of the system if the server founds one.
    pub node_file: PathBuf,
}

/// Makes the keys of a server, its `node.toml` and its admission in a directory.
///
/// # Errors
/// [`FoundingError`] if a value is wrong, or a file is there already.
pub fn new_server(directory: &Path, request: &ServerRequest) -> Result<NewServer, FoundingError> {
    check(request)?;
    let (admission_file, node_file) = (directory.join(ADMISSION_FILE), directory.join(NODE_FILE));

    place::create_directory(directory)?;
    let admission = make_keys(directory, request, &admission_file)?;
    let (listen, metrics) = (request.listen, request.metrics);
    let joins = request.joins.as_ref();
    if let Some(Joining { cluster, .. }) = joins {
        let cluster = ClusterFile { client: None, ..cluster.clone() };
        place::write_new(&directory.join(CONTACTS), cluster.to_text(directory).as_bytes())?;
    }
    let template = NodeTemplate {
        listen,
        metrics,
        system_key: joins.map(|joining| joining.cluster.system_key),
        joins: joins.map(|joining| joining.epoch_seconds),
    };
    // The last file: who waits for it starts the server at once, which needs its keys for itself.
    place::write_new(&node_file, template.to_text().as_bytes())?;
    Ok(NewServer { admission, admission_file, node_file })
}

/// Makes the keys of a server and has its identity say what it is. They are nobody's again when
/// this returns.
fn make_keys(
    directory: &Path,
    request: &ServerRequest,
    admission_file: &Path,
) -> Result<NodeAdmission, FoundingError> {
    let (system, epoch) = match &request.joins {
        Some(Joining { cluster, epoch, .. }) => {
            ((*epoch != Epoch::ZERO).then_some(cluster.system), *epoch)
        }
        None => (None, Epoch::ZERO),
    };
    let seed = Seed::new(*place::random()?);
    let identity = Identity::generate(Blake3Tree, seed, epoch);
    let keys = ServerKeys::create_directory(&directory.join(KEY_DIRECTORY), &identity)?;
    let mut admission = None;
    // The leaf that certifies the first key signs the admission, too, before it is erased.
    keys.certify_and((system, epoch), &place::fresh_seeds()?, |certificate, identity| {
        let said = NodeAdmission::new(describe(request), certificate.clone(), identity);
        let line = to_line(ADMISSION, &said) + "\n";
        place::write_new(admission_file, line.as_bytes())?;
        admission = Some(said);
        Ok::<(), FoundingError>(())
    })?;
    Ok(admission.expect("a certificate that was not there was made"))
}

fn describe(request: &ServerRequest) -> ServerDescription {
    ServerDescription {
        address: request.address.clone(),
        probe_port: request.probe_port,
        failure_domain: FailureDomain(request.failure_domain.clone()),
        version: software_version(),
    }
}

/// The version of this program.
fn software_version() -> SoftwareVersion {
    let number = |text: &str| text.parse().expect("cargo writes numbers");
    SoftwareVersion {
        major: number(env!("CARGO_PKG_VERSION_MAJOR")),
        minor: number(env!("CARGO_PKG_VERSION_MINOR")),
        patch: number(env!("CARGO_PKG_VERSION_PATCH")),
    }
}

fn wrong(option: &'static str, what: impl Into<String>, remedy: &'static str) -> FoundingError {
    let fault = RequestFault::Value { what: what.into(), remedy };
    FoundingError::Request { option, fault }
}

fn check(request: &ServerRequest) -> Result<(), FoundingError> {
    let remedy = "give the host and port under which others reach this server";
    parse_address(&request.address).map_err(|what| wrong("--address", what, remedy))?;
    let is_wildcard =
        request.address.starts_with("0.0.0.0:") || request.address.starts_with("[::]:");
    if is_wildcard {
        return Err(wrong("--address", "nobody can reach all addresses of a machine", remedy));
    }
    if !request.metrics.ip().is_loopback() || request.metrics.port() == 0 {
        let remedy = "give a loopback address and a port";
        return Err(wrong("--metrics", "it is no port of the loopback interface", remedy));
    }
    if request.listen.port() == 0 {
        return Err(wrong("--listen", "port 0 is no port", "give the port to listen on"));
    }
    describe(request).check().map_err(|reason| match reason {
        AdmissionError::FailureDomain => {
            let what = format!("it is longer than {FAILURE_DOMAIN_BYTES_MAX} bytes");
            wrong("--failure-domain", what, "give a short label")
        }
        AdmissionError::Address
        | AdmissionError::EpochKey
        | AdmissionError::LaterEpoch
        | AdmissionError::Possession => wrong("--address", reason.to_string(), remedy),
    })
}
