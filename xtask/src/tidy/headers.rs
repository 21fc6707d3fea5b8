//! How files begin: every Rust file says what it is, every pure crate says that it is pure.

use super::finding::Finding;
use super::rust_text::{Kind, RustText};
use super::tree::Tree;

const RULE: &str = "headers";

/// Pure crates that may hold `unsafe` code, each with the reason.
const MAY_BE_UNSAFE: [&str; 1] = [
    // Curve arithmetic goes through the C interface of blst.
    "protocol/threshold/src/lib.rs",
];

/// Checks the beginnings of all Rust files.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.with_suffix(".rs").flat_map(|(path, text)| check_file(path, text)).collect()
}

fn check_file(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let opening = text.lines().next().and_then(|line| line.strip_prefix("//!"));
    if opening.is_none_or(|sentence| sentence.trim().is_empty()) {
        let message = "the file does not begin with `//!` and a sentence".to_owned();
        findings.push(
            Finding::new(path, RULE, message)
                .remedy("say in one sentence what the file does and why it exists"),
        );
    }
    if is_pure_root(path) {
        findings.extend(check_purity(path, text));
    }
    findings
}

fn is_pure_root(path: &str) -> bool {
    path.starts_with("protocol/") && path.ends_with("/src/lib.rs")
}

fn check_purity(path: &str, text: &str) -> Vec<Finding> {
    let code = RustText::new(text).only(&[Kind::Code]);
    let mut wanted = vec!["#![no_std]"];
    if !MAY_BE_UNSAFE.contains(&path) {
        wanted.push("#![forbid(unsafe_code)]");
    }
    wanted.retain(|attribute| !code.contains(attribute));
    wanted
        .into_iter()
        .map(|attribute| {
            Finding::new(path, RULE, format!("the pure crate lacks `{attribute}`"))
                .remedy("add it; tests get std by `#[cfg(test)] extern crate std;`")
        })
        .collect()
}

#[cfg(test)]
mod tests;
