//! `quorate authority sign`: one key more under certificates that others have made.

use std::path::PathBuf;

use clap::Args;

use crate::answer::Answer;
use crate::commands::changes::{Holder, write};
use crate::commands::node::submit::read_joined;
use crate::failure::Failure;

/// What is signed, by whom.
#[derive(Args, Debug)]
pub(crate) struct SignArguments {
    /// A secret key that signs for the authority; once for each that signs here.
    #[arg(long, value_name = "KEY", required = true)]
    authority: Vec<PathBuf>,
    /// The file for the certificates with all their signatures.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Files with certificates; signatures that were collected apart under the same one are joined.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &SignArguments) -> Result<Answer, Failure> {
    let mut changes = read_joined(&arguments.files)?;
    for holder in Holder::read(&arguments.authority)? {
        holder.sign(&mut changes);
    }
    write(&arguments.out, &changes, None)
}
