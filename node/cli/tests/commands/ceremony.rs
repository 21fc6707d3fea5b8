//! The ceremony, what verifies it, and the exit codes.

use std::path::Path;

use quorate_client::cluster_file::{ClusterFile, ServerContact, parse_system_key};
use quorate_daemon::founding::GenesisFile;
use serde_json::Value;

use crate::support::Scratch;

/// The generator of the group: a point that is a key, though nobody has made it.
const SOME_KEY: &str = "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e8\
                        3ff97a1aeffb3af00adb22c6bb";

/// Makes an authority and this many servers; returns the calls' working directory.
fn servers(count: usize) -> Scratch {
    let scratch = Scratch::new();
    scratch.succeed(&["authority", "new", "--out", "authority"]);
    for number in 1..=count {
        let (out, listen) = (format!("node-{number}"), format!("127.0.0.1:470{number}"));
        let domain = format!("rack {number}");
        let call = ["node", "new", "--out", &out, "--listen", &listen, "--failure-domain", &domain];
        scratch.succeed(&call);
    }
    scratch
}

fn init(f: &str, count: usize) -> Vec<String> {
    let fixed = ["init", "--authority", "authority/authority.key", "--f", f, "--f-ms", "1"];
    let mut call: Vec<String> = fixed.map(String::from).to_vec();
    call.extend(["--out", "system"].map(String::from));
    call.extend((1..=count).map(|number| format!("node-{number}/admission")));
    call
}

/// A genesis of servers that do not run, what `init` said of it, and a file for clients.
pub(crate) fn founded() -> (Scratch, Value) {
    let scratch = servers(4);
    let mut call = init("1", 4);
    call.push("--json".to_owned());
    let answer = scratch.succeed(&call);
    let genesis = GenesisFile::read(&scratch.join("system/genesis")).expect("a genesis");
    let contact = |member: &quorate_types::MemberRecord| ServerContact {
        identity_key: member.identity_key,
        address: member.address.clone(),
    };
    let contacts = ClusterFile {
        system: genesis.system(),
        system_key: parse_system_key(SOME_KEY).expect("a key"),
        authority_key: genesis.genesis().authority_key,
        epoch: None,
        servers: genesis.configuration().members.iter().map(|member| contact(member)).collect(),
        client: None,
    };
    contacts.write(&scratch.join("cluster.toml")).expect("written");
    (scratch, serde_json::from_str(&answer).expect("JSON"))
}

#[test]
fn a_genesis_holds_no_secret_and_is_known_by_the_name_of_its_system() {
    let (scratch, system) = founded();
    let made = std::fs::read_dir(scratch.join("system")).expect("a directory");
    let made: Vec<_> = made.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(made, ["genesis"], "nothing else is there to be carried");
    let name = system["system"].as_str().expect("a name");
    let text = scratch.succeed(&["config", "verify", "system/genesis", "--system", name]);
    assert!(text.starts_with("this is the genesis of the system\n"), "{text}");
    let call = ["config", "verify", "system/genesis", "--cluster", "cluster.toml", "--json"];
    let json: Value = serde_json::from_str(&scratch.succeed(&call)).expect("JSON");
    assert_eq!((&json["is_verified"], &json["f_ms"]), (&Value::from(true), &Value::from(1)));
    assert_eq!(json["system"], system["system"]);

    let text = scratch.succeed(&["config", "show", "system/genesis"]);
    assert!(text.ends_with("not verified: use `quorate config verify`\n"), "{text}");
    assert_eq!(text.matches("  membership group").count(), 4, "{text}");
    let text = scratch.succeed(&["config", "show", "cluster.toml"]);
    assert!(text.contains(&format!("system_key {SOME_KEY}\n")), "{text}");
}

#[test]
fn a_genesis_with_a_flipped_byte_or_of_another_system_or_release_is_not_verified() {
    let (scratch, system) = founded();
    let (_other, other) = founded();
    let verify = |system: &Value| {
        let name = system["system"].as_str().expect("a name").to_owned();
        scratch.fail(&["config", "verify", "system/genesis", "--system", &name])
    };
    let (code, text) = verify(&other);
    assert_eq!(code, 4, "{text}");
    assert!(text.starts_with("error[other-system]: "), "{text}");

    let path = scratch.join("system/genesis");
    let good = std::fs::read(&path).expect("the genesis");
    let mut bytes = good.clone();
    bytes[200] ^= 1;
    std::fs::write(&path, bytes).expect("the genesis");
    let (code, text) = verify(&system);
    assert_eq!(code, 12, "{text}");
    assert!(text.starts_with("error[genesis-damaged]: "), "{text}");

    // A genesis whose key somebody had dealt.
    let mut bytes = good;
    bytes[17] = 1;
    std::fs::write(&path, bytes).expect("the genesis");
    let (code, text) = verify(&system);
    assert_eq!(code, 4, "{text}");
    assert!(text.starts_with("error[genesis-version]: the genesis has format 1"), "{text}");
}

