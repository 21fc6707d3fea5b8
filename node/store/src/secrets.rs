//! Secrets that come and go: each in a file of its own, in a directory that holds nothing else.
//!
//! A file ends with a hash of what stands before, so that one whose writing was cut short is told
//! from a whole one; which of the two it may be is for the caller to know. Files are never renamed
//! and never truncated while they hold anything: what goes is overwritten under its own name, and
//! only then is the name removed. On disks that write elsewhere than asked (flash, copy-on-write
//! file systems) overwriting is not erasing: there the disk itself must be encrypted.
//!
//! # Invariants
//! - STO-14: after [`Secrets::put`] returns, the secret survives a crash, and what one finds after
//!   a crash in the middle is the secret, or nothing whole.
//! - STO-15: after [`Secrets::erase`] returns, no file that is there or was there has the bytes of
//!   the secret, and the name does not come back.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::files;
use crate::keys::{KeyError, OWNER_ONLY, SECRET_BYTES_MAX, check_mode, failed};
use crate::medium::{LogFile, Medium, RealMedium};

const HASH_BYTES: usize = 32;

/// Names the hash at the end of a file.
const HASH_CONTEXT: &str = "quorate 2026-11-21 store secret file v1";

/// What is there under a name.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    Absent,
    /// Something that was never finished, or is being erased; or damage.
    Unfinished,
    /// A secret; wiped from memory when it is dropped.
    Whole(Zeroizing<Vec<u8>>),
}

impl Found {
    /// The secret, if it is whole.
    #[must_use]
    pub fn whole(self) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Whole(secret) => Some(secret),
            Self::Absent | Self::Unfinished => None,
        }
    }
}

/// The file that is locked while a process uses the directory.
const LOCK: &str = "lock";

/// A directory of secrets, used by one process.
#[derive(Debug)]
pub struct Secrets<M> {
    medium: M,
    #[expect(dead_code, reason = "the lock is held by the open file")]
    lock: Option<File>,
}

impl Secrets<RealMedium> {
    /// Opens a directory of the file system, creating it for its owner alone if it is missing.
    ///
    /// # Errors
    /// [`KeyError::InUse`] if another process has it open, [`KeyError::Permissions`] if a secret in
    /// it is open to others (STO-9), or what the disk reports.
    pub fn open_directory(path: &Path) -> Result<Self, KeyError> {
        let fail = |operation, error| failed(operation, path, error, 0);
        let medium = RealMedium::private(path).map_err(|error| fail("open", error))?;
        let lock = lock(path)?;
        files::reread_all_from_disk(path).map_err(|error| fail("sync", error))?;
        for name in medium.list().map_err(|error| fail("list", error))? {
            let file = path.join(name);
            if file.extension().is_some_and(|extension| extension == "key") {
                check_mode(&file)?;
            }
        }
        Ok(Self { lock: Some(lock), ..Self::open(medium)? })
    }
}

impl<M: Medium> Secrets<M> {
    /// Opens a directory; what is there is durable on return, so that nothing is built on what only
    /// the page cache holds.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn open(medium: M) -> Result<Self, KeyError> {
        let secrets = Self { medium, lock: None };
        for name in secrets.names()? {
            let synced = secrets.medium.open(&name).and_then(|file| file.sync_data());
            synced.map_err(|error| secrets.failed("sync", &name, error))?;
        }
        secrets.sync_names()?;
        Ok(secrets)
    }

    /// The names that are there, in no order.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn names(&self) -> Result<Vec<String>, KeyError> {
        self.medium.list().map_err(|error| self.failed("list", "", error))
    }

    /// The path to show to an operator.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        // Without the separator behind the directory where no name is given.
        Path::new(&self.medium.display(name)).components().collect()
    }

    /// What is there under a name.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn get(&self, name: &str) -> Result<Found, KeyError> {
        let file = match self.medium.open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Absent),
            opened => opened.map_err(|error| self.failed("open", name, error))?,
        };
        let read = read(&file).map_err(|error| self.failed("read", name, error))?;
        Ok(read.map_or(Found::Unfinished, Found::Whole))
    }

    /// Writes a secret that is durable on return (STO-14). What stood there before is erased.
    ///
    /// # Errors
    /// [`KeyError::TooLarge`], or what the disk reports; nothing is known about the file then.
    pub fn put(&self, name: &str, secret: &[u8]) -> Result<(), KeyError> {
        if secret.len() > SECRET_BYTES_MAX {
            return Err(KeyError::TooLarge { path: self.path(name), bytes_max: SECRET_BYTES_MAX });
        }
        self.erase(name)?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(secret.len() + HASH_BYTES));
        bytes.extend_from_slice(secret);
        bytes.extend_from_slice(&hash(secret));
        let file = self.medium.create(name).map_err(|error| self.failed("create", name, error))?;
        // STO-15: the name is durable before the bytes are, else a crash could leave them on the
        // disk where no name leads, and nobody could overwrite them.
        self.sync_names()?;
        // STO-14: whole with its hash, and synced, or not whole.
        let written = file.write_at(0, &bytes).and_then(|()| file.sync_data());
        written.map_err(|error| self.failed("write", name, error))
    }

    /// Overwrites a secret and removes its name, both durably (STO-15); does nothing where there is
    /// none.
    ///
    /// # Errors
    /// What the disk reports; the secret may still be there then.
    pub fn erase(&self, name: &str) -> Result<(), KeyError> {
        let file = match self.medium.open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(|error| self.failed("open", name, error))?,
        };
        let overwritten = file.length().and_then(|length| {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            file.write_at(0, &vec![0; length.min(SECRET_BYTES_MAX + HASH_BYTES)])?;
            file.sync_data()
        });
        overwritten.map_err(|error| self.failed("erase", name, error))?;
        // STO-15: the name goes only when the bytes are gone.
        self.medium.remove(name).map_err(|error| self.failed("remove", name, error))?;
        self.sync_names()
    }

    fn sync_names(&self) -> Result<(), KeyError> {
        self.medium.sync_dir().map_err(|error| self.failed("sync", "", error))
    }

    fn failed(&self, operation: &'static str, name: &str, source: io::Error) -> KeyError {
        failed(operation, &self.path(name), source, 0)
    }
}

fn lock(path: &Path) -> Result<File, KeyError> {
    let name = path.join(LOCK);
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true).mode(OWNER_ONLY);
    let file = options.open(&name).map_err(|error| failed("open", &name, error, 0))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(KeyError::InUse { path: path.to_path_buf() }),
        Err(TryLockError::Error(error)) => Err(failed("lock", &name, error, 0)),
    }
}

fn hash(secret: &[u8]) -> [u8; HASH_BYTES] {
    let mut hasher = Zeroizing::new(blake3::Hasher::new_derive_key(HASH_CONTEXT));
    hasher.update(secret);
    *hasher.finalize().as_bytes()
}

/// The secret in a file, if its hash fits.
fn read(file: &impl LogFile) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let length = usize::try_from(file.length()?).unwrap_or(usize::MAX);
    if length > SECRET_BYTES_MAX + HASH_BYTES {
        return Ok(None);
    }
    // Allocated once: a buffer that grows would leave copies behind.
    let mut bytes = Zeroizing::new(vec![0; length]);
    let count = file.read_at(0, &mut bytes)?;
    let Some((secret, found)) = bytes.split_last_chunk::<HASH_BYTES>() else { return Ok(None) };
    let is_whole = count == length && hash(secret) == *found;
    Ok(is_whole.then(|| Zeroizing::new(secret.to_vec())))
}
