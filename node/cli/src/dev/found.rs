//! Makes a new cluster in a directory: the ceremony, all of it on one machine, but for the key of
//! the system, which its servers make when they run ([`equip`](super::equip)).

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use quorate_client::explanation::Kind;
use quorate_daemon::configuration::GENESIS;
use quorate_daemon::founding::ceremony::{
    GROUP_F_MAX, NewGenesis, NewServer, ServerRequest, SystemRequest, new_authority, new_genesis,
    new_server,
};
use quorate_types::{Resilience, ResilienceError};

use super::layout::Layout;
use super::{durable, ports};
use crate::failure::Failure;

pub(crate) const NODES_DEFAULT: u16 = 7;
pub(crate) const F_DEFAULT: u16 = 1;
/// Most servers that one machine is asked to run.
const NODES_MAX: u16 = 256;
/// The directories of a cluster that are there before it runs; the last one marks the whole.
const PARTS: [&str; 3] = ["authority", "nodes", "founding"];

/// What the call asked for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Wanted {
    pub(crate) nodes: Option<u16>,
    pub(crate) f: Option<u16>,
    pub(crate) f_ms: Option<u16>,
    /// Epochs end after so many seconds.
    pub(crate) epoch_seconds: Option<u64>,
    /// Or with so many changes waiting.
    pub(crate) epoch_changes: Option<u32>,
}

/// Makes the servers of a cluster and the genesis with which they make its key. Nothing but the
/// lock may be in the directory; what an interrupted call left unfinished is removed.
pub(crate) fn found(layout: &Layout, wanted: &Wanted) -> Result<(), Failure> {
    let nodes = wanted.nodes.unwrap_or(NODES_DEFAULT);
    let (f, f_ms) = (wanted.f.unwrap_or(F_DEFAULT), wanted.f_ms.unwrap_or(F_DEFAULT));
    check_count(nodes, [("--f", f), ("--f-ms", f_ms)])?;
    check_empty(layout)?;
    let work = layout.unfinished();
    if work.exists() {
        fs::remove_dir_all(&work).map_err(|error| Failure::io("remove", &work, &error))?;
    }
    let authority_key = new_authority(&work.join("authority"))?.key;
    let servers = make_servers(&work, nodes)?;
    let admissions = servers.iter().map(|server| server.admission_file.clone()).collect();
    let request = SystemRequest { authority_key, f, f_ms, admissions };
    let system = new_genesis(&work.join("genesis"), &request)?;
    for server in &servers {
        install((server, wanted), &system)?;
    }
    publish(layout)
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
fn install((server, wanted): (&NewServer, &Wanted), system: &NewGenesis) -> Result<(), Failure> {
    let file = &server.node_file;
    let genesis = file.with_file_name(GENESIS);
    fs::copy(&system.genesis_file, &genesis)
        .map_err(|error| Failure::io("copy", &genesis, &error))?;
    let Some(seconds) = wanted.epoch_seconds else { return Ok(()) };
    let mut text = fs::read_to_string(file).map_err(|error| Failure::io("read", file, &error))?;
    text.push_str(&format!("epoch_seconds = \"{seconds}\"\n"));
    if let Some(changes) = wanted.epoch_changes {
        text.push_str(&format!("epoch_changes = \"{changes}\"\n"));
    }
    fs::write(file, text).map_err(|error| Failure::io("write", file, &error))
}

/// Makes all of it durable, and then moves it to its place.
fn publish(layout: &Layout) -> Result<(), Failure> {
    let work = layout.unfinished();
    // The name that tells that all of it is there comes last.
    let written = durable::sync_tree(&work)
        .and_then(|()| fs::rename(work.join("genesis"), layout.made()))
        .and_then(|()| durable::sync_directory(&work));
    written.map_err(|error| Failure::io("write", &layout.made(), &error))?;
    finish(layout)
}

/// Moves what is whole to its place; the genesis comes last. Whoever is interrupted can go on.
pub(crate) fn finish(layout: &Layout) -> Result<(), Failure> {
    let (work, root) = (layout.unfinished(), layout.root());
    for part in PARTS {
        let (from, to) = (work.join(part), root.join(part));
        let moved = if from.exists() { fs::rename(from, &to) } else { Ok(()) };
        let moved = moved.and_then(|()| durable::sync_directory(root));
        moved.map_err(|error| Failure::io("move to", &to, &error))?;
    }
    fs::remove_dir(&work).map_err(|error| Failure::io("remove", &work, &error))
}
