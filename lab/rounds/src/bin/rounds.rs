//! `rounds`: rounds over real processes, called by hand or by `cargo xtask`.
#![expect(clippy::print_stderr, reason = "a command talks to its user")]

use std::process::ExitCode;

use quorate_rounds::power::{self, Meanwhile};
use quorate_rounds::round;
use quorate_rounds::telling::tell;

const USAGE: &str = "\
usage: rounds round [--faults N]        one round on loopback
       rounds power-cuts [--times N]    power cuts of a whole cluster; needs root
QUORATE_ROUND_SEED names the seed.
";

/// Faults of processes in a round, unless the caller says otherwise.
const FAULTS: usize = 8;
/// Power cuts, unless the caller says otherwise.
const TIMES: usize = 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["round"] => one(FAULTS),
        ["round", "--faults", count] => number(count).and_then(one),
        ["power-cuts"] => power_cuts(TIMES),
        ["power-cuts", "--times", count] => number(count).and_then(power_cuts),
        _ => Err(String::from(USAGE)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

fn one(faults: usize) -> Result<(), String> {
    round::run(round::seed()?, faults).map(|_| ())
}

fn power_cuts(times: usize) -> Result<(), String> {
    if let Some(why) = power::missing() {
        return Err(format!("power cannot be cut here: {why}"));
    }
    let summary = power::cuts(round::seed()?, times, Meanwhile::Nothing)?;
    tell(&format!("{times} power cuts: {summary}"));
    Ok(())
}
