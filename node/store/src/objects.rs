//! Small objects in a log-structured tree (fjall): many puts, one sync.
//!
//! # Invariants
//! - STO-10: after [`Objects::persist`] returns, all changes that were written before it survive a
//!   crash; the changes of one [`Objects::write`] are there together or not at all.
//! - STO-11: after a failed write or sync nothing more is written or acknowledged, and the next
//!   process reads what the disk holds, not what the page cache shows of it.
//!
//! A live handle of a keyspace keeps the lock of the database. So none leaves this type, and
//! dropping it closes the database.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};

use crate::error::{StoreError, is_disk_full};
use crate::files;

#[cfg(test)]
mod tests;

/// The longest key, in bytes.
pub const OBJECT_KEY_BYTES_MAX: usize = 4096;
/// The longest value, in bytes.
pub const OBJECT_VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;

const CACHE_BYTES: u64 = 16 * 1024 * 1024;
const MEMTABLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
const WORKER_THREADS: usize = 1;
/// Values from this length on live outside the tree and are not rewritten with it.
const SEPARATED_BYTES_MIN: u32 = 4096;

/// The part of the store that a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Objects that change, under their signed versions.
    Mutable,
    /// Objects named by the hash of their content.
    Content,
    /// What the node itself notes about objects.
    Meta,
}

/// A change of one key: its new value, or none to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// Where.
    pub space: Space,
    /// The key, from 1 byte to [`OBJECT_KEY_BYTES_MAX`].
    pub key: &'a [u8],
    /// The value, up to [`OBJECT_VALUE_BYTES_MAX`].
    pub value: Option<&'a [u8]>,
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// The store of small objects.
pub struct Objects {
    path: PathBuf,
    mutable: Keyspace,
    content: Keyspace,
    meta: Keyspace,
    database: Database,
    poison: OnceLock<String>,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Objects").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Objects {
    /// Opens the store, creating it if it is missing.
    ///
    /// # Errors
    /// What the disk reports; [`StoreError::InUse`] if it is open elsewhere.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let parent = files::parent_of(path);
        files::create_directory(&parent)
            .map_err(|error| StoreError::io("create", &parent, error, 0))?;
        // STO-10: a batch that the last process could not sync may stand in the page cache alone,
        // and nobody writes the journal again.
        files::reread_all_from_disk(path)
            .map_err(|error| StoreError::io("sync", path, error, 0))?;
        let fail = |error| convert(path, error, 0);
        let database = Database::builder(path)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKER_THREADS)
            .open()
            .map_err(fail)?;
        let keyspace = |name| database.keyspace(name, keyspace_options).map_err(fail);
        Ok(Self {
            path: path.to_path_buf(),
            mutable: keyspace("mutable")?,
            content: keyspace("content")?,
            meta: keyspace("meta")?,
            database,
            poison: OnceLock::new(),
        })
    }

    /// Where the tree lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes these changes together. They can be read at once and are durable after the next
    /// [`Objects::persist`]: tell nobody about them before it.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] if a key or value is; nothing was changed then. Every other failure
    /// poisons the store.
    pub fn write(&self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        self.check_poison()?;
        for change in changes {
            check_limits(change)?;
        }
        let mut batch = self.database.batch();
        let mut needed_bytes = 0;
        for Change { space, key, value } in changes {
            match value {
                Some(value) => batch.insert(self.keyspace(*space), *key, *value),
                None => batch.remove(self.keyspace(*space), *key),
            }
            needed_bytes += (key.len() + value.map_or(0, <[u8]>::len)) as u64;
        }
        self.or_poison(batch.commit(), needed_bytes)
    }

    /// Makes all changes so far durable with one sync.
    ///
    /// # Errors
    /// What the disk reports; the store is poisoned then.
    pub fn persist(&self) -> Result<(), StoreError> {
        self.check_poison()?;
        // STO-10: the journal is shared by all spaces, so one sync covers every earlier batch.
        self.or_poison(self.database.persist(PersistMode::SyncData), 0)?;
        assert!(self.poison.get().is_none(), "STO-11: a poisoned store acknowledges nothing");
        Ok(())
    }

    /// The value of one key. It may not be durable yet: see [`Objects::write`].
    ///
    /// # Errors
    /// What the disk reports.
    pub fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.check_poison()?;
        let value = self.keyspace(space).get(key).map_err(|error| self.convert(error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// Whether the key has a value.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn contains(&self, space: Space, key: &[u8]) -> Result<bool, StoreError> {
        self.check_poison()?;
        self.keyspace(space).contains_key(key).map_err(|error| self.convert(error))
    }

    /// Up to `limit` pairs in the order of their keys, of those whose keys lie in the range.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn scan(
        &self,
        space: Space,
        keys: RangeInclusive<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, StoreError> {
        self.check_poison()?;
        let range = self.keyspace(space).range(keys).take(limit);
        range
            .map(|entry| {
                let (key, value) = entry.into_inner().map_err(|error| self.convert(error))?;
                Ok((key.to_vec(), value.to_vec()))
            })
            .collect()
    }

    /// Up to `limit` keys in their order, of those in the range.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn scan_keys(
        &self,
        space: Space,
        keys: RangeInclusive<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        self.check_poison()?;
        let range = self.keyspace(space).range(keys).take(limit);
        range.map(|entry| Ok(entry.key().map_err(|error| self.convert(error))?.to_vec())).collect()
    }

    fn keyspace(&self, space: Space) -> &Keyspace {
        match space {
            Space::Mutable => &self.mutable,
            Space::Content => &self.content,
            Space::Meta => &self.meta,
        }
    }

    fn check_poison(&self) -> Result<(), StoreError> {
        match self.poison.get() {
            Some(cause) => {
                Err(StoreError::Poisoned { path: self.path.clone(), cause: cause.clone() })
            }
            None => Ok(()),
        }
    }

    fn or_poison(
        &self,
        result: Result<(), fjall::Error>,
        needed_bytes: u64,
    ) -> Result<(), StoreError> {
        result.map_err(|error| {
            let error = convert(&self.path, error, needed_bytes);
            self.poison.get_or_init(|| error.to_string());
            error
        })
    }

    fn convert(&self, error: fjall::Error) -> StoreError {
        convert(&self.path, error, 0)
    }
}

