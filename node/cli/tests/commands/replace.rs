//! Servers come and go while a cluster runs: the commands that an operator uses, on processes.

use std::net::TcpListener;

use serde_json::Value;

use crate::cluster::{Dev, kill};
use crate::support::Scratch;

pub(crate) const KEY: &str = "cluster/authority/authority.key";
const CLUSTER: [&str; 2] = ["--cluster", "cluster/cluster.toml"];
const EPOCH_SECONDS: &str = "5";

pub(crate) fn call(scratch: &Scratch, words: &[&str]) -> Value {
    let answer = scratch.succeed(&[words, &["--json"], &CLUSTER].concat());
    serde_json::from_str(&answer).expect("JSON")
}

/// Makes a server of the running cluster, which `dev` starts; returns its admission.
pub(crate) fn new_server(scratch: &Scratch, number: u16, epoch_seconds: &str) -> String {
    let free = || TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its");
    let (out, listen) = (format!("cluster/nodes/{number}"), free().to_string());
    let (metrics, domain) = (free().to_string(), format!("process {number}"));
    let fixed = ["node", "new", "--out", &out, "--listen", &listen, "--metrics", &metrics];
    let more = ["--failure-domain", &domain, "--epoch-seconds", epoch_seconds];
    call(scratch, &[&fixed[..], &more].concat());
    format!("{out}/admission")
}

fn list(scratch: &Scratch) -> Value {
    call(scratch, &["node", "list"])
}

/// Asks until a list is as it should be.
pub(crate) fn wait(scratch: &Scratch, is_done: impl Fn(&Value) -> bool) -> Value {
    loop {
        let found = list(scratch);
        if is_done(&found) {
            return found;
        }
    }
}

pub(crate) fn member<'a>(list: &'a Value, server: &Value) -> Option<&'a Value> {
    list["members"].as_array().expect("a list").iter().find(|it| it["server"] == *server)
}

pub(crate) fn has_key(scratch: &Scratch, number: u16, kind: &str) -> bool {
    let keys = scratch.join(format!("cluster/nodes/{number}/keys"));
    let mut names = std::fs::read_dir(keys).expect("its keys");
    names.any(|entry| {
        let name = entry.expect("a name").file_name();
        name.to_str().is_some_and(|name| name.starts_with(kind))
    })
}

/// Is nothing left of the keys of any epoch?
pub(crate) fn has_no_keys(scratch: &Scratch, number: u16) -> bool {
    let kinds = ["epoch-", "decryption-", "share-", "dealing-"];
    kinds.into_iter().all(|kind| !has_key(scratch, number, kind))
}

#[test]
fn a_server_joins_is_drawn_takes_the_place_of_one_that_died_and_is_removed_again() {
    let scratch = Scratch::new();
    let options = ["--nodes", "4", "--epoch-seconds", EPOCH_SECONDS];
    let mut dev = Dev::start_with(&scratch, &options);
    let pids: Vec<_> = (1..=4).map(|node| dev.wait(node, "up").expect("a pid")).collect();
    std::fs::write(scratch.join("file"), vec![7; 2_000_000]).expect("a file");
    let id = call(&scratch, &["blob", "put", "file"])["id"].as_str().expect("an id").to_owned();

    // One joins: it waits until it is named, and then is like the others, without objects.
    let admission = new_server(&scratch, 5, EPOCH_SECONDS);
    dev.wait(5, "up");
    let added = call(&scratch, &["node", "add", &admission, "--authority", KEY]);
    let fifth = added["changes"][0]["server"].clone();
    let first_epoch = added["changes"][0]["epoch"].as_u64().expect("an epoch");
    let named = wait(&scratch, |list| member(list, &fifth).is_some());
    assert!(named["epoch"].as_u64() >= Some(first_epoch), "{named}");
    assert_eq!(member(&named, &fifth).expect("named")["holds_objects"], false);
    let is_drawn =
        |list: &Value| member(list, &fifth).is_some_and(|it| it["is_in_membership_group"] == true);

    // One dies, and another takes its place: the fifth is drawn, since four are left.
    kill("KILL", pids[1]);
    dev.wait(2, "down");
    let dead = name_of(&scratch, 2);
    let admission = new_server(&scratch, 6, EPOCH_SECONDS);
    let replace = ["node", "replace", &dead, &admission, "--authority", KEY];
    let replaced = call(&scratch, &replace);
    let sixth = replaced["changes"][0]["server"].clone();
    wait(&scratch, is_drawn);
    let later = wait(&scratch, |list| {
        let is_gone = member(list, &Value::from(&*dead)).is_none_or(|it| it["state"] == "removed");
        is_gone && member(list, &sixth).is_some()
    });
    assert_eq!(later["active"], 5, "{later}");
    the_old_identity_does_not_return(&scratch, replaced["changes"][1]["server"].as_str());

    // The fifth is removed while it runs: it stops by itself, and nothing of its keys is left.
    remove(&scratch, fifth.as_str().expect("a name"));
    let ended = dev.wait_down(5);
    assert!(ended.starts_with("exit code 16"), "{ended}");
    assert!(has_no_keys(&scratch, 5));
    let config = "cluster/nodes/5/node.toml";
    let (code, text) = scratch.fail(&["node", "run", "--config", config]);
    assert_eq!(code, 16, "{text}");

    scratch.succeed(&[&["blob", "get", &id, "-o", "got"][..], &CLUSTER].concat());
    let [put, got] = ["file", "got"].map(|name| std::fs::read(scratch.join(name)).expect("read"));
    assert!(put == got, "the file that was stored before anybody came or went");
    assert_eq!(dev.stop("TERM"), 0);
}

