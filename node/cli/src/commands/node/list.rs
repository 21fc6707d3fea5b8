//! `quorate node list`: the servers by state, and what waits for the end of the epoch.

use clap::Args;
use quorate_client::changes::{self, Pending};
use quorate_client::cluster::Cluster;
use quorate_membership::{PendingChange, Statement};
use quorate_types::{Configuration, MemberRecord, MemberStatus};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::commands::session::{ClusterArguments, session};
use crate::failure::Failure;

/// Of which cluster.
#[derive(Args, Debug)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
}

pub(super) fn run(arguments: &ListArguments, json: bool) -> Result<Answer, Failure> {
    session(&arguments.cluster, json, async |cluster: Cluster| {
        let pending = changes::pending(&cluster).await?;
        Ok(describe(cluster.configuration().configuration(), &pending))
    })
}

fn describe(servers: &Configuration, pending: &Pending) -> Answer {
    let count = |status| servers.members.iter().filter(|it| it.status == status).count();
    let [active, inactive, removed] =
        [MemberStatus::Active, MemberStatus::Inactive, MemberStatus::Removed].map(count);
    let mut lines = vec![format!(
        "epoch {}: {active} active, {inactive} inactive, {removed} removed",
        servers.epoch.get()
    )];
    lines.extend(servers.members.iter().map(|member| member_line(servers, member)));
    lines.extend(pending.changes.iter().map(pending_line));
    lines.extend(pending.sizes.iter().map(|(epoch, size)| {
        let (epoch, f, count) = (epoch.get(), size.f(), size.replicas());
        format!("pending: from epoch {epoch} on the membership group has {count} (f = {f})")
    }));
    let sizes =
        pending.sizes.iter().map(|(epoch, size)| json!({ "epoch": epoch.get(), "f_ms": size.f() }));
    let json = json!({
        "epoch": servers.epoch.get(),
        "active": active,
        "inactive": inactive,
        "removed": removed,
        "members": servers.members.iter().map(|it| member_facts(servers, it)).collect::<Vec<_>>(),
        "pending": pending.changes.iter().map(pending_facts).collect::<Vec<_>>(),
        "sizes": sizes.collect::<Vec<_>>(),
    });
    Answer { text: lines.join("\n"), json }
}

const fn word(status: MemberStatus) -> &'static str {
    match status {
        MemberStatus::Active => "active",
        MemberStatus::Inactive => "inactive",
        MemberStatus::Removed => "removed",
    }
}

fn member_line(servers: &Configuration, member: &MemberRecord) -> String {
    let (name, address, domain) = (member.name(), &member.address, &member.failure_domain.0);
    let mut line = format!("  {name} {:<8} {address} ({domain})", word(member.status));
    if servers.membership_group.contains(&member.id) {
        line.push_str("  membership group");
    }
    if !member.is_on_ring {
        line.push_str("  holds no objects");
    }
    line
}

fn member_facts(servers: &Configuration, member: &MemberRecord) -> Value {
    json!({
        "server": member.name(),
        "identity_key": member.identity_key.to_hex(),
        "id": member.id.to_hex(),
        "address": member.address,
        "failure_domain": member.failure_domain.0,
        "state": word(member.status),
        "holds_objects": member.is_on_ring,
        "is_in_membership_group": servers.membership_group.contains(&member.id),
    })
}

fn pending_line(change: &PendingChange) -> String {
    let epoch = change.epoch.next().get();
    let name = change.statement.identity_key().name();
    match &change.statement {
        Statement::Add(certificate) => {
            let server = &certificate.grant.server;
            let (address, domain) = (&server.address, &server.failure_domain.0);
            format!("pending: from epoch {epoch} on {name} is a member, at {address} ({domain})")
        }
        Statement::Remove(_) => format!("pending: from epoch {epoch} on {name} is removed"),
    }
}

fn pending_facts(change: &PendingChange) -> Value {
    let (what, address) = match &change.statement {
        Statement::Add(certificate) => ("add", Some(certificate.grant.server.address.clone())),
        Statement::Remove(_) => ("remove", None),
    };
    let key = change.statement.identity_key();
    json!({
        "change": what,
        "server": key.name(),
        "identity_key": key.to_hex(),
        "address": address,
        "epoch": change.epoch.next().get(),
    })
}
