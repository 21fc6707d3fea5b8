//! What is told of a cluster of which a part does not serve, by `status` and by metrics.

use std::time::Duration;

use serde_json::Value;

use crate::cluster::{Dev, kill};
use crate::epochs::metrics;
use crate::evictions::address_of;
use crate::support::Scratch;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
const STATUS: [&str; 3] = ["status", "--cluster", "cluster/cluster.toml"];

/// What `status` says to programs and to people, and its exit code.
fn status(scratch: &Scratch) -> (Value, String, Option<i32>) {
    let call = |more: &[&str]| {
        let output = scratch.program().args(STATUS).args(more).output();
        output.expect("the program can be called")
    };
    let (facts, text) = (call(&["--json"]), call(&[]));
    let facts = serde_json::from_slice(&facts.stdout).expect("JSON, also on failure");
    (facts, String::from_utf8(text.stdout).expect("text"), text.status.code())
}

/// Kills two servers with a seat in the membership group, or two without.
fn kill_two(scratch: &Scratch, (dev, pids): (&mut Dev, &[u64]), facts: &Value, has_seat: bool) {
    let servers = facts["servers"].as_array().expect("a list").iter();
    let chosen = servers.filter(|it| it["is_in_membership_group"] == has_seat).take(2);
    for address in chosen.map(|server| server["address"].as_str().expect("an address")) {
        let node = (1..=6).find(|node| address_of(scratch, *node) == address).expect("of the six");
        kill("KILL", pids[usize::from(node) - 1]);
        dev.wait(node, "down");
    }
}

fn nobody_was_proved_to_lie(scratch: &Scratch) {
    let call = ["node", "evidence", "--cluster", STATUS[2]];
    assert_eq!(scratch.succeed(&call), "no server was proved to lie\n");
    let with_genesis = [&call[..], &["--genesis", "cluster/founding/genesis"]].concat();
    assert_eq!(scratch.succeed(&with_genesis), "no server was proved to lie\n");
    let address = address_of(scratch, 1);
    let (code, text) = scratch.fail(&[&call[..], &[&address]].concat());
    assert!(code == 8 && text.starts_with("error[no-evidence]: "), "{text}");
}

#[test]
fn the_membership_group_is_asked_what_was_found_whatever_the_storage_groups_do() {
    let scratch = Scratch::new();
    let mut dev = Dev::start_with(&scratch, &["--nodes", "6"]);
    let pids: Vec<_> = (1..=6).map(|node| dev.wait(node, "up").expect("a pid")).collect();
    let (whole, _, code) = status(&scratch);
    assert_eq!((&whole["serves"], code), (&true.into(), Some(0)), "{whole}");

    nobody_was_proved_to_lie(&scratch);
    let page = metrics(&scratch, 1);
    assert!(page.contains("\nquorate_epoch_length_seconds 0\n"), "epochs do not end: {page}");
    assert!(!page.contains("quorate_epoch_due_seconds"), "none is due: {page}");

    kill_two(&scratch, (&mut dev, &pids), &whole, false);
    let (facts, text, code) = status(&scratch);
    assert_eq!((&facts["serves"], code), (&false.into(), Some(3)), "{text}");
    assert_eq!(facts["groups"][0]["name"], "membership", "{facts}");
    assert_eq!(facts["groups"][0]["margin"], 1, "nobody with a seat is gone: {facts}");
    assert!(facts["found"].is_array() && facts["not_asked"].is_null(), "{facts}");
    assert!(text.contains("DOES NOT SERVE") && !text.contains("nothing was asked"), "{text}");

    kill_two(&scratch, (&mut dev, &pids), &whole, true);
    let (facts, text, code) = status(&scratch);
    assert_eq!(code, Some(3), "{text}");
    let why = "the membership group does not serve";
    assert!(facts["found"].is_null() && facts["not_asked"] == why, "{facts}");
    let said = format!("found    nothing was asked of suspicion and proof: {why}\n");
    assert!(text.contains(&said), "{text}");
    assert_eq!(dev.stop("TERM"), 0);
}

/// The margin of the worst window, by `status` and by the metrics of a server.
fn margins_of_windows(scratch: &Scratch) -> [i64; 2] {
    let (facts, ..) = status(scratch);
    let groups = facts["groups"].as_array().expect("a list").iter();
    let windows =
        groups.filter(|it| it["name"].as_str().is_some_and(|it| it.starts_with("storage")));
    let asked = windows.map(|window| window["margin"].as_i64().expect("a number")).min();
    let page = metrics(scratch, 1);
    let line = page.lines().find_map(|line| line.strip_prefix("quorate_margin{of=\"window\"} "));
    let counted = line.expect("it is told").parse().expect("a number");
    [asked.expect("there are windows"), counted]
}

fn wait_for_margins(scratch: &Scratch, wanted: [i64; 2]) {
    while margins_of_windows(scratch) != wanted {
        std::thread::sleep(LOOK);
    }
}

#[test]
fn a_founder_that_was_removed_and_runs_on_is_up_for_alerts_as_for_an_operator() {
    let scratch = Scratch::new();
    let mut dev = Dev::start_with(&scratch, &["--nodes", "5", "--epoch-seconds", "5"]);
    let pids: Vec<_> = (1..=5).map(|node| dev.wait(node, "up").expect("a pid")).collect();
    let address = address_of(&scratch, 5);
    let remove = ["node", "remove", &address, "--authority", "cluster/authority/authority.key"];
    scratch.succeed(&[&remove[..], &STATUS[1..]].concat());
    while status(&scratch).0["servers"].as_array().is_none_or(|servers| {
        servers.iter().all(|it| it["address"] != *address || it["state"] != "removed")
    }) {
        std::thread::sleep(LOOK);
    }
    wait_for_margins(&scratch, [1, 1]);
    kill("KILL", pids[4]);
    dev.wait(5, "down");
    wait_for_margins(&scratch, [0, 0]);
    assert_eq!(dev.stop("TERM"), 0);
}
