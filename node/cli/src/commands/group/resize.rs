//! `quorate group resize`: the membership group tolerates more bad members, or fewer.

use clap::{Args, value_parser};
use quorate_client::changes::{Change, group_terms};
use quorate_daemon::founding::ceremony::GROUP_F_MAX;
use quorate_membership::{ResizeCertificate, ResizeGrant};
use quorate_types::Resilience;

use crate::answer::Answer;
use crate::commands::changes::{ChangeArguments, Drafts};
use crate::failure::Failure;

/// Which size, and in whose name.
#[derive(Args, Debug)]
pub(crate) struct ResizeArguments {
    /// Bad members that it is to tolerate, of 3f+1.
    #[arg(long, value_name = "F",
          value_parser = value_parser!(u16).range(1..=i64::from(GROUP_F_MAX)))]
    f_ms: u16,
    #[command(flatten)]
    change: ChangeArguments,
}

pub(super) fn run(arguments: &ResizeArguments, json: bool) -> Result<Answer, Failure> {
    let membership = Resilience::new(arguments.f_ms).expect("clap has checked the range");
    arguments.change.perform(json, async |cluster| {
        let known = cluster.configuration();
        let (system, present) = (known.configuration().system, known.epoch());
        let terms = group_terms(cluster, present).await?;
        let validity = arguments.change.validity(terms.next_resize(), present);
        let grant = ResizeGrant { system, validity, membership };
        Ok(Drafts::of(Change::Resize(ResizeCertificate::draft(grant)), terms.signed_by.council))
    })
}
