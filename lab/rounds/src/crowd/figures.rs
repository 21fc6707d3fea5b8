//! What is read of the real servers, from outside: `/proc`, their disks, their own pages.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Instant;

use crate::cluster::Cluster;
use crate::dev::field;
use crate::metrics;
use crate::process::Usage;

/// The steps of the end of an epoch that the table has, each with its column.
const STEPS: [&str; 8] =
    ["drawn", "chosen", "done", "certified", "adopted", "switched", "begun", "vouched"];
/// The step at the first server from which time counts.
const BEGIN: &str = "frozen";

/// The end of an epoch: when the last server had taken each step, in milliseconds from FREEZE.
#[derive(Clone, Default, Debug)]
pub(super) struct EpochEnd(BTreeMap<&'static str, u64>);

impl fmt::Display for EpochEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = |name| (name, self.0.get(name).copied());
        let said = STEPS.map(step).map(|(name, at)| match at {
            Some(at) => format!("{name} {at}"),
            None => format!("{name} -"),
        });
        write!(f, "{} ms", said.join(", "))
    }
}

/// What the servers remember of the end of an epoch, as far as it has gone.
pub(super) fn end_of(cluster: &Cluster, epoch: u64) -> EpochEnd {
    let is_it = format!("{{\"epoch\":{epoch},");
    let lines: Vec<String> = (0..cluster.size())
        .filter_map(|server| {
            let page = cluster.page(server, "/epochs")?;
            page.lines().find(|line| line.starts_with(&is_it)).map(String::from)
        })
        .collect();
    let moments = |step: &str| -> Vec<u64> {
        lines
            .iter()
            .filter_map(|line| field(line, step)?.trim_end_matches('}').parse().ok())
            .collect()
    };
    let Some(begin) = moments(BEGIN).into_iter().min() else { return EpochEnd::default() };
    let last = |step: &'static str| {
        let last = moments(step).into_iter().max()?;
        Some((step, last.saturating_sub(begin) / 1_000))
    };
    EpochEnd(STEPS.into_iter().filter_map(last).collect())
}

/// Do all servers serve in this epoch's group?
pub(super) fn have_all_begun(cluster: &Cluster, epoch: u64) -> bool {
    (0..cluster.size()).all(|server| {
        let page = cluster.page(server, "/epochs").unwrap_or_default();
        let is_it = format!("{{\"epoch\":{},", epoch - 1);
        page.lines().any(|line| line.starts_with(&is_it) && line.contains("\"vouched\""))
    })
}

/// What the servers hold, in a line.
pub(super) fn memory_now(cluster: &Cluster) -> String {
    let usages = usages(cluster);
    let [rss, anon, peak] = largest(&usages);
    let [joined, its_peak] = of_newcomer(&usages);
    let links = links(cluster);
    format!(
        "largest server {rss} MB, {anon} of no file, peak {peak}; who joined {joined}, peak \
         {its_peak}; {links} links or more each"
    )
}

/// With how many others the server with the fewest links has both connections.
fn links(cluster: &Cluster) -> u64 {
    let connections = |server| {
        let page = cluster.page(server, "/metrics")?;
        Some(metrics::sum(&page, &["quorate_connections{", "of=\"servers\""]))
    };
    // One that is too busy to tell is not counted.
    (0..cluster.size()).filter_map(connections).min().unwrap_or(0) / 2
}

fn usages(cluster: &Cluster) -> Vec<Usage> {
    (0..cluster.size()).map(|server| cluster.usage(server).unwrap_or_default()).collect()
}

/// In MB: what it holds, what of that is of no file, and its peak; of the server with most of each.
fn largest(usages: &[Usage]) -> [u64; 3] {
    let largest = |of: fn(&Usage) -> u64| megabytes(usages.iter().map(of).max().unwrap_or(0));
    [largest(|it| it.rss_kib), largest(|it| it.anon_kib), largest(|it| it.peak_kib)]
}

/// In MB: what the server holds that did not found the system, the last one, and its peak.
fn of_newcomer(usages: &[Usage]) -> [u64; 2] {
    let it = usages.last().copied().unwrap_or_default();
    [it.rss_kib, it.peak_kib].map(megabytes)
}

