//! Golden files: the bytes of a format, which tests compare with and rewrite when they are told to.
//!
//! The registry below says which test targets have such files; the tests themselves have `golden`
//! in their names. `cargo xtask tidy` fails when a test with a golden file is not found by this
//! rule, or an entry finds none, so the list cannot rot.

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
pub(crate) const REGISTRY: &[Golden] = &[
    Golden { package: "quorate-state", folder: "protocol/state", target: "model" },
    Golden { package: "quorate-kes", folder: "protocol/kes", target: "lib" },
    Golden { package: "quorate-bft", folder: "protocol/bft", target: "cluster" },
    Golden { package: "quorate-membership", folder: "protocol/membership", target: "lib" },
    Golden { package: "quorate-dht", folder: "protocol/dht", target: "lib" },
];

/// How a test is recognised that has a golden file.
pub(crate) const MARK: &str = "expect_file!";

/// What the names of such tests have in common.
pub(crate) const NAME: &str = "golden";

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
    for golden in REGISTRY {
        let mut command = run::cargo(root, &["test", run::JOBS, "-p", golden.package]);
        if golden.target == "lib" {
            command.arg("--lib");
        } else {
            command.args(["--test", golden.target]);
        }
        command.arg(NAME);
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
