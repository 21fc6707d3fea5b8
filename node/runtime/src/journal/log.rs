//! The journal on a write-ahead log, with room for records that also change a state on disk.
//!
//! # Invariants
//! - RUN-5: a record changes the state on disk only after all records before it are durable, and
//!   is itself acknowledged only after the change is.

use quorate_machine::RecordNumber;
use quorate_store::error::StoreError;
use quorate_store::log::{Log, LogOptions, PENDING_BYTES_MAX};
use quorate_store::medium::Medium;
use quorate_wire::DecodeError;

use super::{Journal, JournalError};

/// How records become bytes, and which of them change a state on disk.
pub trait RecordCodec: Send {
    /// What a machine persists.
    type Record;

    /// Appends what the log has to keep of the record, and says of what kind it is.
    fn encode(&mut self, record: &Self::Record, bytes: &mut Vec<u8>) -> u8;

    /// Reads a record back.
    ///
    /// # Errors
    /// [`DecodeError`] says what the bytes are instead.
    fn decode(&mut self, kind: u8, bytes: &[u8]) -> Result<Self::Record, DecodeError>;

    /// Whether [`RecordCodec::apply`] has anything to do for this record.
    fn changes_state(&self, _record: &Self::Record) -> bool {
        false
    }

    /// Changes the state on disk, durably on return. Happens before the record is in the log: after
    /// a crash the state may be one such record ahead of the log, and never behind it.
    ///
    /// # Errors
    /// What the disk reports; final.
    fn apply(&mut self, _record: &Self::Record) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A journal on a [`Log`]. Records have the numbers that the log gives them.
#[derive(Debug)]
pub struct LogJournal<M: Medium, C> {
    log: Log<M>,
    codec: C,
    bytes: Vec<u8>,
}

/// The largest buffer kept between two records, in bytes.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

impl<M: Medium, C: RecordCodec> LogJournal<M, C> {
    /// Opens the log, or creates one, and gives every record that it holds to `recover`, in order.
    ///
    /// # Errors
    /// What the log reports; [`JournalError::Unreadable`] if the codec does not know a record.
    pub fn open(
        medium: M,
        options: LogOptions,
        mut codec: C,
        mut recover: impl FnMut(RecordNumber, C::Record),
    ) -> Result<Self, JournalError> {
        let (log, recovered) = Log::open(medium, options)?;
        for record in recovered {
            let record = record?;
            let number = record.number.get();
            let unreadable = |source| JournalError::Unreadable { number, source };
            let decoded = codec.decode(record.kind, &record.bytes).map_err(unreadable)?;
            recover(RecordNumber::new(number), decoded);
        }
        Ok(Self { log, codec, bytes: Vec::new() })
    }

    /// The number of the last durable record; a machine counts on from here.
    #[must_use]
    pub fn last_number(&self) -> RecordNumber {
        RecordNumber::new(self.log.durable_number().get())
    }

    /// How records become bytes.
    #[must_use]
    pub const fn codec(&self) -> &C {
        &self.codec
    }

    fn apply(&mut self, record: &C::Record) -> Result<(), JournalError> {
        self.log.commit()?;
        assert_eq!(
            self.log.durable_number().next(),
            self.log.next_number(),
            "RUN-5: records wait in front of a change of the state"
        );
        self.codec.apply(record)?;
        Ok(())
    }
}

impl<M: Medium, C: RecordCodec> Journal<C::Record> for LogJournal<M, C> {
    fn append(&mut self, record: C::Record) -> Result<(), JournalError> {
        if self.codec.changes_state(&record) {
            self.apply(&record)?;
        }
        self.bytes.clear();
        let kind = self.codec.encode(&record, &mut self.bytes);
        // Committing early is harmless: the record is durable before anybody is told.
        if self.log.pending_bytes() + self.bytes.len() > PENDING_BYTES_MAX / 2 {
            self.log.commit()?;
        }
        self.log.append(kind, &self.bytes)?;
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        self.log.commit()?;
        Ok(())
    }

    fn prepare(&mut self) {
        self.log.prepare();
    }

    fn release(&mut self, before: RecordNumber) -> Result<(), JournalError> {
        self.log.release(quorate_store::log::RecordNumber::new(before.get()));
        Ok(())
    }
}
