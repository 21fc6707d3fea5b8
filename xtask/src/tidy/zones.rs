//! That the lints hold: each zone has its one clippy.toml, and each package takes part.
//!
//! Clippy reads the nearest clippy.toml and no other, silently. One at the root would look as if it
//! held, and one inside a crate would switch off the bans of the zone.

use super::finding::Finding;
use super::manifest;
use super::tree::Tree;

const RULE: &str = "zones";

const ZONES: [&str; 4] = ["protocol", "node", "lab", "xtask"];

/// What every zone's clippy.toml says: functions of at most 70 lines and 5 arguments.
const THRESHOLDS: [&str; 2] = ["too-many-lines-threshold = 70", "too-many-arguments-threshold = 5"];

/// The lints of the root manifest that use the thresholds.
const LINTS: [&str; 2] = ["too_many_lines = ", "too_many_arguments = "];

/// Checks the lint configuration as a whole.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for zone in ZONES {
        findings.extend(check_zone(tree, zone));
    }
    findings.extend(tree.paths().filter_map(stray));
    let root = tree.text("Cargo.toml").unwrap_or_default();
    let absent = LINTS.iter().filter(|lint| !root.contains(*lint));
    findings.extend(absent.map(|lint| {
        let message = format!("the lint `{}` is not set", lint.trim_end_matches(" = "));
        Finding::new("Cargo.toml", RULE, message).remedy("set it in [workspace.lints.clippy]")
    }));
    let packages = manifest::packages(tree).into_iter().filter(|package| !package.inherits_lints);
    findings.extend(packages.map(|package| {
        Finding::new(&package.path, RULE, "the lints of the workspace do not hold here".to_owned())
            .remedy("add `[lints]` with `workspace = true`")
    }));
    findings
}

fn check_zone(tree: &Tree, zone: &str) -> Vec<Finding> {
    let path = format!("{zone}/clippy.toml");
    let Some(text) = tree.text(&path) else {
        let finding = Finding::new(&path, RULE, "the zone has no clippy.toml".to_owned());
        return vec![finding.remedy("write one: thresholds and bans, each with its reason")];
    };
    let absent = THRESHOLDS.iter().filter(|line| !text.lines().any(|one| one.trim() == **line));
    absent
        .map(|line| {
            Finding::new(&path, RULE, format!("`{line}` is not there")).remedy("add the line")
        })
        .collect()
}

/// A clippy.toml that is not one of the four.
fn stray(path: &str) -> Option<Finding> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_configuration = name == "clippy.toml" || name == ".clippy.toml";
    if !is_configuration || (ZONES.contains(&folder) && name == "clippy.toml") {
        return None;
    }
    let message = "hides or seems to replace the clippy.toml of a zone".to_owned();
    Some(Finding::new(path, RULE, message).remedy("one per zone: move its lines there"))
}

#[cfg(test)]
mod tests;
