//! The file that is made can be read, and each mistake in one is named.
use std::path::{Path, PathBuf};

use quorate_client::carried::from_hex;
use quorate_client::settings::Source;
use quorate_threshold as threshold;

use super::{ConfigurationError, NodeConfiguration, NodeTemplate, Origin};

/// The generator of the group: a point that is a key.
const SYSTEM_KEY: &str = "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e8\
                          3ff97a1aeffb3af00adb22c6bb";

fn text() -> String {
    template(None).to_text()
}

fn template(joins: Option<u64>) -> NodeTemplate {
    NodeTemplate {
        listen: "0.0.0.0:4700".parse().unwrap(),
        metrics: "127.0.0.1:9700".parse().unwrap(),
        system_key: Some(threshold::PublicKey::decode(&from_hex(SYSTEM_KEY).unwrap()).unwrap()),
        joins,
    }
}

fn parse(text: &str) -> Result<NodeConfiguration, ConfigurationError> {
    NodeConfiguration::parse(Source { file: Path::new("/srv/q/node.toml"), text })
}

#[test]
fn the_file_that_is_made_says_what_was_asked_with_paths_relative_to_it() {
    let configuration = parse(&text()).unwrap();
    assert_eq!(configuration.listen.port(), 4700);
    assert_eq!(configuration.data, PathBuf::from("/srv/q/data"));
    assert_eq!(configuration.origin, Origin::Genesis(PathBuf::from("/srv/q/genesis")));
    assert_eq!(configuration.log_filter, "info");
    let configuration = parse(&text().replace("log_filter = \"info\"", "")).unwrap();
    assert_eq!(configuration.log_filter, "info");
    assert_eq!(configuration.founding_patience.as_secs(), 60);
    // A server that makes the key of its system with the others keeps it by itself.
    let founding = text().split("system_key").next().unwrap().to_owned();
    assert_eq!(parse(&founding).unwrap().system_key, None);
}

#[test]
fn a_server_that_joins_asks_others_and_knows_how_long_an_epoch_lasts() {
    let text = template(Some(3_600)).to_text();
    let configuration = parse(&text).unwrap();
    assert_eq!(configuration.origin, Origin::Cluster(PathBuf::from("/srv/q/cluster.toml")));
    assert_eq!(configuration.epoch, Some(std::time::Duration::from_secs(3_600)));
    let error = parse(&text.replace("epoch_seconds", "# ")).unwrap_err().explain();
    assert_eq!(error.what, "the key `node.epoch_seconds` is missing");
    assert!(error.remedy.starts_with("write how long an epoch of the system lasts"), "{error}");
}

#[test]
fn how_many_changes_end_an_epoch_can_be_set() {
    let with = |changes: &str| parse(&(text() + &format!("epoch_changes = \"{changes}\"\n")));
    assert_eq!(parse(&text()).unwrap().epoch_changes, 10_000);
    assert_eq!(with("1").unwrap().epoch_changes, 1);
    for changes in ["0", "-1", "some"] {
        let error = with(changes).unwrap_err().explain();
        assert!(error.what.starts_with("wrong value of `node.epoch_changes`"), "{error}");
    }
}

#[test]
fn when_an_identity_gets_another_root_can_be_set_within_the_epochs_of_its_tree() {
    let with = |epochs: &str| parse(&(text() + &format!("root_epochs = \"{epochs}\"\n")));
    assert_eq!(parse(&text()).unwrap().root_rule.epochs, 3072);
    for epochs in [2, 3456] {
        assert_eq!(with(&epochs.to_string()).unwrap().root_rule.epochs, epochs);
    }
    for epochs in ["0", "1", "3457", "4096", "-2", "many"] {
        let error = with(epochs).unwrap_err().explain();
        assert!(error.what.starts_with("wrong value of `node.root_epochs`"), "{error}");
    }
}

#[test]
fn each_mistake_names_the_key_the_line_and_the_remedy() {
    let golden = [
        (
            text().replace("listen = ", "lisen = "),
            "unknown key `node.lisen`: /srv/q/node.toml:3: did you mean `listen`?",
        ),
        (
            text().replace("0.0.0.0:4700", "localhost:4700"),
            "wrong value of `node.listen`: invalid socket address syntax: /srv/q/node.toml:3: \
             write \"IP:port\", such as \"0.0.0.0:4700\"",
        ),
        (
            text().replace("127.0.0.1:9700", "0.0.0.0:9700"),
            "wrong value of `node.metrics`: it can be reached from other machines: \
             /srv/q/node.toml:5: write a loopback address, such as \"127.0.0.1:9700\"",
        ),
        (
            text().replace("log_filter = \"info\"", "founding_patience_seconds = \"soon\""),
            "wrong value of `node.founding_patience_seconds`: invalid digit found in string: \
             /srv/q/node.toml:10: write a number of seconds, such as \"60\"",
        ),
        (
            text().replace("data = \"data\"", "data = 5"),
            "wrong value of `node.data`: of the type integer: /srv/q/node.toml:6: \
             name a directory for the data of this node",
        ),
        (
            text().replace("genesis = \"genesis\"", "genesis = \"\""),
            "wrong value of `node.genesis`: it is empty: /srv/q/node.toml:9: \
             name the genesis that `quorate init` wrote",
        ),
        (
            text().replace("system_key = \"97", "system_key = \"87"),
            "wrong value of `node.system_key`: it is no key of a system (NotOnCurve): \
             /srv/q/node.toml:12: write the 96 digits of the key of the system",
        ),
        (
            text() + "[limits]\n",
            "unknown key `limits`: /srv/q/node.toml:13: remove it; known here: node",
        ),
    ];
    for (text, expected) in golden {
        assert_eq!(parse(&text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn a_text_that_is_no_toml_is_refused_with_its_line() {
    let error = parse("[node]\nlisten = 0.0.0.0:4700\n").unwrap_err();
    assert_eq!(error.explain().code, "syntax");
    assert!(error.to_string().contains("/srv/q/node.toml:2"), "{error}");
}
