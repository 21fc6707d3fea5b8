//! The gate and its helpers: one command checks everything, here and on the build machine.
//!
//! Standard library only, so that the gate itself builds in seconds.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

mod bless;
mod gate;
mod plants;
mod rounds;
mod run;
mod simulator;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask <command>

  ci [--fast]       the gate: fmt, clippy, rustdoc, tests, tidy, golden files, simulation,
                    one round over real processes; --fast leaves out the last two
  tidy              the rules of STYLE.md that a program can check
  bless [--check]   rewrite the golden files by running their tests with UPDATE_EXPECT=1;
                    --check compares and writes nothing
  sim <args...>     the simulator, built for release: replay | shrink | ci | soak
  round <args...>   a round over real processes with faults: --faults N
  power-cuts <args...>
                    power cuts of a cluster under load, as root: --times N
  plants [--unit]   runs each planted bug until its checker fires, and prints the matrix;
                    --unit runs the unit tests with each first: what they find does not count
  help              this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = workspace_root();
    let outcome = match words.as_slice() {
        ["ci"] => gate::run(&root, gate::Extent::Full),
        ["ci", "--fast"] => gate::run(&root, gate::Extent::Fast),
        ["tidy"] => tidy::run(&root),
        ["bless"] => bless::run(&root, bless::Mode::Rewrite),
        ["bless", "--check"] => bless::run(&root, bless::Mode::Check),
        ["sim", rest @ ..] if !rest.is_empty() => simulator::run(&root, rest),
        ["round" | "power-cuts", ..] => rounds::run(&root, &words),
        ["plants"] => plants::matrix(&root),
        ["plants", "--unit"] => plants::beside_unit_tests(&root),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => Err(format!("not understood: `{}`\n\n{HELP}", other.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The folder that holds the workspace manifest: the parent of this package.
///
/// `cargo run` says where the package is now. Where it was built may be another checkout, if both
/// share a target folder.
fn workspace_root() -> PathBuf {
    let built_in = || env!("CARGO_MANIFEST_DIR").into();
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(built_in));
    package.parent().expect("the package lies in a folder of the workspace").to_path_buf()
}
