//! What can be called: the tree of commands and their options.

use clap::{Parser, Subcommand};

use crate::commands::{
    authority, bench, blob, client, completions, config, demo, epoch, founded_key, group, init,
    node, object, plan, scrub, status,
};
use crate::dev;
use crate::exit;

/// Stores critical data on servers that crash, lie, and come and go.
#[derive(Parser, Debug)]
#[command(name = "quorate", version, after_long_help = exit::help())]
pub(crate) struct Arguments {
    /// Answer in JSON, for programs; failures too, on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a whole cluster on this machine, to try things out.
    Dev(dev::DevArguments),
    /// The trusted authority: says who may be a server or a client.
    #[command(subcommand)]
    Authority(authority::AuthorityCommand),
    /// One server.
    #[command(subcommand)]
    Node(node::NodeCommand),
    /// The membership group: its size, and how it is drawn.
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Found a system: write its genesis, with which its servers make its key.
    Init(init::InitArguments),
    /// Ask the servers of a genesis for the key that they have made.
    SystemKey(founded_key::SystemKeyCommand),
    /// Say how likely groups fail, to choose their sizes.
    Plan(plan::PlanArguments),
    /// The clients of a system.
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Show or verify the files of a system.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Show and verify the configurations of a system, epoch by epoch, from a file.
    #[command(subcommand)]
    Epoch(epoch::EpochCommand),
    /// Say whether every group of the cluster serves, and how many more failures each can take.
    Status(status::StatusArguments),
    /// Files of any size under the hash of their bytes.
    #[command(subcommand)]
    Blob(blob::BlobCommand),
    /// Small values that their owner can change.
    #[command(subcommand)]
    Object(object::ObjectCommand),
    /// Have every server check all bytes that it holds, and mend what is damaged.
    Scrub(scrub::ScrubArguments),
    /// Measure what this machine can do.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// A narrated tour of the main job, on a cluster of its own.
    Demo(demo::DemoArguments),
    /// Print the completions for a shell.
    Completions(completions::CompletionsArguments),
}

#[cfg(test)]
mod tests {
    //! The tree is sound, and says what it should.
    use clap::CommandFactory;

    use super::Arguments;

    #[test]
    fn the_tree_of_commands_is_sound_and_lists_the_exit_codes() {
        Arguments::command().debug_assert();
        let help = Arguments::command().render_long_help().to_string();
        assert!(help.contains("Exit codes:"), "{help}");
    }
}
