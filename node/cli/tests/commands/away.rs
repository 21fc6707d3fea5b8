//! Servers that are stopped when an epoch ends.

use std::net::TcpStream;

use crate::cluster::{Dev, kill};
use crate::epochs::{metrics_address, newest_stored};
use crate::replace::{KEY, call, member, new_server, wait};
use crate::support::Scratch;

/// Long beside all that happens here; the number of changes ends an epoch after a quarter of it.
const EPOCH_SECONDS: &str = "120";

fn start(scratch: &Scratch, changes: &str) -> (Dev, Vec<u64>) {
    let length = ["--epoch-seconds", EPOCH_SECONDS, "--epoch-changes", changes];
    let mut dev = Dev::start_with(scratch, &[&["--nodes", "4"], &length[..]].concat());
    let pids = (1..=4).map(|node| dev.wait(node, "up").expect("a pid")).collect();
    (dev, pids)
}

/// Admits a server, which `dev` starts; returns its name and pid.
fn add(scratch: &Scratch, dev: &mut Dev, number: u16) -> (String, u64) {
    let admission = new_server(scratch, number, EPOCH_SECONDS);
    let pid = dev.wait(number, "up").expect("a pid");
    let added = call(scratch, &["node", "add", &admission, "--authority", KEY]);
    (added["changes"][0]["server"].as_str().expect("a name").to_owned(), pid)
}

#[test]
fn who_missed_an_epoch_and_starts_before_all_others_asks_them_until_they_are_there() {
    let scratch = Scratch::new();
    let (mut dev, pids) = start(&scratch, "1");
    let begun = newest_stored(&scratch, 1);
    kill("KILL", pids[3]);
    dev.wait(4, "down");
    let (fifth, _) = add(&scratch, &mut dev, 5);
    wait(&scratch, |list| member(list, &fifth.as_str().into()).is_some());
    let missed = newest_stored(&scratch, 1);
    assert!(newest_stored(&scratch, 4).or(begun) < missed, "it was away");
    for node in 1..=3 {
        kill("KILL", pids[node - 1]);
    }
    for node in 1..=3 {
        dev.wait(node, "down");
    }

    // Nobody answers it when it starts: it serves in the epoch that it knows.
    let mut by_hand = vec![scratch.run_node(4)];
    let address = metrics_address(&scratch, 4);
    while TcpStream::connect(&address).is_err() {
        assert!(by_hand[0].try_wait().expect("its state").is_none(), "it serves");
        std::thread::yield_now();
    }
    assert!(newest_stored(&scratch, 4).or(begun) < missed, "nobody could tell it");
    by_hand.extend((1..=3).map(|node| scratch.run_node(node)));
    while newest_stored(&scratch, 4) < missed {
        assert!(by_hand[0].try_wait().expect("its state").is_none(), "it goes on");
        assert_eq!(newest_stored(&scratch, 1), missed, "it is there before that epoch is over");
        std::thread::yield_now();
    }
    assert_eq!(dev.stop("TERM"), 0);
    by_hand.into_iter().for_each(|mut it| drop(it.wait()));
}
