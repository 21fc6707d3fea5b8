//! Blobs as files, and the store that chooses between them and the tree.

use quorate_store::blobs::{BLOB_BYTES_MAX, BLOB_BYTES_MIN, BlobName, Blobs};
use quorate_store::error::StoreError;
use quorate_store::object_store::ObjectStore;
use quorate_store::objects::{Change, Space};

use crate::scratch::{Scratch, copy};

/// The highest name.
const LAST: BlobName = [0xFF; 32];

fn name(first: u8, second: u8, last: u8) -> BlobName {
    let mut name = [0; 32];
    (name[0], name[1], name[31]) = (first, second, last);
    name
}

#[test]
fn blobs_are_files_named_by_their_hex_name_and_survive_a_crash() {
    let scratch = Scratch::new();
    let root = scratch.join("blobs");
    let blobs = Blobs::open(&root).expect("created");
    let content = vec![5; 200_000];
    blobs.put_batch(&[(name(0xAB, 0xCD, 1), &content), (name(0, 0, 2), b"")]).expect("stored");
    let file = format!("ab/abcd{}01", "00".repeat(29));
    assert_eq!(std::fs::read(root.join(file)).expect("a file"), content);

    let crashed = scratch.join("crashed");
    copy(&root, &crashed);
    let blobs = Blobs::open(&crashed).expect("reopened");
    assert_eq!(blobs.get(&name(0xAB, 0xCD, 1)).expect("readable"), Some(content), "STO-12");
    assert_eq!(blobs.get(&name(0, 0, 2)).expect("readable"), Some(Vec::new()), "STO-12");
    assert_eq!(blobs.get(&name(1, 2, 3)).expect("readable"), None);
}

#[test]
fn what_a_crash_left_unfinished_is_removed_at_the_next_opening() {
    let scratch = Scratch::new();
    let root = scratch.join("blobs");
    drop(Blobs::open(&root).expect("created"));
    std::fs::write(root.join("incoming/0"), "half").expect("written");
    let blobs = Blobs::open(&root).expect("reopened");
    assert!(!root.join("incoming/0").exists());
    assert_eq!(
        blobs.list(&([0; 32]..=LAST), 10).expect("listed"),
        Vec::<BlobName>::new(),
        "STO-12"
    );
}

#[test]
fn a_batch_that_fails_leaves_nothing_unfinished_and_no_part_of_a_blob() {
    let scratch = Scratch::new();
    let root = scratch.join("blobs");
    let blobs = Blobs::open(&root).expect("created");
    // A file stands where the directory of the second blob should be.
    std::fs::remove_dir(root.join("02")).expect("empty");
    std::fs::write(root.join("02"), "in the way").expect("written");
    let batch = [(name(1, 0, 0), &b"whole"[..]), (name(2, 0, 0), b"never"), (name(3, 0, 0), b"no")];
    let error = blobs.put_batch(&batch).expect_err("in the way");
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert_eq!(std::fs::read_dir(root.join("incoming")).expect("listed").count(), 0);
    assert_eq!(blobs.get(&name(1, 0, 0)).expect("readable").as_deref(), Some(&b"whole"[..]));
    assert_eq!(blobs.get(&name(3, 0, 0)).expect("readable"), None, "STO-12");
}

#[test]
fn names_are_listed_in_order_from_any_of_them_and_foreign_files_are_left_out() {
    let scratch = Scratch::new();
    let root = scratch.join("blobs");
    let blobs = Blobs::open(&root).expect("created");
    let names = [name(0, 9, 9), name(3, 0, 1), name(3, 0, 2), name(3, 1, 0), name(0xFF, 0, 0)];
    for name in names.iter().rev() {
        blobs.put_batch(&[(*name, b"content")]).expect("stored");
    }
    std::fs::write(root.join("03/README"), "foreign").expect("written");

    assert_eq!(blobs.list(&([0; 32]..=LAST), 10).expect("listed"), names);
    assert_eq!(blobs.list(&([0; 32]..=LAST), 2).expect("listed"), names[..2]);
    assert_eq!(blobs.list(&([0; 32]..=LAST), 0).expect("listed"), names[..0]);
    assert_eq!(blobs.list(&(names[2]..=LAST), 10).expect("listed"), names[2..]);
    assert_eq!(blobs.list(&(name(3, 0, 3)..=LAST), 10).expect("listed"), names[3..]);
    assert_eq!(blobs.list(&([0xFF; 32]..=LAST), 10).expect("listed"), names[5..]);
    assert_eq!(blobs.list(&(names[1]..=names[3]), 10).expect("listed"), names[1..4]);
    assert_eq!(blobs.list(&(names[1]..=name(3, 0, 1)), 10).expect("listed"), names[1..2]);
}

