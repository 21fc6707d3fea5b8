//! Tiny state that must never be lost: the view, the epoch, what was voted for.
//!
//! # Invariants
//! - STO-7: after [`CriticalState::put_all`] returns, all of its values survive a crash; if it
//!   does not return, either all of them are there or none.

use std::path::Path;

use redb::TableDefinition;

use crate::database::DatabaseFile;
use crate::error::StoreError;

/// The longest value, in bytes; whatever is larger is not tiny and belongs elsewhere.
pub const CRITICAL_VALUE_BYTES_MAX: usize = 1024 * 1024;

const CACHE_BYTES: usize = 1024 * 1024;
const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");

/// Named values in a file of their own.
#[derive(Debug)]
pub struct CriticalState {
    file: DatabaseFile,
}

impl CriticalState {
    /// Opens the file, creating it if it is missing.
    ///
    /// # Errors
    /// What the disk reports; [`StoreError::InUse`] if the file is open elsewhere.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = DatabaseFile::open(path, CACHE_BYTES, |transaction| {
            transaction.open_table(VALUES)?;
            Ok(())
        })?;
        Ok(Self { file })
    }

    /// The value with this name, if there is one.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.file.read(|snapshot| {
            let values = snapshot.open_table(VALUES)?;
            Ok(values.get(name)?.map(|value| value.value().to_vec()))
        })
    }

    /// Sets all these values at once, durably (about 0.3 ms).
    ///
    /// # Errors
    /// What the disk reports, or [`StoreError::TooLarge`]; nothing was changed then, as far as
    /// this process can know. After a failure of the disk every later call fails.
    pub fn put_all(&self, values: &[(&str, &[u8])]) -> Result<(), StoreError> {
        for (_, value) in values {
            let bytes_max = CRITICAL_VALUE_BYTES_MAX;
            if value.len() > bytes_max {
                let what = "a critical value";
                return Err(StoreError::TooLarge { what, bytes: value.len(), bytes_max });
            }
        }
        let needed_bytes = values.iter().map(|(_, value)| value.len() as u64).sum();
        self.file.write(needed_bytes, |transaction| {
            let mut table = transaction.open_table(VALUES)?;
            for (name, value) in values {
                table.insert(*name, *value)?;
            }
            Ok(())
        })?;

        for (name, value) in values {
            let stored = self.get(name)?;
            let later = values.iter().rev().find(|(other, _)| other == name);
            let expected = later.map_or(*value, |(_, value)| *value);
            assert_eq!(stored.as_deref(), Some(expected), "STO-7: {name} was just stored");
        }
        Ok(())
    }
}
