//! `quorate authority appoint`: some number out of several keys signs for the authority.

use clap::Args;
use quorate_client::changes::Change;
use quorate_membership::{Council, CouncilCertificate, CouncilError, CouncilGrant};
use quorate_types::{IdentityKey, PublicKey};

use crate::answer::Answer;
use crate::commands::changes::{ChangeArguments, Drafts, terms};
use crate::failure::Failure;

/// Who is appointed, and by whom.
#[derive(Args, Debug)]
pub(crate) struct AppointArguments {
    /// How many of the keys have to sign.
    #[arg(long, value_name = "M")]
    threshold: u16,
    /// The public keys, as `quorate authority new` prints them.
    #[arg(required = true, value_name = "PUBLIC_KEY", value_parser = PublicKey::from_hex)]
    keys: Vec<PublicKey>,
    #[command(flatten)]
    change: ChangeArguments,
}

pub(super) fn run(arguments: &AppointArguments, json: bool) -> Result<Answer, Failure> {
    let council = Council::new(arguments.threshold, arguments.keys.clone()).map_err(refused)?;
    arguments.change.perform(json, async |cluster| {
        let known = cluster.configuration();
        let servers = known.configuration();
        let nobody = IdentityKey::new([0; IdentityKey::BYTES]);
        let before = terms(cluster, nobody).await?.signed_by;
        let validity = arguments.change.validity(before.sequence + 1, servers.epoch);
        let grant = CouncilGrant { system: servers.system, validity, council };
        Ok(Drafts::of(Change::Appoint(CouncilCertificate::draft(grant)), before.council))
    })
}

fn refused(error: CouncilError) -> Failure {
    let option = match error {
        CouncilError::Threshold(_) => "--threshold",
        CouncilError::Count(_) | CouncilError::Order => "PUBLIC_KEY",
    };
    let remedy = "name each key once, and no more signatures than keys";
    Failure::usage(option, error.to_string(), remedy)
}
