//! A server that lies, as a real process: `quorate-liar node run --config FILE [VILLAIN]`.
//!
//! It is the production server with a villain between each of its machines and the world. It holds
//! the keys of its own node and no others. As a storage server it answers reads with other bytes
//! than it holds; as a replica it plays the villain that is named, or one drawn at random, in each
//! epoch anew; where epochs end it deals badly and signs wrongly.
#![expect(clippy::print_stderr, reason = "a command talks to its user")]

mod between;
mod handover;
mod storage;

use std::path::Path;
use std::process::ExitCode;

use quorate_adversary::ordering::REPLICA_VILLAINS;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::run::run_with;

use crate::between::Lies;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (file, villain) = match words[..] {
        ["node", "run", "--config", file] => (file, None),
        ["node", "run", "--config", file, villain] => (file, Some(villain)),
        _ => {
            let known = REPLICA_VILLAINS.join(" ");
            eprintln!("usage: quorate-liar node run --config FILE [VILLAIN]\nvillains: {known}");
            return ExitCode::from(2);
        }
    };
    match run(Path::new(file), villain) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(file: &Path, villain: Option<&str>) -> Result<(), String> {
    let settings = NodeConfiguration::read(file).map_err(|error| error.explain().to_string())?;
    let lies = Lies::new(villain)?;
    run_with(&settings, Box::new(lies)).map_err(|error| error.to_string())
}
