//! A cluster of real processes: it comes up, a server dies and comes back, and a signal stops all.

use quorate_client::cluster_file::ClusterFile;
use serde_json::Value;

use crate::cluster::{Dev, kill};
use crate::support::Scratch;

fn pid_of(scratch: &Scratch, node: u16) -> Option<u64> {
    let text = std::fs::read_to_string(scratch.join(format!("cluster/nodes/{node}/pid")));
    text.ok()?.trim().parse().ok()
}

/// Heaps of threads, as glibc makes them: 64 MiB of addresses each, of which a part is in use.
fn heaps_of_threads(pid: u64) -> usize {
    const BYTES: u64 = 64 << 20;
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("its addresses");
    let range = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16));
        Some((from.ok()?, to.ok()?, rest.starts_with("rw-p"), rest.starts_with("---p")))
    };
    let ranges: Vec<_> = maps.lines().filter_map(range).collect();
    assert!(ranges.iter().any(|range| range.2), "it has memory: {maps}");
    let is_heap = |pair: &&[(u64, u64, bool, bool)]| {
        let [used, kept] = [pair[0], pair[1]];
        used.2 && kept.3 && used.0 % BYTES == 0 && used.1 == kept.0 && kept.1 == used.0 + BYTES
    };
    ranges.windows(2).filter(is_heap).count()
}

#[test]
fn the_threads_of_a_server_share_one_heap() {
    let scratch = Scratch::new();
    let mut dev = Dev::start(&scratch);
    let pid = dev.wait(1, "up").expect("a pid");
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("its threads").count();
    assert!(threads > 4, "it has {threads} threads");
    assert_eq!(heaps_of_threads(pid), 0);
    assert_eq!(dev.stop("TERM"), 0);
}

#[test]
fn an_object_is_too_large_by_its_own_code_and_a_dash_is_standard_output() {
    let scratch = Scratch::new();
    let mut dev = Dev::start(&scratch);
    for node in 1..=4 {
        dev.wait(node, "up");
    }
    std::fs::write(scratch.join("large"), vec![7; 65_537]).expect("a file");
    std::fs::write(scratch.join("value"), "hello").expect("a file");

    let with = ["--cluster", "cluster/cluster.toml"];
    let call = |words: &[&str]| {
        [words, &with[..]].concat().iter().map(|&word| String::from(word)).collect::<Vec<_>>()
    };
    let (code, text) = scratch.fail(&call(&["object", "put", "large"]));
    assert_eq!(code, 15, "{text}");
    assert!(text.contains("quorate blob put"), "{text}");
    let put: Value =
        serde_json::from_str(&scratch.succeed(&call(&["object", "put", "value", "--json"])))
            .expect("JSON");
    let id = put["id"].as_str().expect("an id");
    assert_eq!(scratch.succeed(&call(&["object", "get", id, "-o", "-"])), "hello");
    assert!(!scratch.join("-").exists(), "a dash is no file");
    let (code, text) = scratch.fail(&call(&["blob", "put", "cluster"]));
    assert_eq!(code, 2, "{text}");
    assert_eq!(dev.stop("TERM"), 0);
}

#[test]
fn a_server_that_was_killed_is_shown_comes_back_by_hand_and_stops_with_the_rest() {
    let scratch = Scratch::new();
    let mut dev = Dev::start(&scratch);
    let head = dev.line();
    assert_eq!((&head["nodes"], &head["is_resumed"]), (&Value::from(4), &Value::from(false)));
    let pids: Vec<_> = (1..=4).map(|node| dev.wait(node, "up").expect("a pid")).collect();

    let refused = scratch.fail(&["dev", "--dir", "cluster"]);
    assert_eq!(refused.0, 13, "{}", refused.1);
    let (code, text) = {
        while pid_of(&scratch, 2) != Some(pids[1]) {
            std::thread::yield_now();
        }
        scratch.fail(&["node", "run", "--config", "cluster/nodes/2/node.toml"])
    };
    assert_eq!(code, 13, "{text}");

    kill("KILL", pids[1]);
    dev.wait(2, "down");
    kill("KILL", pids[3]);
    dev.wait(4, "down");
    let status = ["status", "--json", "--cluster", "cluster/cluster.toml"];
    let output = scratch.program().args(status).output().expect("the program can be called");
    assert_eq!(output.status.code(), Some(3), "two of four are down");
    let [answer, failure] = [output.stdout, output.stderr]
        .map(|text| serde_json::from_slice::<Value>(&text).expect("JSON, also on failure"));
    assert_eq!((&answer["serves"], &failure["error"]["exit"]), (&false.into(), &3.into()));
    let mut by_hand = scratch.run_node(2);
    assert_eq!(dev.wait(2, "up"), Some(u64::from(by_hand.id())));

    assert_eq!(dev.stop("INT"), 0);
    assert!(by_hand.wait().expect("its end").success(), "dev stopped it, too");
    let file = scratch.join("cluster/cluster.toml");
    let before = ClusterFile::read(&file).expect("a cluster file");
    // Whoever is stopped before it is written leaves all but that.
    std::fs::remove_file(&file).expect("removed");
    let mut again = Dev::start(&scratch);
    assert_eq!(again.line()["is_resumed"], true);
    again.wait(1, "up");
    let now = ClusterFile::read(&file).expect("a cluster file");
    assert_eq!((now.system, now.system_key), (before.system, before.system_key));
    assert_eq!(now.client_identity().expect("a client").certificate.grant.name, "dev");
    assert_eq!(again.stop("TERM"), 0);
}

#[test]
fn two_clusters_that_begin_at_the_same_moment_both_serve() {
    let scratches = [Scratch::new(), Scratch::new()];
    let mut devs = [Dev::start(&scratches[0]), Dev::start(&scratches[1])];
    for dev in &mut devs {
        for node in 1..=4 {
            dev.wait(node, "up");
        }
    }
    let mut addresses = std::collections::BTreeSet::new();
    for scratch in &scratches {
        let status = ["status", "--json", "--cluster", "cluster/cluster.toml"];
        let status: Value = serde_json::from_str(&scratch.succeed(&status)).expect("JSON");
        assert_eq!(status["serves"], true, "{status}");
        let servers = status["servers"].as_array().expect("servers");
        addresses.extend(servers.iter().map(|server| server["address"].to_string()));
    }
    assert_eq!(addresses.len(), 8, "no port is given twice");
    for dev in &mut devs {
        assert_eq!(dev.stop("TERM"), 0);
    }
}
