//! Secret key files.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use quorate_store::keys::{KeyError, SECRET_BYTES_MAX, erase_secret, read_secret, write_secret};

use crate::scratch::Scratch;

#[test]
fn an_erased_secret_is_overwritten_and_gone_and_where_none_is_nothing_happens() {
    let scratch = Scratch::new();
    let path = scratch.join("key");
    write_secret(&path, b"secret").expect("written");
    let other_name = scratch.join("other name");
    std::fs::hard_link(&path, &other_name).expect("linked");
    erase_secret(&path).expect("erased");
    assert!(!path.exists());
    assert_eq!(std::fs::read(&other_name).expect("readable"), [0; 6], "overwritten, too");
    erase_secret(&path).expect("nothing to erase");
    erase_secret(&scratch.join("no directory").join("key")).expect("nor a place for it");
}

#[test]
fn a_secret_is_written_for_its_owner_alone_and_read_back() {
    let scratch = Scratch::new();
    let path = scratch.join("node.key");
    write_secret(&path, b"secret").expect("written");
    let mode = std::fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(read_secret(&path).expect("readable").as_slice(), b"secret");
}

#[test]
fn a_secret_that_others_may_read_is_refused_with_the_remedy() {
    let scratch = Scratch::new();
    let path = scratch.join("node.key");
    for loose in [0o640, 0o604, 0o644, 0o620, 0o601, 0o777] {
        write_secret(&path, b"secret").expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(loose)).expect("loosened");
        match read_secret(&path) {
            Err(KeyError::Permissions { mode, remedy, .. }) => {
                assert_eq!(mode, loose, "STO-9");
                assert!(remedy.contains("chmod 600"));
            }
            other => panic!("STO-9: {loose:o}: {other:?}"),
        }
    }
}

#[test]
fn a_new_secret_overwrites_the_bytes_of_the_old_one() {
    let scratch = Scratch::new();
    let path = scratch.join("node.key");
    write_secret(&path, b"the old secret").expect("written");
    // A second name keeps the old bytes in sight.
    std::fs::hard_link(&path, scratch.join("old")).expect("linked");
    write_secret(&path, b"new").expect("written");
    assert_eq!(read_secret(&path).expect("readable").as_slice(), b"new");
    assert_eq!(std::fs::read(scratch.join("old")).expect("readable"), [0; 14]);
}

#[test]
fn what_is_left_of_an_unfinished_secret_is_overwritten_when_another_is_written() {
    let scratch = Scratch::new();
    let path = scratch.join("node.key");
    std::fs::write(scratch.join("node.key.tmp"), "half").expect("written");
    std::fs::hard_link(scratch.join("node.key.tmp"), scratch.join("half")).expect("linked");
    write_secret(&path, b"secret").expect("written");
    assert_eq!(std::fs::read(scratch.join("half")).expect("readable"), [0; 4]);
    assert!(!scratch.join("node.key.tmp").exists());
}

#[test]
fn what_is_too_long_for_a_secret_is_neither_written_nor_read() {
    let scratch = Scratch::new();
    let path = scratch.join("node.key");
    let long = vec![1; SECRET_BYTES_MAX + 1];
    assert!(matches!(write_secret(&path, &long), Err(KeyError::TooLarge { .. })));
    std::fs::write(&path, &long).expect("written");
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("tightened");
    assert!(matches!(read_secret(&path), Err(KeyError::TooLarge { .. })));
}
