//! The few facts that the checks need from a `Cargo.toml`, read line by line.
//!
//! Not a TOML parser: it knows tables, dotted keys and inline tables on one line, which is how this
//! repository writes its manifests. What it cannot read it keeps, and the checks complain about it.

use super::tree::Tree;

/// One dependency of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The name of the package that is depended on, also if it is renamed.
    pub(crate) name: String,
    /// The line of the manifest, from one.
    pub(crate) line: usize,
    /// Whether only tests, examples and benchmarks use it.
    pub(crate) is_dev: bool,
    /// Whether version and source come from the root manifest.
    pub(crate) is_inherited: bool,
}

/// The manifest of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Its path in the repository.
    pub(crate) path: String,
    /// The name of the package.
    pub(crate) package: String,
    /// Normal, build and dev dependencies, also those for one target only.
    pub(crate) dependencies: Vec<Dependency>,
    /// Whether it has `[lints] workspace = true`.
    pub(crate) inherits_lints: bool,
}

impl Manifest {
    /// Reads a manifest.
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let mut manifest = Self {
            path: path.to_owned(),
            package: String::new(),
            dependencies: Vec::new(),
            inherits_lints: false,
        };
        let mut table = String::new();
        for (index, raw) in text.lines().enumerate() {
            let line = raw.split(" #").next().unwrap_or(raw).trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(header) = line.strip_prefix('[') {
                table = header.trim_matches(['[', ']']).to_owned();
            }
            manifest.read_line(&table, line, index + 1);
        }
        manifest
    }

    fn read_line(&mut self, table: &str, line: &str, number: usize) {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let (key, value) = (key.trim(), value.trim());
        let is_header = line.starts_with('[');
        if table == "package" && key == "name" {
            self.package = unquoted(value);
        } else if table == "lints" && key == "workspace" {
            self.inherits_lints = value == "true";
        } else if let Some((is_dev, long_name)) = dependency_table(table) {
            match (long_name, is_header) {
                (None, false) => self.read_dependency(is_dev, (key, value), number),
                (Some(name), true) => self.add(unquoted(name), is_dev, false, number),
                (Some(_), false) => self.read_detail(key, value),
                (None, true) => {}
            }
        }
    }

    /// `name = "1"`, `name = { .. }` or `name.workspace = true`.
    fn read_dependency(&mut self, is_dev: bool, (key, value): (&str, &str), number: usize) {
        let (name, field) = key.split_once('.').unwrap_or((key, ""));
        let compact: String = value.split_whitespace().collect();
        let is_inherited = field == "workspace" || compact.contains("workspace=true");
        let name = renamed(&compact).unwrap_or_else(|| unquoted(name));
        self.add(name, is_dev, is_inherited, number);
    }

    /// A line below `[dependencies.name]`.
    fn read_detail(&mut self, key: &str, value: &str) {
        let Some(last) = self.dependencies.last_mut() else { return };
        match key {
            "workspace" => last.is_inherited = value == "true",
            "package" => last.name = unquoted(value),
            _ => {}
        }
    }

    fn add(&mut self, name: String, is_dev: bool, is_inherited: bool, line: usize) {
        self.dependencies.push(Dependency { name, line, is_dev, is_inherited });
    }

    /// The zone, which is the first folder of the path.
    pub(crate) fn zone(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }
}

/// The manifests of all packages, without the root's.
pub(crate) fn packages(tree: &Tree) -> Vec<Manifest> {
    let manifests = tree.with_suffix("/Cargo.toml");
    manifests.map(|(path, text)| Manifest::parse(path, text)).collect()
}

/// Whether the table lists dependencies: (for tests only, the name in `[dependencies.name]`).
fn dependency_table(table: &str) -> Option<(bool, Option<&str>)> {
    let local = match table.strip_prefix("target.") {
        Some(rest) => &rest[rest.rfind("dependencies").map(|end| rest[..end].rfind('.'))?? + 1..],
        None => table,
    };
    let (head, name) = match local.split_once('.') {
        Some((head, name)) => (head, Some(name)),
        None => (local, None),
    };
    match head {
        "dependencies" | "build-dependencies" => Some((false, name)),
        "dev-dependencies" => Some((true, name)),
        _ => None,
    }
}

/// The real name in `{ package = "name", .. }`, of which all blanks have been taken out.
fn renamed(compact: &str) -> Option<String> {
    let (_, rest) = compact.split_once("package=\"")?;
    rest.split('"').next().map(str::to_owned)
}

fn unquoted(value: &str) -> String {
    value.trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests;
