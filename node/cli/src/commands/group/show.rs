//! `quorate group show`: who is in the membership group, and how the next one comes about.

use clap::Args;
use quorate_client::changes::{group_terms, rule};
use quorate_client::cluster::Cluster;
use serde_json::json;

use crate::answer::Answer;
use crate::commands::session::{ClusterArguments, session};
use crate::failure::Failure;

/// Of which cluster.
#[derive(Args, Debug)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
}

pub(super) fn run(arguments: &ShowArguments, json: bool) -> Result<Answer, Failure> {
    session(&arguments.cluster, json, async |cluster: Cluster| {
        let known = cluster.configuration();
        let (servers, epoch) = (known.configuration(), known.epoch());
        let next = group_terms(&cluster, epoch).await?;
        let members = servers.membership_group.iter().filter_map(|id| servers.member(*id));
        let members: Vec<_> = members.collect();
        let (f, count) = (servers.membership.f(), members.len());
        let mut lines = vec![format!("epoch {}: {count} members (f = {f})", epoch.get())];
        let line = |member: &&quorate_types::MemberRecord| {
            format!("  {} {} ({})", member.name(), member.address, member.failure_domain.0)
        };
        lines.extend(members.iter().map(line));
        let (later_f, later) = (next.membership.f(), next.membership.replicas());
        let drawn = rule(&next.rotation);
        lines.push(format!("the next one: {later} members (f = {later_f}), drawn {drawn}"));
        let pool = next.rotation.pool.as_ref();
        let json = json!({
            "epoch": epoch.get(),
            "f_ms": f,
            "members": members.iter().map(|member| member.name()).collect::<Vec<_>>(),
            "next": {
                "f_ms": later_f,
                "seats": next.rotation.seats_max,
                "pool": pool.map(|pool| pool.iter().map(|id| id.to_hex()).collect::<Vec<_>>()),
            },
        });
        Ok(Answer { text: lines.join("\n"), json })
    })
}
