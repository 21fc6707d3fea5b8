//! The data directory of one node: used by one process, and known when it was wiped.
//!
//! The key of a node lives outside its data directory and records whether the node has served.
//! The data directory holds a marker with the identity that the key belongs to. A key that has
//! served and a directory without the marker mean that the node has forgotten its votes: it would
//! be a traitor without knowing it, so it does not start.
//!
//! # Invariants
//! - STO-6: a directory without the marker of the identity is never opened for a node that has
//!   served before, and no part of it that is missing or empty is made anew for such a node.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::StoreError;
use crate::files;

/// The file with the identity.
const MARKER: &str = "identity";
/// The file that is locked while a process uses the directory.
const LOCK: &str = "lock";

/// What the node key says about the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The node has never served: the directory may be new.
    Fresh,
    /// The node has served before: its data must be there.
    Existing,
}

/// A data directory, locked as long as this value lives.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    expectation: Expectation,
    /// Held as long as the file is open.
    lock: Arc<File>,
}

impl DataDirectory {
    /// Opens the directory for the node with this identity and locks it.
    ///
    /// # Errors
    /// [`StoreError::Wiped`], [`StoreError::OtherIdentity`], [`StoreError::NotEmpty`] or
    /// [`StoreError::InUse`] if this node must not use it; otherwise what the disk reports.
    pub fn open(
        path: &Path,
        identity: &[u8; 32],
        expectation: Expectation,
    ) -> Result<Self, StoreError> {
        let expected = hex(identity);
        let marker = path.join(MARKER);
        if expectation == Expectation::Existing && !exists(&marker)? {
            return Err(StoreError::Wiped { path: path.to_path_buf() });
        }
        files::create_directory(path).map_err(|error| StoreError::io("create", path, error, 0))?;
        let lock = lock(path)?;

        match read_marker(&marker)? {
            Some(found) if found == expected => {}
            Some(found) => {
                return Err(StoreError::OtherIdentity {
                    path: path.to_path_buf(),
                    found,
                    expected,
                });
            }
            None => {
                assert_eq!(expectation, Expectation::Fresh, "STO-6: checked above");
                check_empty(path)?;
                let line = format!("{expected}\n");
                files::replace(&marker, line.as_bytes(), 0o644)
                    .map_err(|error| StoreError::io("write", &marker, error, 65))?;
            }
        }
        Ok(Self { path: path.to_path_buf(), expectation, lock: Arc::new(lock) })
    }

    /// The same directory, for parts that begin later than the node did: they may be new.
    #[must_use]
    pub fn with_new_parts(&self) -> Self {
        let (path, lock) = (self.path.clone(), Arc::clone(&self.lock));
        Self { path, expectation: Expectation::Fresh, lock }
    }

    /// Where the directory is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something inside.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether what is kept here must be there already.
    #[must_use]
    pub const fn expectation(&self) -> Expectation {
        self.expectation
    }

    /// The path of a part of the data: a directory that holds each of `names`, files or
    /// directories that are never empty once the node has served. A part may lie on a disk of its
    /// own that is not mounted, and stores make themselves anew where they find nothing.
    ///
    /// # Errors
    /// STO-6: [`StoreError::Wiped`] if the node has served before and one of them is missing or
    /// empty; otherwise what the disk reports.
    pub fn part(&self, part: &str, names: &[&str]) -> Result<PathBuf, StoreError> {
        let directory = self.join(part);
        if self.expectation == Expectation::Existing {
            for path in names.iter().map(|name| directory.join(name)) {
                if !holds_something(&path)? {
                    return Err(StoreError::Wiped { path });
                }
            }
        }
        Ok(directory)
    }
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let name = path.join(LOCK);
    let mut options = File::options();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|error| StoreError::io("open", &name, error, 0))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_path_buf() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &name, error, 0)),
    }
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(|error| StoreError::io("look for", path, error, 0))
}

/// Whether there is a file with content, or a directory with entries.
fn holds_something(path: &Path) -> Result<bool, StoreError> {
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        inspected => inspected.map_err(|error| StoreError::io("inspect", path, error, 0))?,
    };
    if !metadata.is_dir() {
        return Ok(metadata.len() > 0);
    }
    let mut entries =
        std::fs::read_dir(path).map_err(|error| StoreError::io("list", path, error, 0))?;
    Ok(entries.next().is_some())
}

fn read_marker(marker: &Path) -> Result<Option<String>, StoreError> {
    let text = match std::fs::read_to_string(marker) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("read", marker, error, 0)),
        Ok(text) => text,
    };
    let found = text.trim_end();
    if found.len() != 64 || !found.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(StoreError::corrupt(marker, "it should hold 64 hexadecimal digits"));
    }
    Ok(Some(found.to_string()))
}

/// The lock, and a marker that a crash left unfinished, do not count.
fn check_empty(path: &Path) -> Result<(), StoreError> {
    let entries =
        std::fs::read_dir(path).map_err(|error| StoreError::io("list", path, error, 0))?;
    for entry in entries {
        let name = entry.map_err(|error| StoreError::io("list", path, error, 0))?.file_name();
        let name = name.to_string_lossy();
        let is_own = name == LOCK || name.strip_suffix(files::TEMPORARY_SUFFIX) == Some(MARKER);
        if !is_own {
            return Err(StoreError::NotEmpty { path: path.to_path_buf() });
        }
    }
    Ok(())
}

/// Lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}