#[test]
fn who_asks_for_the_key_of_servers_that_do_not_run_is_told_what_to_do() {
    let (scratch, _) = founded();
    let call = ["system-key", "system/genesis", "--out", "contacts", "--wait", "1"];
    let (code, text) = scratch.fail(&call);
    assert_eq!(code, 9, "{text}");
    assert!(text.starts_with("error[not-founded]: "), "{text}");
    assert!(text.contains("start the servers that the genesis names"), "{text}");
    assert!(!scratch.join("contacts").exists());
    assert_eq!(scratch.fail(&["system-key", "cluster.toml"]).0, 4, "this is no genesis");
    let epoch = ["epoch", "verify", "system/genesis", "--cluster", "cluster.toml"];
    let (code, text) = scratch.fail(&epoch);
    assert_eq!(code, 4, "{text}");
    assert!(text.starts_with("error[no-chain]: "), "nobody has signed a genesis: {text}");
}

#[test]
fn each_failure_has_its_code_and_says_what_to_do() {
    let scratch = servers(4);
    let (code, text) = scratch.fail(&init("2", 4));
    assert_eq!(code, 2);
    assert_eq!(
        text,
        "error[too-few-servers]: 4 servers, at least 7 are needed: ADMISSION: \
         give more admissions, or smaller f: a group has 3f+1 servers\n"
    );
    assert_eq!(scratch.fail(&["authority", "new", "--out", "authority"]).0, 14);
    assert_eq!(scratch.fail(&["config", "show", "nothing"]).0, 8);
    let (code, text) = scratch.fail(&["config", "show", "node-1/admission"]);
    assert_eq!(code, 4);
    assert!(text.starts_with("error[unknown-file]: this is neither a genesis nor"), "{text}");
    assert_eq!(scratch.fail(&["config", "verify", "node-1/admission"]).0, 2);
    let (code, text) = scratch.fail(&init("1", 1));
    assert_eq!(code, 2);
    assert!(text.starts_with("error[too-few-servers]: 1 server, at least 4"), "{text}");
    assert_eq!(scratch.fail(&["frobnicate"]).0, 2);
    let (code, text) = scratch.fail(&["--json", "frobnicate"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.starts_with("{\"error\":{\"code\":\"usage\",\"exit\":2"), "{text}");

    let (code, text) = scratch.fail(&["node", "run", "--config", "node-1/node.toml"]);
    assert_eq!(code, 8);
    assert!(text.contains("node-1/genesis"), "{text}");

    let call = ["--json", "node", "run", "--config", "nothing.toml"];
    let (code, text) = scratch.fail(&call);
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &json["error"]["exit"]), (8, &Value::from(8)));
    assert_eq!(json["error"]["where"], "nothing.toml");
}

#[test]
fn a_client_is_certified_by_the_authority_of_its_system_only() {
    let (scratch, _) = founded();
    let call = |authority: &str, out: &str| {
        let cluster = "cluster.toml";
        [
            "client",
            "new",
            "--authority",
            authority,
            "--cluster",
            cluster,
            "--name",
            "me",
            "--out",
            out,
        ]
        .map(String::from)
    };
    scratch.succeed(&call("authority/authority.key", "me"));
    let text = scratch.succeed(&["config", "show", "me/cluster.toml"]);
    assert!(text.contains("client_key me/client.key\n"), "{text}");
    scratch.succeed(&["authority", "new", "--out", "other"]);
    let (code, text) = scratch.fail(&call("other/authority.key", "you"));
    assert_eq!(code, 10, "{text}");
    assert!(!Path::new(&scratch.join("you")).exists());
}

#[test]
fn a_key_that_others_may_read_stops_a_server() {
    use std::os::unix::fs::PermissionsExt;

    let (scratch, _) = founded();
    let node = scratch.join("node-1");
    std::fs::copy(scratch.join("system/genesis"), node.join("genesis")).expect("a copy");
    let loose = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(node.join("keys/epoch-0.key"), loose).expect("permissions");
    let (code, text) = scratch.fail(&["node", "run", "--config", "node-1/node.toml"]);
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("chmod 600 node-1/keys/epoch-0.key"), "{text}");
}

#[test]
fn help_and_completions_know_the_commands() {
    let scratch = Scratch::new();
    let help = scratch.succeed(&["--help"]);
    for word in
        ["dev", "authority", "node", "init", "system-key", "client", "config", "Exit codes:"]
    {
        assert!(help.contains(word), "{word}: {help}");
    }
    assert!(scratch.succeed(&["completions", "bash"]).contains("_quorate"));
}

#[test]
fn a_call_that_cannot_be_meant_says_what_it_lacks_and_how_to_get_it() {
    let scratch = Scratch::new();
    std::fs::write(scratch.join("file"), "no directory").expect("a file");
    let cases: [(&[&str], i32, &str); 4] = [
        (&["blob", "put", "file"], 2, "`quorate dev` makes a cluster"),
        (&["dev", "--dir", "file"], 14, "this is no directory: file: give another place"),
        (&["demo", "."], 2, "this is a directory: .: name a file"),
        (&["demo", "nothing"], 8, "nothing: correct the path"),
    ];
    for (arguments, code, text) in cases {
        let (found, complaint) = scratch.fail(arguments);
        assert_eq!(found, code, "{complaint}");
        assert!(complaint.contains(text), "{complaint}");
    }
    let (_, complaint) = scratch.fail(&["blob", "get", "--json"]);
    let failure: Value = serde_json::from_str(&complaint).expect("JSON");
    let what = failure["error"]["what"].as_str().expect("what is wrong");
    assert!(what.contains("--cluster <FILE>, --output <FILE>, <ID>"), "{what}");
}
