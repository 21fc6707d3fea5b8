//! `quorate node`: makes and runs one server, and changes which servers there are.

use std::path::PathBuf;

use clap::Subcommand;

use crate::answer::Answer;
use crate::failure::Failure;

mod add;
mod evidence;
mod give_up;
mod list;
mod new;
mod remove;
pub(crate) use remove::find_member;
mod replace;
mod run;
pub(crate) mod submit;

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
    /// Let a server join a running system, or say that it has moved.
    Add(add::AddArguments),
    /// Have a server leave for good.
    Remove(remove::RemoveArguments),
    /// Have one server leave for good, and another, with keys of its own, join in its place.
    Replace(replace::ReplaceArguments),
    /// Submit certificates that were signed elsewhere.
    Submit(submit::SubmitArguments),
    /// Show the proof that servers lied, whole, and check it here.
    Evidence(evidence::EvidenceArguments),
    /// List the servers by state, and what waits for the end of the epoch.
    List(list::ListArguments),
}

pub(crate) fn run(command: &NodeCommand, json: bool) -> Result<Answer, Failure> {
    match command {
        NodeCommand::New(arguments) => new::run(arguments),
        NodeCommand::Run { config } => run::run(config),
        NodeCommand::GiveUp(arguments) => give_up::run(arguments),
        NodeCommand::Add(arguments) => add::run(arguments, json),
        NodeCommand::Remove(arguments) => remove::run(arguments, json),
        NodeCommand::Replace(arguments) => replace::run(arguments, json),
        NodeCommand::Submit(arguments) => submit::run(arguments, json),
        NodeCommand::Evidence(arguments) => evidence::run(arguments, json),
        NodeCommand::List(arguments) => list::run(arguments, json),
    }
}
