//! A promise that is not kept up by an assert and a test is found.

use super::*;

const DECLARATION: &str = "//! A.\n//!\n//! # Invariants\n//! - BFT-1: one vote per slot.\n";

/// The findings for a declaring file with this code, and other files.
fn findings(code: &str, others: &[(&str, &str)]) -> Vec<String> {
    let text = format!("{DECLARATION}{code}");
    let mut files = vec![("protocol/bft/src/vote.rs", text.as_str())];
    files.extend(others);
    check(&Tree::of(&files)).iter().map(ToString::to_string).collect()
}

const ASSERT: &str = "fn a() { assert!(b, \"BFT-1: second vote\"); }\n";
const TEST: (&str, &str) = ("protocol/bft/tests/vote.rs", "//! A.\n// BFT-1\nfn a() {}\n");

#[test]
fn declared_enforced_and_tested_is_sound() {
    assert!(findings(ASSERT, &[TEST]).is_empty());
}

#[test]
fn an_invariant_without_an_assert_is_found() {
    let found = findings("fn a() {}\n", &[TEST]);
    assert!(found.len() == 1 && found[0].contains("BFT-1 is not enforced"), "{found:?}");
    assert!(found[0].starts_with("protocol/bft/src/vote.rs:4: invariants:"), "{found:?}");
}

#[test]
fn documentation_alone_enforces_nothing() {
    assert_eq!(findings("/// Keeps BFT-1.\nfn a() {}\n", &[TEST]).len(), 1);
}

#[test]
fn an_invariant_without_a_test_is_found() {
    let found = findings(ASSERT, &[]);
    assert!(found.len() == 1 && found[0].contains("BFT-1 is not tested"), "{found:?}");
}

#[test]
fn a_test_may_cite_by_name_by_text_and_in_a_module_of_the_file() {
    let named = ("protocol/bft/tests/vote.rs", "//! A.\nfn bft_1_no_second_vote() {}\n");
    assert!(findings(ASSERT, &[named]).is_empty());
    let inner = format!("{ASSERT}#[cfg(test)]\nmod tests {{\n    const A: &str = \"BFT-1\";\n}}\n");
    assert!(findings(&inner, &[]).is_empty());
}

#[test]
fn an_assert_in_a_test_does_not_enforce() {
    let inner = format!("#[cfg(test)]\nmod tests {{\n{ASSERT}}}\n");
    assert_eq!(findings(&inner, &[]).len(), 1);
}

#[test]
fn the_lab_may_check_and_test_but_not_both_in_one_line() {
    let checker = ("lab/sim/src/checkers.rs", "//! A.\n// BFT-1\n");
    let found = findings("", &[checker]);
    assert!(found.len() == 1 && found[0].contains("cited once"), "{found:?}");
    assert!(findings("", &[checker, TEST]).is_empty());
}

#[test]
fn an_id_that_nobody_declared_is_found() {
    let other = ("node/net/src/lib.rs", "//! A.\nfn a() { b(\"BFT-2: c\"); }\n");
    let found = findings(ASSERT, &[TEST, other]);
    assert!(found.len() == 1 && found[0].starts_with("node/net/src/lib.rs:2:"), "{found:?}");
    let page = ("docs/a.md", "# A\nkeeps BFT-3 always\n");
    assert_eq!(findings(ASSERT, &[TEST, page]).len(), 1);
    let mistyped = ("node/net/src/lib.rs", "//! A.\nfn a() { b(\"BTF-1: c\"); }\n");
    assert_eq!(findings(ASSERT, &[TEST, mistyped]).len(), 1);
}

#[test]
fn names_of_standards_and_longer_words_are_no_ids() {
    let text = "//! SHA-256: a hash. RFC-7250, XBFT-9, BFT-9a, A-BFT-9, \u{e9}BF-1: na.\n";
    assert!(findings(ASSERT, &[TEST, ("node/net/src/lib.rs", text)]).is_empty());
}

#[test]
fn a_name_that_only_looks_like_an_id_is_no_citation() {
    let test = ("protocol/bft/tests/vote.rs", "//! A.\nfn put_3_times() {}\n");
    assert_eq!(findings(ASSERT, &[test]).len(), 1);
}

#[test]
fn a_second_declaration_and_one_in_the_wrong_section_are_found() {
    let found = findings(ASSERT, &[TEST, ("node/net/src/lib.rs", DECLARATION)]);
    assert!(found.len() == 1 && found[0].contains("already"), "{found:?}");
    let misplaced = ("node/net/src/lib.rs", "//! A.\n//! - NET-1: b.\n");
    let found = findings(ASSERT, &[TEST, misplaced]);
    assert!(found.len() == 1 && found[0].contains("outside `//! # Invariants`"), "{found:?}");
}

#[test]
fn a_list_above_may_repeat_an_id_if_it_names_the_module_of_its_crate() {
    let list = "//! A.\n//! # Invariants\n//! - BFT-1: one vote\n//!   per slot (`vote`).\n";
    assert!(findings(ASSERT, &[TEST, ("protocol/bft/src/lib.rs", list)]).is_empty());
    assert!(
        findings("", &[TEST, ("protocol/bft/src/lib.rs", list)])[0].contains("bft/src/vote.rs")
    );
    let elsewhere = list.replace("`vote`", "`other`");
    assert_eq!(findings(ASSERT, &[TEST, ("protocol/bft/src/lib.rs", &elsewhere)]).len(), 1);
    assert_eq!(findings(ASSERT, &[TEST, ("protocol/dht/src/lib.rs", list)]).len(), 1);
}
