//! `quorate bench ordered`: four replica processes, and clients that write and wait.
//!
//! A client is one key with one session. It has a bounded number of signed bundles under way, so
//! small bundles take more clients to have the wanted number of operations outstanding.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use quorate_client::cluster::{BUNDLES_UNDER_WAY_MAX, Cluster, Credentials, Tuning, with_tuned};
use quorate_client::cluster_file::ClusterFile;
use quorate_client::{KvOperation, KvReply};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::processes::{counters, cpu_micros, memory_peak_kib};
use super::{json_thousandths, thousandths};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::local::{LocalCluster, Scratch};
use crate::together::together;

/// Most keys that the load is signed with.
const KEYS_MAX: usize = 32;

/// How much load, and for how long.
#[derive(Args, Debug)]
pub(crate) struct OrderedArguments {
    /// Bytes of each written value.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    bytes: u32,
    /// Operations that are outstanding at the same time.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    clients: u32,
    /// Most operations under one signature; with 1 every operation is signed by itself.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=64))]
    bundle: u32,
    /// Seconds of measuring.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
}

pub(crate) fn run(arguments: &OrderedArguments) -> Result<Answer, Failure> {
    let scratch = Scratch::new("bench")?;
    let cluster = LocalCluster::start(scratch.path(), 4)?;
    let load = Load::new(arguments, cluster.client_files(keys(arguments))?);
    let replicas = Replicas { pids: cluster.pids(), pages: cluster.metrics_addresses() };
    let measured = quorate_client::block_on(load.measure(&replicas));
    let measured = measured
        .map_err(|error| Failure::io("open an event loop for", scratch.path(), &error))??;
    Ok(report(arguments, &measured))
}

/// How many keys it takes to have all operations under way.
fn keys(arguments: &OrderedArguments) -> usize {
    let each = arguments.bundle as usize * BUNDLES_UNDER_WAY_MAX;
    (arguments.clients as usize).div_ceil(each).min(KEYS_MAX)
}

/// The processes that are measured.
struct Replicas {
    pids: Vec<u32>,
    pages: Vec<SocketAddr>,
}

/// What processes have used and counted up to one moment.
struct Usage {
    when: Instant,
    replica_micros: u64,
    client_micros: u64,
    counters: BTreeMap<String, u64>,
}

impl Replicas {
    fn usage(&self) -> Usage {
        let mut sums = BTreeMap::new();
        for (name, value) in self.pages.iter().flat_map(|page| counters(*page)) {
            *sums.entry(name).or_insert(0) += value;
        }
        Usage {
            when: Instant::now(),
            replica_micros: self.pids.iter().map(|pid| cpu_micros(*pid)).sum(),
            client_micros: cpu_micros(std::process::id()),
            counters: sums,
        }
    }
}

/// How far the clients are.
#[derive(Default)]
struct Progress {
    ready: usize,
    is_begun: bool,
    has_failed: bool,
}

/// The clients, and what they do.
struct Load {
    value: Vec<u8>,
    bundle: usize,
    outstanding: usize,
    length: Duration,
    files: Vec<PathBuf>,
    progress: watch::Sender<Progress>,
}

/// What was measured.
struct Measured {
    latencies_micros: Vec<u64>,
    before: Usage,
    after: Usage,
    fsync_micros: Option<u64>,
    memory_peak_kib: u64,
    keys: usize,
}

impl Load {
    fn new(arguments: &OrderedArguments, files: Vec<PathBuf>) -> Self {
        Self {
            value: vec![b'x'; arguments.bytes as usize],
            bundle: arguments.bundle as usize,
            outstanding: arguments.clients as usize,
            length: Duration::from_secs(u64::from(arguments.seconds)),
            files,
            progress: watch::Sender::default(),
        }
    }

    async fn measure(&self, replicas: &Replicas) -> Result<Measured, Failure> {
        let begin = async {
            let mut progress = self.progress.subscribe();
            let all = self.files.len();
            // The sender lives as long as this.
            drop(progress.wait_for(|seen| seen.has_failed || seen.ready == all).await);
            let before = replicas.usage();
            self.progress.send_modify(|seen| seen.is_begun = true);
            before
        };
        let clients = together((0..self.files.len()).map(|key| self.client(key)));
        let (outcomes, before) = tokio::join!(Box::pin(clients), begin);
        let after = replicas.usage();
        let mut latencies_micros = Vec::new();
        for outcome in outcomes {
            latencies_micros.extend(outcome?);
        }
        latencies_micros.sort_unstable();
        let median = "quorate_commit_seconds{machine=\"key-value\",quantile=\"0.500\"}";
        let fsync_micros = after.counters.get(median).map(|sum| sum / replicas.pages.len() as u64);
        let memory_peak_kib =
            replicas.pids.iter().map(|pid| memory_peak_kib(*pid)).max().unwrap_or(0);
        let keys = self.files.len();
        Ok(Measured { latencies_micros, before, after, fsync_micros, memory_peak_kib, keys })
    }

    /// One key: connects, opens its session, waits for the others, and keeps its share under way.
    async fn client(&self, key: usize) -> Result<Vec<u64>, Failure> {
        let outcome = self.session(key).await;
        if outcome.is_err() {
            self.progress.send_modify(|progress| progress.has_failed = true);
        }
        outcome
    }

