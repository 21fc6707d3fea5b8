//! The state of a replica on disk: an ordered map and the checkpoint that it stands for.
//!
//! # Invariants
//! - STO-8: the map and its mark change together: after a crash the map is exactly the one that
//!   the stored mark was given with.

use std::path::Path;

use redb::{Range, TableDefinition};

use crate::database::{self, DatabaseFile};
use crate::error::StoreError;

/// A change of one key: its new value, or none to remove it.
pub type ImageChange = (Vec<u8>, Option<Vec<u8>>);

/// Replicas read their state from memory: this is for the pages on the way to what they write, and
/// a member of the membership group has two images at the end of an epoch.
const CACHE_BYTES: usize = 4 * 1024 * 1024;
const PAIRS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("pairs");
const MARKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("marks");
const MARK: &str = "mark";

/// An ordered map from keys to values, with a mark.
#[derive(Debug)]
pub struct StateImage {
    file: DatabaseFile,
}

impl StateImage {
    /// Opens the file, creating an empty image without a mark if it is missing.
    ///
    /// # Errors
    /// What the disk reports; [`StoreError::InUse`] if the file is open elsewhere.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = DatabaseFile::open(path, CACHE_BYTES, |transaction| {
            transaction.open_table(PAIRS)?;
            transaction.open_table(MARKS)?;
            Ok(())
        })?;
        Ok(Self { file })
    }

    /// Makes these changes and sets the mark, all of it durable on return or none.
    ///
    /// # Errors
    /// What the disk reports. After a failure of the disk every later call fails.
    pub fn apply(&self, changes: &[ImageChange], mark: &[u8]) -> Result<(), StoreError> {
        let length = |(key, value): &ImageChange| key.len() + value.as_ref().map_or(0, Vec::len);
        let needed_bytes = changes.iter().map(|change| length(change) as u64).sum();
        self.file.write(needed_bytes, |transaction| {
            let mut pairs = transaction.open_table(PAIRS)?;
            for (key, value) in changes {
                match value {
                    Some(value) => pairs.insert(key.as_slice(), value.as_slice())?,
                    None => pairs.remove(key.as_slice())?,
                };
            }
            transaction.open_table(MARKS)?.insert(MARK, mark)?;
            Ok(())
        })?;
        assert_eq!(self.mark()?.as_deref(), Some(mark), "STO-8: the mark was just stored");
        Ok(())
    }

    /// Puts these pairs in the place of all others and sets the mark, durably: the end of a state
    /// transfer. Memory does not grow with the number of pairs.
    ///
    /// # Errors
    /// What the disk reports; the old image is untouched then.
    pub fn replace_all(
        &self,
        pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
        mark: &[u8],
    ) -> Result<(), StoreError> {
        self.file.write(0, |transaction| {
            transaction.delete_table(PAIRS)?;
            let mut table = transaction.open_table(PAIRS)?;
            for (key, value) in pairs {
                table.insert(key.as_slice(), value.as_slice())?;
            }
            transaction.open_table(MARKS)?.insert(MARK, mark)?;
            Ok(())
        })
    }

    /// The mark of the image; none if nothing was ever applied.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn mark(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.file.read(|snapshot| {
            let marks = snapshot.open_table(MARKS)?;
            Ok(marks.get(MARK)?.map(|mark| mark.value().to_vec()))
        })
    }

    /// The value of one key.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.file.read(|snapshot| {
            let pairs = snapshot.open_table(PAIRS)?;
            Ok(pairs.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    /// The mark and all pairs in the order of their keys, both of one moment.
    ///
    /// # Errors
    /// What the disk reports, then or for each pair.
    pub fn load(&self) -> Result<(Option<Vec<u8>>, ImagePairs<'_>), StoreError> {
        self.file.read(|snapshot| {
            let marks = snapshot.open_table(MARKS)?;
            let mark = marks.get(MARK)?.map(|mark| mark.value().to_vec());
            let range = snapshot.open_table(PAIRS)?.range::<&[u8]>(..)?;
            Ok((mark, ImagePairs { path: self.file.path(), range }))
        })
    }
}

/// The pairs of an image at one moment, in order. The image may change meanwhile.
pub struct ImagePairs<'a> {
    path: &'a Path,
    range: Range<'static, &'static [u8], &'static [u8]>,
}

impl std::fmt::Debug for ImagePairs<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ImagePairs").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Iterator for ImagePairs<'_> {
    type Item = Result<(Vec<u8>, Vec<u8>), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.range.next()?;
        Some(match pair {
            Ok((key, value)) => Ok((key.value().to_vec(), value.value().to_vec())),
            Err(error) => Err(database::convert(self.path, error.into(), 0)),
        })
    }
}
