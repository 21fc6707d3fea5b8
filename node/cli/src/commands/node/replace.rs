//! `quorate node replace`: one server comes and another goes, with one epoch.
//!
//! The new one has an identity of its own: a key that was on a disk which is gone, or in the hands
//! of somebody else, never comes back. It is added first, so that at no moment too few are left.

use std::path::PathBuf;

use clap::Args;

use super::remove::Leaving;
use super::{add, remove};
use crate::answer::Answer;
use crate::commands::changes::{ChangeArguments, Drafts};
use crate::failure::Failure;

/// Which servers, and in whose name.
#[derive(Args, Debug)]
pub(crate) struct ReplaceArguments {
    /// The server that goes: its name, its whole identity key, or its address.
    old: String,
    /// The admission of the one that comes, which `quorate node new` wrote there.
    new: PathBuf,
    /// Remove the old one also where as many of its neighbours on the ring have gone as a group can
    /// bear.
    #[arg(long = "override")]
    may_exceed_cap: bool,
    #[command(flatten)]
    change: ChangeArguments,
}

pub(super) fn run(arguments: &ReplaceArguments, json: bool) -> Result<Answer, Failure> {
    let admission = add::read(&arguments.new)?;
    arguments.change.perform(json, async |cluster| {
        let servers = cluster.configuration();
        let old = remove::find(servers.configuration(), &arguments.old)?;
        if old == admission.identity_key() {
            let what = "a server cannot replace itself";
            let remedy = "make another one with `quorate node new`: it gets keys of its own";
            return Err(Failure::usage("OLD", what, remedy));
        }
        let coming = (arguments.new.as_path(), &admission);
        let mut drafts = add::draft(cluster, coming, &arguments.change).await?;
        let old = old.to_hex();
        let leaving = Leaving { server: &old, may_exceed_cap: arguments.may_exceed_cap };
        let remove = remove::draft(cluster, leaving, &arguments.change).await?;
        drafts.changes.extend(remove.changes);
        Ok(Drafts { note: remove.note, ..drafts })
    })
}
