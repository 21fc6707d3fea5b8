//! Single operations: each is recorded before it is sent, and when its outcome is there.

use std::collections::BTreeSet;

use quorate_client::cluster::Cluster;
use quorate_client::cluster_file::ClusterFile;
use quorate_client::objects::register_id;
use quorate_client::{KvOperation, KvReply};
use quorate_dht::{Body, ContentKind, Value};
use quorate_history::{Kind, Prng};

use super::{Mark, Shared, session};
use crate::recorder::{Content, KvInput, KvOutput};

/// Longest content, in bytes.
const CONTENT_BYTES_MAX: u64 = 60_000;

/// The bytes of a content.
fn content(seed: u64) -> Vec<u8> {
    let mut prng = Prng::from_seed(seed);
    let length = usize::try_from(prng.below(CONTENT_BYTES_MAX)).expect("it is small");
    let words = (0..length.div_ceil(8)).flat_map(|_| prng.next_u64().to_be_bytes());
    words.take(length).collect()
}

/// Writes or reads a public-key object, and records it; tells whether there was an outcome.
pub async fn perform_register(
    shared: &Shared,
    cluster: &Cluster,
    (process, register): (u64, usize),
    kind: Kind,
) -> bool {
    let owner = shared.owner(register);
    let ticket = shared.recorder.invoke_register(process, register, kind);
    let outcome = match kind {
        Kind::Write(value) => {
            let value = Value::Data(Body::new(value.to_be_bytes().to_vec()));
            cluster.write_object(owner, value).await.map(|_| None)
        }
        Kind::Read(_) => {
            let read = cluster.read_object(register_id(&owner.public_key())).await;
            read.map(|version| Some(version.map(|version| version.value)))
        }
    };
    match outcome {
        Ok(None) => shared.recorder.return_register(ticket, None),
        Ok(Some(value)) => match value.map(|value| number(&value)) {
            None => shared.recorder.return_register(ticket, Some(None)),
            Some(Some(value)) => shared.recorder.return_register(ticket, Some(Some(value))),
            Some(None) => shared.impossible(format!("object {register} has a foreign value")),
        },
        Err(error) => {
            shared.refused("object", &error);
            return false;
        }
    }
    true
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Data(body) => body.to_vec().try_into().ok().map(u64::from_be_bytes),
        Value::Deleted => None,
    }
}

/// Calls the ordered service; gives the key with the value that it has now, as far as known.
pub(super) async fn perform_key_value(
    shared: &Shared,
    cluster: &Cluster,
    process: u64,
    input: KvInput,
) -> Option<(String, Option<u64>)> {
    let bytes = |value: &Option<u64>| value.map(|value| value.to_be_bytes().to_vec());
    let operation = match &input {
        KvInput::Get { key } => KvOperation::Get { key: key.clone().into_bytes() },
        KvInput::Put { key, value } => {
            let value = bytes(value).expect("no put removes a key here");
            KvOperation::Put { key: key.clone().into_bytes(), value }
        }
        KvInput::CompareAndSwap { key, expected, value } => KvOperation::CompareAndSwap {
            key: key.clone().into_bytes(),
            expected: bytes(expected),
            new: bytes(value),
        },
    };
    let ticket = shared.recorder.invoke_key_value(process, input.clone());
    let reply = match cluster.key_value(&operation).await {
        Ok(reply) => reply,
        Err(error) => {
            shared.refused("key-value", &error);
            return None;
        }
    };
    let Some(output) = output(&reply) else {
        shared.impossible(format!("{input:?} was answered with {reply:?}"));
        return None;
    };
    shared.recorder.return_key_value(ticket, output.clone());
    match (input, output) {
        (KvInput::Get { key }, KvOutput::Value(value)) => Some((key, value)),
        (KvInput::Put { key, value }, KvOutput::Stored) => Some((key, value)),
        (KvInput::CompareAndSwap { key, value, .. }, KvOutput::Swapped(true)) => Some((key, value)),
        _ => None,
    }
}

fn output(reply: &KvReply) -> Option<KvOutput> {
    match reply {
        KvReply::Value(None) => Some(KvOutput::Value(None)),
        KvReply::Value(Some(bytes)) => {
            let value = bytes.as_slice().try_into().ok().map(u64::from_be_bytes)?;
            Some(KvOutput::Value(Some(value)))
        }
        KvReply::Done => Some(KvOutput::Stored),
        KvReply::Swapped(is_swapped) => Some(KvOutput::Swapped(*is_swapped)),
        KvReply::Malformed | KvReply::TooLarge(_) | KvReply::NotAClient => None,
    }
}

/// Reads a content, and counts it if it came back bit for bit.
pub(super) async fn read_content(
    shared: &Shared,
    cluster: &Cluster,
    known: &Content,
    is_at_the_end: bool,
) {
    match cluster.get_content(known.key).await {
        Ok(body) if body.to_vec() == content(known.seed) => {
            shared.recorder.history().read(known.key, is_at_the_end);
        }
        Ok(_) => shared.impossible(format!("{:?} came back with other bytes", known.key)),
        Err(error) => shared.refused("read content", &error),
    }
}

/// Reads every object, and every key and content written since a moment, when all faults are
/// healed.
///
/// # Errors
/// What could not be read.
pub fn read_back(shared: &Shared, file: &ClusterFile, since: Mark) -> Result<(), String> {
    let process = 1_000;
    let work = async |cluster: Cluster| {
        for register in 0..shared.breadth.registers {
            let reading = perform_register(shared, &cluster, (process, register), Kind::Read(None));
            if !reading.await {
                return Err(unreadable(shared, &format!("object {register}")));
            }
        }
        let keys = keys_since(shared, since);
        for key in keys {
            let input = KvInput::Get { key: key.clone() };
            if perform_key_value(shared, &cluster, process, input).await.is_none() {
                return Err(unreadable(shared, &format!("key {key}")));
            }
        }
        let contents = shared.recorder.history().contents[since.contents..].to_vec();
        for content in &contents {
            read_content(shared, &cluster, content, true).await;
        }
        Ok(())
    };
    session(file, work)?
}

/// What a read at the end met, and how the clients had fared before it.
fn unreadable(shared: &Shared, what: &str) -> String {
    let history = shared.recorder.history();
    let failures = [&history.failures[..], &history.impossible[..]].concat();
    let error = failures.last().map_or("nothing was said", String::as_str);
    let (came, failed) = (history.acknowledged(), failures.len());
    format!(
        "{what} cannot be read after all is healed: {error}; \
         {came} operations had come to an outcome, {failed} had not"
    )
}

/// Stores the content of a seed under its hash.
pub(super) async fn store_content(shared: &Shared, cluster: &Cluster, seed: u64) {
    match cluster.put_content(ContentKind::Chunk, Body::new(content(seed))).await {
        Ok(key) => {
            let content = Content { key, seed, reads: 0, is_read_at_the_end: false };
            shared.recorder.history().contents.push(content);
        }
        Err(error) => shared.refused("store content", &error),
    }
}

/// The keys of the ordered service that were used since a moment.
fn keys_since(shared: &Shared, since: Mark) -> BTreeSet<String> {
    let history = shared.recorder.history();
    let key = |input: &KvInput| match input {
        KvInput::Get { key } | KvInput::Put { key, .. } | KvInput::CompareAndSwap { key, .. } => {
            key.clone()
        }
    };
    history.key_value[since.calls..].iter().map(|call| key(&call.input)).collect()
}
