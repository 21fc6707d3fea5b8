//! Which crate of ours may depend on which: the one arrow between the zones, and the order inside.
//!
//! A normal or build dependency must stand in the table. Tests may use any crate outside the lab;
//! nothing outside the lab may depend on the lab, so no production program can hold an adversary.

use super::finding::Finding;
use super::manifest::{self, Dependency, Manifest};
use super::tree::Tree;

const RULE: &str = "layers";

/// The crates of `protocol/`, without the prefix `quorate-`.
const PROTOCOL: [&str; 12] = [
    "types",
    "machine",
    "wire",
    "crypto",
    "kes",
    "threshold",
    "state",
    "bft",
    "kv",
    "membership",
    "dht",
    "duties",
];

/// A crate and the crates that it may depend on, all without the prefix; `quorate` is the program.
struct Layer {
    name: &'static str,
    below: &'static [&'static str],
    /// Whether all of [`PROTOCOL`] may be used too.
    all_protocol: bool,
}

const fn layer(name: &'static str, below: &'static [&'static str]) -> Layer {
    Layer { name, below, all_protocol: false }
}

const fn above_protocol(name: &'static str, below: &'static [&'static str]) -> Layer {
    Layer { name, below, all_protocol: true }
}

const LAYERS: [Layer; 19] = [
    layer("types", &[]),
    layer("machine", &["types"]),
    layer("wire", &["types"]),
    layer("crypto", &["types", "wire"]),
    layer("kes", &["types", "wire", "crypto"]),
    layer("threshold", &["types", "machine", "wire", "crypto"]),
    layer("state", &["types", "machine", "wire", "crypto"]),
    layer("bft", &["types", "machine", "wire", "crypto", "state"]),
    layer("kv", &["types", "machine", "wire"]),
    layer("membership", &["types", "machine", "wire", "crypto", "kes", "threshold", "state"]),
    layer("dht", &["types", "machine", "wire", "crypto"]),
    layer("duties", &["types", "machine", "wire", "crypto", "membership", "dht"]),
    layer("net", &[]),
    layer("store", &[]),
    layer("runtime", &["types", "machine", "wire", "crypto", "net", "store"]),
    above_protocol("client", &["net", "store", "runtime"]),
    above_protocol("daemon", &["net", "store", "runtime", "client"]),
    layer(
        "quorate",
        &[
            "types",
            "wire",
            "crypto",
            "client",
            "daemon",
            "threshold",
            "membership",
            "dht",
            "bft",
            "kv",
        ],
    ),
    layer("xtask", &[]),
];

/// Compares every manifest with the table.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let packages = manifest::packages(tree);
    let lab: Vec<&str> =
        packages.iter().filter(|one| one.zone() == "lab").map(|one| one.package.as_str()).collect();
    packages.iter().flat_map(|package| check_package(package, &lab)).collect()
}

fn check_package(package: &Manifest, lab: &[&str]) -> Vec<Finding> {
    if package.zone() == "lab" {
        return Vec::new();
    }
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == short(&package.package)) else {
        let message = format!("`{}` is not in the dependency table", package.package);
        let remedy = "add it to LAYERS in xtask/src/tidy/layers.rs, with a decision note";
        return vec![Finding::new(&package.path, RULE, message).remedy(remedy)];
    };
    let ours = package.dependencies.iter().filter(|dependency| is_ours(&dependency.name));
    ours.filter_map(|dependency| check_edge(package, layer, dependency, lab)).collect()
}

fn check_edge(
    package: &Manifest,
    layer: &Layer,
    dependency: &Dependency,
    lab: &[&str],
) -> Option<Finding> {
    let below = short(&dependency.name);
    let is_allowed = if lab.contains(&dependency.name.as_str()) {
        false
    } else if dependency.is_dev && package.zone() != "xtask" {
        true
    } else {
        layer.below.contains(&below) || (layer.all_protocol && PROTOCOL.contains(&below))
    };
    if is_allowed {
        return None;
    }
    let message = format!("`{}` may not depend on `{}`", package.package, dependency.name);
    let remedy = if lab.contains(&dependency.name.as_str()) {
        "nothing outside lab/ depends on the lab: move the test into lab/"
    } else {
        "take the value as an input or a trait; a new edge is a decision of its own"
    };
    Some(Finding::new(&package.path, RULE, message).at(dependency.line).remedy(remedy))
}

/// Whether the package is one of the workspace's.
pub(crate) fn is_ours(name: &str) -> bool {
    name == "quorate" || name == "xtask" || name.starts_with("quorate-")
}

fn short(name: &str) -> &str {
    name.strip_prefix("quorate-").unwrap_or(name)
}

#[cfg(test)]
mod tests;
