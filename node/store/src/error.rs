//! What can go wrong with stored state, each with what the operator can do about it.

use std::io;
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// What is left to do for a node whose promises are damaged or gone: others cannot tell it what it
/// promised, and so no state that they send makes it safe to vote again.
pub(crate) const BRING_BACK: &str = "bring back the very disk on which it last ran, never an older \
     copy; if that cannot be, leave this server down: it is one of the f that may fail, until a \
     new server with keys of its own takes its place";

/// Why stored state could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused an operation.
    #[error("cannot {operation} {path}: {source}; check the disk, then restart the node")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason given by the system.
        source: io::Error,
    },
    /// The disk is full. What was to be written was not acknowledged.
    #[error(
        "the disk is full: {path} needs {needed_bytes} bytes or more; free space on this disk \
         without touching the data directory, then restart the node"
    )]
    DiskFull {
        /// What could not be written.
        path: PathBuf,
        /// How many bytes that write had, without the overhead of the store; 0 if unknown.
        needed_bytes: u64,
    },
    /// What is stored is damaged.
    #[error("{path} is damaged: {reason}; {BRING_BACK}")]
    Corrupt {
        /// The damaged file or directory.
        path: PathBuf,
        /// What does not hold.
        reason: String,
    },
    /// The node key has served before and the data directory has lost what the node promised.
    #[error(
        "{path} does not hold the data of this node although its key has served before: the disk \
         was wiped, replaced or is not mounted; {BRING_BACK}"
    )]
    Wiped {
        /// The data directory.
        path: PathBuf,
    },
    /// The data directory belongs to another identity.
    #[error(
        "{path} holds the data of node {found}, not of {expected}; configure the data directory \
         of this node, or the key that belongs to this data"
    )]
    OtherIdentity {
        /// The data directory.
        path: PathBuf,
        /// The identity in the marker, in hexadecimal digits.
        found: String,
        /// The identity of the node key, in hexadecimal digits.
        expected: String,
    },
    /// A new node was pointed at a directory that holds something else.
    #[error("{path} is not empty and holds no node; configure an empty directory")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// Another process uses the directory.
    #[error("{path} is in use by another process; stop it or configure another directory")]
    InUse {
        /// The directory or file.
        path: PathBuf,
    },
    /// The caller wants to store more than the limit allows.
    #[error("{bytes} bytes exceed the limit of {bytes_max} for {what}; store it in parts")]
    TooLarge {
        /// A key, a value or a blob.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// An earlier write failed, so nothing is known about what is on the disk.
    #[error("{path} stopped after a failure ({cause}); restart the node to recover it")]
    Poisoned {
        /// The store.
        path: PathBuf,
        /// The first failure.
        cause: String,
    },
}

impl StoreError {
    /// Makes a failure of the file system into a typed one; `needed_bytes` were to be written.
    pub(crate) fn io(
        operation: &'static str,
        path: &Path,
        source: io::Error,
        needed_bytes: u64,
    ) -> Self {
        let path = path.to_path_buf();
        if is_disk_full(&source) {
            return Self::DiskFull { path, needed_bytes };
        }
        Self::Io { operation, path, source }
    }

    /// Whether the stored bytes themselves are bad, so that other bytes in their place would mend
    /// it. Every other failure is one of the world around them and may pass.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Corrupt { .. } => true,
            Self::Io { source, .. } => is_bad_medium(source),
            Self::DiskFull { .. }
            | Self::Wiped { .. }
            | Self::OtherIdentity { .. }
            | Self::NotEmpty { .. }
            | Self::InUse { .. }
            | Self::TooLarge { .. }
            | Self::Poisoned { .. } => false,
        }
    }

    pub(crate) fn corrupt(path: &Path, reason: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_path_buf(), reason: reason.into() }
    }
}

/// Whether the medium has lost what it held: a bad sector, or a check sum of the file system that
/// does not hold.
fn is_bad_medium(error: &io::Error) -> bool {
    const BAD: [rustix::io::Errno; 3] =
        [rustix::io::Errno::IO, rustix::io::Errno::BADMSG, rustix::io::Errno::ILSEQ];
    BAD.iter().any(|bad| error.raw_os_error() == Some(bad.raw_os_error()))
}

/// Whether a call failed because the disk or the quota is exhausted.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
