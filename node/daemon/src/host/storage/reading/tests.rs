//! A store that fails is not an empty one.

use std::path::Path;

use quorate_dht::{ContentKind, Found, ObjectKey};
use quorate_store::object_store::ObjectStore;

use super::{find, find_next, list};

fn with_store(name: &str, work: impl FnOnce(&ObjectStore, &Path)) {
    let path = std::env::temp_dir().join(format!("quorate-{name}-{}", std::process::id()));
    let store = ObjectStore::open(&path).expect("a store");
    work(&store, &path);
    drop(store);
    std::fs::remove_dir_all(&path).expect("the scratch directory goes");
}

/// A name that lies among those of the first directory of blobs.
fn low() -> ObjectKey {
    ObjectKey::Chunk(quorate_types::ObjectId::new([0; 32]))
}

#[test]
fn a_store_that_cannot_be_listed_is_not_at_its_end() {
    with_store("unlisted", |store, path| {
        assert_eq!(find_next(store, None), Found::Absent);
        // A file where the store has a directory: listing it fails, also for root.
        let shelf = path.join("blobs/00");
        std::fs::remove_dir_all(&shelf).expect("it was there");
        std::fs::write(&shelf, b"no directory").expect("a file");
        assert_eq!(find_next(store, None), Found::Unreadable(None));
        assert_eq!(list(store, (low(), low())), None);
    });
}

#[test]
fn a_blob_that_cannot_be_opened_is_neither_absent_nor_damaged() {
    with_store("unopened", |store, path| {
        let key = ContentKind::Chunk.key_of(b"bytes");
        let name = key.id().to_hex();
        // A link to itself: the system refuses to open it.
        let blob = path.join("blobs").join(&name[..2]).join(&name);
        std::os::unix::fs::symlink(&name, blob).expect("a link");
        assert_eq!(find(store, key), Found::Unreadable(Some(key)));
        assert_eq!(find_next(store, None), Found::Unreadable(Some(key)));
    });
}
