//! Nothing that was erased is in any file of a server.

use std::path::Path;

use quorate_kv::{KvOperation, KvReply};

use crate::founders::{FIRST, Founders, scratch};
use crate::system::{keys_of, made, serve};

/// Do these bytes stand in others? Most files are made with room that is still empty: that is
/// passed over block by block.
fn is_in(content: &[u8], bytes: &[u8]) -> bool {
    const BLOCK: usize = 4096;
    (0..content.len()).step_by(BLOCK).any(|start| {
        let end = content.len().min(start + BLOCK + bytes.len());
        let block = &content[start..end];
        let is_empty = *block == [0; BLOCK + 64][..block.len()];
        !is_empty && block.windows(bytes.len()).any(|window| window == bytes)
    })
}

/// Does any file below a directory hold these bytes?
fn holds(directory: &Path, bytes: &[u8]) -> bool {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").path()).any(|path| {
        if path.is_dir() {
            return holds(&path, bytes);
        }
        is_in(&std::fs::read(&path).expect("a file"), bytes)
    })
}

#[test]
fn key_3_nothing_that_was_erased_is_in_any_file_of_a_server_that_ran() {
    /// Behind the identity key, the first epoch, the version, the period and the root.
    const LEAF: std::ops::Range<usize> = 77..109;
    let directory = scratch("erased");
    let founders = Founders::new(&directory, 4);
    let node = &directory.join("node-0");
    let identity = std::fs::read(node.join("keys/identity-1.key")).expect("the identity");
    let leaf = identity[LEAF].to_vec();
    assert!(holds(node, &leaf), "the search finds the leaf of epoch 1");
    serve(&made(&founders), async |cluster, _| {
        let put = KvOperation::Put { key: b"name".to_vec(), value: b"quorate".to_vec() };
        assert_eq!(cluster.key_value(&put).await.expect("a reply"), KvReply::Done);
    });
    assert!(!holds(node, &leaf), "KEY-1: it has certified the key of epoch 1");

    let keys = keys_of(&node.join("node.toml"));
    let next = FIRST.next();
    let key = keys.certified(next).expect("readable").expect("certified ahead");
    let sealing = keys.decryption_seed(next).expect("readable").expect("made ahead");
    assert!(holds(node, &*key.seed) && holds(node, &*sealing), "the search finds both");
    keys.erase_epoch(next).expect("a disk that works");
    assert!(!holds(node, &*key.seed) && !holds(node, &*sealing), "KEY-3");
    std::fs::remove_dir_all(&directory).expect("the scratch directory goes");
}
