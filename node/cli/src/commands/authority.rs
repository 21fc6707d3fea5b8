//! `quorate authority new`: makes the key of the trusted authority.

use std::path::PathBuf;

use clap::Subcommand;
use quorate_daemon::founding::ceremony::new_authority;
use serde_json::json;

use crate::answer::Answer;
use crate::failure::Failure;

/// What to do with the authority.
#[derive(Subcommand, Debug)]
pub(crate) enum AuthorityCommand {
    /// Make its key. Keep it off the servers: whoever has it can admit servers and clients.
    New {
        /// The directory for the key.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

pub(crate) fn run(command: &AuthorityCommand) -> Result<Answer, Failure> {
    let AuthorityCommand::New { out } = command;
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
