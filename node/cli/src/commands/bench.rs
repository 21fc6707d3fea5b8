//! `quorate bench`: what this machine can do, measured over real processes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use quorate_client::cluster::Cluster;
use quorate_client::{KvOperation, KvReply};
use serde_json::json;

use super::session::{ClusterArguments, session};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::local::{LocalCluster, Scratch};

/// What to measure.
#[derive(Subcommand, Debug)]
pub(crate) enum BenchCommand {
    /// Ordered key-value writes on four replica processes of its own.
    Ordered(OrderedArguments),
}

/// How much load, and for how long.
#[derive(Args, Debug)]
pub(crate) struct OrderedArguments {
    /// Bytes of each written value.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=16_384))]
    bytes: u32,
    /// Operations that are outstanding at the same time.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    clients: u32,
    /// Seconds of measuring.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
}

pub(crate) fn run(command: &BenchCommand) -> Result<Answer, Failure> {
    let BenchCommand::Ordered(arguments) = command;
    let scratch = Scratch::new("bench")?;
    let cluster = LocalCluster::start(scratch.path(), 4)?;
    let file = ClusterArguments { cluster: cluster.cluster_file() };
    let pids = cluster.pids();
    let measured = session(&file, async |client| measure(&client, arguments, &pids).await)?;
    let fsync_micros = cluster.metrics_addresses().into_iter().find_map(commit_p50_micros);
    Ok(report(&measured, fsync_micros))
}

/// What was measured.
struct Measured {
    latencies_micros: Vec<u64>,
    elapsed: Duration,
    cpu_ticks: u64,
}

async fn measure(
    client: &Cluster,
    arguments: &OrderedArguments,
    pids: &[u32],
) -> Result<Measured, Failure> {
    let value = vec![b'x'; arguments.bytes as usize];
    // The first operation opens the session; it is not counted.
    put(client, (0, 0), &value).await?;
    let (begin, before) = (Instant::now(), cpu_ticks(pids));
    let end = begin + Duration::from_secs(u64::from(arguments.seconds));
    let workers = (0..arguments.clients).map(|worker| {
        let value = value.clone();
        async move {
            let mut latencies = Vec::new();
            let mut number = 0;
            while Instant::now() < end {
                let sent = Instant::now();
                put(client, (worker, number), &value).await?;
                latencies.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
                number += 1;
            }
            Ok::<_, Failure>(latencies)
        }
    });
    let mut latencies_micros = Vec::new();
    for latencies in all(workers).await {
        latencies_micros.extend(latencies?);
    }
    latencies_micros.sort_unstable();
    let cpu_ticks = cpu_ticks(pids).saturating_sub(before);
    Ok(Measured { latencies_micros, elapsed: begin.elapsed(), cpu_ticks })
}

/// Runs futures together until all are done.
async fn all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut is_done = true;
        for (future, outcome) in &mut pending {
            if outcome.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *outcome = Some(value),
                    std::task::Poll::Pending => is_done = false,
                }
            }
        }
        if is_done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    pending.into_iter().filter_map(|(_, outcome)| outcome).collect()
}

async fn put(client: &Cluster, (worker, number): (u32, u64), value: &[u8]) -> Result<(), Failure> {
    let key = format!("bench/{worker}/{}", number % 16).into_bytes();
    let reply = client.key_value(&KvOperation::Put { key, value: value.to_vec() }).await?;
    if reply != KvReply::Done {
        let what = format!("the service answered {reply:?}");
        return Err(Failure::usage("--bytes", what, "ask for fewer bytes"));
    }
    Ok(())
}

/// Processor time of processes, in ticks of a hundredth of a second.
fn cpu_ticks(pids: &[u32]) -> u64 {
    let ticks_of = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    pids.iter().filter_map(ticks_of).sum()
}

/// The median time of a commit of the key-value replica's log, from its page of metrics.
fn commit_p50_micros(address: SocketAddr) -> Option<u64> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    let wanted = "quorate_commit_seconds{machine=\"key-value\",quantile=\"0.500\"} ";
    let line = page.lines().find_map(|line| line.strip_prefix(wanted))?;
    let (seconds, micros) = line.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?)
}

/// A number of thousandths as a decimal fraction.
fn thousandths(value: u64) -> String {
    format!("{}.{:03}", value / 1000, value % 1000)
}

fn report(measured: &Measured, fsync_micros: Option<u64>) -> Answer {
    let count = measured.latencies_micros.len() as u64;
    let millis = u64::try_from(measured.elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let quantile = |thousandth: usize| {
        let last = measured.latencies_micros.len().saturating_sub(1);
        measured.latencies_micros.get(last * thousandth / 1000).copied().unwrap_or(0)
    };
    let rate = count * 1000 / millis;
    let cpu = (measured.cpu_ticks * 10_000).checked_div(count).unwrap_or(0);
    let (p50, p99) = (thousandths(quantile(500)), thousandths(quantile(990)));
    let fsync = fsync_micros.map(thousandths);
    let number = |text: &String| text.parse::<serde_json::Number>().ok();
    let text = format!(
        "operations  {count} in {} s: {rate}/s\nlatency     p50 {p50} ms, p99 {p99} ms\n\
         replica CPU {cpu} us per operation, all four together\nfdatasync   p50 {} ms",
        thousandths(millis),
        fsync.as_deref().unwrap_or("unknown")
    );
    let json = json!({
        "operations": count, "ops_per_second": rate,
        "p50_ms": number(&p50), "p99_ms": number(&p99),
        "replica_cpu_us_per_op": cpu, "fdatasync_p50_ms": fsync.as_ref().and_then(number),
    });
    Answer { text, json }
}
