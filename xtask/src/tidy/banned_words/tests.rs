//! Reminders and switched-off tests are found, words that only look like them are not.

use super::*;

fn findings(path: &str, text: &str) -> Vec<String> {
    check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
}

#[test]
fn each_reminder_is_found_with_its_line() {
    for word in REMINDERS {
        let found = findings("node/a/src/b.rs", &format!("\n// {word}: later\n"));
        assert_eq!(found.len(), 1, "{word}");
        assert!(found[0].starts_with("node/a/src/b.rs:2: banned:"), "{found:?}");
        assert_eq!(findings(".ci/run", &format!("# {word}\n")).len(), 1);
    }
}

#[test]
fn longer_words_and_pages_of_documentation_are_left_alone() {
    for word in REMINDERS {
        assert!(findings("node/a/src/b.rs", &format!("// {word}S A{word} _{word}\n")).is_empty());
        assert!(findings("docs/a.md", word).is_empty());
    }
}

#[test]
fn a_test_that_is_switched_off_is_found() {
    assert_eq!(findings("node/a/src/b.rs", "#[test]\n#[ignore]\nfn a() {}\n").len(), 1);
    assert_eq!(findings("node/a/src/b.rs", "#[ignore = \"slow\"]\nfn a() {}\n").len(), 1);
    assert_eq!(findings("node/a/src/b.rs", "#[cfg_attr(a, ignore)]\nfn a() {}\n").len(), 1);
    assert!(findings("node/a/src/b.rs", "// #[ignore]\n").is_empty());
}
