//! `rounds`: rounds over real processes, called by hand or by `cargo xtask`.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a command talks to its user")]

use std::fmt::Display;
use std::process::ExitCode;
use std::str::FromStr;

use quorate_rounds::loss;
use quorate_rounds::metrics;
use quorate_rounds::power::{self, Meanwhile};
use quorate_rounds::round;
use quorate_rounds::telling::tell;

const USAGE: &str = "\
usage: rounds round [--faults N]        one round on loopback
       rounds power-cuts [--times N]    power cuts of a whole cluster; needs root
       rounds loss                      a round with packets lost; needs root
QUORATE_ROUND_SEED names the seed. Rounds call themselves with `loss-inside` and `page`.
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
        ["loss"] => round::seed().and_then(loss::run),
        ["loss-inside", seed, ref namespaces @ ..] => {
            number(seed).and_then(|seed| loss::run_inside(seed, namespaces).map(|_| ()))
        }
        ["page", address, path] => page(address, path),
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

fn number<N: FromStr<Err: Display>>(text: &str) -> Result<N, String> {
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

/// A page of a server whose loopback is the one of this process.
fn page(address: &str, path: &str) -> Result<(), String> {
    let page = metrics::get(number(address)?, path).ok_or("no answer")?;
    print!("{page}");
    Ok(())
}
