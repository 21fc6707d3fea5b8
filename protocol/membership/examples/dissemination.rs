//! Prints how a configuration reaches N servers: when, with how many bytes, and what it costs one.
//!
//! The machines, the checks and the trees are those of production; a step is checked once for all
//! servers of the process, and how long that took stands for each of them before it passes the
//! delta on. One server of a hundred goes and as many come, one of a hundred deposits a key.
//!
//! Run with `cargo run --release -p quorate-membership --example dissemination -- 1000 10000`;
//! `--svg FILE` also draws which share of the servers has it when.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::float_arithmetic, reason = "figures for people")]

use std::collections::BTreeSet;
use std::sync::Arc;

use quorate_membership::dissemination::{Checked, EncodedDelta, Follow, Trees};
use quorate_membership::limits::FAN_OUT_DEFAULT;
use quorate_membership::{Delta, VerifiedConfiguration};
use quorate_types::NodeId;
use quorate_wire::encode;

#[path = "dissemination/curve.rs"]
mod curve;
#[path = "../tests/dissemination/network.rs"]
mod network;
#[path = "../tests/dissemination/servers.rs"]
mod servers;

use network::{Conditions, Network, WIDE};
use servers::{F, Once, Servers};

const SECOND: u64 = 1_000_000;
const EPOCH_SECONDS: f64 = 3600.0;
/// How long the servers only compare, to see what that takes.
const IDLE_SECONDS: u64 = 20;

fn main() {
    let mut counts = Vec::new();
    let mut svg = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--svg" => svg = arguments.next(),
            number => counts.push(number.parse().expect("a number of servers, or --svg FILE")),
        }
    }
    if counts.is_empty() {
        counts = vec![1_000, 10_000];
    }
    let curves: Vec<_> = counts.into_iter().map(|count| (count, measure(count))).collect();
    if let Some(file) = svg {
        std::fs::write(file, curve::draw(&curves)).expect("the file can be written");
    }
}

/// What one server computes for one epoch, in microseconds; twice, since the first warms up.
fn check(servers: &Servers, old: &VerifiedConfiguration, delta: &EncodedDelta) -> u64 {
    let checked = Checked { schemes: servers.schemes.clone(), fan_out: FAN_OUT_DEFAULT };
    checked.follow(old, delta.clone()).expect("a good delta");
    let start = processor_micros();
    checked.follow(old, delta.clone()).expect("a good delta");
    processor_micros() - start
}

/// Lets an epoch spread over so many servers and prints what happened; the moments at which they
/// got it, in microseconds.
fn measure(count: usize) -> Vec<u64> {
    let mut servers = Servers::new();
    let old = servers.first(count);
    let new = servers.churned(&old);
    let delta = Delta::between(&old, &new).expect("one follows the other");
    let delta_bytes = encode(&delta).len();
    let encoded = EncodedDelta::of(&delta).expect("it is short enough");
    let check = check(&servers, &old, &encoded);
    let start = processor_micros();
    let trees = Trees::of(&old, &new, FAN_OUT_DEFAULT);
    let trees_micros = processor_micros() - start;

    let follow: Arc<dyn Follow> = Once::new(servers.schemes.clone(), FAN_OUT_DEFAULT);
    let members = old.configuration().members.iter().chain(&new.configuration().members);
    let ids: BTreeSet<NodeId> = members.map(|member| member.id).collect();
    let mut network =
        Network::new(Conditions { check, ..WIDE }, ids.iter().copied(), &old, &follow);
    let sources = old.configuration().membership_group.clone();
    network.silence(|id| !sources.contains(&id) && !trees.children(id).is_empty());
    sources.iter().take(usize::from(F)).for_each(|source| network.server(*source).is_silent = true);
    let speaking = network.servers.iter().filter(|server| !server.is_silent).count();

    let start = processor_micros();
    sources.iter().for_each(|source| network.adopt(*source, &new));
    let moments = network.run_until_all(new.epoch(), 120 * SECOND);
    let took = processor_micros() - start;
    // What is still on its way counts for the epoch.
    let settled = network.now + 5 * SECOND;
    network.run_until(settled);
    let spread = Traffic::of(&network, ids.len());
    network.count_anew();
    network.run_until(settled + IDLE_SECONDS * SECOND);
    let idle = Traffic::of(&network, ids.len());

    println!("{count} servers, {} told, {} silent", ids.len(), ids.len() - speaking);
    println!("  delta                 {delta_bytes} bytes in {} chunks", encoded.chunks().len());
    println!(
        "  check of a delta      {:.1} ms, {:.1} ms of it the trees",
        millis(check),
        millis(trees_micros)
    );
    println!("  have it               {} of {speaking} that speak", moments.len());
    for share in [50, 99, 100] {
        let at = moments[(moments.len() * share).div_ceil(100) - 1];
        println!("  {share:>3} %                 {:.2} s", millis(at) / 1000.0);
    }
    println!("  messages sent         {:.1} per server", spread.messages);
    spread.print("the epoch");
    idle.print("20 s of comparing");
    let hourly = |spread: f64, idle: f64| spread / EPOCH_SECONDS + idle / IDLE_SECONDS as f64;
    println!(
        "  an hourly epoch       {:.0} B/s sent on average, as many received; at the busiest \
         {:.0} B/s sent, {:.0} B/s sent and received",
        hourly(spread.sent, idle.sent),
        hourly(spread.busiest_sent, idle.busiest_sent),
        hourly(spread.busiest_both, idle.busiest_both)
    );
    println!(
        "  memory of the process {} MiB, processor {:.1} s for the simulation",
        resident_mib(),
        millis(took) / 1000.0
    );
    moments
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// Bytes of all servers.
struct Traffic {
    sent: f64,
    messages: f64,
    busiest_sent: f64,
    busiest_both: f64,
}

impl Traffic {
    fn of(network: &Network, count: usize) -> Self {
        let sum = |number: fn(&network::Server) -> u64| -> f64 {
            network.servers.iter().map(number).sum::<u64>() as f64 / count as f64
        };
        let most = |number: fn(&network::Server) -> u64| -> f64 {
            network.servers.iter().map(number).max().unwrap_or_default() as f64
        };
        Self {
            sent: sum(|server| server.sent_bytes),
            messages: sum(|server| server.sent_count),
            busiest_sent: most(|server| server.sent_bytes),
            busiest_both: most(|server| server.sent_bytes + server.received_bytes),
        }
    }

    fn print(&self, what: &str) {
        println!(
            "  {what:<21} {:.0} bytes sent on average, {:.0} at the busiest",
            self.sent, self.busiest_sent
        );
    }
}

/// Linux: the first number of `schedstat` is the time on a processor in nanoseconds.
fn processor_micros() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse::<u64>().ok());
    nanos.unwrap_or_default() / 1000
}

/// Linux: the second number of `statm` is what is in memory, in pages.
fn resident_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() * 4096 / (1024 * 1024)
}
