//! `quorate authority show`: who signs for the authority about servers, as the log has it.

use clap::Args;
use quorate_types::{IdentityKey, PublicKey};
use serde_json::json;

use crate::answer::Answer;
use crate::commands::changes::terms;
use crate::commands::session::{ClusterArguments, session};
use crate::failure::Failure;

/// Of which cluster.
#[derive(Args, Debug)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
}

pub(super) fn run(arguments: &ShowArguments, json: bool) -> Result<Answer, Failure> {
    session(&arguments.cluster, json, async |cluster| {
        // Who signs is the same for every server, also for one that is not there.
        let signed_by = terms(&cluster, IdentityKey::new([0; IdentityKey::BYTES])).await?.signed_by;
        let (council, sequence) = (signed_by.council, signed_by.sequence);
        let keys: Vec<String> = council.keys.iter().copied().map(PublicKey::to_hex).collect();
        let (threshold, count) = (council.threshold, keys.len());
        let text = format!(
            "{threshold} of {count} sign for the authority about servers (appointment {sequence})\n\
             {}",
            keys.join("\n")
        );
        let json = json!({ "threshold": threshold, "keys": keys, "sequence": sequence });
        Ok(Answer { text, json })
    })
}
