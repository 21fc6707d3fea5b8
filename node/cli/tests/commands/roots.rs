//! Servers whose identities get other roots while they serve: nobody has to learn anything, and
//! what they were before is worth nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cluster::Dev;
use crate::epochs::{call, wait_for_epoch};
use crate::support::Scratch;

const NODES: u16 = 5;
/// A server that misses an epoch or two on a busy machine is later by as many.
const EPOCHS_MAX: u64 = 12;

/// The root that each server's identity has.
fn roots(scratch: &Scratch) -> BTreeMap<String, String> {
    let shown = call(scratch, &["status", "--json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    let members = shown["servers"].as_array().expect("its servers").iter();
    let text = |member: &Value, key: &str| member[key].as_str().expect("text").to_owned();
    members.map(|it| (text(it, "identity_key"), text(it, "root"))).collect()
}

fn node(scratch: &Scratch, number: u16) -> PathBuf {
    scratch.join(format!("cluster/nodes/{number}"))
}

fn identity_file(keys: &Path) -> PathBuf {
    let files = fs::read_dir(keys).expect("the directory of the keys");
    let mut files = files.map(|entry| entry.expect("a file").path());
    let is_identity = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("identity-"))
    };
    files.find(is_identity).expect("the identity")
}

/// The seed of the right half of the tree, from which leaves follow until it is replaced: it stands
/// before the hash of the tree and that of the file.
fn seed_of_tree(keys: &Path) -> Vec<u8> {
    let bytes = fs::read(identity_file(keys)).expect("readable");
    bytes[bytes.len() - 96..bytes.len() - 64].to_vec()
}

/// The files below a directory that hold these bytes.
fn holders(directory: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holders(&path, bytes));
        } else if fs::read(&path).is_ok_and(|content| has(&content, bytes)) {
            found.push(path);
        }
    }
    found
}

fn has(content: &[u8], bytes: &[u8]) -> bool {
    content.windows(bytes.len()).any(|window| window == bytes)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
    let whole = fs::metadata(from).expect("it is there").permissions();
    fs::set_permissions(to, whole).expect("its owner's alone");
}

/// Lives until each identity has another root than before.
fn other_roots(scratch: &Scratch, before: &BTreeMap<String, String>) {
    let mut epoch = 0;
    loop {
        let now = roots(scratch);
        assert!(now.keys().eq(before.keys()), "they are who they were");
        if now.iter().all(|(key, root)| before[key] != *root) {
            return;
        }
        assert!(epoch < EPOCHS_MAX, "no other root in sight: {before:?}, {now:?}");
        epoch = wait_for_epoch(scratch, epoch + 1);
    }
}

fn all_up(dev: &mut Dev) {
    for number in 1..=NODES {
        assert!(dev.wait(number, "up").is_some(), "server {number} runs");
    }
}

#[test]
fn roots_are_replaced_while_servers_serve_and_the_old_ones_are_gone() {
    let scratch = Scratch::new();
    let mut dev = Dev::start_with(&scratch, &["--nodes", "5", "--epoch-seconds", "15"]);
    all_up(&mut dev);
    let first = roots(&scratch);
    assert!(first.iter().all(|(key, root)| key == root), "an identity begins with its key");
    fs::write(scratch.join("file"), vec![7; 300_000]).expect("a file");
    let stored = call(&scratch, &["blob", "put", "file", "--json"]);
    let stored: Value = serde_json::from_str(&stored).expect("JSON");
    assert_eq!(dev.stop("TERM"), 0);
    let seeds = (1..=NODES).map(|number| seed_of_tree(&node(&scratch, number).join("keys")));
    let seeds: Vec<_> = seeds.collect();
    // Whoever was in the first group would miss its share first.
    let has_share = |number: &u16| node(&scratch, *number).join("keys/share-1.key").exists();
    let outsider = (1..=NODES).find(|number| !has_share(number));
    for number in 1..=NODES {
        let node = node(&scratch, number);
        copy(&node.join("keys"), &scratch.join(format!("keys-{number}")));
        let file = node.join("node.toml");
        let text = fs::read_to_string(&file).expect("readable");
        fs::write(&file, text + "root_epochs = \"2\"\n").expect("written");
        let holders = holders(&node, &seeds[usize::from(number) - 1]);
        assert_eq!(holders, [identity_file(&node.join("keys"))], "the search finds what is there");
    }

    let mut dev = Dev::start_with(&scratch, &[]);
    all_up(&mut dev);
    other_roots(&scratch, &first);
    // Whoever has nothing but the file of the founding goes on, with the keys that stand there.
    let id = stored["id"].as_str().expect("an id");
    call(&scratch, &["blob", "get", id, "-o", "got"]);
    let [put, got] = ["file", "got"].map(|name| fs::read(scratch.join(name)).expect("read"));
    assert!(put == got, "what was stored before");
    assert_eq!(dev.stop("TERM"), 0);

    for number in 1..=NODES {
        let holders = holders(&node(&scratch, number), &seeds[usize::from(number) - 1]);
        assert_eq!(holders, Vec::<PathBuf>::new(), "KEY-5: nothing of the old tree is left");
    }
    a_server_with_keys_from_before_is_refused(&scratch, outsider.expect("one of five"));
}

/// A disk that was rolled back: the keys are those of a root that was replaced.
fn a_server_with_keys_from_before_is_refused(scratch: &Scratch, number: u16) {
    let keys = node(scratch, number).join("keys");
    fs::remove_dir_all(&keys).expect("removed");
    copy(&scratch.join(format!("keys-{number}")), &keys);
    let config = format!("cluster/nodes/{number}/node.toml");
    let (_, text) = scratch.fail(&["node", "run", "--config", &config]);
    assert!(text.contains("another root of the identity"), "{text}");
}
