//! The way redb is used here: every transaction with two phases and synced.
//!
//! redb checks its pages with a hash that is not cryptographic. With one phase, somebody who
//! chooses the content and the moment of a crash could make a torn commit look whole; with two
//! phases, the new root is written only after all that it refers to was synced.

use std::path::{Path, PathBuf};

use redb::{Database, Durability, WriteTransaction};

use crate::error::StoreError;
use crate::files;

/// A redb file.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    path: PathBuf,
    database: Database,
}

impl DatabaseFile {
    /// Opens the file, or creates it so that a crash leaves no half of one. `prepare` creates the
    /// tables.
    pub(crate) fn open(
        path: &Path,
        cache_bytes: usize,
        prepare: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<Self, StoreError> {
        let fail = |error: redb::Error| convert(path, error, 0);
        let exists =
            path.try_exists().map_err(|error| StoreError::io("look for", path, error, 0))?;
        if exists {
            // What the last process could not sync may stand in the page cache alone.
            files::reread_from_disk(path)
                .map_err(|error| StoreError::io("sync", path, error, 0))?;
        } else {
            create(path, prepare)?;
        }
        let mut builder = Database::builder();
        builder.set_cache_size(cache_bytes);
        let database = builder.open(path).map_err(|error| fail(error.into()))?;
        Ok(Self { path: path.to_path_buf(), database })
    }

    /// Does `work` in one transaction that is durable on return, or has no effect.
    pub(crate) fn write(
        &self,
        needed_bytes: u64,
        work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        write(&self.database, work).map_err(|error| convert(&self.path, error, needed_bytes))
    }

    /// Does `work` on a snapshot.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        use redb::ReadableDatabase as _;
        let snapshot = self.database.begin_read().map_err(redb::Error::from);
        snapshot.and_then(|snapshot| work(&snapshot)).map_err(|error| convert(&self.path, error, 0))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn create(
    path: &Path,
    prepare: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), StoreError> {
    let temporary = files::temporary_of(path);
    let fail = |error| StoreError::io("create", path, error, 0);
    let parent = files::parent_of(path);
    files::create_directory(&parent).map_err(fail)?;
    if temporary.exists() {
        std::fs::remove_file(&temporary).map_err(fail)?;
    }

    let database = Database::create(&temporary).map_err(redb::Error::from);
    let written = database.and_then(|database| write(&database, prepare));
    written.map_err(|error| convert(path, error, 0))?;
    std::fs::rename(&temporary, path).map_err(fail)?;
    files::sync_directory(&parent).map_err(fail)
}

fn write(
    database: &Database,
    work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    work(&transaction)?;
    transaction.commit()?;
    Ok(())
}

pub(crate) fn convert(path: &Path, error: redb::Error, needed_bytes: u64) -> StoreError {
    if let redb::Error::Io(source) = error {
        if source.kind() == std::io::ErrorKind::InvalidData {
            return StoreError::corrupt(path, source.to_string());
        }
        return StoreError::io("read or write", path, source, needed_bytes);
    }
    let path = path.to_path_buf();
    if matches!(error, redb::Error::DatabaseAlreadyOpen) {
        return StoreError::InUse { path };
    }
    if matches!(error, redb::Error::PreviousIo) {
        return StoreError::Poisoned { path, cause: error.to_string() };
    }
    StoreError::Corrupt { path, reason: error.to_string() }
}
