//! What can go wrong with the log, each with what the operator or the caller can do about it.

use std::io;

use crate::error::BRING_BACK;

/// Why the log could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The file system refused an operation. During a commit this is final for this log.
    #[error("cannot {operation} {file}: {source}; check the disk, then restart the node")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file.
        file: String,
        /// The reason given by the system.
        source: io::Error,
    },
    /// The disk is full. Nothing was acknowledged.
    #[error(
        "the disk is full: {needed_bytes} bytes are needed for {file}; free space on this disk \
         without touching the data directory, then restart the node"
    )]
    DiskFull {
        /// The file that should have been written.
        file: String,
        /// How many bytes that write needed.
        needed_bytes: u64,
    },
    /// Acknowledged records were damaged or are missing: this is not the trace of a crash.
    #[error(
        "the log {file} is damaged at byte {offset}: {reason}, and a replica that may have \
         forgotten a vote must not vote; {BRING_BACK}"
    )]
    Corrupt {
        /// The damaged file.
        file: String,
        /// Where the damage begins, in bytes.
        offset: u64,
        /// What does not hold.
        reason: &'static str,
    },
    /// The log belongs to another node or was made by an unknown version.
    #[error("{file} belongs to another node or version; check which data directory is configured")]
    Foreign {
        /// The file that says so.
        file: String,
    },
    /// A log was expected and there is none.
    #[error("there is no log in {directory} although this node has served before; {BRING_BACK}")]
    Missing {
        /// The directory that should hold it.
        directory: String,
    },
    /// The options cannot work together.
    #[error("segments of {segment_bytes} bytes cannot be used: {reason}")]
    Options {
        /// The configured size.
        segment_bytes: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A record does not fit into a segment.
    #[error("a record of {bytes} bytes exceeds the limit of {bytes_max}; split it")]
    RecordTooLarge {
        /// Its length.
        bytes: usize,
        /// The longest that fits.
        bytes_max: usize,
    },
    /// Too much was appended without a commit.
    #[error("{bytes} bytes wait for a commit and at most {bytes_max} may; commit first")]
    BufferFull {
        /// What would wait.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// An earlier write or sync failed, so nothing is known about the end of the log.
    #[error("the log stopped after a failure ({cause}); restart the node to recover it")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
}

impl LogError {
    pub(super) fn io(
        operation: &'static str,
        file: String,
        source: io::Error,
        needed_bytes: u64,
    ) -> Self {
        if crate::error::is_disk_full(&source) {
            return Self::DiskFull { file, needed_bytes };
        }
        Self::Io { operation, file, source }
    }

    pub(super) fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }
}
