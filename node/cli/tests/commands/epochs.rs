//! Servers that end epochs by themselves: the membership group moves, and nothing is lost by that.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::{Dev, kill};
use crate::support::Scratch;

/// The exit code of a status that nobody tells.
const NOT_SERVING: i32 = 3;

/// Between two looks at a server that has other things to do than to be looked at.
const LOOK: Duration = Duration::from_millis(50);

const CLUSTER: [&str; 2] = ["--cluster", "cluster/cluster.toml"];

pub(crate) fn call(scratch: &Scratch, words: &[&str]) -> String {
    scratch.succeed(&[words, &CLUSTER[..]].concat())
}

/// Asks until the cluster is in this epoch or a later one; says in which. That the cluster does not
/// serve for the moment, on a machine whose disk is busy, is an answer as well.
pub(crate) fn wait_for_epoch(scratch: &Scratch, epoch: u64) -> u64 {
    loop {
        let output = scratch.program().args(["status", "--json"]).args(CLUSTER).output();
        let output = output.expect("the program can be called");
        if output.stdout.is_empty() {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(NOT_SERVING), "{errors}");
            continue;
        }
        let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let now = status["epoch"].as_u64().expect("a number");
        if now >= epoch {
            return now;
        }
    }
}

/// The newest epoch of which a server keeps the configuration.
pub(crate) fn newest_stored(scratch: &Scratch, node: u16) -> Option<u64> {
    let stored = scratch.join(format!("cluster/nodes/{node}/data/epochs"));
    let names = std::fs::read_dir(stored).ok()?;
    names.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u64>().ok()).max()
}

/// Where a server shows its metrics, once it serves.
pub(crate) fn metrics_address(scratch: &Scratch, node: u16) -> String {
    let file = scratch.join(format!("cluster/nodes/{node}/node.toml"));
    let text = std::fs::read_to_string(file).expect("readable");
    let address = text.lines().find_map(|line| line.strip_prefix("metrics = "));
    address.expect("it is there").split('"').nth(1).expect("quoted").to_owned()
}

/// The page of metrics of a server.
pub(crate) fn metrics(scratch: &Scratch, node: u16) -> String {
    let mut stream = TcpStream::connect(metrics_address(scratch, node)).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("sent");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("text");
    let (_head, page) = page.split_once("\r\n\r\n").expect("a page");
    page.to_owned()
}

fn gauge(page: &str, name: &str) -> u64 {
    let value = page.lines().find_map(|line| line.strip_prefix(name));
    value.expect("it is there").parse().expect("a number")
}

/// The epochs that files of this kind name.
fn epochs_of(keys: &Path, kind: &str) -> Vec<u64> {
    let names = std::fs::read_dir(keys).expect("the directory of the keys");
    let names = names.map(|entry| entry.expect("a name").file_name());
    let epoch = |name: std::ffi::OsString| {
        name.to_str()?.strip_prefix(kind)?.strip_suffix(".key")?.parse().ok()
    };
    names.filter_map(epoch).collect()
}

