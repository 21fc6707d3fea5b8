//! `quorate authority`: who says which servers and clients there are.

use std::path::PathBuf;

use clap::Subcommand;
use quorate_daemon::founding::ceremony::new_authority;
use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;

mod appoint;
mod show;
mod sign;

/// What to do with the authority.
#[derive(Subcommand, Debug)]
pub(crate) enum AuthorityCommand {
    /// Make its key. Keep it off the servers: whoever has it can admit servers and clients.
    New {
        /// The directory for the key.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Show who signs for the authority about servers.
    Show(show::ShowArguments),
    /// Sign certificates that others have made, on a machine that needs no network.
    Sign(sign::SignArguments),
    /// Have some number out of several keys sign for the authority about servers from now on.
    Appoint(appoint::AppointArguments),
}

pub(crate) fn run(command: &AuthorityCommand, json: bool) -> Result<Answer, Failure> {
    match command {
        AuthorityCommand::New { out } => new(out),
        AuthorityCommand::Show(arguments) => show::run(arguments, json),
        AuthorityCommand::Sign(arguments) => sign::run(arguments),
        AuthorityCommand::Appoint(arguments) => appoint::run(arguments, json),
    }
}

fn new(out: &std::path::Path) -> Result<Answer, Failure> {
    let authority = new_authority(out)?;
    let key = authority.key.display();
    let text = format!(
        "authority {}\nits secret key is in {key}: keep it off the servers, with a copy",
        authority.public_key
    );
    let public_key = authority.public_key.to_hex();
    let json = json!({ "public_key": public_key, "key_file": authority.key });
    Ok(Answer { text, json })
}
