//! The participant of the end of an epoch: its messages, and what it must not forget.
//!
//! Dealings and the signed header go to a log of the epoch. The share goes to a file among the
//! server's keys, where it can be erased; the log only says that it is there.

use std::path::PathBuf;
use std::sync::Arc;

use quorate_crypto::Verified;
use quorate_duties::turnover::Event;
use quorate_machine::RecordNumber;
use quorate_membership::handover::Handover;
use quorate_membership::handover::machine::{Output, Record, Request};
use quorate_membership::handover::message::Message;
use quorate_runtime::{Hosted, Journal, JournalError, LogJournal, Plain, RecordCodec};
use quorate_store::directory::DataDirectory;
use quorate_store::error::StoreError;
use quorate_store::log::LogOptions;
use quorate_store::medium::RealMedium;
use quorate_types::{Epoch, SystemId};
use quorate_wire::{DecodeError, decode, encode};

use crate::epochs::steps::Step;
use crate::epochs::{Happening, SharedKeys, Told, say, shares};

/// What a dealing costs its recipient: its points are read, and one of them is computed.
const DEALING_MICROS: u64 = 3_000;
/// What a pairing costs.
const PAIRING_MICROS: u64 = 1_500;
/// What a signature costs.
const SIGNATURE_MICROS: u64 = 60;

/// The glue of a participant.
#[derive(Debug)]
pub struct HandoverHost {
    /// The epoch that it brings to its end.
    pub epoch: Epoch,
    /// Who hears what it tells.
    pub events: Told,
}

impl Hosted for HandoverHost {
    type Machine = Handover;
    type Message = Plain<Message>;

    /// The messages prove themselves while they are handled.
    fn work_micros(&self, message: &Self::Message) -> u64 {
        match message.0 {
            Message::Deposit(_) | Message::Completion(_) | Message::Certified(_) => PAIRING_MICROS,
            Message::Dealing(_) | Message::Grievance(_) | Message::Help(_) => DEALING_MICROS,
            Message::News(_)
            | Message::EndVote(_)
            | Message::AbortVote(_)
            | Message::Part(_)
            | Message::Acknowledgement(_)
            | Message::FetchDealing(_) => SIGNATURE_MICROS,
        }
    }

    fn context<'host>(&'host self, _: &'host Handover) -> &'host () {
        &()
    }

    fn believe(&self, message: Verified<Self::Message>) -> Message {
        message.into_inner().0
    }

    fn record_bytes(&self, _: &Record) -> usize {
        4 * 1024
    }

    fn kind(&self, message: &Message) -> &'static str {
        match message {
            Message::News(_) => "news",
            Message::Deposit(_) => "deposit",
            Message::EndVote(_) => "end_vote",
            Message::AbortVote(_) => "abort_vote",
            Message::Part(_) => "part",
            Message::Dealing(_) => "dealing",
            Message::Acknowledgement(_) => "acknowledgement",
            Message::FetchDealing(_) => "fetch_dealing",
            Message::Grievance(_) => "grievance",
            Message::Help(_) => "help",
            Message::Completion(_) => "completion",
            Message::Certified(_) => "certified",
        }
    }

    fn on_mark(&mut self, mark: &'static str) {
        if let Some(step) = Step::of_mark(mark) {
            say(&self.events, Happening::Stepped(self.epoch, step));
        }
    }

    fn on_output(&mut self, output: Output, _: &mut Vec<Request>) {
        let epoch = self.epoch;
        let happening = match output {
            Output::Announce(operation) => Event::Announce(epoch, operation).into(),
            Output::Certified(header) => Event::Certified(epoch, header).into(),
            Output::Cheated(proof) => Happening::Proved(epoch, proof),
            Output::Abandoned(session) => Happening::Abandoned(epoch, session),
            Output::Settled(settled) => Happening::Settled(settled),
            Output::Unfit(of, unfit) => Happening::Unfit(of, unfit),
        };
        say(&self.events, happening);
    }
}

