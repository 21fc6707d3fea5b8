//! Large objects, each in a file of its own, named by the hash of its content.
//!
//! ```text
//! blobs/incoming/17              being written; removed when the store opens
//! blobs/ab/abcd...               64 lowercase hexadecimal digits
//! ```
//!
//! # Invariants
//! - STO-12: after [`Blobs::put_batch`] returns, all its blobs and their names survive a crash, and
//!   so do those that are there when [`Blobs::open`] returns; a name never stands for part of a
//!   blob.
//!
//! The caller checks what it reads against the name: this store cannot know how names are made.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::directory::hex;
use crate::error::StoreError;
use crate::files;

/// Objects from this length on are stored as files.
pub const BLOB_BYTES_MIN: usize = 65_536;
/// The longest blob, in bytes.
pub const BLOB_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How many files of one batch are unfinished at a time.
const OPEN_FILES_MAX: usize = 64;
/// Threads that write and sync the files of one batch.
const WRITERS: usize = 8;

const INCOMING: &str = "incoming";

/// The name of a blob: the hash of its content.
pub type BlobName = [u8; 32];

/// The store of large objects.
#[derive(Debug)]
pub struct Blobs {
    root: PathBuf,
    /// Held while a batch is written: the names of incoming files are used by one at a time, and
    /// nobody relies on a directory that another has created and not synced.
    writing: Mutex<()>,
}

impl Blobs {
    /// Opens the store, creating it if it is missing, and removes what a crash left unfinished.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let incoming = root.join(INCOMING);
        files::create_directory(&incoming)
            .map_err(|error| StoreError::io("create", &incoming, error, 0))?;
        for name in sorted_names(&incoming)? {
            let orphan = incoming.join(name);
            std::fs::remove_file(&orphan)
                .map_err(|error| StoreError::io("remove", &orphan, error, 0))?;
        }
        // All directories are there from the start: none has to be made durable on the way of a
        // blob.
        for first_byte in 0..=u8::MAX {
            let directory = root.join(hex(&[first_byte]));
            match std::fs::create_dir(&directory) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(StoreError::io("create", &directory, error, 0));
                }
                Err(_) | Ok(()) => {}
            }
        }
        // STO-12: a process that was killed may have left blobs whose names are only in the page
        // cache. What is found is taken for durable, so all of it is made so.
        files::sync_file_system(root)
            .map_err(|error| StoreError::io("sync the file system of", root, error, 0))?;
        Ok(Self { root: root.to_path_buf(), writing: Mutex::new(()) })
    }

    /// Stores all these blobs durably, replacing those of the same name. The syncs of directories
    /// are shared.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] before anything was written, or what the disk reports; some of the
    /// blobs may be there then, each of them whole.
    pub fn put_batch(&self, blobs: &[(BlobName, &[u8])]) -> Result<(), StoreError> {
        for (_, content) in blobs {
            let (bytes, bytes_max) = (content.len(), BLOB_BYTES_MAX);
            if bytes > bytes_max {
                return Err(StoreError::TooLarge { what: "a blob", bytes, bytes_max });
            }
        }
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut directories = BTreeSet::new();
        for some in blobs.chunks(OPEN_FILES_MAX) {
            self.put_some(some, &mut directories).inspect_err(|_| self.free_incoming())?;
        }
        let directories: Vec<&Path> = directories.iter().map(PathBuf::as_path).collect();
        at_once(&directories, sync)?;
        for (name, content) in blobs {
            let length = self.length(name)?;
            assert!(length.is_some(), "STO-12: {} of {} bytes", hex(name), content.len());
        }
        Ok(())
    }

    /// The content of a blob, not checked against its name.
    ///
    /// # Errors
    /// What the disk reports; [`StoreError::Corrupt`] if the file is longer than any blob.
    pub fn get(&self, name: &BlobName) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path_of(name);
        let fail = |error| StoreError::io("read", &path, error, 0);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(fail)?,
        };
        let length = file.metadata().map_err(fail)?.len();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > BLOB_BYTES_MAX {
            return Err(StoreError::corrupt(&path, format!("{length} bytes are no blob")));
        }
        let mut content = Vec::with_capacity(length);
        let mut limited = file.take(BLOB_BYTES_MAX as u64);
        limited.read_to_end(&mut content).map_err(fail)?;
        Ok(Some(content))
    }

    /// The length of a blob in bytes, if it is there.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn length(&self, name: &BlobName) -> Result<Option<u64>, StoreError> {
        let path = self.path_of(name);
        match std::fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("inspect", &path, error, 0)),
        }
    }

    /// Removes these blobs durably; those that are not there are no failure. Slow on disks that
    /// trim: not for a path on which somebody waits.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn delete_batch(&self, names: &[BlobName]) -> Result<(), StoreError> {
        let mut directories = BTreeSet::new();
        for name in names {
            let path = self.path_of(name);
            match std::fs::remove_file(&path) {
                Ok(()) => {
                    directories.insert(files::parent_of(&path));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("remove", &path, error, 0)),
            }
        }
        directories.iter().try_for_each(|directory| sync(directory))?;
        Ok(())
    }

    /// Up to `limit` names in their order, of those in the range. Files that are no blobs are left
    /// out.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn list(
        &self,
        range: &RangeInclusive<BlobName>,
        limit: usize,
    ) -> Result<Vec<BlobName>, StoreError> {
        let mut found = Vec::new();
        for first_byte in range.start()[0]..=range.end()[0] {
            if found.len() >= limit {
                break;
            }
            let names = sorted_names(&self.root.join(hex(&[first_byte])))?;
            let names = names.iter().filter_map(|name| parse(name));
            let is_here = |name: &BlobName| name[0] == first_byte && range.contains(name);
            found.extend(names.filter(is_here));
        }
        found.truncate(limit);
        Ok(found)
    }

    fn put_some(
        &self,
        blobs: &[(BlobName, &[u8])],
        directories: &mut BTreeSet<PathBuf>,
    ) -> Result<(), StoreError> {
        let incoming = |index: usize| self.root.join(INCOMING).join(index.to_string());
        let write = |(index, content): (usize, &[u8])| write_incoming(&incoming(index), content);
        let contents: Vec<(usize, &[u8])> =
            blobs.iter().enumerate().map(|(index, (_, content))| (index, *content)).collect();
        at_once(&contents, write)?;
        for (index, (name, _)) in blobs.iter().enumerate() {
            let path = self.path_of(name);
            std::fs::rename(incoming(index), &path)
                .map_err(|error| StoreError::io("rename to", &path, error, 0))?;
            directories.insert(files::parent_of(&path));
        }
        Ok(())
    }

    /// Gives the space of unfinished files back, if that works: the next opening removes them
    /// anyway.
    fn free_incoming(&self) {
        for index in 0..OPEN_FILES_MAX {
            drop(std::fs::remove_file(self.root.join(INCOMING).join(index.to_string())));
        }
    }

    pub(crate) fn path_of(&self, name: &BlobName) -> PathBuf {
        let text = hex(name);
        self.root.join(&text[..2]).join(&text)
    }
}

