//! `cargo xtask round` and `cargo xtask power-cuts`: rounds over real processes by hand, longer
//! than those of the gate.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::gate::RELEASE_PACKAGES;
use crate::run;

/// Builds the programs as the gate does, and runs rounds with these words.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    let mut build = run::cargo(root, &["build", "--release", run::JOBS]);
    run::run(build.args(RELEASE_PACKAGES))?;
    run::run(Command::new(program(root)).args(words).current_dir(root))
}

/// Where the build puts the program. `cargo run` builds for one package, with other features than
/// the three of the gate share, and so would build everything again.
fn program(root: &Path) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root.join(target).join("release/rounds")
}
