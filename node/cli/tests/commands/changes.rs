//! Who may change the set of servers, and what is refused by name with nothing changed.

use std::path::Path;

use quorate_client::carried::{CHANGE, to_line};
use quorate_client::changes::{Change, RealSigner};
use quorate_client::cluster_file::{ClusterFile, read_seed};
use quorate_membership::{RemoveCertificate, RemoveGrant, Validity};
use quorate_types::{Epoch, IdentityKey, SystemId};
use serde_json::Value;

use crate::cluster::Dev;
use crate::support::Scratch;

/// The epoch in which a cluster begins to serve.
const NOW: Epoch = Epoch::new(1);
const KEY: &str = "cluster/authority/authority.key";
const CLUSTER: [&str; 2] = ["--cluster", "cluster/cluster.toml"];

/// A running cluster of this many servers in its first epoch, which does not end.
fn cluster(servers: u16) -> (Scratch, Dev) {
    let scratch = Scratch::new();
    let mut dev = Dev::start_with(&scratch, &["--nodes", &servers.to_string()]);
    (1..=servers).for_each(|node| {
        dev.wait(node, "up");
    });
    (scratch, dev)
}

fn with<'a>(words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [words, more, &CLUSTER].concat()
}

fn call(scratch: &Scratch, words: &[&str]) -> Value {
    let answer = scratch.succeed(&with(words, &["--json"]));
    serde_json::from_str(&answer).expect("JSON")
}

/// Makes a server that joins from this epoch on; returns its admission.
fn server(scratch: &Scratch, number: u16, first_epoch: &str) -> String {
    let (out, listen) = (format!("new-{number}"), format!("127.0.0.1:{}", 4_800 + number));
    let fixed = ["node", "new", "--out", &out, "--listen", &listen, "--failure-domain", "rack"];
    scratch.succeed(&with(&fixed, &["--first-epoch", first_epoch, "--epoch-seconds", "60"]));
    format!("{out}/admission")
}

fn list(scratch: &Scratch) -> Value {
    call(scratch, &["node", "list"])
}

/// A call fails with this code and this exit, and says where.
fn refuses(scratch: &Scratch, words: &[&str], (exit, code, place): (i32, &str, &str)) {
    let (found, text) = scratch.fail(&with(words, &[]));
    assert_eq!(found, exit, "{text}");
    assert!(text.starts_with(&format!("error[{code}]: ")), "{text}");
    assert!(text.contains(&format!(": {place}: ")), "{text}");
}

/// Writes a certificate of the authority by which an unknown server is removed.
fn removal(scratch: &Scratch, name: &str, change: impl FnOnce(&mut RemoveGrant)) {
    let file = ClusterFile::read(&scratch.join("cluster/cluster.toml")).expect("a cluster file");
    let seed = read_seed(&scratch.join(KEY)).expect("a key");
    let validity = Validity { sequence: 1, first_epoch: NOW, last_epoch: NOW };
    let mut grant = RemoveGrant {
        system: file.system,
        identity_key: IdentityKey::new([7; 32]),
        validity,
        may_exceed_cap: false,
    };
    change(&mut grant);
    let certificate = RemoveCertificate::issue(grant, &RealSigner::from_seed(&seed));
    let line = to_line(CHANGE, &Change::Remove(certificate));
    std::fs::write(scratch.join(name), line).expect("written");
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).expect("a mode");
}

