//! The write-ahead log: what a replica must not forget, made durable before it speaks.
//!
//! Records are bytes with a kind; the log numbers them 1, 2, 3, ... for ever. Everything appended
//! between two commits becomes durable with one write and one `fdatasync` (group commit).
//!
//! # Invariants
//! - STO-1: [`Log::commit`] returns only after a successful sync of all records that it reports.
//! - STO-2: recovery returns a gapless run of the appended records that holds all committed ones
//!   (see `log/recovery.rs`).
//! - STO-3: a record of a former use of a segment file is never recovered (see `log/format.rs`).
//! - STO-4: after a failed write or sync the log acknowledges nothing more: nothing is known about
//!   what reached the disk, and a later sync that succeeds proves nothing.
//! - STO-5: a segment is used again only if all its records were released.
//!
//! # The step from one segment to the next
//! ```text
//! segment n      batch, batch, ..., last batch (synced)            seal (synced)
//! segment n+1                                    header (synced)                  batch ...
//! ```
//! So a sealed segment without a successor, and a successor that does not continue the end of its
//! predecessor, are damage and not the trace of a crash.
//!
//! # Assumption
//! A sector of 512 bytes is written whole or not at all. Damage to the very last batch cannot be
//! told from a torn write and is cut off like one.

use std::collections::VecDeque;
use std::fmt;

use crate::medium::{LogFile, Medium};

mod error;
mod format;
mod recovery;
mod scan;
mod segment;

pub use error::LogError;
use format::{
    BATCH_HEADER_BYTES, BLOCK_BYTES, BatchBuffer, BatchKind, Position, RECORD_HEADER_BYTES,
    SegmentHeader,
};
use recovery::Parts;
pub use recovery::Recovered;
use segment::{LiveSegment, SegmentPool, SpareSegment};

/// The default length of a segment file, in bytes.
pub const SEGMENT_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;
/// How many bytes may wait for a commit.
pub const PENDING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The largest buffer kept for the next batch, in bytes.
const KEPT_BUFFER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The number of a record. The first one is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordNumber(u64);

impl RecordNumber {
    /// Stands before the first record: nothing is durable yet.
    pub const BEFORE_FIRST: Self = Self(0);

    /// The record with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The plain number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    const fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }
}

impl fmt::Display for RecordNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "r{}", self.0)
    }
}

/// A record that was recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub number: RecordNumber,
    /// What the caller said it is.
    pub kind: u8,
    /// Its payload.
    pub bytes: Vec<u8>,
}

/// How a log is opened.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The length of new segment files: a multiple of 4096, at least 12288, below 4 GiB. It bounds
    /// the length of a record.
    pub segment_bytes: u64,
    /// Whose log this is; opening one with another identity fails.
    pub identity: [u8; 32],
    /// Whether a log must be there already: true for a node that has served before.
    pub must_exist: bool,
}

impl LogOptions {
    /// The default sizes, creating a log if there is none.
    #[must_use]
    pub const fn new(identity: [u8; 32]) -> Self {
        Self { segment_bytes: SEGMENT_BYTES_DEFAULT, identity, must_exist: false }
    }
}

/// A segmented write-ahead log.
pub struct Log<M: Medium> {
    medium: M,
    options: LogOptions,
    salt: [u8; 32],
    /// Oldest first; the last one is written to. Never empty.
    live: VecDeque<LiveSegment<M::File>>,
    pool: SegmentPool<M::File>,
    /// Where the next batch goes in the last segment.
    offset: u64,
    /// The state of the log after the last durable batch.
    durable: Position,
    pending: VecDeque<BatchBuffer>,
    pending_bytes: usize,
    next_record: RecordNumber,
    kept_buffer: Vec<u8>,
    /// Bytes written since the last preparation of the next segment.
    unprepared_bytes: u64,
    poison: Option<String>,
}

impl<M: Medium> fmt::Debug for Log<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Log")
            .field("medium", &self.medium)
            .field("first", &self.first_number())
            .field("durable", &self.durable_number())
            .field("next", &self.next_record)
            .field("poison", &self.poison)
            .finish_non_exhaustive()
    }
}

