//! An edge that is not in the table is found, also a hidden one.

use super::*;

/// A manifest with one dependency of the given table.
fn findings(path: &str, package: &str, table: &str, dependency: &str) -> Vec<String> {
    let text = format!("[package]\nname = \"{package}\"\n[{table}]\n{dependency}\n");
    let lab = "[package]\nname = \"quorate-adversary\"\n";
    let tree = Tree::of(&[(path, &text), ("lab/adversary/Cargo.toml", lab)]);
    check(&tree).iter().map(ToString::to_string).collect()
}

const BFT: (&str, &str) = ("protocol/bft/Cargo.toml", "quorate-bft");
const CLI: (&str, &str) = ("node/cli/Cargo.toml", "quorate");

#[test]
fn an_edge_of_the_table_is_allowed() {
    let line = "quorate-state.workspace = true";
    assert!(findings(BFT.0, BFT.1, "dependencies", line).is_empty());
    let daemon = ("node/daemon/Cargo.toml", "quorate-daemon");
    assert!(findings(daemon.0, daemon.1, "dependencies", line).is_empty());
}

#[test]
fn an_edge_outside_the_table_is_found_with_its_line() {
    let line = "quorate-dht.workspace = true";
    let found = findings(BFT.0, BFT.1, "dependencies", line);
    assert_eq!(found.len(), 1);
    let start = "protocol/bft/Cargo.toml:4: layers: `quorate-bft` may not depend on `quorate-dht`";
    assert!(found[0].starts_with(start), "{found:?}");
}

#[test]
fn a_renamed_and_a_target_edge_are_found() {
    let line = "x = { package = \"quorate-dht\", path = \"../dht\" }";
    assert_eq!(findings(BFT.0, BFT.1, "dependencies", line).len(), 1);
    let line = "quorate-dht.workspace = true";
    assert_eq!(findings(BFT.0, BFT.1, "target.'cfg(unix)'.dependencies", line).len(), 1);
    assert_eq!(findings(BFT.0, BFT.1, "build-dependencies", line).len(), 1);
}

#[test]
fn tests_may_use_any_crate_but_the_lab() {
    let table = "dev-dependencies";
    assert!(findings(BFT.0, BFT.1, table, "quorate-kv.workspace = true").is_empty());
    assert_eq!(findings(CLI.0, CLI.1, table, "quorate-adversary.workspace = true").len(), 1);
    let xtask = findings("xtask/Cargo.toml", "xtask", table, "quorate-kv.workspace = true");
    assert_eq!(xtask.len(), 1);
}

#[test]
fn no_production_crate_holds_an_adversary() {
    let found = findings(CLI.0, CLI.1, "dependencies", "quorate-adversary.workspace = true");
    assert!(found.len() == 1 && found[0].contains("nothing outside lab/"), "{found:?}");
}

#[test]
fn the_lab_may_use_everything() {
    let line = "quorate-adversary.workspace = true\nquorate-daemon.workspace = true";
    assert!(findings("lab/liar/Cargo.toml", "quorate-liar", "dependencies", line).is_empty());
}

#[test]
fn a_crate_that_the_table_does_not_know_is_found() {
    let found = findings("node/new/Cargo.toml", "quorate-new", "dependencies", "");
    assert!(found.len() == 1 && found[0].contains("not in the dependency table"), "{found:?}");
}

#[test]
fn the_table_has_no_cycle_because_each_layer_stands_below_its_users() {
    for (index, layer) in LAYERS.iter().enumerate() {
        for below in layer.below {
            let place = LAYERS.iter().position(|other| other.name == *below);
            assert!(place.is_some_and(|place| place < index), "{} -> {below}", layer.name);
        }
    }
}