#[test]
fn so_many_changes_end_an_epoch_long_before_its_time() {
    let scratch = Scratch::new();
    let length = ["--epoch-seconds", "120", "--epoch-changes", "2"];
    let mut dev = Dev::start_with(&scratch, &[&["--nodes", "4"], &length[..]].concat());
    (1..=4).for_each(|node| {
        dev.wait(node, "up");
    });
    let begun = list(&scratch)["epoch"].as_u64().expect("an epoch");
    let add = |number| {
        let admission = new_server(&scratch, number, "120");
        let added = call(&scratch, &["node", "add", &admission, "--authority", KEY]);
        assert_eq!(added["changes"][0]["epoch"], begun + 1, "{added}");
        added["changes"][0]["server"].clone()
    };
    let new = [add(5), add(6)];
    let named = wait(&scratch, |list| new.iter().all(|server| member(list, server).is_some()));
    assert_eq!(named["epoch"], begun + 1, "one end for both: {named}");
    let shown = call(&scratch, &["epoch", "show"]);
    assert!(shown["former_epoch_seconds"].as_u64() < Some(120), "by the agreed times: {shown}");
    assert!(shown["former_epoch_seconds"].as_u64() >= Some(30), "MEM-52: {shown}");
    assert_eq!(dev.stop("TERM"), 0);
}

/// Removes a server. On a busy machine one of the others may have been found silent a moment ago:
/// the operator is told that too few servers are left, and waits until it is back.
pub(crate) fn remove(scratch: &Scratch, server: &str) -> Value {
    let words = ["node", "remove", server, "--authority", KEY, "--json"];
    loop {
        let output = scratch.program().args(words).args(CLUSTER).output().expect("it is called");
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).expect("JSON");
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("too-few-servers"), "{errors}");
    }
}

/// The name of a founder.
fn name_of(scratch: &Scratch, number: u16) -> String {
    let file = scratch.join(format!("cluster/nodes/{number}/node.toml"));
    let text = std::fs::read_to_string(file).expect("readable");
    let listen = text.lines().find_map(|line| line.strip_prefix("listen = ")).expect("it is there");
    let address = listen.trim_matches('"');
    let list = list(scratch);
    let mut members = list["members"].as_array().expect("a list").iter();
    let found = members.find(|it| it["address"] == address).expect("a member");
    found["server"].as_str().expect("a name").to_owned()
}

/// Neither by a new admission of the old keys, nor by being started again.
fn the_old_identity_does_not_return(scratch: &Scratch, removed: Option<&str>) {
    let admission = "cluster/nodes/2/admission";
    let call = ["node", "add", admission, "--authority", KEY];
    let (code, text) = scratch.fail(&[&call[..], &CLUSTER].concat());
    assert_eq!(code, 10, "{text}");
    assert!(text.starts_with("error[server-removed]: "), "{text}");
    let mut again = scratch.run_node(2);
    let list = wait(scratch, |list| list["removed"] == 1);
    let old = member(&list, &Value::from(removed.expect("a name"))).expect("it has objects");
    assert_eq!((&old["state"], &old["is_in_membership_group"]), (&"removed".into(), &false.into()));
    assert!(again.try_wait().expect("its state").is_none(), "it holds its objects");
}
