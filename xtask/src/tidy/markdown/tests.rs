//! A page without its one title, and a link that leads nowhere, are found.

use super::*;

fn findings(text: &str) -> Vec<String> {
    let tree = Tree::of(&[
        ("docs/a.md", text),
        ("docs/b.md", "# B b\n\n## Two: `words`\n\n## Two words\n"),
        ("src/c.rs", ""),
    ]);
    check(&tree).iter().map(ToString::to_string).collect()
}

#[test]
fn a_page_has_exactly_one_title() {
    assert!(findings("# A\n\n## B\n\n```sh\n# comment\n```\n").is_empty());
    assert_eq!(
        findings("A\n"),
        ["docs/a.md:1: markdown: 0 titles of the first level: a page has \
                                 exactly one line `# Title`"]
    );
    assert_eq!(findings("# A\n# B\n").len(), 1);
}

#[test]
fn links_that_resolve_are_sound() {
    let text = "# A\n[b](b.md) ![c](../src/c.rs) [d](b.md#two-words) [e](#a) [f](..) [g](./b.md)\n\
                [h](https://example.org/#x) [i](b.md#two-words-1 \"title\")\n[j]: b.md#b-b\n";
    assert!(findings(text).is_empty(), "{:?}", findings(text));
}

#[test]
fn links_in_code_are_left_alone() {
    assert!(findings("# A\n`[b](missing.md)`\n~~~\n[b](missing.md)\n```\n~~~\n").is_empty());
}

#[test]
fn a_link_to_no_file_is_found_with_its_line() {
    let found = findings("# A\n\n[b](missing.md)\n");
    assert!(found.len() == 1 && found[0].starts_with("docs/a.md:3: markdown:"), "{found:?}");
    assert_eq!(findings("# A\n[b]: missing.md\n").len(), 1);
    assert_eq!(findings("# A\n`code` [b](missing.md) `code`\n").len(), 1);
}

#[test]
fn an_anchor_that_no_heading_has_is_found() {
    for link in ["#b", "b.md#three", "b.md#two-words-2", "../src/c.rs#L1"] {
        assert_eq!(findings(&format!("# A\n[b]({link})\n")).len(), 1, "{link}");
    }
}

#[test]
fn a_link_out_of_the_repository_is_found() {
    assert_eq!(findings("# A\n[b](../../other.md)\n").len(), 1);
    assert_eq!(findings("# A\n[b](/etc/hosts)\n").len(), 1);
}
