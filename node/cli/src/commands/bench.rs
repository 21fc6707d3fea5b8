//! `quorate bench`: what this machine can do, measured over real processes.

use clap::Subcommand;

use crate::answer::Answer;
use crate::failure::Failure;

mod blob;
mod epochs;
mod ordered;
mod probes;
mod processes;

/// What to measure.
#[derive(Subcommand, Debug)]
pub(crate) enum BenchCommand {
    /// Ordered key-value writes on four replica processes of its own.
    Ordered(ordered::OrderedArguments),
    /// A file stored to and got from server processes of its own.
    Blob(blob::BlobArguments),
    /// Ends of epochs on server processes of its own.
    Epochs(epochs::EpochsArguments),
    /// One prober against a process that answers for any number of servers.
    Probes(probes::ProbesArguments),
}

pub(crate) fn run(command: &BenchCommand) -> Result<Answer, Failure> {
    match command {
        BenchCommand::Ordered(arguments) => ordered::run(arguments),
        BenchCommand::Blob(arguments) => blob::run(arguments),
        BenchCommand::Epochs(arguments) => epochs::run(arguments),
        BenchCommand::Probes(arguments) => probes::run(arguments),
    }
}

/// A number of thousandths as a decimal fraction.
fn thousandths(value: u64) -> String {
    format!("{}.{:03}", value / 1000, value % 1000)
}

/// The same as a number of JSON.
fn json_thousandths(value: u64) -> Option<serde_json::Number> {
    thousandths(value).parse().ok()
}
