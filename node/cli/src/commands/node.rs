//! `quorate node`: makes and runs one server.

use std::path::PathBuf;

use clap::Subcommand;

use crate::answer::Answer;
use crate::failure::Failure;

mod give_up;
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
    /// Remove a damaged copy that no server can mend, so that a server that stopped over it can go
    /// on; its bytes are kept aside.
    GiveUp(give_up::GiveUpArguments),
}

pub(crate) fn run(command: &NodeCommand) -> Result<Answer, Failure> {
    match command {
        NodeCommand::New(arguments) => new::run(arguments),
        NodeCommand::Run { config } => run::run(config),
        NodeCommand::GiveUp(arguments) => give_up::run(arguments),
    }
}
