//! One cluster at a time begins on a machine: from the choice of its ports until its servers
//! serve.
//!
//! Otherwise two that begin at the same moment could choose the same ports. The turn is a lock on a
//! file among the temporary ones, which ends with the process. Where the file cannot be used, the
//! cluster begins without: then a server may find its port taken, and says so.

use std::fs::{File, TryLockError};

use crate::answer::complain;

/// The file, common to all clusters of the machine.
const FILE: &str = "quorate-dev.turn";

/// Held until the servers serve.
#[derive(Debug)]
pub(crate) struct Turn {
    #[expect(dead_code, reason = "the lock is held by the open file")]
    file: Option<File>,
}

impl Turn {
    /// Waits until nobody else begins.
    pub(crate) fn take() -> Self {
        let path = std::env::temp_dir().join(FILE);
        // It may belong to another user: a lock needs no right to write.
        let file = File::open(&path).or_else(|_| File::create_new(&path));
        let file = file.or_else(|_| File::open(&path)).ok();
        Self { file: file.filter(is_locked) }
    }
}

fn is_locked(file: &File) -> bool {
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => {
            complain("another cluster begins on this machine: waiting until its servers serve");
            file.lock().is_ok()
        }
        Err(TryLockError::Error(_)) => false,
    }
}
