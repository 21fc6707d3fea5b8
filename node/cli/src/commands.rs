//! The commands, one per file.

use crate::answer::Answer;
use crate::arguments::{Arguments, Command};
use crate::dev;
use crate::failure::Failure;

pub(crate) mod authority;
pub(crate) mod client;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod init;
pub(crate) mod node;

/// Does what was asked for.
pub(crate) fn run(arguments: Arguments) -> Result<Answer, Failure> {
    let json = arguments.json;
    match arguments.command {
        Command::Dev(arguments) => dev::run(&arguments, json),
        Command::Authority(command) => authority::run(&command),
        Command::Node(command) => node::run(&command),
        Command::Init(arguments) => init::run(&arguments),
        Command::Client(command) => client::run(&command),
        Command::Config(command) => config::run(&command),
        Command::Completions(arguments) => Ok(completions::run(&arguments)),
    }
}
