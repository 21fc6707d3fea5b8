//! Why a node could not start or had to stop.

use std::io;

use quorate_store::error::StoreError;
use quorate_store::log::LogError;

use crate::channel::Channel;
use crate::journal::JournalError;

/// Why a node stopped. Nothing that depended on what failed has been done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The records of a machine do not become durable any more.
    #[error("the disk of {machine} failed: {source}")]
    Disk {
        /// The machine.
        machine: &'static str,
        /// What the disk says, and what to do about it.
        source: JournalError,
    },
    /// A thread ended that must not: an error of the program, which it has reported itself.
    #[error("the thread {thread} died; report what it printed, then restart the node")]
    ThreadDied {
        /// Its name.
        thread: &'static str,
    },
}

impl NodeError {
    /// Whether the node stopped because a disk is full: an exit code of its own for operators.
    #[must_use]
    pub const fn is_disk_full(&self) -> bool {
        matches!(
            self,
            Self::Disk {
                source: JournalError::Log(LogError::DiskFull { .. })
                    | JournalError::Store(StoreError::DiskFull { .. }),
                ..
            }
        )
    }
}

/// Why a machine cannot be hosted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Another machine has the channel, or uses its tag the other way.
    #[error("the channel {channel:?} of {machine} is taken; give every machine its own")]
    ChannelTaken {
        /// The machine.
        machine: &'static str,
        /// Its channel.
        channel: Channel,
    },
    /// Too many machines.
    #[error("{machine} would be more than {max} machines in one node; start another node")]
    TooMany {
        /// The machine.
        machine: &'static str,
        /// The limit.
        max: usize,
    },
    /// The operating system has no thread left.
    #[error("no thread for {machine}: {source}; raise the limit of threads of this user")]
    Thread {
        /// What the thread is for.
        machine: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
}
