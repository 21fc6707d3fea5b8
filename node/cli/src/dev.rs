//! `quorate dev`: a whole cluster on this machine, in one directory.
//!
//! Everything is made by the same functions as the ceremony on real machines, and every server is
//! a process of its own. What is in the directory decides: the same directory is the same cluster.
//!
//! ```text
//! D/cluster.toml                        what a client needs; there once the key is made
//! D/dev.lock                            held by the `dev` that runs this cluster
//! D/authority/authority.key             secret
//! D/founding/genesis                    public; comes last, so it marks the servers as whole
//! D/client/{client.key, client.certificate}
//! D/nodes/I/{node.toml, pid, log, data/, keys/, genesis}
//! ```
//! A server that `quorate node new --out D/nodes/I` makes while it runs, with a number above all
//! others, is started and looked after like the founders.

use std::path::PathBuf;

use clap::Args;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::pid_file::PidFile;

pub(crate) mod children;
pub(crate) mod cluster;
mod durable;
pub(crate) mod equip;
pub(crate) mod found;
pub(crate) mod layout;
mod ports;
mod screen;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod turn;
mod watch;

use cluster::Cluster;
use layout::Layout;
use turn::Turn;

/// The directory where nothing else is asked for.
const DIRECTORY_DEFAULT: &str = "quorate-dev";

/// What to run.
#[derive(Args, Debug)]
pub(crate) struct DevArguments {
    /// The directory of the cluster; made if it is not there, resumed if it is.
    #[arg(long, value_name = "DIR", default_value = DIRECTORY_DEFAULT)]
    dir: PathBuf,
    /// How many servers; 7 if not given.
    #[arg(long, value_name = "NODES")]
    nodes: Option<u16>,
    /// Bad servers tolerated in each storage group; 1 if not given.
    #[arg(long, value_name = "F")]
    f: Option<u16>,
    /// Bad servers tolerated in the membership group; 1 if not given.
    #[arg(long, value_name = "F")]
    f_ms: Option<u16>,
    /// How long an epoch lasts, from 5 seconds on; if not given, epochs do not end. Fixed when the
    /// cluster is made.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(5..))]
    epoch_seconds: Option<u64>,
    /// With so many changes waiting an epoch ends before its time; 10000 if not given. Fixed when
    /// the cluster is made.
    #[arg(long, value_name = "CHANGES", requires = "epoch_seconds",
          value_parser = clap::value_parser!(u32).range(1..))]
    epoch_changes: Option<u32>,
}

/// Runs a cluster until SIGINT or SIGTERM.
pub(crate) fn run(arguments: &DevArguments, json: bool) -> Result<Answer, Failure> {
    let layout = Layout::new(&arguments.dir)?;
    let held = PidFile::hold(&layout.lock())?;
    let DevArguments { nodes, f, f_ms, epoch_seconds, epoch_changes, .. } = *arguments;
    let wanted = found::Wanted { nodes, f, f_ms, epoch_seconds, epoch_changes };
    let turn = Turn::take();
    let cluster = Cluster::open_or_found(layout, &wanted)?;
    watch::run(&cluster, turn, json)?;
    drop(held);
    Ok(Answer::none())
}