#[test]
fn each_wrong_certificate_key_and_admission_is_refused_by_name_and_changes_nothing() {
    let (scratch, mut dev) = cluster(4);
    let admission = server(&scratch, 1, "1");
    let add = ["node", "add", &admission, "--authority", KEY];
    let before = list(&scratch);
    keys_of_others_are_refused(&scratch, &admission);
    admissions_of_others_are_refused(&scratch, &admission);
    certificates_are_refused(&scratch);
    let first = before["members"][0]["server"].as_str().expect("a name").to_owned();
    let remove = ["node", "remove", &first, "--authority", KEY];
    let too_few = (2, "too-few-servers", &*format!("server {first}"));
    refuses(&scratch, &remove, too_few);
    let nobody = ["node", "remove", "nobody", "--authority", KEY];
    refuses(&scratch, &nobody, (8, "no-server", "nobody"));
    assert_eq!(list(&scratch), before, "nothing is changed");

    removal(&scratch, "good.change", |_| {});
    let good = ["node", "submit", "good.change"];
    assert_eq!(call(&scratch, &good)["changes"][0]["epoch"], 2);
    refuses(&scratch, &good, (10, "certificate-replayed", "good.change"));
    let added = call(&scratch, &add);
    assert_eq!(
        (&added["changes"][0]["epoch"], &added["changes"][0]["sequence"]),
        (&2.into(), &1.into())
    );
    let name = added["changes"][0]["identity_key"].as_str().expect("a key").to_owned();
    let removed = call(&scratch, &["node", "remove", &name, "--authority", KEY]);
    assert_eq!(removed["changes"][0]["sequence"], 2, "the log knows which is the next");
    refuses(&scratch, &add, (10, "server-removed", &admission));
    let pending = list(&scratch)["pending"].clone();
    let removals = pending.as_array().expect("a list").iter().all(|it| it["change"] == "remove");
    assert!(removals, "{pending}");
    assert_eq!(dev.stop("TERM"), 0);
}

fn keys_of_others_are_refused(scratch: &Scratch, admission: &str) {
    scratch.succeed(&["authority", "new", "--out", "other"]);
    let other = ["node", "add", admission, "--authority", "other/authority.key"];
    refuses(scratch, &other, (10, "other-authority", "other/authority.key"));
    let missing = ["node", "add", admission, "--authority", "nowhere"];
    refuses(scratch, &missing, (5, "key-missing", "nowhere"));
    mode(&scratch.join(KEY), 0o644);
    let open = ["node", "add", admission, "--authority", KEY];
    refuses(scratch, &open, (5, "key-open-to-others", KEY));
    mode(&scratch.join(KEY), 0o600);
}

fn admissions_of_others_are_refused(scratch: &Scratch, admission: &str) {
    let late = server(scratch, 2, "9");
    let add = |admission| ["node", "add", admission, "--authority", KEY];
    refuses(scratch, &add(&late), (4, "admission-epoch", &late));
    let fixed = ["node", "new", "--listen", "127.0.0.1:4901", "--failure-domain", "rack"];
    scratch.succeed(&[&fixed[..], &["--out", "founds"]].concat());
    refuses(scratch, &add("founds/admission"), (4, "admission-founder", "founds/admission"));
    let text = std::fs::read_to_string(scratch.join(&late)).expect("an admission");
    let (label, digits) = text.trim().split_once(':').expect("a line");
    // One digit of the address.
    let mut digits = digits.to_owned();
    let place = digits.find(&format!("{:02x}", b'.')).expect("it has dots");
    digits.replace_range(place..place + 2, "2d");
    std::fs::write(scratch.join("changed"), format!("{label}:{digits}")).expect("written");
    refuses(scratch, &add("changed"), (4, "admission-refused", "changed"));
    std::fs::write(scratch.join("torn"), "quorate-admission-1:00ff").expect("written");
    refuses(scratch, &add("torn"), (4, "carried", "torn"));
    refuses(scratch, &add("nowhere"), (8, "file-missing", "nowhere"));

    let others = Scratch::new();
    let file = ClusterFile::read(&scratch.join("cluster/cluster.toml")).expect("a cluster file");
    let foreign = ClusterFile { system: SystemId::new([9; 32]), client: None, ..file };
    foreign.write(&others.join("cluster.toml")).expect("written");
    let fixed = ["node", "new", "--listen", "127.0.0.1:4900", "--failure-domain", "rack"];
    let joins = ["--first-epoch", "1", "--epoch-seconds", "60", "--out", "new"];
    others.succeed(&[&fixed[..], &joins, &["--cluster", "cluster.toml"]].concat());
    std::fs::copy(others.join("new/admission"), scratch.join("foreign")).expect("carried");
    refuses(scratch, &add("foreign"), (4, "other-system", "foreign"));

    let old = ["node", "replace", "nobody", admission, "--authority", KEY];
    refuses(scratch, &old, (8, "no-server", "nobody"));
}

