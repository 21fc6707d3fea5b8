//! The files of the repository as the checks see them: paths with `/`, texts read once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// Folders with this name hold nothing that is written by hand.
const SKIPPED: [&str; 2] = [".git", "target"];

/// All paths of the repository, and the text of those files that some check reads.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    paths: BTreeSet<String>,
    texts: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the repository below `root`.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.read_folder(root, "")?;
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                if !SKIPPED.contains(&name.as_str()) {
                    self.read_folder(&entry.path(), &format!("{path}/"))?;
                    self.paths.insert(path);
                }
                continue;
            }
            if is_read(&path) {
                let bytes = fs::read(entry.path())?;
                self.texts.insert(path.clone(), String::from_utf8_lossy(&bytes).into_owned());
            }
            self.paths.insert(path);
        }
        Ok(())
    }

    /// Whether a file or a folder has this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        path.is_empty() || self.paths.contains(path)
    }

    /// The text of a file, if it exists and is one that is read.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Path and text of every file whose name ends so, in the order of their paths.
    pub(crate) fn with_suffix(&self, suffix: &str) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.texts.iter().filter(move |(path, _)| path.ends_with(suffix));
        texts.map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Path and text of every file that is read.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.with_suffix("")
    }

    /// Paths of all files and folders.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// How many files were read.
    pub(crate) fn file_count(&self) -> usize {
        self.texts.len()
    }

    /// A small tree for a test of a check.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            for (index, _) in path.match_indices('/') {
                tree.paths.insert(path[..index].to_owned());
            }
            tree.paths.insert((*path).to_owned());
            tree.texts.insert((*path).to_owned(), (*text).to_owned());
        }
        tree
    }
}

fn is_read(path: &str) -> bool {
    let suffixes = [".rs", ".md", ".toml", ".sh", ".yml"];
    path.starts_with(".ci/") || suffixes.iter().any(|suffix| path.ends_with(suffix))
}

#[cfg(test)]
mod tests;