fn keyspace_options() -> KeyspaceCreateOptions {
    let separation = KvSeparationOptions::default().separation_threshold(SEPARATED_BYTES_MIN);
    KeyspaceCreateOptions::default()
        .max_memtable_size(MEMTABLE_BYTES_MAX)
        .with_kv_separation(Some(separation))
}

fn check_limits(change: &Change<'_>) -> Result<(), StoreError> {
    assert!(!change.key.is_empty(), "an object has a name");
    let (bytes, bytes_max) = (change.key.len(), OBJECT_KEY_BYTES_MAX);
    if bytes > bytes_max {
        return Err(StoreError::TooLarge { what: "a key", bytes, bytes_max });
    }
    let (bytes, bytes_max) = (change.value.map_or(0, <[u8]>::len), OBJECT_VALUE_BYTES_MAX);
    if bytes > bytes_max {
        return Err(StoreError::TooLarge { what: "a value", bytes, bytes_max });
    }
    Ok(())
}

fn convert(path: &Path, error: fjall::Error, needed_bytes: u64) -> StoreError {
    let is_full = {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        std::iter::from_fn(|| {
            let this = cause?;
            cause = this.source();
            Some(this)
        })
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(is_disk_full))
    };
    let path = path.to_path_buf();
    if is_full {
        return StoreError::DiskFull { path, needed_bytes };
    }
    if matches!(error, fjall::Error::Locked) {
        return StoreError::InUse { path };
    }
    if let fjall::Error::Io(source) = error {
        return StoreError::Io { operation: "read or write", path, source };
    }
    if matches!(error, fjall::Error::Poisoned) {
        return StoreError::Poisoned { path, cause: error.to_string() };
    }
    StoreError::Corrupt { path, reason: error.to_string() }
}