impl<M: Medium> Log<M> {
    /// Opens the log in `medium`, or creates one. Checks all of it and repairs what a crash left.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if acknowledged records are damaged or missing; never because of a
    /// crash alone.
    pub fn open(medium: M, options: LogOptions) -> Result<(Self, Recovered<M::File>), LogError> {
        recovery::open(medium, options)
    }

    fn assembled(medium: M, options: LogOptions, parts: Parts<M::File>) -> Self {
        let Parts { pool, live, salt, offset, position } = parts;
        Self {
            medium,
            options,
            salt,
            live,
            pool,
            offset,
            durable: position,
            pending: VecDeque::new(),
            pending_bytes: 0,
            next_record: position.record,
            kept_buffer: Vec::new(),
            unprepared_bytes: 0,
            poison: None,
        }
    }

    /// Takes a record for the next commit and numbers it. Touches no disk.
    ///
    /// # Errors
    /// If the record exceeds [`Log::record_bytes_max`], if more than [`PENDING_BYTES_MAX`] wait,
    /// or if the log is poisoned. The record is then not taken.
    pub fn append(&mut self, kind: u8, bytes: &[u8]) -> Result<RecordNumber, LogError> {
        self.check_poison()?;
        let bytes_max = self.record_bytes_max();
        if bytes.len() > bytes_max {
            return Err(LogError::RecordTooLarge { bytes: bytes.len(), bytes_max });
        }
        let framed_bytes = RECORD_HEADER_BYTES + bytes.len();
        let pending_bytes = self.pending_bytes + framed_bytes;
        if pending_bytes > PENDING_BYTES_MAX {
            let bytes_max = PENDING_BYTES_MAX;
            return Err(LogError::BufferFull { bytes: pending_bytes, bytes_max });
        }

        let number = self.next_record;
        let batch_bytes_max = self.batch_bytes_max();
        let fits = |batch: &BatchBuffer| batch.len() + framed_bytes <= batch_bytes_max;
        if !self.pending.back().is_some_and(fits) {
            let buffer = std::mem::take(&mut self.kept_buffer);
            self.pending.push_back(BatchBuffer::new(number, buffer));
        }
        let batch = self.pending.back_mut().expect("one was just added");
        batch.push(kind, bytes);
        self.pending_bytes = pending_bytes;
        self.next_record = number.next();
        Ok(number)
    }

    /// Makes all appended records durable and returns the number of the last one.
    ///
    /// One write and one sync, unless the records exceed a segment or a new segment begins.
    ///
    /// # Errors
    /// [`LogError::DiskFull`] before anything was written: the records still wait, and a commit
    /// after a [`Log::release`] may succeed. Every other failure poisons the log.
    pub fn commit(&mut self) -> Result<RecordNumber, LogError> {
        self.check_poison()?;

        while let Some(mut batch) = self.pending.pop_front() {
            if let Err(error) = self.make_room(batch.padded_len() as u64) {
                self.pending.push_front(batch);
                return Err(error);
            }
            self.pending_bytes -= batch.len() - BATCH_HEADER_BYTES;
            let written = self.write_batch(&mut batch);
            self.unprepared_bytes += self.or_poison(written)?;
            self.keep_buffer(batch);
        }

        assert_eq!(self.durable.record, self.next_record, "STO-1: all that was appended is synced");
        assert!(self.poison.is_none(), "STO-4: a poisoned log acknowledges nothing");
        Ok(self.durable_number())
    }

    /// Goes a bounded step towards having the next segment ready, in proportion to what was
    /// committed since the last step. Best called when nobody waits; without it a new segment is
    /// made when it is needed. A failure is reported then.
    pub fn prepare(&mut self) {
        let written_bytes = std::mem::take(&mut self.unprepared_bytes);
        if written_bytes > 0 && self.poison.is_none() {
            self.pool.prepare(&self.medium, written_bytes);
        }
    }

    /// Says that no record below `before` is needed any more. Their segments are used again; a
    /// recovery may still return some of them.
    pub fn release(&mut self, before: RecordNumber) {
        while self.live.len() > 1 && self.live[1].first_record <= before {
            let segment = self.live.pop_front().expect("there are two");
            let next_first = self.live[0].first_record;
            assert!(next_first <= before, "STO-5: {next_first} > {before} is still needed");
            // One of another length is left to the next opening, which removes it.
            if segment.segment_bytes == self.options.segment_bytes {
                let LiveSegment { file, name, .. } = segment;
                self.pool.add(SpareSegment { file, name });
            }
        }
    }

