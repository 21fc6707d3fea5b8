//! Where the records of a machine become durable.
//!
//! A [`Journal`] runs on a thread of its own ([`crate::limits`] bounds what waits in front of it).
//! [`LogJournal`] is the one for a write-ahead log; storage brings its own.

use quorate_machine::RecordNumber;
use quorate_store::error::StoreError;
use quorate_store::log::LogError;
use quorate_wire::DecodeError;

mod log;

pub use log::{LogJournal, RecordCodec};

/// Keeps records. Called by one thread: any number of `append`, then `commit`.
pub trait Journal<R>: Send {
    /// Takes the next record. It need not be durable yet.
    ///
    /// # Errors
    /// Any error is final: the node stops and acknowledges nothing more.
    fn append(&mut self, record: R) -> Result<(), JournalError>;

    /// Makes durable whatever was appended.
    ///
    /// # Errors
    /// Any error is final: the node stops and acknowledges nothing more.
    fn commit(&mut self) -> Result<(), JournalError>;

    /// Does ahead of time what later commits would have to wait for. Called when those who wait
    /// for this commit were told; what fails here is tried again when it is needed.
    fn prepare(&mut self) {}

    /// Records below this number are not needed any more.
    ///
    /// # Errors
    /// Any error is final: the node stops.
    fn release(&mut self, before: RecordNumber) -> Result<(), JournalError>;
}

/// Why records are not durable. Each says what the operator can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Stored state failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record that the disk gave back whole is none of ours.
    #[error(
        "record {number} of the log cannot be read: {source}; it was written by another version: \
         run that one"
    )]
    Unreadable {
        /// Its number.
        number: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
}
