//! Which crates of others may be used where, and that each has its reason written down.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::layers::is_ours;
use super::manifest::{self, Dependency, Manifest};
use super::tree::Tree;

const RULE: &str = "dependencies";

/// The page with the reason for each crate of others.
const REASONS: &str = "docs/decisions/0002-dependencies.md";

/// What the pure zone may use: arithmetic and the wiping of secrets, nothing with a world behind.
const PROTOCOL: [&str; 6] =
    ["blake3", "blst", "ed25519-zebra", "rand_chacha", "rand_core", "zeroize"];

/// What the zone that acts may use besides.
const NODE: [&str; 19] = [
    "getrandom",
    "tokio",
    "rustls",
    "tokio-rustls",
    "redb",
    "fjall",
    "crc32c",
    "libc",
    "rustix",
    "thiserror",
    "serde",
    "serde_json",
    "toml",
    "clap",
    "clap_complete",
    "indicatif",
    "tracing",
    "tracing-subscriber",
    "prometheus-client",
];

/// What tests may use besides; the lab is a test as a whole.
const TESTS: [&str; 4] = ["allocation-counter", "blake2b_simd", "expect-test", "proptest"];

/// Compares every manifest with the lists.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for package in manifest::packages(tree) {
        for dependency in package.dependencies.iter().filter(|one| !is_ours(&one.name)) {
            used.insert(dependency.name.clone());
            if !is_allowed(package.zone(), dependency) {
                findings.push(not_allowed(&package, dependency));
            }
        }
        let direct = package.dependencies.iter().filter(|one| !one.is_inherited);
        findings.extend(direct.map(|dependency| not_inherited(&package, dependency)));
    }
    let reasons = tree.text(REASONS).unwrap_or_default();
    let lacks_reason = |name: &&String| !reasons.contains(&format!("`{name}`"));
    findings.extend(used.iter().filter(lacks_reason).map(|name| without_reason(name)));
    findings
}

fn is_allowed(zone: &str, dependency: &Dependency) -> bool {
    let name = dependency.name.as_str();
    let in_production = match zone {
        "protocol" => PROTOCOL.contains(&name),
        "node" | "lab" => PROTOCOL.contains(&name) || NODE.contains(&name),
        _ => return false,
    };
    let in_tests = PROTOCOL.contains(&name) || NODE.contains(&name) || TESTS.contains(&name);
    in_production || ((dependency.is_dev || zone == "lab") && in_tests)
}

fn not_allowed(package: &Manifest, dependency: &Dependency) -> Finding {
    let message = format!("`{}` may not be used in {}/", dependency.name, package.zone());
    Finding::new(&package.path, RULE, message)
        .at(dependency.line)
        .remedy("do without, or move the code to the zone that may; see CONTRIBUTING.md")
}

fn not_inherited(package: &Manifest, dependency: &Dependency) -> Finding {
    let message = format!("`{}` has a version or path of its own", dependency.name);
    Finding::new(&package.path, RULE, message)
        .at(dependency.line)
        .remedy(format!("write `{}.workspace = true`", dependency.name))
}

fn without_reason(name: &str) -> Finding {
    let message = format!("`{name}` is used and has no reason here");
    Finding::new(REASONS, RULE, message).remedy("add a row: why, instead of what, how well kept")
}

#[cfg(test)]
mod tests;
