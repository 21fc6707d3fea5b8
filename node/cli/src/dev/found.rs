//! Makes a new cluster in a directory: the ceremony, all of it on one machine.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use quorate_client::cluster_file::{ClientFiles, ClusterFile};
use quorate_client::explanation::Kind;
use quorate_daemon::configuration::{GENESIS, SHARE, system_key_line};
use quorate_daemon::founding::ceremony::{
    ClientRequest, FoundedSystem, GROUP_F_MAX, NewServer, ServerRequest, SystemRequest,
    found_system, new_authority, new_client, new_server,
};
use quorate_types::{Resilience, ResilienceError, UnixTime};

use super::layout::Layout;
use super::{durable, ports};
use crate::failure::Failure;

pub(crate) const NODES_DEFAULT: u16 = 7;
pub(crate) const F_DEFAULT: u16 = 1;
/// Most servers that one machine is asked to run.
const NODES_MAX: u16 = 256;
/// How long the certificate of the local client holds.
const CLIENT_YEARS: u64 = 100;
/// The directories of a cluster.
const PARTS: [&str; 4] = ["authority", "founding", "nodes", "client"];
const YEAR_SECONDS: u64 = 365 * 24 * 60 * 60;

/// What the call asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    pub(crate) nodes: Option<u16>,
    pub(crate) f: Option<u16>,
    pub(crate) f_ms: Option<u16>,
    /// Epochs end after so many seconds.
    pub(crate) epoch_seconds: Option<u64>,
}

/// Makes a cluster. Nothing but the lock may be in the directory; what an interrupted call left
/// unfinished is removed.
pub(crate) fn found(layout: &Layout, wanted: &Wanted) -> Result<(), Failure> {
    let nodes = wanted.nodes.unwrap_or(NODES_DEFAULT);
    let (f, f_ms) = (wanted.f.unwrap_or(F_DEFAULT), wanted.f_ms.unwrap_or(F_DEFAULT));
    check_count(nodes, [("--f", f), ("--f-ms", f_ms)])?;
    check_empty(layout)?;
    let work = layout.unfinished();
    if work.exists() {
        fs::remove_dir_all(&work).map_err(|error| Failure::io("remove", &work, &error))?;
    }
    let authority = new_authority(&work.join("authority"))?.key;
    let servers = make_servers(&work, nodes)?;
    let request = SystemRequest {
        authority_key: authority.clone(),
        f,
        f_ms,
        admissions: servers.iter().map(|server| server.admission_file.clone()).collect(),
    };
    let system = found_system(&work.join("founding"), &request)?;
    for server in &servers {
        install((server, wanted.epoch_seconds), &system)?;
    }
    let client = new_client(&work.join("client"), &local_client(authority, system.cluster_file))?;
    let cluster = ClusterFile::read(&client.cluster_file)?;
    publish(layout, &cluster)
}

fn check_count(nodes: u16, wanted: [(&str, u16); 2]) -> Result<(), Failure> {
    let remedy = format!("give 4 to {NODES_MAX} nodes, and f so that 3f+1 are no more");
    for (option, f) in wanted {
        let no_group = |error: ResilienceError| Failure::usage(option, error.to_string(), &remedy);
        if f > GROUP_F_MAX {
            let what = format!("no group tolerates {f} bad servers, only 1 to {GROUP_F_MAX}");
            return Err(Failure::usage(option, what, &remedy));
        }
        let needed = Resilience::new(f).map_err(no_group)?.replicas();
        if usize::from(nodes) < needed || nodes > NODES_MAX {
            let what = format!("{nodes} servers, at least {needed} are needed for {option} {f}");
            return Err(Failure::usage("--nodes", what, &remedy));
        }
    }
    Ok(())
}

fn check_empty(layout: &Layout) -> Result<(), Failure> {
    let root = layout.root();
    let failed = |error: std::io::Error| Failure::io("list", root, &error);
    let own = [layout.lock(), layout.unfinished()];
    for entry in fs::read_dir(root).map_err(failed)? {
        if !own.contains(&entry.map_err(failed)?.path()) {
            let what = "the directory is not empty and holds no cluster";
            let remedy = "give an empty or new directory with --dir";
            return Err(Failure::about(root, (Kind::Exists, "not-a-cluster"), what, remedy));
        }
    }
    Ok(())
}

