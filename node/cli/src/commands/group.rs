//! `quorate group`: the membership group, its size, and how it is drawn.

use clap::Subcommand;

use crate::answer::Answer;
use crate::failure::Failure;

mod resize;
mod rotate;
mod show;

/// What to do with the membership group.
#[derive(Subcommand, Debug)]
pub(crate) enum GroupCommand {
    /// Show its members, and of what size the next one is and how it is drawn.
    Show(show::ShowArguments),
    /// Give it another size.
    Resize(resize::ResizeArguments),
    /// Have it drawn from a pool of servers, or with seats that stay, from now on.
    Rotate(rotate::RotateArguments),
}

pub(crate) fn run(command: &GroupCommand, json: bool) -> Result<Answer, Failure> {
    match command {
        GroupCommand::Show(arguments) => show::run(arguments, json),
        GroupCommand::Resize(arguments) => resize::run(arguments, json),
        GroupCommand::Rotate(arguments) => rotate::run(arguments, json),
    }
}
