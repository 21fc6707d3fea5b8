//! The `node.toml` that is made for a new server.

use std::net::SocketAddr;

use quorate_client::carried::to_hex;
use quorate_threshold as threshold;

use super::LOG_FILTER_DEFAULT;

/// The directory of a server's keys.
pub const KEYS: &str = "keys";
/// The file with what the system began with.
pub const GENESIS: &str = "genesis";

/// The file with the servers that a server asks which joins later.
pub const CONTACTS: &str = "cluster.toml";

/// What differs between the files of new servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeTemplate {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Where it answers about metrics and health.
    pub metrics: SocketAddr,
    /// The key of the system, if it is known already.
    pub system_key: Option<threshold::PublicKey>,
    /// How many seconds an epoch lasts in the system that the server joins, if it founds none.
    pub joins: Option<u64>,
}

impl NodeTemplate {
    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "# What this server is. Relative paths are relative to this file.\n\
             [node]\n\
             listen = \"{}\"\n\
             # Health and metrics; loopback only.\n\
             metrics = \"{}\"\n\
             data = \"data\"\n\
             # Written by the server itself in every epoch: never copied, and never brought back.\n\
             keys = \"{KEYS}\"\n\
             {}\
             log_filter = \"{LOG_FILTER_DEFAULT}\"\n",
            self.listen,
            self.metrics,
            self.origin(),
        );
        if let Some(key) = &self.system_key {
            text.push_str("# The key under which everything about the system is verified.\n");
            text.push_str(&format!("system_key = \"{}\"\n", to_hex(key.as_bytes())));
        }
        text
    }

    fn origin(&self) -> String {
        match self.joins {
            None => format!("genesis = \"{GENESIS}\"\n"),
            Some(seconds) => format!(
                "# The servers that are asked which epoch it is.\n\
                 cluster = \"{CONTACTS}\"\n\
                 # The same on all servers.\n\
                 epoch_seconds = \"{seconds}\"\n"
            ),
        }
    }
}
