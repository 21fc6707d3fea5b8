//! `node.toml`: what one server is told by its operator, and nothing that the system decides.
//!
//! ```toml
//! [node]
//! listen = "0.0.0.0:4700"          # where it listens
//! metrics = "127.0.0.1:9700"       # health and metrics, on loopback only
//! data = "data"                    # the directory of its data
//! keys = "keys"                    # the directory of its keys
//! genesis = "genesis"              # of a founder: what `quorate init` wrote
//! cluster = "cluster.toml"         # of a server that joined later, in its place: whom to ask
//! log_filter = "info"              # optional
//! epoch_seconds = "3600"           # optional for a founder; without it epochs do not end
//! epoch_changes = "10000"          # optional: with so many changes waiting an epoch ends early
//! root_epochs = "3072"             # optional: when the identity gets another root
//! founding_patience_seconds = "60" # optional; how long a founding waits for all of its servers
//! system_key = "<96 digits>"       # of a server that joined later; a founder makes it itself
//! ```
//! Relative paths are relative to the file, so that a directory can be moved as a whole.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_client::cluster_file::{self, epoch_length};
pub use quorate_client::settings::ConfigurationError;
use quorate_client::settings::{self, Source, Table};
use quorate_membership::RootRule;
use quorate_membership::limits::ROOT_EPOCHS_MAX;
use quorate_threshold as threshold;

mod template;
pub use template::{CONTACTS, GENESIS, KEYS as KEY_DIRECTORY, NodeTemplate};

const KEYS: &[&str] = &["node"];
const NODE_KEYS: &[&str] = &[
    "listen",
    "metrics",
    "data",
    "keys",
    "genesis",
    "cluster",
    "log_filter",
    "epoch_seconds",
    "epoch_changes",
    "root_epochs",
    "founding_patience_seconds",
    "system_key",
];

/// With so many changes waiting an epoch ends before its time, where nothing else is configured.
pub const EPOCH_CHANGES_DEFAULT: u32 = 10_000;

/// The fewest epochs after which an identity gets another root.
pub const ROOT_EPOCHS_MIN: u32 = 2;

/// How long a founding waits for servers that it can do without, in seconds.
pub const FOUNDING_PATIENCE_SECONDS: u64 = 60;

/// What is logged where nothing else is configured.
pub const LOG_FILTER_DEFAULT: &str = "info";

/// How a server comes to know its system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// It founded it: what the system began with.
    Genesis(PathBuf),
    /// It joined later: the file with the servers that it asks.
    Cluster(PathBuf),
}

/// The content of a `node.toml`, with paths that no longer depend on the file's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeConfiguration {
    /// The file itself.
    pub file: PathBuf,
    /// Where the server listens for peers and clients.
    pub listen: SocketAddr,
    /// Where it answers about metrics and health: a loopback address.
    pub metrics: SocketAddr,
    /// The directory of its data.
    pub data: PathBuf,
    /// The directory of its keys: the identity that stays, and what it certifies for each epoch.
    pub keys: PathBuf,
    /// How it comes to know its system.
    pub origin: Origin,
    /// Which events are logged, as `tracing-subscriber` reads it.
    pub log_filter: String,
    /// How long an epoch lasts, in the eyes of this server; none: epochs do not end.
    pub epoch: Option<Duration>,
    /// With so many changes waiting the server votes that the epoch ends before its time.
    pub epoch_changes: u32,
    /// After how many epochs the identity of the server gets another root.
    pub root_rule: RootRule,
    /// How long a founding waits for servers that it can do without.
    pub founding_patience: Duration,
    /// The key under which everything about the system is verified; if it is not pinned here, the
    /// one that the server makes with the others.
    pub system_key: Option<threshold::PublicKey>,
}

impl NodeConfiguration {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigurationError`] names the key, the line and what to do.
    pub fn read(file: &Path) -> Result<Self, ConfigurationError> {
        Self::parse(Source { file, text: &settings::read_text(file)? })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ConfigurationError`] names the key, the line and what to do.
    pub fn parse(source: Source<'_>) -> Result<Self, ConfigurationError> {
        let node = source.table(KEYS)?.table("node", NODE_KEYS)?;
        let origin = origin(&node)?;
        let system_key = system_key(&node, &origin)?;
        Ok(Self {
            file: source.file.to_path_buf(),
            listen: listen(&node)?,
            metrics: metrics(&node)?,
            data: node.path("data", "name a directory for the data of this node")?,
            keys: node.path("keys", "name the directory that `quorate node new` made")?,
            origin,
            log_filter: log_filter(&node)?,
            epoch: epoch_length(&node)?,
            epoch_changes: epoch_changes(&node)?,
            root_rule: root_rule(&node)?,
            founding_patience: founding_patience(&node)?,
            system_key,
        })
    }
}

