//! The data directory: one process, one identity, and never a wiped disk.

use quorate_store::directory::{DataDirectory, Expectation};
use quorate_store::error::StoreError;

use crate::scratch::Scratch;

const ME: [u8; 32] = [0xAB; 32];
const OTHER: [u8; 32] = [0xCD; 32];

#[test]
fn a_new_directory_is_created_and_opens_again_as_an_existing_one() {
    let scratch = Scratch::new();
    let path = scratch.join("deep/data");
    drop(DataDirectory::open(&path, &ME, Expectation::Fresh).expect("created"));
    drop(DataDirectory::open(&path, &ME, Expectation::Fresh).expect("a crash before serving"));
    let directory = DataDirectory::open(&path, &ME, Expectation::Existing).expect("reopened");
    assert_eq!(directory.join("log"), path.join("log"));
    let marker = std::fs::read_to_string(directory.join("identity")).expect("a marker");
    assert_eq!(marker, format!("{}\n", "ab".repeat(32)));
}

#[test]
fn a_wiped_directory_is_refused_and_the_remedy_is_named() {
    let scratch = Scratch::new();
    let path = scratch.join("data");
    drop(DataDirectory::open(&path, &ME, Expectation::Fresh).expect("created"));
    std::fs::remove_file(path.join("identity")).expect("lost");
    for _ in 0..2 {
        let error = DataDirectory::open(&path, &ME, Expectation::Existing).expect_err("STO-6");
        assert!(matches!(error, StoreError::Wiped { .. }));
        assert!(error.to_string().contains("never an older copy"), "{error}");
    }

    std::fs::remove_dir_all(&path).expect("lost");
    let error = DataDirectory::open(&path, &ME, Expectation::Existing).expect_err("STO-6");
    assert!(matches!(error, StoreError::Wiped { .. }));
    assert!(!path.exists(), "a refused directory is left as it is");
}

#[test]
fn sto_6_a_part_that_is_lost_or_empty_is_not_made_anew_for_a_node_that_has_served() {
    let scratch = Scratch::new();
    let path = scratch.join("data");
    let names = ["state", "log"];
    let fresh = DataDirectory::open(&path, &ME, Expectation::Fresh).expect("created");
    let part = fresh.part("service", &names).expect("nothing has been promised yet");
    drop(fresh);
    std::fs::create_dir_all(part.join("log")).expect("made");
    std::fs::write(part.join("log/segment-00000001"), b"records").expect("made");
    std::fs::write(part.join("state"), b"image").expect("made");
    let kept = DataDirectory::open(&path, &ME, Expectation::Existing).expect("reopened");
    assert_eq!(kept.part("service", &names).expect("all is there"), part);

    let lost_of = |directory: &DataDirectory| match directory.part("service", &names) {
        Err(StoreError::Wiped { path }) => path,
        other => panic!("STO-6: {other:?}"),
    };
    std::fs::write(part.join("state"), b"").expect("emptied");
    assert_eq!(lost_of(&kept), part.join("state"));
    std::fs::write(part.join("state"), b"image").expect("restored");
    std::fs::remove_file(part.join("log/segment-00000001")).expect("lost");
    assert_eq!(lost_of(&kept), part.join("log"));
    std::fs::remove_dir_all(&part).expect("not mounted");
    assert_eq!(lost_of(&kept), part.join("state"));
    assert!(!part.exists(), "what is refused is left as it is");
}

#[test]
fn the_directory_of_another_node_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.join("data");
    drop(DataDirectory::open(&path, &OTHER, Expectation::Fresh).expect("created"));
    for expectation in [Expectation::Fresh, Expectation::Existing] {
        let error = DataDirectory::open(&path, &ME, expectation).expect_err("not mine");
        assert!(matches!(error, StoreError::OtherIdentity { .. }));
        assert!(error.to_string().contains(&"cd".repeat(32)), "{error}");
    }
}

#[test]
fn a_directory_with_foreign_files_is_refused() {
    let scratch = Scratch::new();
    std::fs::write(scratch.join("thesis.txt"), "precious").expect("written");
    let error = DataDirectory::open(&scratch.join(""), &ME, Expectation::Fresh);
    assert!(matches!(error, Err(StoreError::NotEmpty { .. })));
}

#[test]
fn a_second_user_is_refused_until_the_first_ends() {
    let scratch = Scratch::new();
    let path = scratch.join("data");
    let first = DataDirectory::open(&path, &ME, Expectation::Fresh).expect("created");
    let error = DataDirectory::open(&path, &ME, Expectation::Existing).expect_err("in use");
    assert!(matches!(error, StoreError::InUse { .. }));
    drop(first);
    drop(DataDirectory::open(&path, &ME, Expectation::Existing).expect("free again"));
}

#[test]
fn a_damaged_marker_is_corruption() {
    let scratch = Scratch::new();
    let path = scratch.join("data");
    drop(DataDirectory::open(&path, &ME, Expectation::Fresh).expect("created"));
    std::fs::write(path.join("identity"), "abcd\n").expect("damaged");
    let error = DataDirectory::open(&path, &ME, Expectation::Existing);
    assert!(matches!(error, Err(StoreError::Corrupt { .. })));
}
