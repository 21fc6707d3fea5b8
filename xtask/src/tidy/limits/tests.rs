//! A row that says something else than the sources is found.

use super::*;

const LIMITS: &str = "//! A.\nconst KIB: usize = 1024;\npub const BYTES_MAX: usize = 64 * KIB;\n\
    pub const ALL_MAX: usize = 2 * (BYTES_MAX + 1);\npub const WAIT: Duration =\n    \
    Duration::from_millis(1_500);\npub const SKIP_MAX: u64 = 1 << 32;\n\
    pub const KEYS_MAX: u64 = 2 * MEMBERS_MAX as u64;\n";
const OTHER: &str = "//! B.\n/// Docs.\nconst DEPTH_MAX: usize = 5_000;\n";
const ROWS: &str = "# L\n## `node/net`\n| limit | value | what |\n|---|---|---|\n\
    | `BYTES_MAX` | 64 KiB | a |\n| `ALL_MAX` | `2 * (BYTES_MAX + 1)` | b |\n\
    | `WAIT` | 1 500 ms | c |\n| `SKIP_MAX` | 2^32 | d |\n| `KEYS_MAX` | 2 * MEMBERS_MAX | e |\n\
    ## Beside\n| `DEPTH_MAX` | 5 000 | node/net `tree.rs` | e |\n";

fn findings(page: &str) -> Vec<String> {
    let tree = Tree::of(&[
        ("node/net/src/limits.rs", LIMITS),
        (SHARED, "//! C.\npub const MEMBERS_MAX: usize = 7;\n"),
        ("node/net/src/tree.rs", OTHER),
        (PAGE, page),
    ]);
    check(&tree).iter().map(ToString::to_string).collect()
}

#[test]
fn a_table_that_says_what_the_sources_say_is_sound() {
    assert_eq!(findings(ROWS), Vec::<String>::new());
}

#[test]
fn another_value_is_found_whatever_it_is_written_in() {
    for (from, to) in [
        ("| 64 KiB |", "| 65 KiB |"),
        ("2 * (BYTES_MAX + 1)", "2 * BYTES_MAX + 1"),
        ("1 500 ms", "1 500 s"),
        ("2^32", "2^31"),
        ("| 5 000 |", "| 5 |"),
        ("| 64 KiB |", "| about 64 KiB |"),
        ("| 64 KiB |", "| |"),
    ] {
        let found = findings(&ROWS.replace(from, to));
        assert!(found.len() == 1 && found[0].contains(" here and `"), "{from} {to} {found:?}");
    }
}

#[test]
fn a_row_without_a_constant_or_beside_another_is_found() {
    let found = findings(&ROWS.replace("`WAIT`", "`WAITED`"));
    assert!(found.len() == 1 && found[0].contains("`WAITED` is not in node/net/src/limits.rs"));
    let found = findings(&ROWS.replace("`tree.rs`", "`tower.rs`"));
    assert!(found.len() == 1 && found[0].contains("is not in node/net/src/tower.rs"), "{found:?}");
    let twice = ROWS.replace("| `WAIT`", "| `BYTES_MAX` | 64 KiB | a |\n| `WAIT`");
    let found = findings(&twice);
    assert!(found.len() == 1 && found[0].contains("has a row already, at line 5"), "{found:?}");
}

#[test]
fn constants_that_name_each_other_are_no_number() {
    let circular = constants("const A: u8 = B;\nconst B: u8 = A;\n");
    assert_eq!(number("A + 1", &circular), None);
    assert_eq!(number("3 - 4", &circular), None);
    assert_eq!(number("(1 + 2) * 2^3 x", &circular), None);
    assert_eq!(number("(1 + 2) * 2^3", &circular), Some(24));
}
