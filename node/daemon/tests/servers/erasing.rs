//! Nothing that was erased is in any file of a server.

use quorate_kv::{KvOperation, KvReply};

use crate::files::{content, holds};
use crate::founders::{FIRST, Founders, scratch};
use crate::system::{keys_of, made, serve};

#[test]
fn key_3_nothing_that_was_erased_is_in_any_file_of_a_server_that_ran() {
    /// Behind the identity key, the first epoch, the version, the period and the root.
    const LEAF: std::ops::Range<usize> = 77..109;
    let directory = scratch("erased");
    let founders = Founders::new(&directory, 4);
    let node = &directory.join("node-0");
    let identity = std::fs::read(node.join("keys/identity-1.key")).expect("the identity");
    let leaf = identity[LEAF].to_vec();
    assert!(holds(&content(node), &leaf), "the search finds the leaf of epoch 1");
    serve(&made(&founders), async |cluster, _| {
        let put = KvOperation::Put { key: b"name".to_vec(), value: b"quorate".to_vec() };
        assert_eq!(cluster.key_value(&put).await.expect("a reply"), KvReply::Done);
    });
    assert!(!holds(&content(node), &leaf), "KEY-1: it has certified the key of epoch 1");

    let keys = keys_of(&node.join("node.toml"));
    let next = FIRST.next();
    let key = keys.certified(next).expect("readable").expect("certified ahead");
    let sealing = keys.decryption_seed(next).expect("readable").expect("made ahead");
    let files = content(node);
    assert!(holds(&files, &*key.seed) && holds(&files, &*sealing), "the search finds both");
    keys.erase_epoch(next).expect("a disk that works");
    let files = content(node);
    assert!(!holds(&files, &*key.seed) && !holds(&files, &*sealing), "KEY-3");
    std::fs::remove_dir_all(&directory).expect("the scratch directory goes");
}
