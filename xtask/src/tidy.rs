//! `cargo xtask tidy`: the rules of STYLE.md that a program can check, one module per check.
//!
//! A check is a function from the [`Tree`] to its [`Finding`]s. Each has a test that shows it
//! fire: a check that cannot fail is a defect.

mod allow_list;
mod banned_words;
mod finding;
mod golden;
mod headers;
mod invariants;
mod layers;
mod limits;
mod manifest;
mod markdown;
mod rust_text;
mod shape;
mod tables;
mod tree;
mod zones;

use std::path::Path;

use finding::Finding;
use tree::Tree;

type Check = fn(&Tree) -> Vec<Finding>;

const CHECKS: [Check; 11] = [
    layers::check,
    allow_list::check,
    zones::check,
    headers::check,
    shape::check,
    banned_words::check,
    invariants::check,
    tables::check,
    limits::check,
    markdown::check,
    golden::check,
];

/// Runs every check; the error counts the findings, which are printed one per line.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root).map_err(|error| format!("reading the tree: {error}"))?;
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {} files, nothing to mend", tree.file_count());
        return Ok(());
    }
    Err(format!("tidy: {} findings", findings.len()))
}
