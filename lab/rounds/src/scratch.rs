//! A directory that goes away with its value, unless something failed: then it is evidence.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::telling::tell;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A directory among the temporary files.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    is_kept: bool,
}

impl Scratch {
    /// A new directory.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(purpose: &str) -> Result<Self, String> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("quorate-{purpose}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path, is_kept: false })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Passes a result on; the directory stays if it is a failure.
    ///
    /// # Errors
    /// The failure that was given, with the place of the directory.
    pub fn keep_if_failed<T>(&mut self, result: Result<T, String>) -> Result<T, String> {
        self.is_kept |= result.is_err();
        result.map_err(|error| format!("{error}\nlogs and data: {}", self.path.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.is_kept || std::thread::panicking() {
            tell(&format!("logs and data are kept in {}", self.path.display()));
        } else if std::fs::remove_dir_all(&self.path).is_err() {
            tell(&format!("{} could not be removed", self.path.display()));
        }
    }
}
