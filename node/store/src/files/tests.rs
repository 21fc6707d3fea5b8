//! What is read at a start comes from the disk.

use std::fs::File;
use std::io::{IoSliceMut, Write};
use std::path::{Path, PathBuf};

use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::{reread_all_from_disk, reread_from_disk};

const BYTES: usize = 1 << 20;

fn with_directory(name: &str, work: impl FnOnce(&Path)) {
    let path = std::env::temp_dir().join(format!("quorate-{name}-{}", std::process::id()));
    std::fs::create_dir_all(path.join("inner")).expect("a scratch directory");
    work(&path);
    std::fs::remove_dir_all(&path).expect("the scratch directory goes");
}

fn write(path: PathBuf) -> PathBuf {
    let mut file = File::create(&path).expect("a file");
    file.write_all(&[7; BYTES]).expect("it is written");
    path
}

/// Whether the middle of a file can be read without waiting for a disk; nothing if the file system
/// does not say.
fn is_cached(path: &Path) -> Option<bool> {
    let file = File::open(path).expect("a file");
    let mut page = [0; 4096];
    let buffers = &mut [IoSliceMut::new(&mut page)];
    match preadv2(&file, buffers, (BYTES / 2) as u64, ReadWriteFlags::NOWAIT) {
        Ok(_) => Some(true),
        Err(Errno::AGAIN) => Some(false),
        Err(_) => None,
    }
}

#[test]
fn what_was_cached_is_read_from_the_disk_again_and_is_the_same() {
    with_directory("reread", |directory| {
        let files = [write(directory.join("one")), write(directory.join("inner/two"))];
        let is_in_memory =
            rustix::fs::statfs(directory).is_ok_and(|about| about.f_type == 0x0102_1994);
        reread_all_from_disk(directory).expect("the disk works");
        for file in &files {
            let is_cached = is_cached(file);
            let is_dropped = is_cached != Some(true);
            assert!(is_dropped || is_in_memory, "{}: {is_cached:?}", file.display());
            assert_eq!(std::fs::read(file).expect("a file"), [7; BYTES]);
        }
    });
}

#[test]
fn what_is_not_there_is_not_read_again() {
    with_directory("nothing", |directory| {
        reread_from_disk(&directory.join("nothing")).expect("nothing to do");
        reread_all_from_disk(&directory.join("nothing")).expect("nothing to do");
        assert!(!directory.join("nothing").exists());
    });
}
