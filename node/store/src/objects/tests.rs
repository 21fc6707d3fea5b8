//! What a failure of the disk does to the tree; the rest is tested from outside.

use super::{Change, Objects, Space};
use crate::error::StoreError;

#[test]
fn after_a_failure_nothing_is_written_read_or_acknowledged() {
    let path = std::env::temp_dir().join(format!("quorate-poison-{}", std::process::id()));
    let objects = Objects::open(&path).unwrap();
    let full = fjall::Error::Io(std::io::Error::from_raw_os_error(28));
    let error = objects.or_poison(Err(full), 9).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { needed_bytes: 9, .. }), "{error}");

    let change = Change { space: Space::Meta, key: b"k", value: Some(b"v") };
    let outcomes = [
        objects.write(&[change]),
        objects.persist(),
        objects.get(Space::Meta, b"k").map(|_| ()),
        objects.scan(Space::Meta, b"".as_slice()..=b"z".as_slice(), 1).map(|_| ()),
    ];
    drop(objects);
    std::fs::remove_dir_all(&path).unwrap();
    for outcome in outcomes {
        assert!(matches!(outcome, Err(StoreError::Poisoned { .. })), "STO-11: {outcome:?}");
    }
}
