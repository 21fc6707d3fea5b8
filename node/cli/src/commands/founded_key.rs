//! `quorate system-key`: asks the servers of a genesis for the key that they have made.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use quorate_client::carried::to_hex;
use quorate_client::cluster::fetch_founding;
use quorate_client::cluster_file::EPOCH_SECONDS_MIN;
use quorate_daemon::founding::GenesisFile;
use quorate_daemon::founding::ceremony::new_cluster_file;
use quorate_membership::VerifiedConfiguration;
use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;

/// Whom to ask, and where to keep the answer.
///
/// The key is believed when f_MS + 1 servers of the group of the genesis say the same, each over a
/// link on which it proves that it is that server. Ask soon after the founding, and keep what it
/// says: whoever has the key needs to believe nobody any more.
#[derive(Args, Debug)]
pub(crate) struct SystemKeyCommand {
    /// The genesis that `quorate init` wrote.
    genesis: PathBuf,
    /// The cluster.toml to write, for clients.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How long epochs last, as in each `node.toml`: the leases of clients follow it.
    #[arg(long, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(EPOCH_SECONDS_MIN..))]
    epoch_seconds: Option<u64>,
    /// How long the servers are waited for.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
}

pub(crate) fn run(arguments: &SystemKeyCommand) -> Result<Answer, Failure> {
    let genesis = GenesisFile::read(&arguments.genesis)?.unsigned();
    let wait = Duration::from_secs(arguments.wait);
    let found = quorate_client::block_on(fetch_founding(&genesis, wait));
    let found = found.map_err(|error| Failure::io("run", &arguments.genesis, &error))??;
    if let Some(out) = &arguments.out {
        new_cluster_file(out, &found, arguments.epoch_seconds.map(Duration::from_secs))?;
    }
    Ok(answer(arguments, &found))
}

fn answer(arguments: &SystemKeyCommand, found: &VerifiedConfiguration) -> Answer {
    let key = to_hex(found.header().system_key().as_bytes());
    let mut text = format!("system_key = \"{key}\"");
    if let Some(out) = &arguments.out {
        text.push_str(&format!("\nfor every client: {}", out.display()));
    }
    let system = found.configuration().system.to_hex();
    let json = json!({ "system": system, "system_key": key, "cluster_file": arguments.out });
    Answer { text, json }
}