fn socket(table: &Table<'_>, key: &str, remedy: &str) -> Result<SocketAddr, ConfigurationError> {
    let text = table.text(key, remedy)?;
    let address: SocketAddr = text.parse(remedy, str::parse)?;
    if address.port() == 0 {
        return Err(text.wrong("port 0 is no port", remedy));
    }
    Ok(address)
}

fn listen(table: &Table<'_>) -> Result<SocketAddr, ConfigurationError> {
    socket(table, "listen", "write \"IP:port\", such as \"0.0.0.0:4700\"")
}

fn metrics(table: &Table<'_>) -> Result<SocketAddr, ConfigurationError> {
    let remedy = "write a loopback address, such as \"127.0.0.1:9700\"";
    let address = socket(table, "metrics", remedy)?;
    if !address.ip().is_loopback() {
        let text = table.text("metrics", remedy)?;
        return Err(text.wrong("it can be reached from other machines", remedy));
    }
    Ok(address)
}

fn log_filter(table: &Table<'_>) -> Result<String, ConfigurationError> {
    let text = table.optional_text("log_filter", "write a level, such as \"info\"")?;
    Ok(text.map_or_else(|| String::from(LOG_FILTER_DEFAULT), |text| text.text))
}

fn origin(table: &Table<'_>) -> Result<Origin, ConfigurationError> {
    let remedy = "name the cluster.toml that `quorate node new` wrote beside this file";
    let Some(cluster) = table.optional_path("cluster", remedy)? else {
        let remedy = "name the genesis that `quorate init` wrote";
        return Ok(Origin::Genesis(table.path("genesis", remedy)?));
    };
    if epoch_length(table)?.is_none() {
        let remedy = "write how long an epoch of the system lasts: others end without this server";
        return Err(table.missing("epoch_seconds", remedy));
    }
    Ok(Origin::Cluster(cluster))
}

fn epoch_changes(table: &Table<'_>) -> Result<u32, ConfigurationError> {
    let remedy = "write a number of changes, at least 1, such as \"10000\", or leave it out";
    let Some(text) = table.optional_text("epoch_changes", remedy)? else {
        return Ok(EPOCH_CHANGES_DEFAULT);
    };
    let changes: u32 = text.parse(remedy, str::parse)?;
    if changes == 0 {
        return Err(text.wrong("an epoch without any change would end at once", remedy));
    }
    Ok(changes)
}

fn root_rule(table: &Table<'_>) -> Result<RootRule, ConfigurationError> {
    let remedy = "write a number of epochs from 2 to 3456, such as \"3072\", or leave it out";
    let Some(text) = table.optional_text("root_epochs", remedy)? else {
        return Ok(RootRule::default());
    };
    let epochs: u32 = text.parse(remedy, str::parse)?;
    if !(ROOT_EPOCHS_MIN..=ROOT_EPOCHS_MAX).contains(&epochs) {
        return Err(text.wrong("the tree of an identity has 4096 epochs, some in reserve", remedy));
    }
    Ok(RootRule { epochs })
}

fn founding_patience(table: &Table<'_>) -> Result<Duration, ConfigurationError> {
    let remedy = "write a number of seconds, such as \"60\"";
    let text = table.optional_text("founding_patience_seconds", remedy)?;
    let seconds = text.map(|text| text.parse(remedy, str::parse)).transpose()?;
    Ok(Duration::from_secs(seconds.unwrap_or(FOUNDING_PATIENCE_SECONDS)))
}

/// Founders make the key themselves; whoever joins later has to be told which it is.
fn system_key(
    table: &Table<'_>,
    origin: &Origin,
) -> Result<Option<threshold::PublicKey>, ConfigurationError> {
    let remedy = "write the 96 digits of the key of the system";
    let text = match origin {
        Origin::Genesis(_) => table.optional_text("system_key", remedy)?,
        Origin::Cluster(_) => Some(table.text("system_key", remedy)?),
    };
    text.map(|text| cluster_file::system_key(&text, remedy)).transpose()
}

#[cfg(test)]
mod tests;
