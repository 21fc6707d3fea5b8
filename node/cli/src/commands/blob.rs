//! `quorate blob`: files of any size, stored under the hash of their bytes.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use quorate_client::blob::BlobSummary;
use quorate_types::ObjectId;
use serde_json::json;

use super::session::{ClusterArguments, session};
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
        BlobCommand::Stat(arguments) => session(&arguments.cluster, async |cluster| {
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
    let (mut source, length) = open(&arguments.file)?;
    let bar = bar(length, json);
    let summary = session(&arguments.cluster, async |cluster| {
        let mut progress = |bytes| bar.set_position(bytes);
        Ok(cluster.put_blob(&mut *source, &mut progress).await?)
    })?;
    bar.finish_and_clear();
    Ok(answer(&summary))
}

fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let file = File::open(path).map_err(|error| Failure::io("open", path, &error))?;
    let length = file.metadata().map_err(|error| Failure::io("look at", path, &error))?.len();
    Ok((Box::new(file), Some(length)))
}

fn get(arguments: &GetArguments, json: bool) -> Result<Answer, Failure> {
    let path = &arguments.output;
    if path == Path::new("-") {
        let mut sink = io::stdout().lock();
        fetch(arguments, &mut sink, json)?;
        return Ok(Answer::none());
    }
    // What is half written never stands under the name that was asked for.
    let partial = path.with_extension("partial");
    let failed = |error: &io::Error| Failure::io("write", &partial, error);
    let mut file = File::create(&partial).map_err(|error| failed(&error))?;
    let fetched = fetch(arguments, &mut file, json);
    let kept = fetched.and_then(|summary| {
        file.sync_all().map_err(|error| failed(&error))?;
        std::fs::rename(&partial, path).map_err(|error| Failure::io("write", path, &error))?;
        Ok(summary)
    });
    if kept.is_err() {
        // The failure itself is reported; the rest of the file is of no use.
        drop(std::fs::remove_file(&partial));
    }
    Ok(answer(&kept?))
}

fn fetch(
    arguments: &GetArguments,
    sink: &mut dyn Write,
    json: bool,
) -> Result<BlobSummary, Failure> {
    let bar = bar(Some(0), json);
    let summary = session(&arguments.cluster, async |cluster| {
        let mut progress = |done, length| {
            bar.set_length(length);
            bar.set_position(done);
        };
        Ok(cluster.get_blob(arguments.id, sink, &mut progress).await?)
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
