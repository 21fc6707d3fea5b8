//! `rounds`: rounds over real processes, called by hand or by `cargo xtask`.
#![expect(clippy::print_stderr, reason = "a command talks to its user")]

use std::process::ExitCode;

use quorate_rounds::round;

const USAGE: &str = "\
usage: rounds round [--faults N]     one round on loopback; QUORATE_ROUND_SEED names its seed
";

/// Faults of processes in a round, unless the caller says otherwise.
const FAULTS: usize = 8;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words[..] {
        ["round"] => one(FAULTS),
        ["round", "--faults", count] => number(count).and_then(one),
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
