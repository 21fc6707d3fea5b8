//! A file that does not introduce itself, and a crate that is no longer pure, are found.

use super::*;

fn findings(path: &str, text: &str) -> Vec<String> {
    check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_that_begins_with_a_sentence_is_sound() {
    assert!(findings("node/a/src/b.rs", "//! Sends.\n").is_empty());
}

#[test]
fn a_file_without_an_opening_sentence_is_found() {
    for text in ["", "use a::b;\n", "//!\n//! Late.\n", "// Plain.\n", "\n//! Late.\n"] {
        assert_eq!(findings("node/a/src/b.rs", text).len(), 1, "{text:?}");
    }
}

#[test]
fn a_pure_crate_says_so_in_code_and_not_in_a_comment() {
    let path = "protocol/bft/src/lib.rs";
    assert!(findings(path, "//! A.\n#![no_std]\n#![forbid(unsafe_code)]\n").is_empty());
    let found = findings(path, "//! A.\n// #![no_std]\n#![forbid(unsafe_code)]\n");
    assert!(found.len() == 1 && found[0].contains("`#![no_std]`"), "{found:?}");
    assert_eq!(findings(path, "//! A.\n#![no_std]\n").len(), 1);
}

#[test]
fn the_exception_may_be_unsafe_and_must_still_be_pure() {
    let path = MAY_BE_UNSAFE[0];
    assert!(findings(path, "//! A.\n#![no_std]\n").is_empty());
    assert_eq!(findings(path, "//! A.\n").len(), 1);
}
