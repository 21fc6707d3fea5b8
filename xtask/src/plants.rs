//! `cargo xtask plants`: runs each planted bug until its checker fires, and prints the matrix.
//!
//! The one build in which plants exist lies in a target folder of its own, so that no other build
//! ever shares a file with it. With `--unit` the unit tests of the protocol run with each bug in
//! force first: a bug that one of them finds is shown in the matrix and does not count.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::run;

const PACKAGE: &str = "quorate-sim";
const BINARY: &str = "sim";
/// The crates with hooks, and those that stand on them.
const TESTED: [&str; 6] = [
    "quorate-threshold",
    "quorate-bft",
    "quorate-dht",
    "quorate-membership",
    "quorate-kv",
    "quorate-duties",
];
/// Chooses the bug that is in force in a process, by its number; none is 0.
const VARIABLE: &str = "QUORATE_PLANT";

fn planted(root: &Path, words: &[&str]) -> Command {
    let mut command = run::cargo(root, words);
    command.env("RUSTFLAGS", "--cfg plant").args(["--target-dir", "target/plant"]);
    command
}

fn simulator(root: &Path, words: &[&str]) -> Command {
    let mut command = planted(root, &["run", "--release", run::JOBS, "-p", PACKAGE]);
    command.args(["--bin", BINARY, "--", "plants"]).args(words);
    command
}

/// Prints the matrix; fails if a bug is not found in time.
pub(crate) fn matrix(root: &Path) -> Result<(), String> {
    run::run(&mut simulator(root, &[]))
}

/// As [`matrix`], without those that unit tests find; fails also if too few are left.
pub(crate) fn beside_unit_tests(root: &Path) -> Result<(), String> {
    let list = run::output(&mut simulator(root, &["--list"]))?;
    run::run(unit_tests(root).arg("--no-run"))?;
    if !pass_with(root, "0") {
        return Err("the unit tests fail without any planted bug".to_owned());
    }
    let mut known = Vec::new();
    for line in list.lines() {
        let Some((number, name)) = line.split_once(' ') else {
            return Err(format!("not a planted bug: `{line}`"));
        };
        let is_known = !pass_with(root, number);
        println!("{name}: {}", if is_known { "a unit test finds it" } else { "no unit test" });
        known.extend(is_known.then_some(name));
    }
    run::run(&mut simulator(root, &["--known", &known.join(",")]))
}

fn unit_tests(root: &Path) -> Command {
    let mut command = planted(root, &["test", run::JOBS, "--lib"]);
    TESTED.iter().for_each(|package| _ = command.args(["-p", package]));
    command
}

/// Do all unit tests pass with this bug in force?
fn pass_with(root: &Path, number: &str) -> bool {
    let mut command = unit_tests(root);
    command.env(VARIABLE, number).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