/// In an epoch behind the first.
pub(crate) fn an_expired_certificate_is_refused_and_changes_nothing(scratch: &Scratch) {
    removal(scratch, "late.change", |_| {});
    let late = ["node", "submit", "late.change"];
    refuses(scratch, &late, (10, "certificate-expired", "late.change"));
    assert_eq!(list(scratch)["pending"].as_array().map(Vec::len), Some(0), "nothing is changed");
}

fn certificates_are_refused(scratch: &Scratch) {
    let submit = |file| ["node", "submit", file];
    removal(scratch, "foreign.change", |grant| grant.system = SystemId::new([1; 32]));
    refuses(scratch, &submit("foreign.change"), (4, "other-system", "foreign.change"));
    removal(scratch, "early.change", |grant| {
        (grant.validity.first_epoch, grant.validity.last_epoch) = (Epoch::new(3), Epoch::new(4));
    });
    let early = (10, "certificate-not-yet-valid", "early.change");
    refuses(scratch, &submit("early.change"), early);
    std::fs::write(scratch.join("torn.change"), "quorate-change-1:02").expect("written");
    refuses(scratch, &submit("torn.change"), (4, "carried", "torn.change"));
    let key = IdentityKey::new([8; 32]).to_hex();
    let draft = ["node", "remove", &key, "--out", "draft.change"];
    assert_eq!(call(scratch, &draft)["lacks"], 1);
    let unsigned = (10, "certificate-signature", "draft.change");
    refuses(scratch, &submit("draft.change"), unsigned);
}

#[test]
fn two_of_three_holders_sign_on_machines_of_their_own_and_one_alone_does_nothing() {
    let (scratch, mut dev) = cluster(4);
    let mut keys = Vec::new();
    for holder in ["ann", "bob", "eve"] {
        let made = scratch.succeed(&["authority", "new", "--out", holder, "--json"]);
        let made: Value = serde_json::from_str(&made).expect("JSON");
        keys.push(made["public_key"].as_str().expect("a key").to_owned());
    }
    let three: Vec<&str> = keys.iter().map(String::as_str).collect();
    let appoint = [&["authority", "appoint", "--threshold", "2", "--authority", KEY], &three[..]];
    let appointed = call(&scratch, &appoint.concat());
    assert_eq!(appointed["changes"][0]["epoch"], 1, "it counts at once");
    let shown = call(&scratch, &["authority", "show"]);
    assert_eq!((&shown["threshold"], &shown["sequence"]), (&2.into(), &1.into()));

    let admission = server(&scratch, 1, "1");
    let add = |more: &[&'static str]| [&["node", "add", &admission], more].concat();
    refuses(&scratch, &add(&["--authority", KEY]), (10, "other-authority", KEY));
    let alone = add(&["--authority", "ann/authority.key"]);
    refuses(&scratch, &alone, (10, "signatures-missing", "--authority"));
    let draft = add(&["--out", "draft"]);
    assert_eq!(call(&scratch, &draft)["lacks"], 2);
    for holder in ["ann", "eve"] {
        let key = format!("{holder}/authority.key");
        scratch.succeed(&[
            "authority",
            "sign",
            "--authority",
            &key,
            "--out",
            holder_file(holder),
            "draft",
        ]);
        let one = ["node", "submit", holder_file(holder)];
        refuses(&scratch, &one, (10, "certificate-signature", holder_file(holder)));
    }
    let joined = call(&scratch, &["node", "submit", "by-ann", "by-eve"]);
    assert_eq!(joined["changes"][0]["signed_by"].as_array().map(Vec::len), Some(2));
    assert_eq!(list(&scratch)["pending"][0]["server"], joined["changes"][0]["server"]);
    assert_eq!(dev.stop("TERM"), 0);
}

fn holder_file(holder: &str) -> &'static str {
    if holder == "ann" { "by-ann" } else { "by-eve" }
}
