//! `quorate node submit`: certificates that were signed elsewhere go to the log.

use std::path::{Path, PathBuf};

use clap::Args;
use quorate_client::carried::{self, CHANGE};
use quorate_client::changes::{Change, explain};
use quorate_membership::Refusal;

use crate::answer::Answer;
use crate::commands::changes::{settle, submit_all};
use crate::commands::session::{ClusterArguments, session};
use crate::failure::Failure;

/// What is submitted, and where.
#[derive(Args, Debug)]
pub(crate) struct SubmitArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// Files with certificates; signatures that were collected apart under the same one are joined.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &SubmitArguments, json: bool) -> Result<Answer, Failure> {
    let changes = read_joined(&arguments.files)?;
    let place: Vec<String> =
        arguments.files.iter().map(|file| file.display().to_string()).collect();
    let place = place.join(", ");
    let (answer, failure) = session(&arguments.cluster, json, async |cluster| {
        let system = cluster.configuration().configuration().system;
        if changes.iter().any(|change| change.system() != system) {
            return Err(Failure::from(explain(Refusal::Foreign, place.as_str())));
        }
        Ok(submit_all(&cluster, &changes, &place).await)
    })?;
    settle(answer, failure, json)
}

/// The certificates in these files, in order, each once with all its signatures.
pub(crate) fn read_joined(files: &[PathBuf]) -> Result<Vec<Change>, Failure> {
    let mut joined: Vec<Change> = Vec::new();
    for file in files {
        for change in read(file)? {
            if !joined.iter_mut().any(|known| known.join(&change)) {
                joined.push(change);
            }
        }
    }
    Ok(joined)
}

fn read(file: &Path) -> Result<Vec<Change>, Failure> {
    Ok(carried::read_all(CHANGE, file)?)
}
