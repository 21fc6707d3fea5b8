//! Prints how configurations reach N servers: when, with how many bytes, and what they cost one.
//!
//! The machines, the checks, the trees and the shortlist are those of production; a step is checked
//! once for all servers of the process, and how long that took stands for each of them before it
//! passes the delta on. In each of three hours one server of a hundred goes and as many come, one
//! of a hundred is silent, and whoever is on the shortlist deposits a key. Of the rest of an hour
//! 20 seconds are simulated, in which servers compare their epochs, and count for all of it.
//!
//! Run with `cargo run --release -p quorate-membership --example dissemination -- 1000 10000`;
//! `--svg FILE` also draws which share of the servers has an epoch when, `--growth FILE` what grows
//! with their number.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::float_arithmetic, reason = "figures for people")]

#[path = "dissemination/curve.rs"]
mod curve;
#[path = "dissemination/deposits.rs"]
mod deposits;
#[path = "dissemination/growth.rs"]
mod growth;
#[path = "dissemination/hours.rs"]
mod hours;
#[path = "dissemination/loads.rs"]
mod loads;
#[path = "../tests/dissemination/network.rs"]
mod network;
#[path = "../tests/dissemination/servers.rs"]
mod servers;

use hours::Hour;

const SECOND: u64 = 1_000_000;

fn main() {
    let (mut counts, mut svg, mut growth) = (Vec::new(), None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--svg" => svg = arguments.next(),
            "--growth" => growth = arguments.next(),
            number => counts.push(number.parse().expect("a number of servers, or --svg FILE")),
        }
    }
    if counts.is_empty() {
        counts = vec![1_000, 10_000];
    }
    let mut measured = Vec::new();
    for count in counts {
        let start = processor_micros();
        let hours = hours::live(count);
        print(count, &hours);
        println!(
            "  memory of the process {} MiB, processor {:.1} s for the simulation",
            resident_mib(),
            millis(processor_micros() - start) / 1000.0
        );
        measured.push((count, hours));
    }
    loads::print_probes();
    loads::print_deposits();
    measured.iter().for_each(|(count, _)| loads::print_members(*count));
    let written = "the file can be written";
    if let Some(file) = svg {
        std::fs::write(file, curve::draw(&measured)).expect(written);
    }
    if let Some(file) = growth {
        std::fs::write(file, growth::draw(&measured)).expect(written);
    }
}

fn print(count: usize, hours: &[Hour]) {
    println!("{count} servers");
    for (number, hour) in (1..).zip(hours) {
        println!(
            "  hour {number}: delta {} bytes with {} keys, checked in {:.1} ms; {} of {} have it, \
             50, 99, 100 % after {:.2}, {:.2}, {:.2} s",
            hour.delta_bytes,
            hour.key_count,
            millis(hour.check),
            hour.moments.len(),
            hour.speaking,
            hour.reached(50),
            hour.reached(99),
            hour.reached(100),
        );
        println!(
            "          {:.1} messages, {:.0} B/s sent on average, as many received, {:.0} of them \
             comparing; at the busiest {:.0} B/s sent, {:.0} B/s sent and received",
            hour.messages, hour.average, hour.idle, hour.busiest_sent, hour.busiest_both
        );
    }
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
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
