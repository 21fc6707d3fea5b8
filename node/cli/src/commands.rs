//! The commands, one per file.

use crate::answer::Answer;
use crate::arguments::{Arguments, Command};
use crate::dev;
use crate::failure::Failure;

pub(crate) mod authority;
pub(crate) mod bench;
pub(crate) mod blob;
mod changes;
pub(crate) mod client;
pub(crate) mod completions;
mod condition;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod epoch;
pub(crate) mod founded_key;
pub(crate) mod group;
pub(crate) mod init;
pub(crate) mod node;
pub(crate) mod object;
pub(crate) mod plan;
pub(crate) mod scrub;
mod session;
pub(crate) mod status;
mod streams;
mod system_key;

/// Does what was asked for.
pub(crate) fn run(arguments: Arguments) -> Result<Answer, Failure> {
    let json = arguments.json;
    match arguments.command {
        Command::Dev(arguments) => dev::run(&arguments, json),
        Command::Authority(command) => authority::run(&command, json),
        Command::Node(command) => node::run(&command, json),
        Command::Group(command) => group::run(&command, json),
        Command::Init(arguments) => init::run(&arguments),
        Command::SystemKey(arguments) => founded_key::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Client(command) => client::run(&command),
        Command::Config(command) => config::run(&command),
        Command::Epoch(command) => epoch::run(&command, json),
        Command::Status(arguments) => status::run(&arguments, json),
        Command::Blob(command) => blob::run(&command, json),
        Command::Object(command) => object::run(&command, json),
        Command::Scrub(arguments) => scrub::run(&arguments, json),
        Command::Bench(command) => bench::run(&command),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Completions(arguments) => Ok(completions::run(&arguments)),
    }
}
