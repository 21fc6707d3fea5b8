//! A full disk is told apart from a broken one.

use std::io;
use std::path::Path;

use super::StoreError;

#[test]
fn a_full_disk_and_a_used_up_quota_are_named_with_path_and_need() {
    for code in [28, 122] {
        let source = io::Error::from_raw_os_error(code);
        let error = StoreError::io("write", Path::new("/data/x"), source, 4096);
        assert!(matches!(error, StoreError::DiskFull { needed_bytes: 4096, .. }), "{error}");
        assert!(error.to_string().contains("/data/x"), "{error}");
    }
}

#[test]
fn a_broken_disk_is_not_called_full() {
    let source = io::Error::from_raw_os_error(5);
    let error = StoreError::io("write", Path::new("/data/x"), source, 4096);
    assert!(matches!(error, StoreError::Io { operation: "write", .. }), "{error}");
}
