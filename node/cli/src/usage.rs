//! Calls that cannot be read, and those that ask for help or the version.

use std::process::ExitCode;

use crate::answer::say;
use crate::exit::Exit;
use crate::failure::Failure;

/// Says why a call cannot be read, or what was asked for: help or the version.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() {
        say(text.trim_end());
        return Exit::Ok.into();
    }
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    if is_json {
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        Failure::usage("command line", what, "see `quorate --help`").print(true);
    } else if error.print().is_err() {
        // Nobody listens; the exit code still tells.
    }
    Exit::Usage.into()
}
