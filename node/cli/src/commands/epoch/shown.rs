//! One configuration, with its servers, for people and for programs.

use quorate_membership::VerifiedConfiguration;
use quorate_types::{MemberRecord, MemberStatus, PublicKey};
use serde_json::{Map, Value, json};

use crate::commands::condition::{age_seconds, states, word};

fn member_facts(configuration: &VerifiedConfiguration, member: &MemberRecord) -> Value {
    json!({
        "id": member.id.to_hex(),
        "identity_key": member.identity_key.to_hex(),
        "root": member.root().to_hex(),
        "epoch_key": member.epoch_key.map(PublicKey::to_hex),
        "address": member.address,
        "probe_port": member.probe_port,
        "failure_domain": member.failure_domain.0,
        "is_active": member.status == MemberStatus::Active,
        "state": word(member.status),
        "is_in_membership_group": configuration.group_member(member.id).is_some(),
    })
}

/// All of it, for programs.
pub(super) fn facts(configuration: &VerifiedConfiguration) -> Map<String, Value> {
    let said = configuration.header().header();
    let servers = configuration.configuration();
    let states = states(servers);
    let member = |member: &MemberRecord| member_facts(configuration, member);
    let facts = [
        ("epoch", json!(said.epoch.get())),
        ("hash", json!(configuration.hash().to_hex())),
        ("previous", json!(said.lineage.previous.to_hex())),
        ("system", json!(said.system.to_hex())),
        ("created_unix_seconds", json!(said.created.as_micros() / 1_000_000)),
        ("age_seconds", json!(age_seconds(servers))),
        ("attempt", json!(said.lineage.attempt)),
        ("f", json!(said.storage.f())),
        ("f_ms", json!(said.membership.f())),
        ("active", json!(states.active)),
        ("inactive", json!(states.inactive)),
        ("removed", json!(states.removed)),
        ("members", servers.members.iter().map(|it| member(it)).collect()),
        ("is_verified", json!(true)),
    ];
    facts.into_iter().map(|(name, fact)| (String::from(name), fact)).collect()
}

/// What is worth telling people, line by line.
pub(super) fn lines(configuration: &VerifiedConfiguration) -> Vec<String> {
    let (said, servers) = (configuration.header().header(), configuration.configuration());
    let (f, f_ms, attempt) = (said.storage.f(), said.membership.f(), said.lineage.attempt);
    let mut lines = vec![
        format!("hash {}, verified under the key of the system", configuration.hash().to_hex()),
        format!("f {f}, f_ms {f_ms}, attempt {attempt}"),
        format!("{}:", states(servers).text()),
    ];
    lines.extend(servers.members.iter().map(|member| {
        let is_in_group = configuration.group_member(member.id).is_some();
        let group = if is_in_group { "  membership group" } else { "" };
        let (key, state, address) =
            (member.identity_key.to_hex(), word(member.status), &member.address);
        format!("  {key} {state:<8} {address}{group}")
    }));
    lines
}