    async fn session(&self, key: usize) -> Result<Vec<u64>, Failure> {
        let file = ClusterFile::read(&self.files[key])?;
        let identity = file.client_identity()?;
        let credentials = Credentials { seed: *identity.seed, certificate: identity.certificate };
        let tuning = Tuning { bundle_operations_max: self.bundle, ..Tuning::default() };
        with_tuned(&file, &credentials, tuning, async |client| self.drive(&client, key).await)
            .await?
    }

    async fn drive(&self, client: &Cluster, key: usize) -> Result<Vec<u64>, Failure> {
        // The first operation opens the session; it is not counted.
        self.put(client, (key, 0)).await?;
        self.progress.send_modify(|progress| progress.ready += 1);
        let mut progress = self.progress.subscribe();
        let begun = progress.wait_for(|seen| seen.has_failed || seen.is_begun).await;
        if begun.is_ok_and(|seen| seen.has_failed) {
            return Ok(Vec::new());
        }
        let end = Instant::now() + self.length;
        let share = (key..self.outstanding).step_by(self.files.len());
        let callers = together(share.map(|caller| self.call_until(client, caller, end)));
        let latencies: Result<Vec<_>, Failure> = callers.await.into_iter().collect();
        latencies.map(|latencies| latencies.concat())
    }

    /// One caller: asks again as soon as it is answered.
    async fn call_until(
        &self,
        client: &Cluster,
        caller: usize,
        end: Instant,
    ) -> Result<Vec<u64>, Failure> {
        let mut latencies = Vec::new();
        while Instant::now() < end {
            let sent = Instant::now();
            self.put(client, (caller, latencies.len())).await?;
            latencies.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        Ok(latencies)
    }

    async fn put(&self, client: &Cluster, (caller, number): (usize, usize)) -> Result<(), Failure> {
        let key = format!("bench/{caller}/{}", number % 16).into_bytes();
        let value = self.value.clone();
        let reply = client.key_value(&KvOperation::Put { key, value }).await?;
        if reply != KvReply::Done {
            let what = format!("the service answered {reply:?}");
            return Err(Failure::usage("--bytes", what, "ask for fewer bytes"));
        }
        Ok(())
    }
}

/// What the replicas count that is worth knowing per operation: name in the answer, and counter.
const COUNTS: [(&str, &str); 5] = [
    ("signatures_checked", "quorate_signatures_checked_total"),
    ("fdatasyncs", "quorate_commit_seconds_count{machine=\"key-value\"}"),
    ("records", "quorate_machine_total{machine=\"key-value\",what=\"records\"}"),
    ("frames_sent", "quorate_machine_total{machine=\"key-value\",what=\"sent\"}"),
    ("steps", "quorate_machine_total{machine=\"key-value\",what=\"steps\"}"),
];

impl Measured {
    fn quantile(&self, thousandth: usize) -> u64 {
        let last = self.latencies_micros.len().saturating_sub(1);
        self.latencies_micros.get(last * thousandth / 1000).copied().unwrap_or(0)
    }

    fn count(&self) -> u64 {
        self.latencies_micros.len() as u64
    }

    /// An amount per operation; nothing without operations.
    fn each(&self, amount: u64) -> u64 {
        amount.checked_div(self.count()).unwrap_or(0)
    }

    /// How often all replicas together did each of the things counted, per thousand operations.
    fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let of = |usage: &Usage, name: &str| usage.counters.get(name).copied().unwrap_or(0);
        COUNTS.into_iter().map(move |(name, counter)| {
            let amount = of(&self.after, counter).saturating_sub(of(&self.before, counter));
            (name, self.each(amount * 1000))
        })
    }
}

fn report(arguments: &OrderedArguments, measured: &Measured) -> Answer {
    let (before, after) = (&measured.before, &measured.after);
    let count = measured.count();
    let elapsed = after.when.duration_since(before.when);
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = count * 1000 / millis;
    let replica_cpu = measured.each(after.replica_micros.saturating_sub(before.replica_micros));
    let client_cpu = measured.each(after.client_micros.saturating_sub(before.client_micros));
    let (p50, p99) = (measured.quantile(500), measured.quantile(990));
    let memory_mib = measured.memory_peak_kib / 1024;
    let counts: Vec<_> = measured.counts().collect();
    let fsync = measured.fsync_micros.map_or_else(|| String::from("unknown"), thousandths);
    let mut text = format!(
        "operations  {count} in {} s: {rate}/s\nlatency     p50 {} ms, p99 {} ms\n\
         replica CPU {replica_cpu} us per operation, all four together; client {client_cpu} us\n\
         fdatasync   p50 {fsync} ms\n\
         memory      {memory_mib} MiB, the largest replica at its peak\n\
         per operation, all four together:",
        thousandths(millis),
        thousandths(p50),
        thousandths(p99),
    );
    for (name, amount) in &counts {
        text.push_str(&format!("\n  {} {}", thousandths(*amount), name.replace('_', " ")));
    }
    let per_operation: BTreeMap<_, Value> =
        counts.into_iter().map(|(name, amount)| (name, json!(json_thousandths(amount)))).collect();
    let json = json!({
        "operations": count, "ops_per_second": rate,
        "clients": arguments.clients, "bundle": arguments.bundle, "keys": measured.keys,
        "p50_ms": json_thousandths(p50), "p99_ms": json_thousandths(p99),
        "replica_cpu_us_per_op": replica_cpu, "client_cpu_us_per_op": client_cpu,
        "fdatasync_p50_ms": measured.fsync_micros.and_then(json_thousandths),
        "replica_memory_mib": memory_mib, "per_operation": per_operation,
    });
    Answer { text, json }
}
