//! Large objects, each in a file of its own, named by the hash of its content.
//!
//! ```text
//! blobs/incoming/17              being written; removed when the store opens
//! blobs/ab/cd/abcd...            64 lowercase hexadecimal digits
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
/// How many files of one batch are open at a time.
const OPEN_FILES_MAX: usize = 64;

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
        // A process that was killed may have left blobs whose names are only in the page cache, in
        // any of 65,536 directories. What is found is taken for durable, so all of it is made so.
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
        directories.iter().try_for_each(|directory| sync(directory))?;
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
        let (first, last) = (hex(range.start()), hex(range.end()));
        let mut found = Vec::new();
        for outer in sorted_names(&self.root)? {
            let is_inside = first[..2] <= *outer.as_str() && *outer.as_str() <= last[..2];
            if found.len() >= limit || !is_inside || !is_fan_out(&outer) {
                continue;
            }
            let directory = self.root.join(&outer);
            for inner in sorted_names(&directory)?.iter().filter(|name| is_fan_out(name)) {
                let prefix = outer.clone() + inner;
                let is_inside = first[..4] <= *prefix.as_str() && *prefix.as_str() <= last[..4];
                if found.len() < limit && is_inside {
                    list_leaf(&directory.join(inner), &prefix, range, &mut found)?;
                }
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    fn put_some(
        &self,
        blobs: &[(BlobName, &[u8])],
        directories: &mut BTreeSet<PathBuf>,
    ) -> Result<(), StoreError> {
        let mut written = Vec::with_capacity(blobs.len());
        for (index, (name, content)) in blobs.iter().enumerate() {
            let incoming = self.root.join(INCOMING).join(index.to_string());
            let file = write_incoming(&incoming, content)?;
            written.push((file, incoming, self.path_of(name), content.len() as u64));
        }
        // All are written before the first sync waits, so that the disk can work on them at once.
        for (file, incoming, path, needed_bytes) in written {
            file.sync_all()
                .map_err(|error| StoreError::io("sync", &incoming, error, needed_bytes))?;
            let directory = files::parent_of(&path);
            if !directory.is_dir() {
                files::create_directory(&directory)
                    .map_err(|error| StoreError::io("create", &directory, error, 0))?;
            }
            std::fs::rename(&incoming, &path)
                .map_err(|error| StoreError::io("rename to", &path, error, 0))?;
            directories.insert(directory);
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

    fn path_of(&self, name: &BlobName) -> PathBuf {
        let text = hex(name);
        self.root.join(&text[..2]).join(&text[2..4]).join(&text)
    }
}

fn write_incoming(incoming: &Path, content: &[u8]) -> Result<File, StoreError> {
    let fail = |error| StoreError::io("write", incoming, error, content.len() as u64);
    let mut file = File::create(incoming).map_err(fail)?;
    file.write_all(content).map_err(fail)?;
    Ok(file)
}

fn sync(directory: &Path) -> Result<(), StoreError> {
    files::sync_directory(directory).map_err(|error| StoreError::io("sync", directory, error, 0))
}

fn list_leaf(
    directory: &Path,
    prefix: &str,
    range: &RangeInclusive<BlobName>,
    found: &mut Vec<BlobName>,
) -> Result<(), StoreError> {
    let names = sorted_names(directory)?;
    let names = names.iter().filter(|name| name.starts_with(prefix));
    found.extend(names.filter_map(|name| parse(name)).filter(|name| range.contains(name)));
    Ok(())
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

fn is_fan_out(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(is_lower_hex)
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
