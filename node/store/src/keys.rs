//! Secret keys, each in a file of its own, so that it can be guarded and destroyed.
//!
//! Databases keep old pages; a file can be overwritten before its name is removed. On disks that
//! write elsewhere than asked (flash, copy-on-write file systems) overwriting is not erasing:
//! there the disk itself must be encrypted.
//!
//! # Invariants
//! - STO-9: a secret is never read from a file that others than its owner may open.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::is_disk_full;
use crate::files;

/// The longest secret, in bytes.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;

pub(crate) const OWNER_ONLY: u32 = 0o600;
const OTHERS: u32 = 0o077;

/// Why a secret could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no such file.
    #[error("there is no key in {path}; create one or correct the configuration")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may open the file.
    #[error("{path} has mode {mode:04o}, so others than its owner may open it; {remedy}")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The command that helps.
        remedy: String,
    },
    /// The file is longer than any secret.
    #[error("{path} is longer than {bytes_max} bytes: this is not a key; correct the path")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        bytes_max: usize,
    },
    /// Another process uses the keys.
    #[error("another process uses the keys in {path}; stop it first")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("the disk is full: {needed_bytes} bytes are needed for {path}; free space on it")]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// How many bytes should have been written.
        needed_bytes: u64,
    },
    /// The file system refused.
    #[error("cannot {operation} {path}: {source}; check the disk and the owner of the file")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason given by the system.
        source: io::Error,
    },
}

/// Writes a secret that only the owner may read. A crash leaves the old secret or the new one;
/// the bytes of the old one are overwritten.
///
/// # Errors
/// [`KeyError::TooLarge`] or what the disk reports.
pub fn write_secret(path: &Path, secret: &[u8]) -> Result<(), KeyError> {
    if secret.len() > SECRET_BYTES_MAX {
        return Err(KeyError::TooLarge { path: path.to_path_buf(), bytes_max: SECRET_BYTES_MAX });
    }
    let fail = |operation, error| failed(operation, path, error, secret.len() as u64);
    let old = open_if_there(path).map_err(|error| fail("open", error))?;
    erase_if_there(&files::temporary_of(path)).map_err(|error| fail("erase the rest of", error))?;

    files::replace(path, secret, OWNER_ONLY).map_err(|error| fail("write", error))?;
    // The mode of a new file passes through the umask; this says exactly what it is.
    std::fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))
        .map_err(|error| fail("guard", error))?;
    if let Some(old) = old {
        overwrite(&old).map_err(|error| fail("erase the former content of", error))?;
    }
    Ok(())
}

/// Reads a secret. The bytes are wiped from memory when they are dropped.
///
/// # Errors
/// [`KeyError::Missing`], [`KeyError::Permissions`], [`KeyError::TooLarge`] or what the disk
/// reports.
pub fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let fail = |operation, error| failed(operation, path, error, 0);
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeyError::Missing { path: path.to_path_buf() });
        }
        opened => opened.map_err(|error| fail("open", error))?,
    };
    let metadata = file.metadata().map_err(|error| fail("inspect", error))?;
    let mode = mode_for_owner(path, &metadata)?;
    if metadata.len() > SECRET_BYTES_MAX as u64 {
        return Err(KeyError::TooLarge { path: path.to_path_buf(), bytes_max: SECRET_BYTES_MAX });
    }

    assert_eq!(mode & OTHERS, 0, "STO-9: {} is open to others", path.display());
    let length = usize::try_from(metadata.len()).expect("limited by a usize");
    // Allocated once: a buffer that grows would leave copies behind.
    let mut secret = Zeroizing::new(vec![0; length]);
    file.read_exact(&mut secret).map_err(|error| fail("read", error))?;
    Ok(secret)
}

/// Refuses a file that others than its owner may open (STO-9).
///
/// # Errors
/// [`KeyError::Permissions`], or what the disk reports.
pub(crate) fn check_mode(path: &Path) -> Result<(), KeyError> {
    let metadata = std::fs::metadata(path).map_err(|error| failed("inspect", path, error, 0))?;
    mode_for_owner(path, &metadata).map(drop)
}

fn mode_for_owner(path: &Path, metadata: &Metadata) -> Result<u32, KeyError> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        let remedy = format!("if nobody read it, run: chmod 600 {}", path.display());
        return Err(KeyError::Permissions { path: path.to_path_buf(), mode, remedy });
    }
    Ok(mode)
}

/// Erases a secret that is not needed any more: its bytes are overwritten before its name goes, and
/// both are durable on return. Does nothing where there is none, nor the directory for it.
///
/// # Errors
/// What the disk reports.
pub fn erase_secret(path: &Path) -> Result<(), KeyError> {
    let fail = |error| failed("erase", path, error, 0);
    let parent = files::parent_of(path);
    if !parent.is_dir() {
        return Ok(());
    }
    erase_if_there(path).map_err(fail)?;
    files::sync_directory(&parent).map_err(fail)
}

fn erase_if_there(path: &Path) -> io::Result<()> {
    let Some(file) = open_if_there(path)? else {
        return Ok(());
    };
    overwrite(&file)?;
    std::fs::remove_file(path)
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    match options.write(true).mode(OWNER_ONLY).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn overwrite(mut file: &File) -> io::Result<()> {
    let length = file.metadata()?.len().min(SECRET_BYTES_MAX as u64);
    let zeros = vec![0; usize::try_from(length).expect("limited by a usize")];
    file.write_all(&zeros)?;
    file.sync_all()
}

pub(crate) fn failed(
    operation: &'static str,
    path: &Path,
    source: io::Error,
    needed_bytes: u64,
) -> KeyError {
    let path = path.to_path_buf();
    if is_disk_full(&source) {
        return KeyError::DiskFull { path, needed_bytes };
    }
    KeyError::Io { operation, path, source }
}
