//! What stands in the files of a server.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What is empty comes in blocks of this length: most files are made with room.
const BLOCK: usize = 4096;

/// What stood in a file.
pub(crate) struct Content {
    /// Its place in the directory that was read.
    pub(crate) path: PathBuf,
    /// Its bytes, but for blocks that were empty: each run of others by itself.
    pub(crate) runs: Vec<Vec<u8>>,
}

impl Content {
    pub(crate) fn new(path: PathBuf, bytes: &[u8]) -> Self {
        let blocks: Vec<_> = bytes.chunks(BLOCK).collect();
        let runs = blocks.split(|block| **block == [0; BLOCK][..block.len()]);
        let runs = runs.filter(|run| !run.is_empty()).map(<[&[u8]]>::concat).collect();
        Self { path, runs }
    }
}

/// All files below a directory.
pub(crate) fn content(directory: &Path) -> Vec<Content> {
    content_without(directory, None)
}

/// All files below a directory, but for one part of it. What goes away while the others are read
/// was not there.
pub(crate) fn content_without(directory: &Path, part: Option<&Path>) -> Vec<Content> {
    let mut left = vec![directory.to_path_buf()];
    let mut files = Vec::new();
    while let Some(path) = left.pop() {
        let place = path.strip_prefix(directory).expect("it is below");
        if part == Some(place) {
            continue;
        }
        if path.is_dir() {
            let entries = if_there(std::fs::read_dir(&path)).into_iter().flatten();
            left.extend(entries.filter_map(if_there).map(|entry| entry.path()));
        } else if let Some(bytes) = if_there(std::fs::read(&path)) {
            files.push(Content::new(place.to_path_buf(), &bytes));
        }
    }
    files
}

/// What was read, unless it was gone.
pub(crate) fn if_there<T>(read: std::io::Result<T>) -> Option<T> {
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some(read.expect("a disk that works")),
    }
}

/// Do these bytes stand in any of the files?
pub(crate) fn holds(files: &[Content], bytes: &[u8]) -> bool {
    let is_in = |run: &Vec<u8>| run.windows(bytes.len()).any(|window| window == bytes);
    files.iter().any(|file| file.runs.iter().any(is_in))
}
