//! A replica of an ordered service: its messages, and its log with the image of its state.

use quorate_bft::message::{BundleBody, Message};
use quorate_bft::{Image, Output, Record, Replica, Request, Setup};
use quorate_crypto::Verified;
use quorate_machine::{RecordNumber, Service};
use quorate_runtime::{Hosted, JournalError, LogJournal, RecordCodec};
use quorate_state::Map;
use quorate_store::directory::{DataDirectory, Expectation};
use quorate_store::error::StoreError;
use quorate_store::image::StateImage;
use quorate_store::log::LogOptions;
use quorate_store::medium::RealMedium;
use quorate_types::{GroupConfiguration, Now, Peer};
use quorate_wire::{DecodeError, decode, encode};

use super::storage::is_of;

const _: () = assert!(
    quorate_membership::limits::REPLY_BYTES_MAX <= quorate_bft::limits::REPLY_BYTES_MAX
        && quorate_kv::limits::VALUE_BYTES_MAX + 64 <= quorate_bft::limits::REPLY_BYTES_MAX,
    "the engine carries the replies of both services"
);
const _: () = assert!(
    quorate_bft::limits::MESSAGE_BYTES_MAX < quorate_net::limits::FRAME_BYTES_MAX - 512,
    "a frame carries the longest message and the group that it is of"
);

/// Bytes of the log that one record takes beside what it carries, about.
const RECORD_OVERHEAD_BYTES: usize = 512;

/// The glue of a replica.
#[derive(Debug)]
pub struct OrderingHost<S> {
    name: &'static str,
    service: std::marker::PhantomData<S>,
}

impl<S> OrderingHost<S> {
    /// The glue of the replica of the service with this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, service: std::marker::PhantomData }
    }
}

impl<S: Service + 'static> Hosted for OrderingHost<S> {
    type Machine = Replica<S>;
    type Message = Message;

    fn is_useful(&self, machine: &Replica<S>, _: Peer, message: &Message) -> bool {
        machine.is_useful(message)
    }

    fn context<'host>(&'host self, machine: &'host Replica<S>) -> &'host GroupConfiguration {
        machine.group()
    }

    fn believe(&self, message: Verified<Message>) -> Verified<Message> {
        message
    }

    /// Who opens a session shows its certificate.
    fn vouches_for(&self, from: Peer, message: &Message, now: Now) -> bool {
        let Message::Request(request) = message else { return false };
        let BundleBody::Open { certificate, .. } = &request.bundle.body else { return false };
        certificate.holds_at(now.wall) && is_of(certificate, from)
    }

    fn record_bytes(&self, record: &Record) -> usize {
        let carried = match record {
            Record::Batch(batch) | Record::Accepted { inline: Some(batch), .. } => {
                batch.contents.size_bytes()
            }
            Record::Checkpoint { changes, .. }
            | Record::Installed { entries: changes, .. }
            | Record::Inherited { entries: changes, .. } => {
                let size = |(key, value): &quorate_state::Change| {
                    key.len() + value.as_ref().map_or(0, |value| value.len())
                };
                changes.iter().map(size).sum()
            }
            Record::Accepted { .. }
            | Record::Prepared { .. }
            | Record::ViewChange(_)
            | Record::NewView(_)
            | Record::Stable(_) => 0,
        };
        carried + RECORD_OVERHEAD_BYTES
    }

    fn on_output(&mut self, output: Output, _: &mut Vec<Request>) {
        let service = self.name;
        match output {
            Output::Executed { slot, requests, .. } => {
                tracing::trace!(service, %slot, requests, "executed");
            }
            Output::Stable(statement) => {
                tracing::debug!(service, slot = %statement.slot, "checkpoint is stable");
            }
            Output::Installed(statement) => {
                let slot = statement.slot;
                tracing::info!(service, %slot, "got the state from other servers");
            }
            Output::Entered(view) => tracing::info!(service, %view, "entered a view"),
            Output::Evidence(accusation) => {
                let (view, slot) = (accusation.first.view, accusation.first.slot);
                tracing::warn!(service, %view, %slot, "the leader signed two proposals: it lies");
            }
            Output::Diverged(slot) => {
                tracing::error!(service, %slot, "a quorum has another state: getting theirs");
            }
            Output::News(news) => {
                tracing::trace!(service, bytes = news.len(), "the service has news");
            }
            Output::Concluded(statement) => {
                tracing::info!(service, slot = %statement.slot, "executed the last slot");
            }
            Output::Ended(certificate) => {
                let slot = certificate.statement.slot;
                tracing::info!(service, %slot, "a quorum signed the end of the epoch");
            }
        }
    }
}