const fn megabytes(kib: u64) -> u64 {
    kib * 1_024 / 1_000_000
}

/// The bytes of all files below a directory.
fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(it) if it.is_dir() => bytes_below(&entry.path()),
        Ok(it) => it.len(),
        // It was removed meanwhile.
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}

/// What was counted up to one moment.
#[derive(Debug)]
pub(super) struct Meter {
    since: Instant,
    cpu_micros: u64,
    log_bytes: u64,
    epoch: u64,
}

/// A part of the run.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    what: String,
    members: usize,
    links: u64,
    epochs: u64,
    seconds: u64,
    /// In MB, of the server with most of each.
    memory: [u64; 3],
    /// In MB, of the server that joined: what it holds, and its peak.
    newcomer: [u64; 2],
    file_mb: u64,
    cpu_ms: u64,
    log_kb: u64,
    disk_mb: u64,
    end: EpochEnd,
}

impl Meter {
    /// Counts from now on.
    pub(super) fn begin(cluster: &Cluster) -> Self {
        let usages = usages(cluster);
        Self {
            since: Instant::now(),
            cpu_micros: usages.iter().map(|usage| usage.cpu_micros).sum(),
            log_bytes: log_bytes(cluster),
            epoch: 0,
        }
    }

    /// The servers were started again: they count from nothing.
    pub(super) fn begin_anew(&mut self, cluster: &Cluster) {
        *self = Self { epoch: self.epoch, ..Self::begin(cluster) };
    }

    /// What has come together until now; the next part begins, and with it peaks of memory.
    pub(super) fn end(
        &mut self,
        cluster: &Cluster,
        (what, members, epoch): (&str, usize, u64),
    ) -> Phase {
        let usages = usages(cluster);
        let now = Self { epoch, ..Self::begin(cluster) };
        let servers = u64::try_from(usages.len().max(1)).expect("they are few");
        let disk = (0..cluster.size()).map(|it| bytes_below(&cluster.folder(it).join("data")));
        let file_kib = usages.iter().map(|usage| usage.file_kib).max().unwrap_or(0);
        let phase = Phase {
            what: String::from(what),
            members,
            links: links(cluster),
            epochs: epoch - self.epoch,
            seconds: now.since.duration_since(self.since).as_secs(),
            memory: largest(&usages),
            newcomer: of_newcomer(&usages),
            file_mb: megabytes(file_kib),
            cpu_ms: now.cpu_micros.saturating_sub(self.cpu_micros) / 1_000 / servers,
            log_kb: now.log_bytes.saturating_sub(self.log_bytes) / 1_000 / servers,
            disk_mb: disk.max().unwrap_or(0) / 1_000_000,
            end: end_of(cluster, epoch - 1),
        };
        (0..cluster.size()).for_each(|server| cluster.forget_memory_peak(server));
        *self = now;
        phase
    }
}

/// What the replicas of the membership group have sent each other.
fn log_bytes(cluster: &Cluster) -> u64 {
    let sent = |server| {
        let page = cluster.page(server, "/metrics").unwrap_or_default();
        metrics::sum(&page, &["quorate_sent_bytes_total{", "machine=\"membership\""])
    };
    (0..cluster.size()).map(sent).sum()
}

impl Phase {
    /// What its columns are.
    pub(super) const HEAD: &'static str = "phase     members links epochs seconds  memory no file  \
        file  peak  joined  peak  cpu ms   log KB disk MB  steps, ms from FREEZE on, at the last \
        server";
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([rss, anon, peak], [joined, its_peak]) = (self.memory, self.newcomer);
        let Self {
            what,
            members,
            links,
            epochs,
            seconds,
            file_mb,
            cpu_ms,
            log_kb,
            disk_mb,
            end,
            ..
        } = self;
        write!(
            f,
            "{what:9} {members:7} {links:5} {epochs:6} {seconds:7} {rss:7} {anon:7} {file_mb:5} "
        )?;
        write!(f, "{peak:5} {joined:7} {its_peak:5} ")?;
        write!(f, "{cpu_ms:7} {log_kb:8} {disk_mb:7}  {end}")
    }
}
