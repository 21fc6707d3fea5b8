//! Golden files: tests compare with them, and rewrite them under `QUORATE_BLESS=1`.
//!
//! The registry below says which tests have such files. `cargo xtask tidy` fails when a test reads
//! the variable and is not listed here, or is listed and does not exist, so the list cannot rot.

use std::path::Path;

use crate::run;

/// A test target whose files can be rewritten.
pub(crate) struct Golden {
    /// The package, as in `cargo test -p`.
    pub(crate) package: &'static str,
    /// Its folder in the repository.
    pub(crate) folder: &'static str,
    /// The integration test `tests/<target>.rs`, or `lib` for the unit tests of the library.
    pub(crate) target: &'static str,
}

/// Every test target with golden files.
pub(crate) const REGISTRY: &[Golden] = &[];

/// What `bless` does with the files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write what the code produces now.
    Rewrite,
    /// Compare only.
    Check,
}

/// Runs the registered tests; the comparing and the writing are theirs.
pub(crate) fn run(root: &Path, mode: Mode) -> Result<(), String> {
    if REGISTRY.is_empty() {
        println!("no golden files are registered");
        return Ok(());
    }
    for golden in REGISTRY {
        let mut command = run::cargo(root, &["test", run::JOBS, "-p", golden.package]);
        if golden.target == "lib" {
            command.arg("--lib");
        } else {
            command.args(["--test", golden.target]);
        }
        if mode == Mode::Rewrite {
            command.env(run::BLESS, "1");
        }
        run::run(&mut command)?;
    }
    if mode == Mode::Rewrite {
        println!("golden files are rewritten; read `git diff` and explain it in the commit");
    }
    Ok(())
}
