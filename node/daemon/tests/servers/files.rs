//! What stands in the files of a server.

use std::path::{Path, PathBuf};

/// All bytes in the files below a directory.
pub(crate) fn content(directory: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let bytes = |path: PathBuf| {
        if path.is_dir() { content(&path) } else { vec![std::fs::read(path).expect("a file")] }
    };
    paths.flat_map(bytes).collect()
}

/// Do these bytes stand in any of the files? Most of them are made with room that is still empty:
/// that is passed over block by block.
pub(crate) fn holds(files: &[Vec<u8>], bytes: &[u8]) -> bool {
    const BLOCK: usize = 4096;
    let is_in = |file: &Vec<u8>| {
        (0..file.len()).step_by(BLOCK).any(|start| {
            let block = &file[start..file.len().min(start + BLOCK + bytes.len())];
            let is_empty = *block == [0; BLOCK + 64][..block.len()];
            !is_empty && block.windows(bytes.len()).any(|window| window == bytes)
        })
    };
    files.iter().any(is_in)
}
