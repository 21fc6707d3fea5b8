//! `cargo xtask sim`: hands its words to the simulator's own program, built for release.

use std::path::Path;

use crate::run;

const PACKAGE: &str = "quorate-sim";
const BINARY: &str = "sim";

/// Where the program may have its source.
const SOURCES: [&str; 3] =
    ["lab/sim/src/bin/sim.rs", "lab/sim/src/bin/sim/main.rs", "lab/sim/src/main.rs"];

/// Whether the simulator's program has been written.
pub(crate) fn is_built(root: &Path) -> bool {
    SOURCES.iter().any(|source| root.join(source).is_file())
}

/// Runs the simulator with these words.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    if !is_built(root) {
        return Err(format!("the simulator is not built yet: {} is missing", SOURCES[0]));
    }
    let mut command = run::cargo(root, &["run", "--release", run::JOBS, "-p", PACKAGE]);
    command.args(["--bin", BINARY, "--"]).args(words);
    run::run(&mut command)
}
