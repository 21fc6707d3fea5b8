//! Servers that are stopped when an epoch ends, or just behind that.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::TcpStream;
use std::process::Command;

use crate::cluster::{Dev, kill};
use crate::epochs::{metrics_address, newest_stored};
use crate::replace::{KEY, call, has_key, has_no_keys, member, new_server, remove, wait};
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
    while newest_stored(&scratch, 1) <= begun {
        std::thread::yield_now();
    }
    let missed = newest_stored(&scratch, 1);
    assert!(newest_stored(&scratch, 4).or(begun) < missed, "it was away");
    for node in 1..=3 {
        kill("KILL", pids[usize::from(node) - 1]);
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

#[test]
fn key_3_who_was_removed_and_is_stopped_or_killed_before_it_leaves_keeps_no_keys() {
    let scratch = Scratch::new();
    let (mut dev, _) = start(&scratch, "2");
    let new = [5, 6].map(|number| add(&scratch, &mut dev, number));
    wait(&scratch, |list| new.iter().all(|(it, _)| member(list, &it.as_str().into()).is_some()));
    let removed = [0, 1].map(|number: usize| {
        let removed = remove(&scratch, &new[number].0);
        removed["changes"][0]["epoch"].as_u64().expect("an epoch")
    });
    assert_eq!(removed[0], removed[1]);
    // They know it, and help others for a while.
    for node in [5, 6] {
        while newest_stored(&scratch, node) < Some(removed[0]) {
            std::thread::yield_now();
        }
        assert!(has_key(&scratch, node, "epoch-"), "the grace is not over");
    }
    kill("TERM", new[0].1);
    let ended = dev.wait_down(5);
    assert!(has_no_keys(&scratch, 5), "it was told to stop, and did: {ended}");
    kill("KILL", new[1].1);
    dev.wait_down(6);
    assert!(has_key(&scratch, 6, "epoch-"), "it could erase nothing");
    let config = "cluster/nodes/6/node.toml";
    let (code, text) = scratch.fail(&["node", "run", "--config", config]);
    assert_eq!(code, 16, "{text}");
    assert!(has_no_keys(&scratch, 6), "it erases them when it is started again");
    nothing_is_erased_on_the_word_of_other_data(&scratch);
    assert_eq!(dev.stop("TERM"), 0);
}

/// Another server, which is not admitted yet, gets the data of the one that was removed: nobody has
/// removed it.
fn nothing_is_erased_on_the_word_of_other_data(scratch: &Scratch) {
    let made = ["node", "new", "--out", "other", "--listen", "127.0.0.1:1", "--metrics"];
    let more = ["127.0.0.1:2", "--failure-domain", "7", "--epoch-seconds", EPOCH_SECONDS];
    call(scratch, &[&made[..], &more].concat());
    let copy = ["-r", "cluster/nodes/6/data", "other/data"];
    let status = Command::new("cp").args(copy).current_dir(scratch.join(".")).status();
    assert!(status.expect("it is called").success(), "{copy:?}");
    let names = || {
        let names = std::fs::read_dir(scratch.join("other/keys")).expect("its keys");
        names.map(|entry| entry.expect("a name").file_name()).collect::<BTreeSet<_>>()
    };
    let before = names();
    let (_, text) = scratch.fail(&["node", "run", "--config", "other/node.toml"]);
    assert!(text.starts_with("error[data-of-another-node]: "), "{text}");
    let is_key = |name: &OsString| name.to_string_lossy().starts_with("decryption-");
    assert!(names() == before && before.iter().any(is_key), "{before:?}");
}
