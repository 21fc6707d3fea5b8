//! A file is there whole or not at all, and what is no ordinary file is never replaced.

use std::io::Write;
use std::path::Path;

use super::{deliver, source};
use crate::dev::testing::Scratch;
use crate::exit::Exit;
use crate::failure::Failure;

fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    deliver(path, |sink| sink.write_all(bytes).map_err(|error| Failure::io("write", path, &error)))
}

#[test]
fn what_fails_half_way_leaves_the_old_file_and_nothing_else() {
    let scratch = Scratch::new();
    let path = scratch.path().join("report.pdf");
    put(&path, b"old").unwrap();
    let broken = deliver(&path, |sink: &mut dyn Write| {
        sink.write_all(b"ne").unwrap();
        Err::<(), _>(Failure::usage("ID", "cut", "call again"))
    });
    assert!(broken.is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
}

#[test]
fn a_full_device_is_reported_and_stays_a_device() {
    let path = Path::new("/dev/full");
    let failure = put(path, b"bytes").unwrap_err();
    assert_eq!(failure.exit(), Exit::DiskFull, "{}", failure.text());
    assert!(!path.metadata().unwrap().is_file());
}

#[test]
fn a_directory_is_no_source() {
    let failure = source(&std::env::temp_dir()).err().unwrap();
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(failure.text().contains("tar c DIR"), "{}", failure.text());
}