    /// The number of the last durable record.
    #[must_use]
    pub fn durable_number(&self) -> RecordNumber {
        RecordNumber::new(self.durable.record.get() - 1)
    }

    /// The number that the next appended record gets.
    #[must_use]
    pub fn next_number(&self) -> RecordNumber {
        self.next_record
    }

    /// The number of the first record that the log still holds for certain.
    #[must_use]
    pub fn first_number(&self) -> RecordNumber {
        self.live[0].first_record
    }

    /// How many bytes wait for a commit.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// The longest record that fits, in bytes.
    #[must_use]
    pub fn record_bytes_max(&self) -> usize {
        self.batch_bytes_max() - BATCH_HEADER_BYTES - RECORD_HEADER_BYTES
    }

    /// The longest batch: what an empty segment holds besides its header and the seal.
    fn batch_bytes_max(&self) -> usize {
        let segment_bytes = self.options.segment_bytes.min(PENDING_BYTES_MAX as u64);
        let segment_bytes = usize::try_from(segment_bytes).expect("limited by a usize");
        segment_bytes - 2 * BLOCK_BYTES
    }

    /// Goes to the next segment if this one cannot take `batch_bytes` and a seal.
    fn make_room(&mut self, batch_bytes: u64) -> Result<(), LogError> {
        let active = self.live.back().expect("there is always one");
        if self.offset + batch_bytes + BLOCK_BYTES as u64 <= active.segment_bytes {
            return Ok(());
        }
        // Running out of space here concerns no file that holds records: the caller may go on.
        let spare = match self.pool.take(&self.medium) {
            Err(error) if error.is_disk_full() => return Err(error),
            taken => self.or_poison(taken)?,
        };
        let activated = self.activate(spare);
        self.or_poison(activated)
    }

    /// Header of the new segment, then seal of the old one: see the module's picture.
    fn activate(&mut self, spare: SpareSegment<M::File>) -> Result<(), LogError> {
        let active = self.live.back().expect("there is always one");
        let header = SegmentHeader {
            identity: self.options.identity,
            salt: self.salt,
            sequence: active.sequence + 1,
            oldest_sequence: self.live[0].sequence,
            segment_bytes: self.options.segment_bytes,
            start: self.durable,
        };
        let SpareSegment { file, name } = spare;
        recovery::write_synced(&file, &self.medium.display(&name), 0, &header.encode())?;

        let mut seal = BatchBuffer::new(self.durable.record, Vec::new());
        let (bytes, _) = seal.finish(BatchKind::Seal, active.life, &self.durable);
        let display = self.medium.display(&active.name);
        recovery::write_synced(&active.file, &display, self.offset, bytes)?;

        self.live.push_back(LiveSegment {
            file,
            name,
            sequence: header.sequence,
            segment_bytes: header.segment_bytes,
            life: header.life(),
            first_record: header.start.record,
        });
        self.offset = BLOCK_BYTES as u64;
        Ok(())
    }

    /// Returns how many bytes were written.
    fn write_batch(&mut self, batch: &mut BatchBuffer) -> Result<u64, LogError> {
        let active = self.live.back().expect("there is always one");
        let (bytes, next) = batch.finish(BatchKind::Records, active.life, &self.durable);
        let written_bytes = bytes.len() as u64;
        let display = |operation, error| {
            LogError::io(operation, self.medium.display(&active.name), error, written_bytes)
        };
        active.file.write_at(self.offset, bytes).map_err(|error| display("write", error))?;
        active.file.sync_data().map_err(|error| display("sync", error))?;

        self.offset += written_bytes;
        self.durable = next;
        Ok(written_bytes)
    }

    fn keep_buffer(&mut self, batch: BatchBuffer) {
        let buffer = batch.into_bytes();
        if buffer.capacity() <= KEPT_BUFFER_BYTES_MAX {
            self.kept_buffer = buffer;
        }
    }

    fn check_poison(&self) -> Result<(), LogError> {
        match &self.poison {
            Some(cause) => Err(LogError::Poisoned { cause: cause.clone() }),
            None => Ok(()),
        }
    }

    fn or_poison<T>(&mut self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(error) = &result {
            self.poison = Some(error.to_string());
        }
        result
    }
}
