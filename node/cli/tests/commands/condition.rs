//! What is told of a cluster of which a part does not serve.

use serde_json::Value;

use crate::cluster::{Dev, kill};
use crate::epochs::metrics;
use crate::evictions::address_of;
use crate::support::Scratch;

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
