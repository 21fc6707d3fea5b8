//! The registry of golden files is whole: who can be blessed is listed, who is listed exists.

use super::finding::Finding;
use super::tree::Tree;
use crate::bless::{Golden, REGISTRY};
use crate::run::BLESS;

const RULE: &str = "golden";
const REGISTRY_SOURCE: &str = "xtask/src/bless.rs";

/// Compares the registry with the sources.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    check_registry(tree, REGISTRY)
}

fn check_registry(tree: &Tree, registry: &[Golden]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_suffix(".rs") {
        let is_registered = registry.iter().any(|golden| covers(golden, path));
        if !path.starts_with("xtask/") && text.contains(BLESS) && !is_registered {
            let message = format!("reads {BLESS} and is not registered");
            let remedy = format!("add its test target to REGISTRY in {REGISTRY_SOURCE}");
            findings.push(Finding::new(path, RULE, message).remedy(remedy));
        }
    }
    for golden in registry {
        let reads = |(path, text): (&str, &str)| covers(golden, path) && text.contains(BLESS);
        if !tree.with_suffix(".rs").any(reads) {
            let message = format!("nothing in `{}` reads {BLESS}", source(golden));
            let finding = Finding::new(REGISTRY_SOURCE, RULE, message);
            findings.push(finding.remedy("take the entry out, or mend its folder and target"));
        }
    }
    findings
}

/// Where the sources of the test target lie.
fn source(golden: &Golden) -> String {
    match golden.target {
        "lib" => format!("{}/src/", golden.folder),
        target => format!("{}/tests/{target}", golden.folder),
    }
}

/// Whether the file belongs to the target; what lies in a folder of `tests/` is shared by all.
fn covers(golden: &Golden, path: &str) -> bool {
    let start = source(golden);
    if golden.target == "lib" {
        return path.starts_with(&start);
    }
    let is_shared = path
        .strip_prefix(golden.folder)
        .and_then(|rest| rest.strip_prefix("/tests/"))
        .is_some_and(|rest| rest.contains('/'));
    path == format!("{start}.rs") || is_shared
}

#[cfg(test)]
mod tests;
