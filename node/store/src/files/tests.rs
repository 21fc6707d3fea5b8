//! What is read at a start comes from the disk.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{reread_all_from_disk, reread_from_disk};

const BYTES: usize = 1 << 20;
/// Whatever goes past caches begins and ends at multiples of it.
const BLOCK_BYTES: usize = 4096;

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

/// What this thread has had read from disks so far, in bytes. To ask whether a page is cached would
/// be no answer: the question itself has it read, and it may have come before the answer is given.
fn read_from_disks() -> u64 {
    let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    let of_disks = counts.lines().find_map(|line| line.strip_prefix("read_bytes: "));
    of_disks.map_or(0, |bytes| bytes.parse().expect("a number"))
}

/// Does the system count what is read of this file? It is asked past all caches, so that there is
/// something to count.
fn is_counted(path: &Path) -> bool {
    let past_caches = OFlags::DIRECT.bits().cast_signed();
    let Ok(mut file) = File::options().read(true).custom_flags(past_caches).open(path) else {
        return false;
    };
    let mut buffer = vec![0; 2 * BLOCK_BYTES];
    let aligned = buffer.as_ptr().align_offset(BLOCK_BYTES);
    let before = read_from_disks();
    let read = file.read_exact(&mut buffer[aligned..aligned + BLOCK_BYTES]);
    read.is_ok() && read_from_disks() - before >= BLOCK_BYTES as u64
}

#[test]
fn what_was_cached_is_read_from_the_disk_again_and_is_the_same() {
    with_directory("reread", |directory| {
        let files = [write(directory.join("one")), write(directory.join("inner/two"))];
        reread_all_from_disk(directory).expect("the disk works");
        for file in &files {
            let before = read_from_disks();
            assert_eq!(std::fs::read(file).expect("a file"), [7; BYTES]);
            let read = read_from_disks() - before;
            // In memory, say, there is no disk below a file.
            assert!(read >= BYTES as u64 || !is_counted(file), "{}: {read}", file.display());
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
