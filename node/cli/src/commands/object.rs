//! `quorate object`: values that their owner can change.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use quorate_client::cluster_file::{ClusterFile, read_seed};
use quorate_client::explanation::Kind;
use quorate_client::objects::{Body, RealSigner, Signer, VALUE_BYTES_MAX, Value, register_id};
use quorate_types::ObjectId;
use serde_json::json;

use super::session::{ClusterArguments, session};
use super::streams::{deliver, source};
use crate::answer::Answer;
use crate::failure::Failure;

/// What to do with an object.
#[derive(Subcommand, Debug)]
pub(crate) enum ObjectCommand {
    /// Write a value; prints the id of the object.
    Put(PutArguments),
    /// Read the last value of an object.
    Get(GetArguments),
}

/// What to write, and as whom.
#[derive(Args, Debug)]
pub(crate) struct PutArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// The key file of the owner; the client's own key if it is left out.
    #[arg(long, value_name = "FILE")]
    owner: Option<PathBuf>,
    /// The file with the value; `-` for standard input.
    file: PathBuf,
}

/// Which object to read.
#[derive(Args, Debug)]
pub(crate) struct GetArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// The id: 64 lowercase hexadecimal digits.
    #[arg(value_parser = ObjectId::from_hex)]
    id: ObjectId,
    /// Where to write the value; standard output if it is left out.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(command: &ObjectCommand, json: bool) -> Result<Answer, Failure> {
    match command {
        ObjectCommand::Put(arguments) => put(arguments, json),
        ObjectCommand::Get(arguments) => get(arguments, json),
    }
}

fn put(arguments: &PutArguments, json: bool) -> Result<Answer, Failure> {
    let owner = Arc::new(RealSigner::from_seed(&owner_seed(arguments)?));
    let id = register_id(&owner.public_key());
    let value = Value::Data(Body::new(read(&arguments.file)?));
    let version = session(&arguments.cluster, json, async |cluster| {
        Ok(cluster.write_object(owner, value).await?)
    })?;
    let sequence = version.signed.stamp.sequence;
    Ok(Answer {
        text: format!("id       {id}\nsequence {sequence}"),
        json: json!({ "id": id.to_hex(), "sequence": sequence }),
    })
}

fn owner_seed(arguments: &PutArguments) -> Result<[u8; 32], Failure> {
    match &arguments.owner {
        Some(path) => Ok(*read_seed(path)?),
        None => Ok(*ClusterFile::read(&arguments.cluster.cluster)?.client_identity()?.seed),
    }
}

/// At most one byte more than an object holds is read: enough to see that it is too long.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let (source, _) = source(path)?;
    let mut bytes = Vec::new();
    let read = source.take(VALUE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::io("read", path, &error))?;
    if bytes.len() > VALUE_BYTES_MAX {
        let what = format!("an object holds at most {VALUE_BYTES_MAX} bytes, and this is more");
        let remedy = "store it with `quorate blob put`, and its id in the object";
        return Err(Failure::about(path, (Kind::TooLarge, "too-large"), what, remedy));
    }
    Ok(bytes)
}

fn get(arguments: &GetArguments, json: bool) -> Result<Answer, Failure> {
    let id = arguments.id;
    let version =
        session(&arguments.cluster, json, async |cluster| Ok(cluster.read_object(id).await?))?;
    let absent = || {
        let sort = (Kind::NotFound, "absent");
        let what = format!("no value was ever written to {id}, or it was deleted");
        Failure::about(Path::new("cluster"), sort, what, "check the id")
    };
    let version = version.ok_or_else(absent)?;
    let sequence = version.signed.stamp.sequence;
    let Value::Data(body) = version.value else { return Err(absent()) };
    let facts = json!({ "id": id.to_hex(), "sequence": sequence, "bytes": body.len() });
    let output = match &arguments.output {
        None if json => return Ok(Answer { text: String::new(), json: facts }),
        None => Path::new("-"),
        Some(path) => path,
    };
    deliver(output, |sink| {
        // The value as it is: nothing is added to it.
        sink.write_all(&body).map_err(|error| Failure::io("write", output, &error))
    })?;
    if output == Path::new("-") {
        return Ok(Answer::none());
    }
    Ok(Answer { text: format!("sequence {sequence}, {} bytes", body.len()), json: facts })
}
