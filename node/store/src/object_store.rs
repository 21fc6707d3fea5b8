//! One store for objects of every size: small ones in the tree, large ones in files.
//!
//! # Invariants
//! - STO-13: [`ObjectStore::store`] returns only after all its objects and changes are durable.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::blobs::{BLOB_BYTES_MIN, BlobName, Blobs};
use crate::error::StoreError;
use crate::objects::{Change, Objects, Space};

const OBJECTS: &str = "objects";
const BLOBS: &str = "blobs";
/// The directories that an object store keeps in its own; none of them is ever empty.
pub const PARTS: [&str; 2] = [OBJECTS, BLOBS];

/// Small objects and blobs together.
#[derive(Debug)]
pub struct ObjectStore {
    objects: Objects,
    blobs: Blobs,
}

impl ObjectStore {
    /// Opens the store in a directory of its own, creating it if it is missing.
    ///
    /// # Errors
    /// What the disk reports; [`StoreError::InUse`] if it is open elsewhere.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let objects = Objects::open(&directory.join(OBJECTS))?;
        let blobs = Blobs::open(&directory.join(BLOBS))?;
        Ok(Self { objects, blobs })
    }

    /// Stores content under its names and makes changes to small objects, all durable on return.
    /// The content is durable before the changes, so a change may refer to it.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] or what the disk reports. Some content may be stored then, which
    /// does no harm: it is named by its hash.
    pub fn store(
        &self,
        content: &[(BlobName, &[u8])],
        changes: &[Change<'_>],
    ) -> Result<(), StoreError> {
        let is_large = |bytes: &[u8]| bytes.len() >= BLOB_BYTES_MIN;
        let large: Vec<_> = content.iter().copied().filter(|(_, bytes)| is_large(bytes)).collect();
        self.blobs.put_batch(&large)?;

        let small = content.iter().filter(|(_, bytes)| !is_large(bytes));
        let mut batch: Vec<Change<'_>> = small
            .map(|(name, bytes)| Change { space: Space::Content, key: name, value: Some(bytes) })
            .collect();
        batch.extend_from_slice(changes);
        if batch.is_empty() {
            return Ok(());
        }
        self.objects.write(&batch)?;
        // STO-13: the blobs were synced above; this syncs all the rest.
        self.objects.persist()
    }

    /// The content with this name, not checked against it: the caller does, and takes what does
    /// not match for lost.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn content(&self, name: &BlobName) -> Result<Option<Vec<u8>>, StoreError> {
        match self.objects.get(Space::Content, name)? {
            Some(bytes) => Ok(Some(bytes)),
            None => self.blobs.get(name),
        }
    }

    /// Whether there is content with this name.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn has_content(&self, name: &BlobName) -> Result<bool, StoreError> {
        Ok(self.objects.contains(Space::Content, name)? || self.blobs.length(name)?.is_some())
    }

    /// Up to `limit` names of content in their order, of those in the range.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn content_names(
        &self,
        range: &RangeInclusive<BlobName>,
        limit: usize,
    ) -> Result<Vec<BlobName>, StoreError> {
        let keys = range.start().as_slice()..=range.end().as_slice();
        let small = self.objects.scan_keys(Space::Content, keys, limit)?;
        let mut names = self.blobs.list(range, limit)?;
        names.extend(small.iter().filter_map(|key| BlobName::try_from(key.as_slice()).ok()));
        names.sort_unstable();
        names.dedup();
        names.truncate(limit);
        Ok(names)
    }

    /// Removes content, durably; what is not there is no failure.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn delete_content(&self, names: &[BlobName]) -> Result<(), StoreError> {
        let removal = |key| Change { space: Space::Content, key, value: None };
        let batch: Vec<Change<'_>> = names.iter().map(|name| removal(name.as_slice())).collect();
        if !batch.is_empty() {
            self.objects.write(&batch)?;
            self.objects.persist()?;
        }
        self.blobs.delete_batch(names)
    }

    /// Where the bytes of this content lie: a file of their own, or the tree of small objects.
    #[must_use]
    pub fn place_of_content(&self, name: &BlobName) -> PathBuf {
        let file = self.blobs.path_of(name);
        if file.exists() { file } else { self.objects.path().to_path_buf() }
    }

    /// The small objects, for the spaces that have no content in files.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }
}
