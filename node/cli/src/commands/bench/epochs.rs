//! `quorate bench epochs`: what the end of an epoch takes, over server processes of its own.
//!
//! Nobody is asked anything while epochs end: each server remembers when it took which step, and
//! counts what it sends; both are read afterwards. All servers have the clock of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use quorate_client::explanation::Kind;

use super::processes::{counters, cpu_micros, memory_peak_kib};
use crate::answer::Answer;
use crate::dev::found::Wanted;
use crate::failure::Failure;
use crate::local::{LocalCluster, Scratch};

mod change;
mod client;
mod drawing;
mod report;

use change::Change;
use report::{Measured, report};

/// Time between two looks at how far a server is.
const LOOK_INTERVAL: Duration = Duration::from_millis(1_000);
/// Epochs that may pass beside those that are measured: the one in which the servers start, the
/// one behind it, and one whose end is late.
const EPOCHS_BESIDE: u32 = 4;
/// The epoch in which the servers begin to serve, which is the one behind the founding.
const FIRST_EPOCH: u64 = 1;
/// Time for the servers to start.
const START_TIME: Duration = Duration::from_secs(120);

/// How many servers and epochs.
#[derive(Args, Debug)]
pub(crate) struct EpochsArguments {
    /// Server processes.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(4..=100))]
    nodes: u16,
    /// Bad servers that the membership group tolerates; it has 3f+1 members.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=8))]
    f_ms: u16,
    /// Ends of epochs that are measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
    epochs: u32,
    /// Seconds that an epoch lasts.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(5..=600))]
    epoch_seconds: u64,
    /// Draw the end of an epoch that took the median time into this file, as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

pub(super) fn run(arguments: &EpochsArguments) -> Result<Answer, Failure> {
    let scratch = Scratch::new("bench")?;
    let wanted = Wanted {
        nodes: Some(arguments.nodes),
        f: Some(1),
        f_ms: Some(arguments.f_ms),
        epoch_seconds: Some(arguments.epoch_seconds),
        epoch_changes: None,
    };
    let cluster = LocalCluster::start_wanted(scratch.path(), &wanted)?;
    let measured = Watch { arguments, cluster: &cluster }.measure()?;
    if let Some(file) = &arguments.svg {
        let drawn = measured.median_change().map(|change| drawing::draw(change, arguments.f_ms));
        fs::write(file, drawn.unwrap_or_default())
            .map_err(|error| Failure::io("write", file, &error))?;
    }
    Ok(report(arguments, &measured))
}

/// What all servers have used and counted up to one moment.
#[derive(Clone, Debug)]
struct Usage {
    when: Instant,
    cpu_micros: u64,
    counters: BTreeMap<String, u64>,
}

struct Watch<'a> {
    arguments: &'a EpochsArguments,
    cluster: &'a LocalCluster,
}

impl Watch<'_> {
    fn measure(&self) -> Result<Measured, Failure> {
        let first = self.until(|epoch| epoch > FIRST_EPOCH)?;
        let client = client::FreshnessWatch::begin(&self.cluster.cluster_file())?;
        let before = self.usage();
        let last = first + u64::from(self.arguments.epochs);
        let mut quiet = Vec::new();
        let mut earlier = (before.when, before.cpu_micros);
        self.until(|epoch| {
            let now = (Instant::now(), self.cpu_micros());
            quiet.push(rate(earlier, now));
            earlier = now;
            epoch >= last
        })?;
        let after = self.usage();
        let waits = client.end()?;
        quiet.sort_unstable();
        let peaks = self.cluster.pids().into_iter().map(memory_peak_kib);
        Ok(Measured {
            changes: self.changes(first..last),
            before,
            after,
            waits,
            quiet_cpu_micros_per_second: quiet.get(quiet.len() / 4).copied().unwrap_or(0),
            memory_peak_kib: peaks.clone().max().unwrap_or(0),
            memory_all_kib: peaks.sum(),
        })
    }

    /// Waits until the least epoch of all servers is such, and says which it is.
    fn until(&self, mut is_reached: impl FnMut(u64) -> bool) -> Result<u64, Failure> {
        let epochs = u64::from(self.arguments.epochs + EPOCHS_BESIDE);
        let longest = Duration::from_secs(self.arguments.epoch_seconds * epochs) + START_TIME;
        let end = Instant::now() + longest;
        let pages = self.cluster.metrics_addresses();
        let mut slowest = 0;
        while Instant::now() < end {
            std::thread::sleep(LOOK_INTERVAL);
            // One page costs its server some processor time: one that is behind is asked alone.
            let epoch = epoch_of(pages[slowest]);
            if !is_reached(epoch) {
                continue;
            }
            let all: Vec<u64> = pages.iter().map(|page| epoch_of(*page)).collect();
            let least = all.iter().copied().min().unwrap_or(0);
            slowest = all.iter().position(|epoch| *epoch == least).unwrap_or(0);
            if is_reached(least) {
                return Ok(least);
            }
        }
        let sort = (Kind::NotServing, "epochs-do-not-end");
        let what = format!("epochs did not end at all servers within {longest:?}");
        let remedy = "give fewer servers, or longer epochs";
        Err(Failure::about(Path::new("bench epochs"), sort, what, remedy))
    }

    fn usage(&self) -> Usage {
        let mut sums = BTreeMap::new();
        let pages = self.cluster.metrics_addresses();
        for (name, value) in pages.into_iter().flat_map(counters) {
            *sums.entry(name).or_insert(0) += value;
        }
        Usage { when: Instant::now(), cpu_micros: self.cpu_micros(), counters: sums }
    }

    fn cpu_micros(&self) -> u64 {
        self.cluster.pids().into_iter().map(cpu_micros).sum()
    }

    /// What the servers remember of the ends of these epochs.
    fn changes(&self, epochs: std::ops::Range<u64>) -> Vec<Change> {
        let pages = self.cluster.metrics_addresses();
        let servers: Vec<_> = pages.into_iter().map(change::remembered).collect();
        let of = |epoch: u64| {
            let ends = servers.iter().map(|server| server.get(&epoch).cloned().unwrap_or_default());
            Change { epoch, servers: ends.collect() }
        };
        epochs.map(of).collect()
    }
}

fn epoch_of(page: std::net::SocketAddr) -> u64 {
    counters(page).get("quorate_epoch").copied().unwrap_or(0)
}

/// Microseconds of processor time in a second.
fn rate((then, used_then): (Instant, u64), (now, used): (Instant, u64)) -> u64 {
    let micros = u64::try_from(now.duration_since(then).as_micros()).unwrap_or(u64::MAX).max(1);
    used.saturating_sub(used_then).saturating_mul(1_000_000) / micros
}
