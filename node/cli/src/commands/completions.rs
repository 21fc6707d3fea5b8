//! `quorate completions SHELL`: from the same definition that parses the calls.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::answer::Answer;
use crate::arguments;

/// Which completions.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(arguments: &CompletionsArguments) -> Answer {
    let mut script = Vec::new();
    let mut command = arguments::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "quorate", &mut script);
    let text = String::from_utf8_lossy(&script).trim_end().to_owned();
    let json = json!({ "shell": arguments.shell.to_string(), "script": text });
    Answer { text, json }
}