/// Writes a file and makes its bytes durable; its name comes later.
fn write_incoming(incoming: &Path, content: &[u8]) -> Result<(), StoreError> {
    let fail = |error| StoreError::io("write", incoming, error, content.len() as u64);
    let mut file = File::create(incoming).map_err(fail)?;
    file.write_all(content).map_err(fail)?;
    file.sync_data().map_err(|error| StoreError::io("sync", incoming, error, content.len() as u64))
}

/// Does this to each on a few threads, so that syncs which wait for the same commit of the file
/// system wait for it together; the first failure counts.
fn at_once<T: Copy + Sync>(
    items: &[T],
    work: impl Fn(T) -> Result<(), StoreError> + Sync,
) -> Result<(), StoreError> {
    let share = items.len().div_ceil(WRITERS).max(1);
    let work = &work;
    let do_all = move |some: &[T]| some.iter().try_for_each(|one| work(*one));
    std::thread::scope(|scope| {
        let mut shares = items.chunks(share);
        let own = shares.next().unwrap_or_default();
        let others: Vec<_> = shares.map(|some| scope.spawn(move || do_all(some))).collect();
        let outcome = do_all(own);
        let outcomes = others.into_iter().map(|other| other.join().expect("no writer panics"));
        outcomes.fold(outcome, Result::and)
    })
}

fn sync(directory: &Path) -> Result<(), StoreError> {
    files::sync_directory(directory).map_err(|error| StoreError::io("sync", directory, error, 0))
}

fn sorted_names(directory: &Path) -> Result<Vec<String>, StoreError> {
    let fail = |error| StoreError::io("list", directory, error, 0);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name().into_string();
        names.extend(name.ok());
    }
    names.sort_unstable();
    Ok(names)
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn parse(text: &str) -> Option<BlobName> {
    if text.len() != 64 || !text.bytes().all(is_lower_hex) {
        return None;
    }
    let mut name = [0; 32];
    for (index, byte) in name.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(name)
}
