//! A server that is killed is found silent by the others, loses its duties, and has them again when
//! it is back: on processes, without anybody's help.

use std::time::Duration;

use quorate_client::cluster_file::ClusterFile;
use serde_json::Value;

use crate::changes::an_expired_certificate_is_refused_and_changes_nothing;
use crate::cluster::{Dev, kill};
use crate::epochs::metrics;
use crate::support::Scratch;

const CLUSTER: [&str; 2] = ["--cluster", "cluster/cluster.toml"];

fn list(scratch: &Scratch) -> Value {
    let words = [&["node", "list", "--json"][..], &CLUSTER].concat();
    serde_json::from_str(&scratch.succeed(&words)).expect("JSON")
}

fn epoch_of(list: &Value) -> u64 {
    list["epoch"].as_u64().expect("a number")
}

/// What the list says of the server that listens at an address.
fn at<'a>(list: &'a Value, address: &str) -> &'a Value {
    let members = list["members"].as_array().expect("a list");
    members.iter().find(|it| it["address"] == address).expect("it keeps its record")
}

/// Asks until the server at an address is in this state.
fn wait_for(scratch: &Scratch, address: &str, state: &str) -> Value {
    loop {
        let found = list(scratch);
        if at(&found, address)["state"] == state {
            return found;
        }
        let inactive = found["inactive"].as_u64().expect("a number");
        assert!(inactive <= 1, "nobody else is out: {found}");
    }
}

/// Where a server of a cluster listens.
pub(crate) fn address_of(scratch: &Scratch, node: u16) -> String {
    let file = scratch.join(format!("cluster/nodes/{node}/node.toml"));
    let text = std::fs::read_to_string(file).expect("readable");
    let line = text.lines().find(|line| line.starts_with("listen = ")).expect("it is there");
    line.split('"').nth(1).expect("quoted").to_owned()
}

/// The rules in the documentation name what servers that are up count.
fn every_alert_is_about_a_metric_that_there_is(scratch: &Scratch) {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/alerts.yml");
    let rules = std::fs::read_to_string(rules).expect("the rules");
    let pages: String = [1, 2, 4, 5, 6].map(|node| metrics(scratch, node)).concat();
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = rules.split(|letter| !is_part(letter));
    let named: Vec<_> = words.filter(|word| word.starts_with("quorate_")).collect();
    assert!(named.len() >= 6, "{named:?}");
    for name in named {
        assert!(pages.contains(&format!("# TYPE {name} ")), "{name}");
    }
    let series = rules.split("quorate_").filter_map(|rest| rest.split_once('}'));
    let series = series.map(|(start, _)| start).filter(|start| !start.contains([' ', '!']));
    let series: Vec<_> = series.map(|start| format!("\nquorate_{start}}} ")).collect();
    assert!(series.len() >= 4, "{series:?}");
    for one in series {
        assert!(pages.contains(&one), "a rule is about {one:?}, which nobody counts");
    }
    for margins in ["window_margin{first=\"", "domain_margin{domain=\"process 4\"} ", "epoch_due"] {
        assert!(pages.contains(&format!("\nquorate_{margins}")), "{margins}: {pages}");
    }
}

/// What `status` tells, with the servers of the configuration.
fn the_epoch_is_shown_with_the_condition_of_the_cluster(scratch: &Scratch) {
    let shown = scratch.succeed(&[&["epoch", "show", "--json"][..], &CLUSTER].concat());
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["members"].as_array().map(Vec::len), Some(6), "{shown}");
    assert_eq!((&shown["active"], &shown["is_verified"]), (&5.into(), &true.into()), "{shown}");
    for known in ["epoch", "age_seconds", "former_epoch_seconds", "next_epoch_seconds"] {
        assert!(shown[known].is_u64(), "{known}: {shown}");
    }
    assert!(shown["found"].is_array(), "{shown}");
    let offset = shown["clock_offset_seconds"].as_i64().expect("a number");
    assert!(offset.unsigned_abs() <= 60, "one machine has one clock: {shown}");
    assert_eq!(shown["domains"][0]["margin_without"], -1, "{shown}");
    let text = scratch.succeed(&[&["epoch", "show"][..], &CLUSTER].concat());
    let parts = [
        "the one before lasted",
        "5 active, 1 inactive, 0 removed",
        "seats    of the",
        "and 1 more",
    ];
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Leases follow it: they would outlast epochs, or be renewed far more often than is needed.
fn a_cluster_file_with_another_length_of_epochs_is_named(scratch: &Scratch) {
    let text = std::fs::read_to_string(scratch.join(CLUSTER[1])).expect("a cluster file");
    let line = "epoch_seconds = \"5\"\n";
    assert!(text.contains(line), "{text}");
    for (name, other) in [("hourly.toml", "epoch_seconds = \"3600\"\n"), ("silent.toml", "")] {
        let name = format!("cluster/{name}");
        std::fs::write(scratch.join(&name), text.replace(line, other)).expect("a file");
        let status = ["status", "--cluster", &name];
        let shown = scratch.succeed(&[&status[..], &["--json"]].concat());
        let shown: Value = serde_json::from_str(&shown).expect("JSON");
        let wrong = &shown["cluster_file"];
        assert_eq!(wrong["code"], "epoch-length", "{shown}");
        assert_eq!(wrong["where"], format!("{name}: epoch_seconds"), "{shown}");
        for (part, word) in [("what", "lasted"), ("remedy", "node.toml")] {
            assert!(wrong[part].as_str().is_some_and(|text| text.contains(word)), "{shown}");
        }
        let text = scratch.succeed(&status);
        assert!(text.contains("file     epoch-length: the file "), "{text}");
    }
}

