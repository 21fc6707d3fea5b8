//! The membership group is drawn as the authority says, by the commands of an operator.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::Dev;
use crate::support::Scratch;

const KEY: [&str; 2] = ["--authority", "cluster/authority/authority.key"];
const CLUSTER: [&str; 2] = ["--cluster", "cluster/cluster.toml"];

fn show(scratch: &Scratch) -> Value {
    let words = [&["group", "show", "--json"], &CLUSTER[..]].concat();
    serde_json::from_str(&scratch.succeed(&words)).expect("JSON")
}

fn members(shown: &Value) -> BTreeSet<String> {
    let members = shown["members"].as_array().expect("a list").iter();
    members.map(|name| name.as_str().expect("a name").to_owned()).collect()
}

/// Asks until the cluster is in this epoch or a later one.
fn behind(scratch: &Scratch, epoch: u64) -> Value {
    loop {
        let shown = show(scratch);
        if shown["epoch"].as_u64() > Some(epoch) {
            return shown;
        }
    }
}

fn rotate<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["group", "rotate"], more, &KEY, &CLUSTER].concat()
}

#[test]
fn the_group_is_drawn_from_the_pool_that_the_authority_names() {
    let scratch = Scratch::new();
    let mut dev = Dev::start_with(&scratch, &["--nodes", "6", "--epoch-seconds", "5"]);
    (1..=6).for_each(|node| {
        dev.wait(node, "up");
    });
    let words = [&["node", "list", "--json"], &CLUSTER[..]].concat();
    let list: Value = serde_json::from_str(&scratch.succeed(&words)).expect("JSON");
    let servers = list["members"].as_array().expect("a list").iter();
    let pool: Vec<String> =
        servers.take(5).map(|it| it["server"].as_str().expect("a name").to_owned()).collect();

    let of = |count: usize| -> Vec<&str> {
        pool[..count].iter().flat_map(|server| ["--pool", server]).collect()
    };
    let (code, text) = scratch.fail(&rotate(&of(3)));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("3 servers in the pool, a group has 4"), "{text}");
    let (code, text) = scratch.fail(&rotate(&["--pool", "nobody"]));
    assert_eq!(code, 8, "{text}");
    let resize = [&["group", "resize", "--f-ms", "2"], &KEY[..], &CLUSTER].concat();
    let (code, text) = scratch.fail(&resize);
    assert_eq!(code, 2, "{text}");
    assert!(text.starts_with("error[too-few-servers]"), "{text}");

    let said = scratch.succeed(&rotate(&[&of(5)[..], &["--seats", "1", "--json"]].concat()));
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let counts_from = said["changes"][0]["epoch"].as_u64().expect("a number");
    let mut shown = behind(&scratch, counts_from - 1);
    assert_eq!((&shown["next"]["seats"], &shown["next"]["f_ms"]), (&1.into(), &1.into()));
    let pool: BTreeSet<String> = pool.iter().cloned().collect();
    // Where too few of the pool deposited their keys in time, the group stays for an epoch more.
    while !members(&shown).is_subset(&pool) {
        shown = behind(&scratch, shown["epoch"].as_u64().expect("a number"));
    }
    for _ in 0..2 {
        shown = behind(&scratch, shown["epoch"].as_u64().expect("a number"));
        assert!(members(&shown).is_subset(&pool), "{shown} {pool:?}");
    }
    assert_eq!(dev.stop("TERM"), 0);
}
