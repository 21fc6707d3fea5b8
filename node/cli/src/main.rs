//! `quorate`: the command line, a thin layer over what the client and the server can do.
//!
//! One file per command in `commands/`. A command returns an [`answer::Answer`], which is printed
//! as text or, with `--json`, as JSON, or a [`failure::Failure`], which is printed to standard
//! error as `error[CODE]: what: where: remedy` and ends the process with a code of [`exit::Exit`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

mod answer;
mod arguments;
mod commands;
mod dev;
mod exit;
mod failure;
mod local;
mod page;
mod pid_file;
mod together;
mod usage;

fn main() -> ExitCode {
    quorate_daemon::heap::keep_one();
    // With as many as there are, it reaches fewer servers and says of each what failed.
    drop(quorate_daemon::descriptors::raise_limit());
    let arguments = match arguments::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage::refuse(&error),
    };
    let json = arguments.json;
    match commands::run(arguments) {
        Ok(answer) => {
            answer.print(json);
            exit::Exit::Ok.into()
        }
        Err(failure) => {
            failure.print(json);
            failure.exit().into()
        }
    }
}
