//! Where the files of a cluster lie.

use std::path::{Path, PathBuf};

use quorate_client::explanation::Kind;
use quorate_daemon::founding::ceremony::AUTHORITY_KEY;

use crate::failure::Failure;

/// A directory with a cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The cluster in this directory, which is made if it is not there.
    pub(crate) fn new(directory: &Path) -> Result<Self, Failure> {
        if directory.metadata().is_ok_and(|about| !about.is_dir()) {
            let sort = (Kind::Exists, "not-a-directory");
            let what = "this is no directory";
            return Err(Failure::about(directory, sort, what, "give another place with --dir"));
        }
        let failed = |error: std::io::Error| Failure::io("make or use", directory, &error);
        std::fs::create_dir_all(directory).map_err(failed)?;
        // The servers get absolute paths: they may be looked for from anywhere.
        Ok(Self { root: directory.canonicalize().map_err(failed)? })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("dev.lock")
    }

    pub(crate) fn cluster_file(&self) -> PathBuf {
        self.root.join("cluster.toml")
    }

    /// Where a new cluster is made before it is moved to its place.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }

    /// What a new cluster has that is whole, but not yet in its place.
    pub(crate) fn made(&self) -> PathBuf {
        self.unfinished().join("founding")
    }

    pub(crate) fn genesis(&self) -> PathBuf {
        self.root.join("founding/genesis")
    }

    /// The cluster file that names no client.
    pub(crate) fn contacts(&self) -> PathBuf {
        self.root.join("founding/cluster.toml")
    }

    pub(crate) fn client(&self) -> PathBuf {
        self.root.join("client")
    }

    pub(crate) fn authority_key(&self) -> PathBuf {
        self.root.join("authority").join(AUTHORITY_KEY)
    }

    pub(crate) fn nodes(&self) -> PathBuf {
        self.root.join("nodes")
    }

    pub(crate) fn node(&self, number: u16) -> PathBuf {
        self.nodes().join(number.to_string())
    }

    pub(crate) fn node_file(&self, number: u16) -> PathBuf {
        self.node(number).join("node.toml")
    }

    pub(crate) fn pid(&self, number: u16) -> PathBuf {
        self.node(number).join("pid")
    }

    pub(crate) fn log(&self, number: u16) -> PathBuf {
        self.node(number).join("log")
    }
}
