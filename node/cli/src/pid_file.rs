//! A file with the pid of whoever holds it, locked as long as that process lives.
//!
//! A pid alone says nothing once its process died: the number may belong to another by then. The
//! lock ends with the process, however it ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use quorate_client::explanation::Kind;

use crate::failure::Failure;

/// Tries to get the lock: who only looks holds it for an instant.
const TRIES: u32 = 20;
const TRY_AGAIN: Duration = Duration::from_millis(20);
/// Longest pid that is read, in bytes.
const PID_BYTES_MAX: u64 = 32;

/// Held until dropped.
#[derive(Debug)]
pub(crate) struct PidFile {
    file: File,
}

impl PidFile {
    /// Writes the pid of this process and locks the file.
    pub(crate) fn hold(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io("write", path, &error);
        let mut options = File::options();
        let options = options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(path).map_err(failed)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt < TRIES => thread::sleep(TRY_AGAIN),
                Err(TryLockError::WouldBlock) => return Err(held(path)),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { file })
    }

    /// The pid of the process that holds the file, if one does.
    pub(crate) fn holder(path: &Path) -> Option<u32> {
        let file = File::open(path).ok()?;
        if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return None;
        }
        let mut text = String::new();
        file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
        text.trim_end().parse().ok()
    }
}

fn held(path: &Path) -> Failure {
    let holder = PidFile::holder(path);
    let by = holder.map_or_else(String::new, |pid| format!(" as pid {pid}"));
    let what = format!("it runs already{by}");
    Failure::about(path, (Kind::InUse, "runs-already"), what, "stop it first, or leave it running")
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if self.file.set_len(0).is_err() {
            // The lock goes with the file; the number alone means nothing.
        }
    }
}

#[cfg(test)]
mod tests;
