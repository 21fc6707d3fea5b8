//! `quorate group rotate`: from whom the membership group is drawn, and how much of it changes.

use clap::{Args, value_parser};
use quorate_client::changes::{Change, group_terms};
use quorate_membership::{Rotation, RotationCertificate, RotationGrant};
use quorate_types::{Configuration, NodeId};

use crate::answer::Answer;
use crate::commands::changes::{ChangeArguments, Drafts};
use crate::commands::node::find_member;
use crate::failure::Failure;

/// By which rule, and in whose name. An option that is left out says: as at the founding.
#[derive(Args, Debug)]
pub(crate) struct RotateArguments {
    /// At most so many seats are given to others with an epoch, unless more members have to leave;
    /// without it all seats are drawn anew.
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..))]
    seats: Option<u16>,
    /// A server that can be drawn, by its name, its identity key or its address; once for each.
    /// Without it every server can.
    #[arg(long, value_name = "SERVER")]
    pool: Vec<String>,
    #[command(flatten)]
    change: ChangeArguments,
}

pub(super) fn run(arguments: &RotateArguments, json: bool) -> Result<Answer, Failure> {
    arguments.change.perform(json, async |cluster| {
        let known = cluster.configuration();
        let (servers, present) = (known.configuration(), known.epoch());
        let terms = group_terms(cluster, present).await?;
        let rotation = Rotation { pool: arguments.pool(servers)?, seats_max: arguments.seats };
        rotation.check(terms.membership).map_err(|error| {
            let remedy = "name each server once, and as many as the group has members at least";
            Failure::usage("--pool", error.to_string(), remedy)
        })?;
        let validity = arguments.change.validity(terms.next_rotation(), present);
        let grant = RotationGrant { system: servers.system, validity, rotation };
        Ok(Drafts::of(Change::Rotate(RotationCertificate::draft(grant)), terms.signed_by.council))
    })
}

impl RotateArguments {
    fn pool(&self, servers: &Configuration) -> Result<Option<Vec<NodeId>>, Failure> {
        if self.pool.is_empty() {
            return Ok(None);
        }
        let id = |called: &String| Ok(find_member(servers, called)?.id);
        let mut pool = self.pool.iter().map(id).collect::<Result<Vec<_>, Failure>>()?;
        pool.sort_unstable();
        Ok(Some(pool))
    }
}
