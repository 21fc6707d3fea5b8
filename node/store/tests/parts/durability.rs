//! What is durable is asked of the kernel: a sync that was left out changes nothing that a test can
//! read back, so these look at the system calls. The power cuts of the lab see the same from
//! outside, where there is root.
#![expect(clippy::print_stderr, reason = "a test that cannot look says so")]

use std::path::{Path, PathBuf};
use std::process::Command;

use quorate_store::blobs::{BLOB_BYTES_MIN, Blobs};
use quorate_store::directory::{DataDirectory, Expectation};
use quorate_store::keys::{read_secret, write_secret};
use quorate_store::object_store::ObjectStore;
use quorate_store::objects::{Change, Space};

use crate::scratch::Scratch;

/// Names the directory in which the traced process works.
const TRACED: &str = "QUORATE_STORE_TRACED";
const CALLS: &str = "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2,mkdir,mkdirat";

/// Stores one of each under `root`.
fn store_one_of_each(root: &Path) {
    let data = DataDirectory::open(&root.join("data"), &[7; 32], Expectation::Fresh);
    let data = data.expect("a new directory");
    // In a directory of its own: nothing else syncs that.
    let key = root.join("keys").join("key");
    std::fs::create_dir_all(root.join("keys")).expect("a directory");
    write_secret(&key, b"secret").expect("a key");
    let blobs = Blobs::open(&data.join("blobs")).expect("a store of blobs");
    let (name, content) = ([0xAB; 32], vec![5; BLOB_BYTES_MIN]);
    blobs.put_batch(&[(name, &content)]).expect("a blob");
    let store = ObjectStore::open(&data.join("store")).expect("a store");
    let change = Change { space: Space::Meta, key: b"name", value: Some(b"value") };
    store.store(&[], &[change]).expect("a small object");

    assert_eq!(read_secret(&key).expect("a key").as_slice(), b"secret");
    assert_eq!(blobs.get(&name).expect("readable"), Some(content));
    let value = store.objects().get(Space::Meta, b"name").expect("readable");
    assert_eq!(value.as_deref(), Some(&b"value"[..]));
}

#[test]
fn one_of_each_is_stored_and_read_back() {
    let scratch = Scratch::new();
    let root = std::env::var_os(TRACED).map_or_else(|| scratch.join("own"), PathBuf::from);
    store_one_of_each(&root);
}

/// The system calls of a process that stores one of each; nothing where nobody may look.
fn trace(root: &Path) -> Option<Vec<String>> {
    let log = root.with_extension("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "4096", "-e", CALLS, "-o"]).arg(&log);
    command.arg(std::env::current_exe().expect("this test"));
    command.args(["--exact", "durability::one_of_each_is_stored_and_read_back"]);
    let output = command.env(TRACED, root).output().ok()?;
    let log = std::fs::read_to_string(&log).ok().filter(|log| log.contains("+++ exited with "))?;
    assert!(output.status.success(), "the traced process stored one of each");
    Some(log.lines().map(str::to_owned).collect())
}

/// The calls in their order: how their names begin, and a part of what they are called on.
fn happen_in_order(trace: &[String], steps: &[(&str, &str)]) {
    let mut rest = trace.iter();
    for (call, what) in steps {
        let is_it = |line: &String| line.contains(&format!(" {call}")) && line.contains(what);
        let is_found = rest.any(is_it);
        assert!(
            is_found,
            "no {call} of {what} where it must be, in {steps:?}:\n{}",
            trace.join("\n")
        );
    }
}

#[test]
fn bytes_are_synced_before_their_name_and_names_before_anybody_hears_of_them_sto_12() {
    let scratch = Scratch::new();
    let root = scratch.join("traced");
    std::fs::create_dir(&root).expect("a directory");
    // As the kernel names it.
    let root = root.canonicalize().expect("it was just made");
    let Some(trace) = trace(&root) else {
        eprintln!("!!! SKIPPED: looking at system calls: strace is absent, or may not trace");
        return;
    };
    let data = root.join("data").display().to_string();
    let keys = root.join("keys").display().to_string();
    let at = |name: &str| format!("{data}/{name}");
    let (key, blob, incoming) = (format!("{keys}/key"), at("blobs/ab"), at("blobs/incoming/0"));
    let of_file = |path: &str| format!("<{path}>");
    let own = of_file(&keys);

    // The directory itself, and the mark that says whose it is.
    let data_name = format!("\"{data}\"");
    happen_in_order(
        &trace,
        &[("mkdir", &data_name), ("fsync", &of_file(&root.display().to_string()))],
    );
    // A secret: bytes, name, directory.
    let (temporary, named) = (of_file(&format!("{key}.tmp")), format!(", \"{key}\""));
    happen_in_order(&trace, &[("fsync", &temporary), ("rename", &named), ("fsync", &own)]);
    // Blobs: what an earlier process left, then bytes, name, directory.
    let (bytes, blob) = (of_file(&incoming), of_file(&blob));
    let steps: [(&str, &str); 4] = [
        ("syncfs", &of_file(&at("blobs"))),
        ("fdatasync", &bytes),
        ("rename", &incoming),
        ("fsync", &blob),
    ];
    happen_in_order(&trace, &steps);
    // Small objects: their journal, behind everything that opening the store did.
    let (opened, journal) = (of_file(&at("store/blobs")), at("store/objects"));
    happen_in_order(&trace, &[("syncfs", &opened), ("fdatasync", &journal)]);
}