fn make_servers(work: &Path, nodes: u16) -> Result<Vec<NewServer>, Failure> {
    let ports = ports::free(2 * usize::from(nodes))?;
    let (pairs, _) = ports.as_chunks::<2>();
    let mut servers = Vec::new();
    for (number, [listen, metrics]) in (1..=nodes).zip(pairs) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *listen));
        let request = ServerRequest {
            listen: address,
            address: address.to_string(),
            probe_port: *listen,
            metrics: SocketAddr::from((Ipv4Addr::LOCALHOST, *metrics)),
            failure_domain: format!("process {number}"),
            joins: None,
        };
        servers.push(new_server(&work.join("nodes").join(number.to_string()), &request)?);
    }
    Ok(servers)
}

/// What an operator carries to a server after `quorate init`.
fn install(
    (server, epoch_seconds): (&NewServer, Option<u64>),
    system: &FoundedSystem,
) -> Result<(), Failure> {
    let file = &server.node_file;
    let directory = file.parent().expect("node.toml lies in the directory of its server");
    let genesis = directory.join(GENESIS);
    fs::copy(&system.genesis_file, &genesis)
        .map_err(|error| Failure::io("copy", &genesis, &error))?;
    let text = fs::read_to_string(file).map_err(|error| Failure::io("read", file, &error))?;
    let epoch = epoch_seconds.map(|seconds| format!("epoch_seconds = \"{seconds}\"\n"));
    let text = text + &epoch.unwrap_or_default() + &system_key_line(&system.system_key);
    fs::write(file, text).map_err(|error| Failure::io("write", file, &error))?;
    let identity_key = server.admission.identity_key();
    let share = system.shares.iter().find(|share| share.identity_key == identity_key);
    if let Some(share) = share {
        fs::rename(&share.path, directory.join(SHARE))
            .map_err(|error| Failure::io("move", &share.path, &error))?;
    }
    Ok(())
}

/// A client of a cluster on this machine.
pub(crate) fn local_client(authority_key: PathBuf, cluster_file: PathBuf) -> ClientRequest {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let expires = now.saturating_add(CLIENT_YEARS * YEAR_SECONDS).saturating_mul(1_000_000);
    ClientRequest {
        authority_key,
        cluster_file,
        name: String::from("dev"),
        expires: UnixTime::from_micros(expires),
    }
}

/// Makes all of it durable under the name of something unfinished, and then moves it to its place.
fn publish(layout: &Layout, cluster: &ClusterFile) -> Result<(), Failure> {
    let (work, root) = (layout.unfinished(), layout.root());
    let client = ClientFiles {
        key: root.join("client/client.key"),
        certificate: root.join("client/client.certificate"),
    };
    let cluster = ClusterFile { client: Some(client), ..cluster.clone() };
    let parts = PARTS.iter().try_for_each(|part| durable::sync_tree(&work.join(part)));
    // The kit of the client names the same files from its own place: one is enough.
    let written = parts
        .and_then(|()| fs::remove_file(work.join("client/cluster.toml")))
        .and_then(|()| durable::replace(&layout.made(), cluster.to_text(root).as_bytes()))
        .and_then(|()| durable::sync_directory(root));
    written.map_err(|error| Failure::io("write", &layout.made(), &error))?;
    finish(layout)
}

/// Moves a cluster that is whole to its place; the cluster file comes last. Whoever is interrupted
/// can go on.
pub(crate) fn finish(layout: &Layout) -> Result<(), Failure> {
    let (work, root) = (layout.unfinished(), layout.root());
    for part in PARTS {
        let (from, to) = (work.join(part), root.join(part));
        if from.exists() {
            fs::rename(from, &to).map_err(|error| Failure::io("move to", &to, &error))?;
        }
    }
    let file = layout.cluster_file();
    let moved = durable::sync_directory(root)
        .and_then(|()| fs::rename(layout.made(), &file))
        .and_then(|()| durable::sync_directory(root));
    moved.map_err(|error| Failure::io("move to", &file, &error))?;
    fs::remove_dir(&work).map_err(|error| Failure::io("remove", &work, &error))
}
