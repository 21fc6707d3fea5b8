//! A lint configuration that no longer holds is found.

use super::*;

const CLIPPY: &str = "too-many-lines-threshold = 70\ntoo-many-arguments-threshold = 5\n";
const ROOT: &str =
    "[workspace.lints.clippy]\ntoo_many_lines = \"warn\"\ntoo_many_arguments = \"warn\"\n";

/// The sound configuration with some files added or replaced.
fn findings(changed: &[(&str, &str)]) -> Vec<String> {
    let mut files = vec![
        ("Cargo.toml", ROOT),
        ("protocol/clippy.toml", CLIPPY),
        ("node/clippy.toml", CLIPPY),
        ("lab/clippy.toml", CLIPPY),
        ("xtask/clippy.toml", CLIPPY),
    ];
    files.retain(|(path, _)| changed.iter().all(|(other, _)| path != other));
    files.extend(changed.iter().filter(|(_, text)| !text.is_empty()));
    check(&Tree::of(&files)).iter().map(ToString::to_string).collect()
}

#[test]
fn one_configuration_per_zone_is_sound() {
    assert!(findings(&[]).is_empty());
}

#[test]
fn a_missing_configuration_is_found() {
    let found = findings(&[("lab/clippy.toml", "")]);
    assert!(found.len() == 1 && found[0].starts_with("lab/clippy.toml:1: zones:"), "{found:?}");
}

#[test]
fn a_configuration_at_the_root_or_in_a_crate_is_found() {
    for path in ["clippy.toml", ".clippy.toml", "node/.clippy.toml", "node/net/clippy.toml"] {
        assert_eq!(findings(&[(path, CLIPPY)]).len(), 1, "{path}");
    }
}

#[test]
fn a_loosened_threshold_is_found() {
    let text = "too-many-lines-threshold = 700\ntoo-many-arguments-threshold = 5\n";
    assert_eq!(findings(&[("node/clippy.toml", text)]).len(), 1);
}

#[test]
fn a_lint_that_is_switched_off_is_found() {
    assert_eq!(findings(&[("Cargo.toml", "too_many_lines = \"warn\"\n")]).len(), 1);
}

#[test]
fn a_package_without_the_lints_is_found() {
    assert_eq!(findings(&[("node/net/Cargo.toml", "[package]\nname = \"a\"\n")]).len(), 1);
}
