//! A message, timer or limit without a row is found.

use super::*;

const SOURCE: &str = "//! A.\n\n/// Docs.\n// tidy: messages\n#[derive(Debug, Clone)]\n\
    pub enum Message {\n    /// One {.\n    Prepare(Vec<u8>, [u8; 2]),\n    #[doc(hidden)]\n    \
    Commit { view: u64, slot: u64 },\n    Status = 3,\n    Last\n}\n\n\
    // tidy: timers\npub enum Timer { Progress }\n";
const LIMIT: &str = "//! A.\n/// Bytes\n/// of it. More.\n#[doc(alias = \"a\")]\n\
    pub const BYTES_MAX: usize = 1;\nconst OWN: u8 = 2;\n";
const ROWS: &str = "# M\n| `Prepare` |\n| `Commit` |\n| `Status` |\n| `Last` |\n| `Progress` |\n";

fn findings(source: &str, limits: &str, messages: &str, limit_rows: &str) -> Vec<String> {
    let tree = Tree::of(&[
        ("protocol/bft/src/message.rs", source),
        ("protocol/bft/src/limits.rs", limits),
        (MESSAGES, messages),
        (LIMITS, limit_rows),
    ]);
    check(&tree).iter().map(ToString::to_string).collect()
}

#[test]
fn whole_tables_are_sound() {
    let found = findings(SOURCE, LIMIT, ROWS, "| `BYTES_MAX` |\n");
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn each_variant_without_a_row_is_found_at_its_line() {
    for (name, line) in [("Prepare", 8), ("Commit", 10), ("Status", 11), ("Last", 12)] {
        let rows = ROWS.replace(&format!("`{name}`"), "");
        let found = findings(SOURCE, LIMIT, &rows, "| `BYTES_MAX` |\n");
        let start = format!("protocol/bft/src/message.rs:{line}: tables: the message `{name}`");
        assert!(found.len() == 1 && found[0].starts_with(&start), "{found:?}");
    }
}

#[test]
fn a_timer_and_a_limit_without_a_row_are_found() {
    let rows = ROWS.replace("Progress", "Other");
    let found = findings(SOURCE, LIMIT, &rows, "`BYTES_MAX` outside of a table\n");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("the timer `Progress`") && found[1].contains("the limit"));
}

#[test]
fn a_name_in_the_text_of_another_row_is_no_row() {
    let rows = ROWS.replace("| `Commit` |\n| `Status` |", "| `Status` | as `Commit` says |");
    let found = findings(SOURCE, LIMIT, &rows, "| `BYTES_MAX` |\n");
    assert!(found.len() == 1 && found[0].contains("the message `Commit`"), "{found:?}");
}

#[test]
fn a_name_that_is_used_twice_needs_two_rows() {
    let twice = format!("{SOURCE}// tidy: messages\npub enum Other {{ Status }}\n");
    assert_eq!(findings(&twice, LIMIT, ROWS, "| `BYTES_MAX` |\n").len(), 1);
    let rows = format!("{ROWS}| `Status` |\n");
    assert!(findings(&twice, LIMIT, &rows, "| `BYTES_MAX` |\n").is_empty());
}

#[test]
fn a_mark_above_no_enum_is_found() {
    let broken = format!("{SOURCE}// tidy: messages\npub struct A;\n");
    let found = findings(&broken, LIMIT, ROWS, "| `BYTES_MAX` |\n");
    assert!(found.len() == 1 && found[0].contains("stands above no `pub enum`"), "{found:?}");
}

#[test]
fn a_mark_in_a_string_is_no_mark_and_nothing_marked_is_found() {
    let source = "//! A.\nconst A: &str = \"\n// tidy: messages\n\";\n";
    let found = findings(source, "//! A.\n", ROWS, "");
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|line| line.contains("is marked for its table")), "{found:?}");
}

#[test]
fn the_finding_about_a_limit_holds_the_row_to_paste() {
    let found = findings(SOURCE, LIMIT, ROWS, "");
    let row = "add the row | `BYTES_MAX` | `1` | protocol/bft | Bytes of it. |";
    assert!(found.len() == 1 && found[0].ends_with(row), "{found:?}");
}
