//! A file that is too long, too wide or not plain is found.

use super::*;

fn findings(path: &str, text: &str) -> Vec<String> {
    check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_of_801_lines_is_found_and_one_of_800_is_not() {
    assert!(findings("node/a/src/b.rs", &"//\n".repeat(800)).is_empty());
    let found = findings("node/a/src/b.rs", &"//\n".repeat(801));
    assert!(found.len() == 1 && found[0].contains("801 lines"), "{found:?}");
}

#[test]
fn lines_of_tests_do_not_count() {
    let inner = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "//\n".repeat(801));
    assert!(findings("node/a/src/b.rs", &inner).is_empty());
    assert!(findings("node/a/tests/b.rs", &"//\n".repeat(801)).is_empty());
    assert!(findings("node/a/src/b/tests.rs", &"//\n".repeat(801)).is_empty());
}

#[test]
fn a_line_of_101_columns_is_found_with_its_number() {
    let found =
        findings("node/a/src/b.rs", &format!("\n{}\n{}\n", "a".repeat(100), "a".repeat(101)));
    assert!(found.len() == 1 && found[0].starts_with("node/a/src/b.rs:3: shape: 101"), "{found:?}");
}

#[test]
fn a_letter_that_is_not_ascii_is_found() {
    let found = findings("node/a/src/b.rs", "// na\u{ef}ve\n");
    assert!(found.len() == 1 && found[0].contains("U+00EF"), "{found:?}");
}
