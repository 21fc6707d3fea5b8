//! A golden test that cannot be blessed by the command, and an entry without a test, are found.

use super::*;

const VECTORS: Golden =
    Golden { package: "quorate-wire", folder: "protocol/wire", target: "vectors" };
const LIBRARY: Golden = Golden { package: "quorate-wire", folder: "protocol/wire", target: "lib" };

fn findings(path: &str, function: &str, registry: &[Golden]) -> Vec<String> {
    let text = format!("//! A.\nfn {function}() {{\n    {MARK}[\"a.txt\"];\n}}\n");
    let tree = Tree::of(&[(path, &text)]);
    check_registry(&tree, registry).iter().map(ToString::to_string).collect()
}

#[test]
fn a_registered_test_is_sound() {
    let sound = |path, registry: &[Golden]| findings(path, "the_golden_bytes", registry).is_empty();
    assert!(sound("protocol/wire/tests/vectors.rs", &[VECTORS]));
    assert!(sound("protocol/wire/tests/support/golden.rs", &[VECTORS]));
    assert!(sound("protocol/wire/src/a/tests.rs", &[LIBRARY]));
}

#[test]
fn a_test_that_is_not_registered_is_found() {
    let found = findings("protocol/wire/tests/vectors.rs", "the_golden_bytes", &[]);
    assert!(found.len() == 1 && found[0].contains("is not registered"), "{found:?}");
}

#[test]
fn a_test_that_bless_would_pass_over_is_found() {
    let found = findings("protocol/wire/tests/vectors.rs", "the_bytes", &[VECTORS]);
    assert!(found.len() == 1 && found[0].contains("another name"), "{found:?}");
}

#[test]
fn an_entry_without_a_test_is_found() {
    let found = findings("protocol/wire/tests/others.rs", "the_golden_bytes", &[VECTORS]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].starts_with("xtask/src/bless.rs:1: golden: nothing in"), "{found:?}");
}
