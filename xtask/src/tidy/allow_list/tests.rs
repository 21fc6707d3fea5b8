//! A crate in the wrong zone, without a reason or with a version of its own is found.

use super::*;

fn findings(path: &str, table: &str, line: &str, reasons: &str) -> Vec<String> {
    let text = format!("[package]\nname = \"a\"\n[{table}]\n{line}\n");
    let tree = Tree::of(&[(path, &text), (REASONS, reasons)]);
    check(&tree).iter().map(ToString::to_string).collect()
}

const PURE: &str = "protocol/bft/Cargo.toml";
const WORLD: &str = "node/net/Cargo.toml";

#[test]
fn a_listed_crate_with_a_reason_is_allowed() {
    assert!(findings(PURE, "dependencies", "blake3.workspace = true", "`blake3`").is_empty());
    assert!(findings(WORLD, "dependencies", "tokio.workspace = true", "`tokio`").is_empty());
}

#[test]
fn the_pure_zone_gets_nothing_with_a_world_behind_it() {
    let found = findings(PURE, "dependencies", "tokio.workspace = true", "`tokio`");
    assert_eq!(found.len(), 1);
    let start = "protocol/bft/Cargo.toml:4: dependencies: `tokio` may not be used in protocol/";
    assert!(found[0].starts_with(start), "{found:?}");
}

#[test]
fn an_unlisted_crate_is_found_in_every_zone_and_also_in_tests() {
    for path in [PURE, WORLD, "lab/sim/Cargo.toml", "xtask/Cargo.toml"] {
        for table in ["dependencies", "dev-dependencies"] {
            let found = findings(path, table, "left-pad.workspace = true", "`left-pad`");
            assert_eq!(found.len(), 1, "{path} {table}");
        }
    }
}

#[test]
fn property_tests_are_for_tests_and_the_lab_only() {
    let line = "proptest.workspace = true";
    assert!(findings(PURE, "dev-dependencies", line, "`proptest`").is_empty());
    assert!(findings("lab/sim/Cargo.toml", "dependencies", line, "`proptest`").is_empty());
    assert_eq!(findings(PURE, "dependencies", line, "`proptest`").len(), 1);
}

#[test]
fn xtask_uses_nothing_at_all() {
    let line = "blake3.workspace = true";
    assert_eq!(findings("xtask/Cargo.toml", "dependencies", line, "`blake3`").len(), 1);
}

#[test]
fn a_crate_without_a_written_reason_is_found() {
    let found = findings(PURE, "dependencies", "blake3.workspace = true", "`blst`");
    assert!(found.len() == 1 && found[0].starts_with(REASONS), "{found:?}");
}

#[test]
fn a_version_outside_the_root_manifest_is_found() {
    let found = findings(PURE, "dependencies", "blake3 = \"1.8\"", "`blake3`");
    assert!(found.len() == 1 && found[0].contains("a version or path of its own"), "{found:?}");
}