/// How records of a replica lie in the log: state entries go to the image instead.
#[derive(Debug)]
struct Codec {
    image: StateImage,
}

const KIND: u8 = 1;

impl RecordCodec for Codec {
    type Record = Record;

    fn encode(&mut self, record: &Record, bytes: &mut Vec<u8>) -> u8 {
        bytes.extend_from_slice(&match record {
            Record::Checkpoint { statement, cut, proof, .. } => encode(&Record::Checkpoint {
                statement: *statement,
                cut: cut.clone(),
                proof: proof.clone(),
                changes: Vec::new(),
            }),
            Record::Installed { certificate, cut, .. } => encode(&Record::Installed {
                certificate: certificate.clone(),
                cut: cut.clone(),
                entries: Vec::new(),
            }),
            Record::Inherited { statement, cut, .. } => encode(&Record::Inherited {
                statement: *statement,
                cut: cut.clone(),
                entries: Vec::new(),
            }),
            Record::Batch(_)
            | Record::Accepted { .. }
            | Record::Prepared { .. }
            | Record::ViewChange(_)
            | Record::NewView(_)
            | Record::Stable(_) => encode(record),
        });
        KIND
    }

    fn decode(&mut self, kind: u8, bytes: &[u8]) -> Result<Record, DecodeError> {
        if kind != KIND {
            return Err(DecodeError::UnknownTag { of: "record", tag: kind });
        }
        decode(bytes)
    }

    fn changes_state(&self, record: &Record) -> bool {
        record.image().is_some()
    }

    fn apply(&mut self, record: &Record) -> Result<(), StoreError> {
        let Some((image, changes)) = record.image() else { return Ok(()) };
        let mark = encode(&image);
        if record.replaces_image() {
            let pairs = changes.iter().filter_map(|(key, value)| {
                value.as_ref().map(|value| (key.to_vec(), value.to_vec()))
            });
            return self.image.replace_all(pairs, &mark);
        }
        let owned: Vec<(Vec<u8>, Option<Vec<u8>>)> = changes
            .iter()
            .map(|(key, value)| (key.to_vec(), value.as_ref().map(|value| value.to_vec())))
            .collect();
        self.image.apply(&owned, &mark)
    }
}

/// The journal of a replica.
pub type OrderingJournal = Box<dyn quorate_runtime::Journal<Record>>;

/// The image of the state, a file.
const STATE: &str = "state";
/// The log, a directory.
const LOG: &str = "log";

/// Opens the disk of a replica and makes the replica from what it holds: the part of the data
/// directory with the name of its service.
///
/// # Errors
/// [`StoreError::Wiped`] if a server that has served finds nothing there; otherwise what the disk
/// reports; an image or a record that this version cannot read.
pub fn open<S: Service>(
    (data, name): (&DataDirectory, &str),
    setup: Setup,
    service: S,
) -> Result<(Replica<S>, OrderingJournal), JournalError> {
    let directory = data.part(name, &[STATE, LOG])?;
    let image = StateImage::open(&directory.join(STATE))?;
    let loaded = load(&image)?;
    let path = directory.join(LOG);
    let medium = RealMedium::open(&path).map_err(|source| StoreError::Io {
        path: path.clone(),
        operation: "open the directory of the log",
        source,
    })?;
    let must_exist = data.expectation() == Expectation::Existing;
    let options = LogOptions { must_exist, ..LogOptions::new(*setup.group.group.as_bytes()) };
    let mut records: Vec<(RecordNumber, Record)> = Vec::new();
    let keep = |number, record| records.push((number, record));
    let journal = LogJournal::open(medium, options, Codec { image }, keep)?;
    let replica = Replica::recover(setup, service, loaded, records);
    Ok((replica, Box::new(journal)))
}

fn load(image: &StateImage) -> Result<Option<(Image, Map)>, JournalError> {
    let (mark, pairs) = image.load()?;
    let Some(mark) = mark else { return Ok(None) };
    let unreadable = |source| JournalError::Unreadable { number: 0, source };
    let description: Image = decode(&mark).map_err(unreadable)?;
    let mut map = Map::new();
    for pair in pairs {
        let (key, value) = pair?;
        map.insert(&key, &value);
    }
    Ok(Some((description, map)))
}

#[cfg(test)]
mod tests;
