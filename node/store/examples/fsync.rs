//! How long this disk takes to make a record durable: the figure that bounds every acknowledgement.
//!
//! Appends records of 256 bytes to a log, one per commit, and prints the distribution. Usage:
//! `cargo run --release -p quorate-store --example fsync [DIRECTORY]`; default: the current one.
#![expect(clippy::print_stdout, reason = "a benchmark reports on stdout")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use quorate_store::log::{Log, LogOptions};
use quorate_store::medium::RealMedium;

const COMMITS: usize = 2000;
const RECORD: [u8; 256] = [7; 256];
/// The first commits fill the next segment and are not counted.
const WARM_UP_COMMITS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let directory = parent.join(format!("fsync-{}", std::process::id()));
    let outcome = measure(&directory);
    std::fs::remove_dir_all(&directory)?;
    let mut durations = outcome?;
    durations.sort_unstable();

    let micros = |percent: usize| durations[(durations.len() - 1) * percent / 100].as_micros();
    println!(
        "commit of one 256-byte record, {} samples: p50 {} us, p90 {} us, p99 {} us, max {} us",
        durations.len(),
        micros(50),
        micros(90),
        micros(99),
        micros(100),
    );
    Ok(())
}

fn measure(directory: &std::path::Path) -> Result<Vec<Duration>, Box<dyn Error>> {
    let medium = RealMedium::open(directory)?;
    let (mut log, _) = Log::open(medium, LogOptions::new([0; 32]))?;
    let mut durations = Vec::with_capacity(COMMITS);
    for index in 0..WARM_UP_COMMITS + COMMITS {
        let start = Instant::now();
        log.append(0, &RECORD)?;
        log.commit()?;
        if index >= WARM_UP_COMMITS {
            durations.push(start.elapsed());
        }
        log.prepare();
    }
    Ok(durations)
}
