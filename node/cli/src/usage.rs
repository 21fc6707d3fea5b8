//! Calls that cannot be read, and those that ask for help or the version.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::answer::{complain, say};
use crate::exit::Exit;
use crate::failure::Failure;

const REMEDY: &str = "see `quorate --help`";
/// For whoever names no cluster: most do so in their first call.
const CLUSTER_REMEDY: &str =
    "name a cluster.toml with --cluster or QUORATE_CLUSTER; `quorate dev` makes a cluster with one";

/// Says why a call cannot be read, or what was asked for: help or the version.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() {
        say(text.trim_end());
        return Exit::Ok.into();
    }
    let missing = missing(error);
    let lacks_cluster = missing.iter().any(|one| one.starts_with("--cluster"));
    let remedy = if lacks_cluster { CLUSTER_REMEDY } else { REMEDY };
    let is_json = std::env::args_os().any(|argument| argument == "--json");
    if is_json {
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let what = match missing.is_empty() {
            true => String::from(first),
            false => format!("{first} {}", missing.join(", ")),
        };
        Failure::usage("command line", what, remedy).print(true);
    } else if error.print().is_ok() && lacks_cluster {
        complain(&format!("\n{remedy}"));
    }
    Exit::Usage.into()
}

/// The arguments that the call lacks.
fn missing(error: &clap::Error) -> Vec<String> {
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing))) => {
            missing.clone()
        }
        _ => Vec::new(),
    }
}
