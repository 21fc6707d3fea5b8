//! Where the programs under test lie: beside this one, in the folder of the same build.

use std::path::{Path, PathBuf};

/// The programs under test.
#[derive(Clone, Debug)]
pub struct Programs {
    /// What users run.
    pub quorate: PathBuf,
    /// A server that lies.
    pub liar: PathBuf,
    /// Rounds, as a program of their own.
    pub rounds: PathBuf,
}

impl Programs {
    /// The programs beside this one.
    ///
    /// # Errors
    /// How to build them, if one is missing.
    pub fn beside_this() -> Result<Self, String> {
        let itself = std::env::current_exe().map_err(|error| format!("who am I: {error}"))?;
        let folder = itself.parent().unwrap_or_else(|| Path::new("."));
        // Tests lie one folder deeper than programs.
        let folder =
            if folder.ends_with("deps") { folder.join("..") } else { folder.to_path_buf() };
        let find = |name: &str| {
            let path = folder.join(name);
            let missing = "build the programs first: cargo build --release";
            path.canonicalize().map_err(|error| format!("{}: {error}; {missing}", path.display()))
        };
        Ok(Self { quorate: find("quorate")?, liar: find("quorate-liar")?, rounds: find("rounds")? })
    }
}
