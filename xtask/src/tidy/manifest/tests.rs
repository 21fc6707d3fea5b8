//! Every way in which a dependency can be written down.

use super::*;

fn names(text: &str) -> Vec<(String, bool, bool)> {
    let manifest = Manifest::parse("node/a/Cargo.toml", text);
    let facts = manifest.dependencies.into_iter();
    facts.map(|dependency| (dependency.name, dependency.is_dev, dependency.is_inherited)).collect()
}

#[test]
fn name_zone_and_lints_are_read() {
    let text = "[package]\nname = \"quorate-a\"\n\n[lints]\nworkspace = true\n";
    let manifest = Manifest::parse("node/a/Cargo.toml", text);
    assert_eq!((manifest.package.as_str(), manifest.zone()), ("quorate-a", "node"));
    assert!(manifest.inherits_lints);
    assert!(!Manifest::parse("node/a/Cargo.toml", "[package]\nname = \"a\"\n").inherits_lints);
}

#[test]
fn short_and_inline_dependencies_are_read() {
    let text = "[dependencies]\na.workspace = true # why\nb = { workspace = true }\nc = \"1\"\n\
                [dev-dependencies]\nd = { version = \"1\", features = [\"x\"] }\n";
    let owned = |name: &str, is_dev, is_inherited| (name.to_owned(), is_dev, is_inherited);
    assert_eq!(
        names(text),
        [
            owned("a", false, true),
            owned("b", false, true),
            owned("c", false, false),
            owned("d", true, false)
        ]
    );
}

#[test]
fn tables_of_one_dependency_and_of_one_target_are_read() {
    let text = "[dependencies.a]\nworkspace = true\n[build-dependencies]\nb = \"1\"\n\
                [target.'cfg(unix)'.dependencies]\nc = \"1\"\n\
                [target.x86_64-unknown-linux-gnu.dev-dependencies.d]\npackage = \"e\"\n";
    let found: Vec<_> = names(text).into_iter().map(|(name, is_dev, _)| (name, is_dev)).collect();
    let owned = |name: &str, is_dev| (name.to_owned(), is_dev);
    assert_eq!(found, [owned("a", false), owned("b", false), owned("c", false), owned("e", true)]);
}

#[test]
fn a_renamed_dependency_keeps_its_real_name() {
    let text = "[dependencies]\ninnocent = { package = \"quorate-adversary\", path = \"x\" }\n";
    assert_eq!(names(text)[0].0, "quorate-adversary");
}

#[test]
fn other_tables_hold_no_dependencies() {
    let text = "[features]\na = []\n[profile.dev]\nb = 1\n[[bin]]\nname = \"c\"\n";
    assert!(names(text).is_empty());
}
