//! `quorate blob`: files of any size, stored under the hash of their bytes.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use quorate_client::blob::BlobSummary;
use quorate_types::ObjectId;
use serde_json::json;

use super::session::{ClusterArguments, interruptible, session};
use super::streams::{deliver, failed, source};
use crate::answer::Answer;
use crate::failure::Failure;

/// What to do with a file.
#[derive(Subcommand, Debug)]
pub(crate) enum BlobCommand {
    /// Store a file; prints its id.
    Put(PutArguments),
    /// Get a file by its id.
    Get(GetArguments),
    /// Show what is stored under an id.
    Stat(StatArguments),
}

/// What to store.
#[derive(Args, Debug)]
pub(crate) struct PutArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// The file; `-` for standard input.
    file: PathBuf,
}

/// What to get, and where to put it.
#[derive(Args, Debug)]
pub(crate) struct GetArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// The id: 64 lowercase hexadecimal digits.
    #[arg(value_parser = ObjectId::from_hex)]
    id: ObjectId,
    /// Where to write it; `-` for standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// What to show.
#[derive(Args, Debug)]
pub(crate) struct StatArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// The id: 64 lowercase hexadecimal digits.
    #[arg(value_parser = ObjectId::from_hex)]
    id: ObjectId,
}

pub(crate) fn run(command: &BlobCommand, json: bool) -> Result<Answer, Failure> {
    match command {
        BlobCommand::Put(arguments) => put(arguments, json),
        BlobCommand::Get(arguments) => get(arguments, json),
        BlobCommand::Stat(arguments) => session(&arguments.cluster, json, async |cluster| {
            Ok(answer(&cluster.stat_blob(arguments.id).await?))
        }),
    }
}

fn answer(summary: &BlobSummary) -> Answer {
    let (id, bytes, hash) = (summary.id, summary.length_bytes, &summary.hash);
    Answer {
        text: format!("id     {id}\nbytes  {bytes}\nblake3 {hash}"),
        json: json!({ "id": id.to_hex(), "bytes": bytes, "blake3": hash }),
    }
}

fn put(arguments: &PutArguments, json: bool) -> Result<Answer, Failure> {
    let (mut source, length) = source(&arguments.file)?;
    let bar = bar(length, json);
    let summary = session(&arguments.cluster, json, async |cluster| {
        let mut progress = |bytes| bar.set_position(bytes);
        let put = cluster.put_blob(&mut *source, &mut progress).await;
        put.map_err(|error| failed(&arguments.file, error))
    })?;
    bar.finish_and_clear();
    Ok(answer(&summary))
}

fn get(arguments: &GetArguments, json: bool) -> Result<Answer, Failure> {
    let path = &arguments.output;
    let summary = deliver(path, |sink| fetch(arguments, sink, json))?;
    Ok(if path == Path::new("-") { Answer::none() } else { answer(&summary) })
}

fn fetch(
    arguments: &GetArguments,
    sink: &mut dyn Write,
    json: bool,
) -> Result<BlobSummary, Failure> {
    let bar = bar(Some(0), json);
    let summary = interruptible(&arguments.cluster, json, async |cluster| {
        let mut progress = |done, length| {
            bar.set_length(length);
            bar.set_position(done);
        };
        let got = cluster.get_blob(arguments.id, sink, &mut progress).await;
        got.map_err(|error| failed(&arguments.output, error))
    })?;
    bar.finish_and_clear();
    Ok(summary)
}

/// A bar on a terminal, nothing elsewhere.
fn bar(length: Option<u64>, json: bool) -> ProgressBar {
    if json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let style =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
