//! The registry of golden files is whole: who can be blessed is listed, who is listed exists.

use super::finding::Finding;
use super::tree::Tree;
use crate::bless::{Golden, MARK, NAME, REGISTRY};

const RULE: &str = "golden";
const REGISTRY_SOURCE: &str = "xtask/src/bless.rs";

/// Compares the registry with the sources.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    check_registry(tree, REGISTRY)
}

fn check_registry(tree: &Tree, registry: &[Golden]) -> Vec<Finding> {
    let sources = || tree.with_suffix(".rs").filter(|(path, _)| !path.starts_with("xtask/"));
    let mut findings = Vec::new();
    for (path, text) in sources().filter(|(_, text)| text.contains(MARK)) {
        if !registry.iter().any(|golden| covers(golden, path)) {
            let message = "has a golden file and is not registered".into();
            let finding = Finding::new(path, RULE, message);
            let remedy = format!("add its test target to REGISTRY in {REGISTRY_SOURCE}");
            findings.push(finding.remedy(remedy));
        }
        findings.extend(unnamed(path, text));
    }
    for golden in registry {
        if !sources().any(|(path, text)| covers(golden, path) && text.contains(MARK)) {
            let message = format!("nothing in `{}` has a golden file", source(golden));
            let finding = Finding::new(REGISTRY_SOURCE, RULE, message);
            findings.push(finding.remedy("take the entry out, or mend its folder and target"));
        }
    }
    findings
}

/// Tests with a golden file that `bless` would pass over, since it asks for a name.
fn unnamed(path: &str, text: &str) -> Vec<Finding> {
    let mut function = "";
    let mut findings = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim_start().starts_with("fn ") {
            function = line;
        }
        if line.contains(MARK) && !function.contains(NAME) {
            let message = "a test with a golden file has another name".into();
            let finding = Finding::new(path, RULE, message);
            findings.push(finding.at(number).remedy(format!("put `{NAME}` into the name")));
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
