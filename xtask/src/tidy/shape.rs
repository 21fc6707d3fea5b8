//! Sizes that a reader can hold: 800 lines per file, 100 columns, plain ASCII.
//!
//! The length of functions is clippy's part: `too_many_lines`, with the threshold that
//! [`super::zones`] keeps.

use super::finding::Finding;
use super::rust_text::RustText;
use super::tree::Tree;

const RULE: &str = "shape";

/// Lines of a file that are not for tests only.
const FILE_LINES_MAX: usize = 800;

/// Columns of a line.
const COLUMNS_MAX: usize = 100;

/// Checks the size and the letters of all Rust files.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.with_suffix(".rs").flat_map(|(path, text)| check_file(path, text)).collect()
}

fn check_file(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let line_count = production_line_count(path, text);
    if line_count > FILE_LINES_MAX {
        let message = format!("{line_count} lines outside tests, more than {FILE_LINES_MAX}");
        findings.push(
            Finding::new(path, RULE, message).remedy("split it by message, phase or main type"),
        );
    }
    for (index, line) in text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            let message = format!("{columns} columns, more than {COLUMNS_MAX}");
            findings.push(Finding::new(path, RULE, message).at(index + 1).remedy("wrap the line"));
        }
        if let Some(letter) = line.chars().find(|letter| !letter.is_ascii()) {
            let message = format!("the letter U+{:04X} is not ASCII", u32::from(letter));
            let finding = Finding::new(path, RULE, message).at(index + 1);
            findings.push(finding.remedy("write it in ASCII, or as \\u{..} in a string"));
        }
    }
    findings
}

fn production_line_count(path: &str, text: &str) -> usize {
    if is_test_file(path) {
        return 0;
    }
    RustText::new(text).test_lines().iter().filter(|is_test| !**is_test).count()
}

/// Whether all of the file is for tests: it lies in a `tests` folder or is a `tests.rs`.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

#[cfg(test)]
mod tests;