/// Length of a segment of the log, which is written once before it is used: every server has a new
/// one in each epoch. All dealings of an attempt fit.
const LOG_BYTES: u64 = 1024 * 1024;

/// The part of the data directory with the logs, one for each epoch.
const PART: &str = "handover";

const DEALING: u8 = 1;
const CERTIFIED: u8 = 2;

/// How records become bytes: all but shares.
#[derive(Debug)]
struct Codec;

impl RecordCodec for Codec {
    type Record = Record;

    fn encode(&mut self, record: &Record, bytes: &mut Vec<u8>) -> u8 {
        let (kind, encoded) = match record {
            Record::Dealing(published) => (DEALING, encode(published)),
            Record::Certified(header) => (CERTIFIED, encode(header)),
            Record::Share { .. } => unreachable!("MEM-70: a share goes to the keys"),
        };
        bytes.extend_from_slice(&encoded);
        kind
    }

    fn decode(&mut self, kind: u8, bytes: &[u8]) -> Result<Record, DecodeError> {
        match kind {
            DEALING => decode(bytes).map(Record::Dealing),
            CERTIFIED => decode(bytes).map(Record::Certified),
            tag => Err(DecodeError::UnknownTag { of: "a record of a handover", tag }),
        }
    }
}

/// Keeps what a participant must not forget.
#[derive(Debug)]
pub struct HandoverJournal {
    log: LogJournal<RealMedium, Codec>,
    /// The epoch of the shares that it makes.
    next: Epoch,
    keys: SharedKeys,
}

/// What a participant has said, and where it says more.
pub type Opened = (Vec<(RecordNumber, Record)>, Box<HandoverJournal>);

/// The directory of the log of an epoch.
fn directory(data: &DataDirectory, epoch: Epoch) -> PathBuf {
    data.join(PART).join(epoch.get().to_string())
}

/// Opens the log of the participant that brings an epoch to its end.
///
/// # Errors
/// What the disk reports; a record that this version cannot read; a share that is damaged.
pub fn open(
    data: &DataDirectory,
    (system, epoch): (SystemId, Epoch),
    keys: &SharedKeys,
) -> Result<Opened, JournalError> {
    let path = directory(data, epoch);
    let failed = |source| StoreError::Io {
        path: path.clone(),
        operation: "open the directory of the log",
        source,
    };
    std::fs::create_dir_all(&path).map_err(failed)?;
    let medium = RealMedium::open(&path).map_err(failed)?;
    let mut records = Vec::new();
    let keep = |number, record| records.push((number, record));
    let options = LogOptions { segment_bytes: LOG_BYTES, ..LogOptions::new(*system.as_bytes()) };
    let log = LogJournal::open(medium, options, Codec, keep)?;
    let next = epoch.next();
    if let Some((session, share)) = shares::of(keys, next)? {
        let number = log.last_number().next();
        records.push((number, Record::Share { session, share: Arc::new(share) }));
    }
    let keys = Arc::clone(keys);
    Ok((records, Box::new(HandoverJournal { log, next, keys })))
}

/// Removes the log of an epoch that is over; nothing in it is secret.
///
/// # Errors
/// What the disk reports.
pub fn remove(data: &DataDirectory, epoch: Epoch) -> Result<(), StoreError> {
    super::remove(&directory(data, epoch))
}

impl Journal<Record> for HandoverJournal {
    fn append(&mut self, record: Record) -> Result<(), JournalError> {
        match record {
            Record::Share { session, share } => {
                Ok(shares::put(&self.keys, self.next, (session, &share))?)
            }
            record @ (Record::Dealing(_) | Record::Certified(_)) => self.log.append(record),
        }
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        self.log.commit()
    }

    fn release(&mut self, before: RecordNumber) -> Result<(), JournalError> {
        self.log.release(before)
    }
}
