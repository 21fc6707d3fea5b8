//! A cluster that lies in a directory: its servers, as their own files describe them.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use quorate_client::explanation::Kind;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::founding::GenesisFile;

use super::found::{Wanted, finish, found};
use super::layout::Layout;
use crate::failure::Failure;
use crate::page::page;

/// One server of the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DevNode {
    /// From 1.
    pub(crate) number: u16,
    pub(crate) listen: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) file: PathBuf,
    pub(crate) pid: PathBuf,
    pub(crate) log: PathBuf,
}

impl DevNode {
    /// Whether the server says that it serves: not while it makes the key with the others.
    pub(crate) fn serves(&self) -> bool {
        page(self.metrics, "/health").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    }
}

/// All servers of the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cluster {
    pub(crate) layout: Layout,
    /// The founders, and behind them those that were put beside them since.
    pub(crate) nodes: Vec<DevNode>,
    /// How many of them founded the cluster.
    pub(crate) founders: usize,
    pub(crate) f: usize,
    pub(crate) f_ms: usize,
    /// Whether it was there before.
    pub(crate) is_resumed: bool,
}

impl Cluster {
    /// The cluster of the directory, which is founded if there is none.
    pub(crate) fn open_or_found(layout: Layout, wanted: &Wanted) -> Result<Self, Failure> {
        let is_resumed = layout.genesis().exists();
        let is_moved = layout.unfinished().exists() && is_resumed;
        if is_moved || layout.made().exists() {
            // Whoever made it was interrupted while it was moved to its place.
            finish(&layout)?;
        } else if !is_resumed {
            found(&layout, wanted)?;
        }
        let cluster = Self::open(layout, is_resumed)?;
        cluster.check_wanted(wanted)?;
        Ok(cluster)
    }

    fn open(layout: Layout, is_resumed: bool) -> Result<Self, Failure> {
        let genesis = GenesisFile::read(&layout.genesis())?.configuration();
        let member_count = genesis.members.len();
        let count = u16::try_from(member_count).map_err(|error| {
            let what = format!("{member_count} servers: {error}");
            let sort = (Kind::Configuration, "not-a-dev-cluster");
            Failure::about(layout.root(), sort, what, "give the directory of a dev cluster")
        })?;
        let nodes = (1..=count).map(|number| open_node(&layout, number));
        let mut nodes: Vec<DevNode> = nodes.collect::<Result<_, _>>()?;
        nodes.extend(added(&layout, &nodes));
        let (f, f_ms) = (genesis.storage.f(), genesis.membership.f());
        Ok(Self { layout, nodes, founders: member_count, f, f_ms, is_resumed })
    }

    /// What was asked for is what is there.
    fn check_wanted(&self, wanted: &Wanted) -> Result<(), Failure> {
        let founder = NodeConfiguration::read(&self.nodes[0].file)?;
        let seconds = founder.epoch.map_or(0, |length| length.as_secs());
        let changes = u64::from(founder.epoch_changes);
        let pairs = [
            ("--nodes", wanted.nodes.map(u64::from), self.founders as u64),
            ("--f", wanted.f.map(u64::from), self.f as u64),
            ("--f-ms", wanted.f_ms.map(u64::from), self.f_ms as u64),
            ("--epoch-seconds", wanted.epoch_seconds, seconds),
            ("--epoch-changes", wanted.epoch_changes.map(u64::from), changes),
        ];
        for (option, asked, is) in pairs {
            if let Some(asked) = asked.filter(|asked| *asked != is) {
                let what = format!("the cluster in this directory was made with {is}, not {asked}");
                let remedy = "leave the option out, or give another directory with --dir";
                return Err(Failure::usage(option, what, remedy));
            }
        }
        Ok(())
    }
}

/// The servers that were put beside these in the meantime: directories with a number for a name and
/// a `node.toml` that is whole, as `quorate node new --out` leaves them.
pub(crate) fn added(layout: &Layout, known: &[DevNode]) -> Vec<DevNode> {
    let last = known.iter().map(|node| node.number).max().unwrap_or(0);
    let Ok(entries) = fs::read_dir(layout.nodes()) else { return Vec::new() };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    let mut numbers: Vec<u16> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
    numbers.retain(|number| *number > last);
    numbers.sort_unstable();
    numbers.into_iter().filter_map(|number| open_node(layout, number).ok()).collect()
}

fn open_node(layout: &Layout, number: u16) -> Result<DevNode, Failure> {
    let file = layout.node_file(number);
    let configuration = NodeConfiguration::read(&file)?;
    Ok(DevNode {
        number,
        listen: configuration.listen,
        metrics: configuration.metrics,
        file,
        pid: layout.pid(number),
        log: layout.log(number),
    })
}

#[cfg(test)]
mod tests;
