//! `rounds`: rounds over real processes, called by hand or by `cargo xtask`.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a command talks to its user")]

use std::fmt::Display;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use quorate_rounds::cluster::Terms;
use quorate_rounds::crowd;
use quorate_rounds::loss;
use quorate_rounds::metrics;
use quorate_rounds::power::{self, Meanwhile};
use quorate_rounds::round;
use quorate_rounds::telling::tell;
use quorate_rounds::unattended::{self, Plan};

const USAGE: &str = "\
usage: rounds round [--faults N]        one round on loopback
       rounds power-cuts [--times N]    power cuts of a whole cluster; needs root
       rounds loss                      a round with packets lost; needs root
       rounds unattended [MINUTES [EPOCH_SECONDS]]
                                        twelve servers, two bad ones borne by the membership group:
                                        they are killed, added, removed and replaced, one lies
       rounds crowd [--epoch-seconds S] [--churn-epochs E] N...
                                        what each of four servers holds, where N more are members
QUORATE_ROUND_SEED names the seed. Rounds call themselves with `loss-inside` and `page`.
";

/// Faults of processes in a round, unless the caller says otherwise.
const FAULTS: usize = 8;
/// Power cuts, unless the caller says otherwise.
const TIMES: usize = 20;
/// How long an unattended run lasts, in minutes, unless the caller says otherwise.
const MINUTES: u64 = 60;
/// How long its epochs last.
const EPOCH_SECONDS: u64 = 60;
/// How long epochs last where a crowd is measured: probes are as rare as in longer ones.
const CROWD_EPOCH_SECONDS: u64 = 480;
/// Epochs with churn there, one behind the other: does each of them leave something behind?
const CROWD_CHURN_EPOCHS: u32 = 5;
/// Servers with which it begins.
const SERVERS: usize = 12;

fn main() -> ExitCode {
    // A crowd has the other ends of thousands of connections.
    drop(quorate_runtime::descriptors::raise_limit());
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["round"] => one(FAULTS),
        ["round", "--faults", count] => number(count).and_then(one),
        ["power-cuts"] => power_cuts(TIMES),
        ["power-cuts", "--times", count] => number(count).and_then(power_cuts),
        ["unattended"] => unattended(MINUTES, EPOCH_SECONDS),
        ["unattended", minutes] => {
            number(minutes).and_then(|minutes| unattended(minutes, EPOCH_SECONDS))
        }
        ["unattended", minutes, seconds] => number(minutes)
            .and_then(|minutes| number(seconds).and_then(|seconds| unattended(minutes, seconds))),
        ["crowd", ref words @ ..] => crowd(words),
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

fn unattended(minutes: u64, epoch_seconds: u64) -> Result<(), String> {
    let terms = Terms { f: 1, f_ms: 2, epoch_seconds: Some(epoch_seconds) };
    let lasts = Duration::from_secs(60 * minutes);
    let plan = Plan { seed: round::seed()?, servers: SERVERS, terms, lasts };
    tell(&unattended::run::run(plan)?.to_string());
    Ok(())
}

/// Prints as soon as it is there what was measured with each number of servers.
fn crowd(mut words: &[&str]) -> Result<(), String> {
    let (mut epoch_seconds, mut churn_epochs) = (CROWD_EPOCH_SECONDS, CROWD_CHURN_EPOCHS);
    let counts = loop {
        words = match words {
            [] => return Err(String::from(USAGE)),
            ["--epoch-seconds", seconds, rest @ ..] => {
                epoch_seconds = number(seconds)?;
                rest
            }
            ["--churn-epochs", count, rest @ ..] => {
                churn_epochs = number(count)?;
                rest
            }
            counts => break counts,
        };
    };
    println!("{}", crowd::Report::HEAD);
    for count in counts {
        let plan = crowd::Plan { servers: number(count)?, epoch_seconds, churn_epochs };
        print!("{}", crowd::run(plan)?);
    }
    Ok(())
}

/// A page of a server whose loopback is the one of this process.
fn page(address: &str, path: &str) -> Result<(), String> {
    let page = metrics::get(number(address)?, path).ok_or("no answer")?;
    print!("{page}");
    Ok(())
}
