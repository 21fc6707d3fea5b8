//! What the store of objects holds: under one name, behind a name, between two names.

use std::path::PathBuf;

use quorate_dht::limits::LISTED_NAMES_MAX;
use quorate_dht::{Found, Held, ObjectKey};
use quorate_store::error::StoreError;
use quorate_store::object_store::ObjectStore;
use quorate_store::objects::Space;
use quorate_types::ObjectId;

use super::{BlobName, blob_name};

/// The object of this name.
pub(super) fn find(store: &ObjectStore, key: ObjectKey) -> Found {
    match read(store, key) {
        Ok(Some(bytes)) => Found::Object(key, bytes),
        Ok(None) => Found::Absent,
        Err(error) if error.is_damage() => {
            tracing::error!(%key, %error, "an object is damaged");
            Found::Damaged(key)
        }
        Err(error) => {
            tracing::error!(%key, %error, "an object cannot be read now");
            Found::Unreadable(Some(key))
        }
    }
}

/// The bytes under a name, not checked against it.
pub(crate) fn read(store: &ObjectStore, key: ObjectKey) -> Result<Option<Vec<u8>>, StoreError> {
    match key {
        ObjectKey::Chunk(_) => store.content(&blob_name(key)),
        ObjectKey::Manifest(_) => store.objects().get(Space::Meta, key.id().as_bytes()),
        ObjectKey::Register(_) => store.objects().get(Space::Mutable, key.id().as_bytes()),
    }
}

/// The object with the lowest name above this one. A store that cannot be listed is not an empty
/// one.
pub(super) fn find_next(store: &ObjectStore, after: Option<ObjectKey>) -> Found {
    let first = after.unwrap_or(ObjectKey::Chunk(ObjectId::new([0; 32])));
    // The name itself may be there, and is not wanted.
    match names(store, (first, LAST), 2) {
        Ok(names) => match names.into_iter().find(|name| Some(*name) > after) {
            Some(key) => find(store, key),
            None => Found::Absent,
        },
        Err(error) => {
            tracing::error!(%error, "the object store cannot be listed");
            Found::Unreadable(None)
        }
    }
}

/// What is held from one name to another, a page at most; nothing if that cannot be told.
pub(super) fn list(store: &ObjectStore, piece: (ObjectKey, ObjectKey)) -> Option<Vec<Held>> {
    let names = match names(store, piece, LISTED_NAMES_MAX) {
        Ok(names) => names,
        Err(error) => {
            tracing::error!(%error, "the object store cannot be listed");
            return None;
        }
    };
    let held = |key: ObjectKey| match key {
        ObjectKey::Chunk(_) | ObjectKey::Manifest(_) => Held::content(key),
        // What cannot be read has no stamp, and so it differs from what the others have.
        ObjectKey::Register(_) => match read(store, key) {
            Ok(bytes) => Held::read(key, &bytes.unwrap_or_default()),
            Err(_) => Held { key, stamp: None },
        },
    };
    Some(names.into_iter().map(held).collect())
}

const FIRST_ID: BlobName = [0; 32];
const LAST_ID: BlobName = [u8::MAX; 32];
/// The highest name of all.
const LAST: ObjectKey = ObjectKey::Register(ObjectId::new(LAST_ID));

/// Kinds of objects in the order of their names.
const KINDS: [fn(ObjectId) -> ObjectKey; 3] =
    [ObjectKey::Chunk, ObjectKey::Manifest, ObjectKey::Register];

const fn rank(key: &ObjectKey) -> usize {
    match key {
        ObjectKey::Chunk(_) => 0,
        ObjectKey::Manifest(_) => 1,
        ObjectKey::Register(_) => 2,
    }
}

/// The lowest names in a piece, in their order.
fn names(
    store: &ObjectStore,
    (first, last): (ObjectKey, ObjectKey),
    limit: usize,
) -> Result<Vec<ObjectKey>, StoreError> {
    let mut found: Vec<ObjectKey> = Vec::new();
    let kinds = KINDS.iter().enumerate().take(rank(&last) + 1).skip(rank(&first));
    for (kind, name_of) in kinds {
        let begin = if kind == rank(&first) { blob_name(first) } else { FIRST_ID };
        let end = if kind == rank(&last) { blob_name(last) } else { LAST_ID };
        let left = limit - found.len();
        let ids = match kind {
            0 => store.content_names(&(begin..=end), left)?,
            1 => small_names(store, Space::Meta, (&begin, &end), left)?,
            _ => small_names(store, Space::Mutable, (&begin, &end), left)?,
        };
        found.extend(ids.into_iter().map(|id| name_of(ObjectId::new(id))));
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

fn small_names(
    store: &ObjectStore,
    space: Space,
    (begin, end): (&BlobName, &BlobName),
    limit: usize,
) -> Result<Vec<BlobName>, StoreError> {
    let keys = store.objects().scan_keys(space, begin.as_slice()..=end.as_slice(), limit)?;
    Ok(keys.iter().filter_map(|key| BlobName::try_from(key.as_slice()).ok()).collect())
}

/// Where the bytes of an object lie, for whoever has to look.
pub(crate) fn place(store: &ObjectStore, key: ObjectKey) -> PathBuf {
    match key {
        ObjectKey::Chunk(_) => store.place_of_content(&blob_name(key)),
        ObjectKey::Manifest(_) | ObjectKey::Register(_) => store.objects().path().to_path_buf(),
    }
}

#[cfg(test)]
mod tests;