/// As the servers have made it; offline, and not with another key, nor with a byte changed.
fn the_chain_of_all_epochs_is_exported_and_verified_with_the_key_alone(scratch: &Scratch) {
    let export = ["epoch", "export", "chain", "--json"];
    let exported = scratch.succeed(&[&export[..], &CLUSTER].concat());
    let exported: Value = serde_json::from_str(&exported).expect("JSON");
    let key = ClusterFile::read(&scratch.join(CLUSTER[1])).expect("a cluster file").system_key;
    let key: String = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let verify = ["epoch", "verify", "chain", "--system-key", &key, "--json"];
    let verified: Value = serde_json::from_str(&scratch.succeed(&verify)).expect("JSON");
    assert_eq!(verified["first_epoch"], 1, "the first that is signed: {verified}");
    assert_eq!(verified["epoch"], exported["epoch"], "{verified}");
    assert_eq!(verified["configurations"], exported["epoch"], "none is left out: {verified}");
    let file = scratch.join("chain");
    let mut bytes = std::fs::read(&file).expect("what was exported");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("it can be written");
    let (code, said) = scratch.fail(&verify);
    // By where it stands, the file is no chain any more, or one that the key does not verify.
    assert!([4, 12].contains(&code), "a byte was changed: {code}: {said}");
}

#[test]
fn a_killed_server_is_inactive_within_three_epochs_and_active_again_when_it_is_back() {
    let scratch = Scratch::new();
    let mut dev = Dev::start_with(&scratch, &["--nodes", "6", "--epoch-seconds", "5"]);
    let pids: Vec<_> = (1..=6).map(|node| dev.wait(node, "up").expect("a pid")).collect();
    let clients = ClusterFile::read(&scratch.join(CLUSTER[1])).expect("a cluster file");
    assert_eq!(clients.epoch, Some(Duration::from_secs(5)), "leases follow it");
    std::fs::write(scratch.join("file"), vec![7; 2_000_000]).expect("a file");
    let put = scratch.succeed(&[&["blob", "put", "file", "--json"][..], &CLUSTER].concat());
    let put: Value = serde_json::from_str(&put).expect("JSON");
    let id = put["id"].as_str().expect("an id");
    let address = address_of(&scratch, 3);

    kill("KILL", pids[2]);
    dev.wait(3, "down");
    let killed_in = epoch_of(&list(&scratch));
    let out = wait_for(&scratch, &address, "inactive");
    assert!(epoch_of(&out) <= killed_in + 3, "killed in {killed_in}: {out}");
    assert_eq!(out["active"], 5, "{out}");
    assert_eq!(at(&out, &address)["holds_objects"], true, "it keeps its place on the ring");
    assert_eq!(at(&out, &address)["is_in_membership_group"], false, "{out}");
    while !metrics(&scratch, 1).contains("quorate_members{state=\"inactive\"} 1\n") {}
    every_alert_is_about_a_metric_that_there_is(&scratch);
    let shown = scratch.succeed(&[&["status", "--json"][..], &CLUSTER].concat());
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!((&shown["active"], &shown["inactive"]), (&5.into(), &1.into()), "{shown}");
    assert_eq!(shown["domains"][0]["margin_without"], -1, "one is gone already: {shown}");
    let domains = shown["domains"].as_array().expect("a list");
    let lost: Vec<_> = domains.iter().filter(|it| it["name"] == "process 3").collect();
    assert_eq!(lost.len(), 1, "it still holds objects: {shown}");
    let figures = ["up", "size", "margin_without"].map(|name| lost[0][name].as_i64());
    assert_eq!(figures, [Some(0), Some(1), Some(0)], "without it nothing changes: {shown}");
    the_epoch_is_shown_with_the_condition_of_the_cluster(&scratch);
    a_cluster_file_with_another_length_of_epochs_is_named(&scratch);
    let found = scratch.succeed(&[&["blob", "get", id, "-o", "got"][..], &CLUSTER].concat());
    let [put, got] = ["file", "got"].map(|name| std::fs::read(scratch.join(name)).expect("read"));
    assert!(put == got, "{found}");

    let mut by_hand = scratch.run_node(3);
    dev.wait(3, "up");
    let back_in = epoch_of(&list(&scratch));
    let back = wait_for(&scratch, &address, "active");
    assert!(epoch_of(&back) <= back_in + 3, "back in {back_in}: {back}");
    assert_eq!(back["active"], 6, "{back}");
    an_expired_certificate_is_refused_and_changes_nothing(&scratch);
    the_chain_of_all_epochs_is_exported_and_verified_with_the_key_alone(&scratch);
    assert_eq!(dev.stop("TERM"), 0);
    assert!(by_hand.wait().expect("its end").success(), "dev stopped it, too");
}