#[test]
fn deleted_blobs_are_gone_and_missing_ones_are_no_failure() {
    let scratch = Scratch::new();
    let blobs = Blobs::open(&scratch.join("blobs")).expect("created");
    blobs.put_batch(&[(name(1, 1, 1), b"a"), (name(1, 1, 2), b"b")]).expect("stored");
    blobs.delete_batch(&[name(1, 1, 1), name(9, 9, 9)]).expect("deleted");
    assert_eq!(blobs.list(&([0; 32]..=LAST), 10).expect("listed"), [name(1, 1, 2)]);
}

#[test]
fn a_blob_beyond_the_limit_is_refused() {
    let scratch = Scratch::new();
    let blobs = Blobs::open(&scratch.join("blobs")).expect("created");
    let large = vec![0; BLOB_BYTES_MAX + 1];
    let error = blobs.put_batch(&[(name(1, 1, 1), &large)]).expect_err("too large");
    assert!(matches!(error, StoreError::TooLarge { .. }));
}

#[test]
fn more_blobs_than_open_files_go_through_one_batch() {
    let scratch = Scratch::new();
    let blobs = Blobs::open(&scratch.join("blobs")).expect("created");
    let batch: Vec<(BlobName, &[u8])> =
        (0..150).map(|index| (name(index % 3, 0, index), &b"content"[..])).collect();
    blobs.put_batch(&batch).expect("stored");
    assert_eq!(blobs.list(&([0; 32]..=LAST), 1_000).expect("listed").len(), 150, "STO-12");
}

#[test]
fn the_store_puts_content_where_its_size_belongs_and_lists_all_of_it_in_order() {
    let scratch = Scratch::new();
    let store = ObjectStore::open(&scratch.join("store")).expect("created");
    let small = vec![1; BLOB_BYTES_MIN - 1];
    let large = vec![2; BLOB_BYTES_MIN];
    let change = Change { space: Space::Mutable, key: b"register", value: Some(b"v1") };
    let content = [(name(2, 0, 0), &large[..]), (name(1, 0, 0), &small[..])];
    store.store(&content, &[change]).expect("stored");
    drop(store);

    let store = ObjectStore::open(&scratch.join("store")).expect("STO-13: reopened");
    let blobs_in = |directory: &str| {
        std::fs::read_dir(scratch.join("store/blobs").join(directory)).expect("listed").count()
    };
    assert_eq!((blobs_in("01"), blobs_in("02")), (0, 1));
    assert_eq!(store.content(&name(1, 0, 0)).expect("readable"), Some(small));
    assert_eq!(store.content(&name(2, 0, 0)).expect("readable"), Some(large));
    let register = store.objects().get(Space::Mutable, b"register").expect("readable");
    assert_eq!(register.as_deref(), Some(&b"v1"[..]), "STO-13");
    let names = [name(1, 0, 0), name(2, 0, 0)];
    assert_eq!(store.content_names(&([0; 32]..=LAST), 10).expect("listed"), names);
    assert_eq!(store.content_names(&([0; 32]..=LAST), 1).expect("listed"), names[..1]);

    store.delete_content(&names).expect("deleted");
    assert!(!store.has_content(&names[0]).expect("readable"));
    assert!(!store.has_content(&names[1]).expect("readable"));
}
