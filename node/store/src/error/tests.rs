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

#[test]
fn a_bad_sector_is_damage_and_a_lack_of_descriptors_is_not() {
    let of = |errno: rustix::io::Errno| {
        let source = io::Error::from_raw_os_error(errno.raw_os_error());
        StoreError::io("read", Path::new("blob"), source, 0)
    };
    assert!(of(rustix::io::Errno::IO).is_damage());
    assert!(of(rustix::io::Errno::BADMSG).is_damage());
    assert!(!of(rustix::io::Errno::MFILE).is_damage());
    assert!(!of(rustix::io::Errno::ACCESS).is_damage());
    assert!(StoreError::corrupt(Path::new("blob"), "too long").is_damage());
}
