//! What a cluster has once its servers have made the key of its system: a client, and the file with
//! which clients find it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use quorate_client::cluster::fetch_founding;
use quorate_client::cluster_file::ClusterFile;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::founding::GenesisFile;
use quorate_daemon::founding::ceremony::{ClientRequest, new_client, new_cluster_file};
use quorate_types::UnixTime;

use super::durable;
use super::layout::Layout;
use crate::failure::Failure;

/// How long the certificate of the local client holds.
const CLIENT_YEARS: u64 = 100;
const YEAR_SECONDS: u64 = 365 * 24 * 60 * 60;

/// Asks the servers of a cluster for the key of its system, if nobody has before, and writes what
/// clients need. The cluster file comes last: whoever is interrupted begins again.
///
/// # Errors
/// That the servers do not have the key within `patience`; what the disk reports.
pub(crate) async fn equip(layout: &Layout, patience: Duration) -> Result<(), Failure> {
    if layout.cluster_file().exists() {
        return Ok(());
    }
    let genesis = GenesisFile::read(&layout.genesis())?.unsigned();
    let found = fetch_founding(&genesis, patience).await?;
    for old in [layout.client(), layout.contacts()] {
        clear(&old).map_err(|error| Failure::io("remove", &old, &error))?;
    }
    // All servers of the cluster have the same length.
    let epoch = NodeConfiguration::read(&layout.node_file(1))?.epoch;
    new_cluster_file(&layout.contacts(), &found, epoch)?;
    let request = local_client(layout.authority_key(), layout.contacts());
    let kit = new_client(&layout.client(), &request)?.cluster_file;
    let text = ClusterFile::read(&kit)?.to_text(layout.root());
    // The kit of the client names the same files from its own place: one is enough.
    let written = fs::remove_file(&kit)
        .and_then(|()| durable::sync_tree(&layout.client()))
        .and_then(|()| durable::replace(&layout.cluster_file(), text.as_bytes()));
    written.map_err(|error| Failure::io("write", &layout.cluster_file(), &error))
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

/// Removes a file, or a directory with all that is in it, if it is there.
fn clear(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