#[test]
fn objects_stay_while_epochs_pass_and_a_server_that_missed_some_comes_back() {
    let scratch = Scratch::new();
    let mut dev = Dev::start_with(&scratch, &["--nodes", "5", "--epoch-seconds", "5"]);
    let pids: Vec<_> = (1..=5).map(|node| dev.wait(node, "up").expect("a pid")).collect();
    std::fs::write(scratch.join("early"), vec![7; 3_000_000]).expect("a file");
    let early: Value =
        serde_json::from_str(&call(&scratch, &["blob", "put", "early", "--json"])).expect("JSON");
    let epoch = wait_for_epoch(&scratch, 2);

    kill("KILL", pids[2]);
    dev.wait(3, "down");
    std::fs::write(scratch.join("late"), "written while one is down").expect("a file");
    let late: Value =
        serde_json::from_str(&call(&scratch, &["object", "put", "late", "--json"])).expect("JSON");
    let missed = wait_for_epoch(&scratch, epoch + 2);
    let mut by_hand = scratch.run_node(3);
    dev.wait(3, "up");
    while newest_stored(&scratch, 3) < Some(missed) {
        assert!(by_hand.try_wait().expect("its state").is_none(), "it goes on to {missed}");
        std::thread::yield_now();
    }
    wait_for_epoch(&scratch, missed + 1);
    let page = metrics(&scratch, 3);
    assert!(gauge(&page, "quorate_epoch ") >= missed, "{page}");
    assert!(gauge(&page, "quorate_membership_seat ") <= 1, "{page}");
    let names: Vec<_> = page.lines().filter_map(|line| line.rsplit_once(' ')).collect();
    let once: BTreeSet<_> = names.iter().map(|(name, _)| name).collect();
    let series = names.iter().filter(|(name, _)| !name.starts_with('#')).count();
    let distinct = once.iter().filter(|name| !name.starts_with('#')).count();
    assert_eq!(series, distinct, "no series has two values, with replicas of two epochs either");

    let id = early["id"].as_str().expect("an id");
    call(&scratch, &["blob", "get", id, "-o", "got"]);
    let [put, got] = ["early", "got"].map(|name| std::fs::read(scratch.join(name)).expect("read"));
    assert!(put == got, "the file that was stored in the first epoch");
    let id = late["id"].as_str().expect("an id");
    assert_eq!(call(&scratch, &["object", "get", id]), "written while one is down");
    for node in 1..=5 {
        let node = scratch.join(format!("cluster/nodes/{node}"));
        let shares = epochs_of(&node.join("keys"), "share-");
        assert!(!shares.contains(&1) && shares.len() <= 2, "{shares:?}");
        let past = epochs_of(&node.join("keys"), "epoch-");
        assert!(!past.contains(&0) && !past.contains(&2) && past.len() <= 5, "{past:?}");
    }
    assert_eq!(dev.stop("TERM"), 0);
    assert!(by_hand.wait().expect("its end").success(), "dev stopped it, too");
    a_member_without_its_log_is_refused(&scratch);
}

#[test]
fn a_server_that_was_stopped_through_epochs_goes_on_with_the_others() {
    let scratch = Scratch::new();
    let mut dev = Dev::start_with(&scratch, &["--nodes", "5", "--epoch-seconds", "5"]);
    let pids: Vec<_> = (1..=5).map(|node| dev.wait(node, "up").expect("a pid")).collect();
    let epoch = wait_for_epoch(&scratch, 2);
    kill("STOP", pids[2]);
    let missed = wait_for_epoch(&scratch, epoch + 3);
    kill("CONT", pids[2]);
    // Its keys are those of an epoch that is over, so on links it is nobody; it was not restarted.
    while gauge(&metrics(&scratch, 3), "quorate_epoch ") < missed {
        std::thread::sleep(LOOK);
    }
    assert_eq!(dev.stop("TERM"), 0);
}

/// Whoever has voted in an epoch and remembers nothing of it might vote otherwise.
fn a_member_without_its_log_is_refused(scratch: &Scratch) {
    let newest = |node: u16| {
        let data = scratch.join(format!("cluster/nodes/{node}/data"));
        let names = std::fs::read_dir(data.join("epochs")).expect("its epochs");
        let names = names.map(|entry| entry.expect("a name").file_name());
        let begun =
            |name: std::ffi::OsString| name.to_str()?.strip_suffix(".begun")?.parse::<u64>().ok();
        let epoch = names.filter_map(begun).max()?;
        Some((node, data.join(format!("membership-{epoch}"))))
    };
    let (node, directory) = (1..=5).filter_map(newest).next().expect("a member");
    std::fs::remove_dir_all(directory).expect("removed");
    let config = format!("cluster/nodes/{node}/node.toml");
    let (code, text) = scratch.fail(&["node", "run", "--config", &config]);
    assert_eq!(code, 11, "{text}");
}
