//! `quorate node`: makes and runs one server.

use std::path::PathBuf;

use clap::Subcommand;

use crate::answer::Answer;
use crate::failure::Failure;

mod new;
mod run;

/// What to do with a server.
#[derive(Subcommand, Debug)]
pub(crate) enum NodeCommand {
    /// Make the keys of a server, on that server, and what the authority needs of it.
    New(new::NewArguments),
    /// Run a server until SIGINT or SIGTERM.
    Run {
        /// Its node.toml.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

pub(crate) fn run(command: &NodeCommand) -> Result<Answer, Failure> {
    match command {
        NodeCommand::New(arguments) => new::run(arguments),
        NodeCommand::Run { config } => run::run(config),
    }
}
