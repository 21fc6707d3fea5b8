//! A replica of an ordered service: its messages, and its log with the image of its state.

use std::path::Path;

use quorate_bft::message::{BundleBody, Message};
use quorate_bft::{
    Contradiction, Image, ImageUpdate, Inheritance, Output, Record, Replica, Request, Setup,
};
use quorate_crypto::Verified;
use quorate_duties::turnover::Event;
use quorate_machine::{RecordNumber, Service};
use quorate_runtime::{Hosted, JournalError, LogJournal, RecordCodec};
use quorate_state::{Load, Map, Tree};
use quorate_store::directory::{DataDirectory, Expectation};
use quorate_store::error::StoreError;
use quorate_store::image::StateImage;
use quorate_store::log::LogOptions;
use quorate_store::medium::RealMedium;
use quorate_types::{Epoch, GroupConfiguration, Now, Peer};
use quorate_wire::{DecodeError, decode, encode};

use super::proof;
use super::storage::is_of;
use crate::epochs::{Happening, Told, say};

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
    /// Who hears what follows for the epoch.
    listener: Option<(Epoch, Told)>,
    service: std::marker::PhantomData<S>,
}

impl<S> OrderingHost<S> {
    /// The glue of the replica of the service with this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, listener: None, service: std::marker::PhantomData }
    }

    /// As [`Self::new`], for the replica of an epoch that ends: `events` hears of it.
    #[must_use]
    pub const fn telling(name: &'static str, listener: Option<(Epoch, Told)>) -> Self {
        Self { name, listener, service: std::marker::PhantomData }
    }

    /// What the service is called.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn tell(&self, event: impl FnOnce(Epoch) -> Option<Event>) {
        if let Some((epoch, events)) = &self.listener
            && let Some(event) = event(*epoch)
        {
            say(events, event.into());
        }
    }
}

impl<S> OrderingHost<S> {
    fn tell_proof(&self, told: Contradiction) {
        if let (Some((epoch, events)), Some(proof)) = (&self.listener, proof::of(told)) {
            say(events, Happening::Proved(*epoch, Box::new(proof)));
        }
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
            Record::Installed { state, .. } | Record::Inherited { state, .. } => {
                usize::try_from(state.bytes()).unwrap_or(usize::MAX)
            }
            Record::Checkpoint { changes, .. } => {
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
            Output::Evidence(told) => {
                let member = told.by;
                tracing::warn!(service, %member, "signed two statements that contradict");
                self.tell_proof(*told);
            }
            Output::Diverged(slot) => {
                tracing::error!(service, %slot, "a quorum has another state: getting theirs");
            }
            Output::News(news) => {
                tracing::trace!(service, bytes = news.len(), "the service has news");
                self.tell(|epoch| Some(Event::News(epoch, Box::new(decode(&news).ok()?))));
            }
            Output::Concluded(statement) => {
                tracing::info!(service, slot = %statement.slot, "executed the last slot");
                self.tell(|epoch| Some(Event::Concluded(epoch)));
            }
            Output::Ended(certificate) => {
                let slot = certificate.statement.slot;
                tracing::info!(service, %slot, "a quorum signed the end of the epoch");
                self.tell(|epoch| Some(Event::Ended(epoch)));
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
        let nothing = || Map::new().snapshot();
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
                state: nothing(),
            }),
            Record::Inherited { statement, cut, .. } => encode(&Record::Inherited {
                statement: *statement,
                cut: cut.clone(),
                state: nothing(),
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
        let Some((image, change)) = record.image() else { return Ok(()) };
        let mark = encode(&image);
        match change {
            ImageUpdate::All(state) => {
                let pairs = state.iter().map(|(key, value)| (key.to_vec(), value.to_vec()));
                self.image.replace_all(pairs, &mark)
            }
            ImageUpdate::Some(changes) => {
                let owned: Vec<(Vec<u8>, Option<Vec<u8>>)> = changes
                    .iter()
                    .map(|(key, value)| (key.to_vec(), value.as_ref().map(|value| value.to_vec())))
                    .collect();
                self.image.apply(&owned, &mark)
            }
        }
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
    let must_exist = data.expectation() == Expectation::Existing;
    let (found, journal) = open_disk(&directory, must_exist, &setup, &Tree::default())?;
    Ok((Replica::recover(setup, service, found.image, found.records), journal))
}

/// What the disk of a replica holds.
struct Found {
    image: Option<(Image, Map)>,
    records: Vec<(RecordNumber, Record)>,
}

fn open_disk(
    directory: &Path,
    must_exist: bool,
    setup: &Setup,
    beside: &Tree,
) -> Result<(Found, OrderingJournal), JournalError> {
    let failed = |path: &Path, source| StoreError::Io {
        path: path.to_path_buf(),
        operation: "open the directory of the log",
        source,
    };
    std::fs::create_dir_all(directory).map_err(|source| failed(directory, source))?;
    let image = StateImage::open(&directory.join(STATE))?;
    let loaded = load(&image, beside)?;
    let path = directory.join(LOG);
    let medium = RealMedium::open(&path).map_err(|source| failed(&path, source))?;
    let options = LogOptions { must_exist, ..LogOptions::new(*setup.group.group.as_bytes()) };
    let mut records: Vec<(RecordNumber, Record)> = Vec::new();
    let keep = |number, record| records.push((number, record));
    let journal = LogJournal::open(medium, options, Codec { image }, keep)?;
    Ok((Found { image: loaded, records }, Box::new(journal)))
}

/// Opens the disk of a replica that was begun in an epoch behind the first, if the state that the
/// epoch began with is there; what a crash left of the beginning is not. What `beside` holds too,
/// the state of the epoch before, is in memory once.
///
/// # Errors
/// What the disk reports, also that the log is gone: the replica may have spoken. An image or a
/// record that this version cannot read.
pub fn open_again<S: Service>(
    directory: &Path,
    (setup, service): (Setup, S),
    beside: &Tree,
) -> Result<Option<(Replica<S>, OrderingJournal)>, JournalError> {
    let (found, journal) = open_disk(directory, true, &setup, beside)?;
    let Some(image) = found.image else { return Ok(None) };
    Ok(Some((Replica::recover(setup, service, Some(image), found.records), journal)))
}

/// Begins a replica of an epoch behind the first with the state of the one before, on a disk of its
/// own.
///
/// # Errors
/// What the disk reports.
pub fn begin<S: Service>(
    directory: &Path,
    (setup, service): (Setup, S),
    inheritance: Inheritance,
) -> Result<(Replica<S>, OrderingJournal), JournalError> {
    super::remove(directory)?;
    let (_nothing, journal) = open_disk(directory, false, &setup, &Tree::default())?;
    Ok((Replica::succeed(setup, service, inheritance), journal))
}

fn load(image: &StateImage, beside: &Tree) -> Result<Option<(Image, Map)>, JournalError> {
    let (mark, pairs) = image.load()?;
    let Some(mark) = mark else { return Ok(None) };
    let unreadable = |source| JournalError::Unreadable { number: 0, source };
    let description: Image = decode(&mark).map_err(unreadable)?;
    let mut state = Load::beside(beside);
    for pair in pairs {
        let (key, value) = pair?;
        state.take(&key, &value);
    }
    Ok(Some((description, state.finish())))
}

#[cfg(test)]
mod tests;
