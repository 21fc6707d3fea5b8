//! `cargo xtask ci`: the one gate, a row of steps of which the first failure stops the rest.
//!
//! Cheap steps come first. Nothing is built twice: clippy and rustdoc share the check builds, all
//! tests the dev profile, the simulator and the processes the release profile.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{bless, run, simulator, tidy};

/// How much of the gate to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything.
    Full,
    /// Without the steps that need a release build.
    Fast,
}

/// One step of the gate.
struct Step {
    name: &'static str,
    /// What to do when it fails.
    remedy: &'static str,
    needs_release: bool,
    action: fn(&Path) -> Result<(), String>,
}

const STEPS: [Step; 8] = [
    Step {
        name: "fmt",
        remedy: "run `cargo fmt --all` (`rustup component add rustfmt` if it is missing)",
        needs_release: false,
        action: fmt,
    },
    Step {
        name: "clippy",
        remedy: "mend the code; a true exception is #[expect(lint, reason = \"...\")] \
                 (`rustup component add clippy` if it is missing)",
        needs_release: false,
        action: clippy,
    },
    Step {
        name: "rustdoc",
        remedy: "mend the link or the comment that rustdoc names above",
        needs_release: false,
        action: rustdoc,
    },
    Step {
        name: "tests",
        remedy: "run the failing test by itself: `cargo test -p <package> <name>`",
        needs_release: false,
        action: all_tests,
    },
    Step {
        name: "tidy",
        remedy: "each line above ends with its remedy; STYLE.md has the reasons",
        needs_release: false,
        action: tidy::run,
    },
    Step {
        name: "golden files",
        remedy: "if the change is meant: `cargo xtask bless`, and explain the diff in the commit",
        needs_release: false,
        action: |root| bless::run(root, bless::Mode::Check),
    },
    Step {
        name: "simulation",
        remedy: "`cargo xtask sim replay` with the seed above, then `sim shrink`; \
                 the mended seed becomes a line of lab/sim/seeds.txt",
        needs_release: true,
        action: simulation,
    },
    Step {
        name: "real processes",
        remedy: "the logs of the servers are in the folder named above",
        needs_release: true,
        action: processes,
    },
];

/// The packages of the release build; one selection for all of its calls, so that cargo chooses
/// the same features each time.
pub(crate) const RELEASE_PACKAGES: [&str; 6] =
    ["-p", "quorate", "-p", "quorate-liar", "-p", "quorate-rounds"];

/// The tests that start real processes, and the files that hold them.
const PROCESSES: &str = "processes";
const PROCESSES_SOURCES: [&str; 2] =
    ["lab/liar/tests/processes.rs", "lab/rounds/tests/processes/main.rs"];

/// Runs the steps in order and stops at the first failure.
pub(crate) fn run(root: &Path, extent: Extent) -> Result<(), String> {
    let start = Instant::now();
    let mut times = Vec::new();
    for step in &STEPS {
        if step.needs_release && extent == Extent::Fast {
            println!("\n==> {}: left out by --fast", step.name);
            continue;
        }
        println!("\n==> {}", step.name);
        let step_start = Instant::now();
        let outcome = (step.action)(root);
        let elapsed = step_start.elapsed();
        if let Err(message) = outcome {
            return Err(failure(step, elapsed, &message));
        }
        println!("<== {}: passed in {}", step.name, seconds(elapsed));
        times.push((step.name, elapsed));
    }
    println!("\n{}", summary(&times, start.elapsed()));
    Ok(())
}

fn failure(step: &Step, elapsed: Duration, message: &str) -> String {
    format!(
        "step `{}` failed after {}: {message}\nwhat to do: {}",
        step.name,
        seconds(elapsed),
        step.remedy
    )
}

fn summary(times: &[(&str, Duration)], total: Duration) -> String {
    let mut lines = vec!["the gate is passed".to_owned()];
    for (name, elapsed) in times {
        lines.push(format!("  {name:<16}{:>10}", seconds(*elapsed)));
    }
    lines.push(format!("  {:<16}{:>10}", "in all", seconds(total)));
    lines.join("\n")
}

fn seconds(elapsed: Duration) -> String {
    format!("{}.{} s", elapsed.as_secs(), elapsed.subsec_millis() / 100)
}

fn fmt(root: &Path) -> Result<(), String> {
    run::run(&mut run::cargo(root, &["fmt", "--all", "--", "--check"]))
}

fn clippy(root: &Path) -> Result<(), String> {
    let words = ["clippy", run::JOBS, "--workspace", "--all-targets", "--", "-D", "warnings"];
    run::run(&mut run::cargo(root, &words))
}

fn rustdoc(root: &Path) -> Result<(), String> {
    let words = ["doc", run::JOBS, "--workspace", "--no-deps", "--document-private-items"];
    run::run(run::cargo(root, &words).env("RUSTDOCFLAGS", "-D warnings"))
}

/// The examples in the documentation come first, so that the closing line of all other tests is
/// what stands at the end.
fn all_tests(root: &Path) -> Result<(), String> {
    run::run(&mut run::cargo(root, &["test", run::JOBS, "--workspace", "--doc"]))?;
    run::run(tests_command(root).arg("--no-run"))?;
    settle_disk()?;
    run::run(&mut tests_command(root))
}

/// Waits until the disk has what was built. Servers in tests write through to it, with promises
/// about time among them, and would wait for gigabytes of others first.
fn settle_disk() -> Result<(), String> {
    run::run(&mut Command::new("sync"))
}

fn tests_command(root: &Path) -> Command {
    if !run::is_present(&mut run::cargo(root, &["nextest", "--version"])) {
        println!("cargo-nextest is not here: the tests run under `cargo test`");
        let words = ["test", run::JOBS, "--workspace", "--lib", "--bins", "--tests"];
        return run::cargo(root, &words);
    }
    let words = ["nextest", "run", "--workspace", "--profile", "ci", "--build-jobs", "2", "-j2"];
    let mut command = run::cargo(root, &words);
    if processes_source(root).is_some() {
        // They have a step of their own, on the release build.
        command.args(["-E", "not binary(processes)"]);
    }
    command
}

fn simulation(root: &Path) -> Result<(), String> {
    if !simulator::is_built(root) {
        println!("!!! NOT BUILT YET: there is no simulator, so no simulation has been run");
        return Ok(());
    }
    simulator::run(root, &["ci"])
}

fn processes(root: &Path) -> Result<(), String> {
    if processes_source(root).is_none() {
        println!("!!! NOT BUILT YET: {} does not exist", PROCESSES_SOURCES[0]);
        return Ok(());
    }
    // Both programs first: a test builds only the programs of its own package.
    let mut build = run::cargo(root, &["build", "--release", run::JOBS]);
    run::run(build.args(RELEASE_PACKAGES))?;
    settle_disk()?;
    let mut test = run::cargo(root, &["test", "--release", run::JOBS]);
    test.args(RELEASE_PACKAGES).args(["--test", PROCESSES]);
    // One after the other: each loads the machine by itself, and says what it does and skips.
    run::run(test.args(["--", "--test-threads", "1", "--nocapture"]))
}

fn processes_source(root: &Path) -> Option<&'static str> {
    PROCESSES_SOURCES.into_iter().find(|source| root.join(source).is_file())
}

#[cfg(test)]
mod tests;
