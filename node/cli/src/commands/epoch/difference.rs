//! What changed from one epoch to another, for people.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_membership::VerifiedConfiguration;
use quorate_types::{MemberRecord, MemberStatus, NodeId};
use serde_json::{Value, json};

use crate::answer::Answer;

/// Servers by what became of them, each with its name and in ascending order of id.
pub(super) struct Difference {
    epochs: (u64, u64),
    rows: Vec<Row>,
    keys_changed: usize,
}

struct Row {
    what: &'static str,
    name: String,
    detail: String,
}

impl Difference {
    pub(super) fn between(from: &VerifiedConfiguration, to: &VerifiedConfiguration) -> Self {
        let by_id = |one: &VerifiedConfiguration| -> BTreeMap<NodeId, Arc<MemberRecord>> {
            let members = one.configuration().members.iter();
            members.map(|member| (member.id, Arc::clone(member))).collect()
        };
        let (before, after) = (by_id(from), by_id(to));
        let mut rows = Vec::new();
        for (id, member) in &before {
            match after.get(id) {
                None => rows.push(Row::of("removed", member, member.address.clone())),
                Some(now) => rows.extend(changes(member, now)),
            }
        }
        let added = after.iter().filter(|(id, _)| !before.contains_key(*id));
        rows.extend(added.map(|(_, member)| Row::of("added", member, member.address.clone())));
        rows.extend(group_changes(from, to));
        let has_new_key = |id: &NodeId, now: &MemberRecord| {
            before.get(id).is_some_and(|old| old.epoch_key != now.epoch_key)
        };
        let keys_changed = after.iter().filter(|(id, now)| has_new_key(id, now)).count();
        Self { epochs: (from.epoch().get(), to.epoch().get()), rows, keys_changed }
    }

    pub(super) fn answer(&self) -> Answer {
        let (from, to) = self.epochs;
        let mut lines = vec![format!("from epoch {from} to {to}:")];
        lines.extend(self.rows.iter().map(|Row { what, name, detail }| {
            let space = if detail.is_empty() { "" } else { " " };
            format!("  {what} {name}{space}{detail}")
        }));
        lines.push(format!("  {} keys of the epoch are others", self.keys_changed));
        let row = |row: &Row| json!({ "what": row.what, "server": row.name, "detail": row.detail });
        let changes: Vec<Value> = self.rows.iter().map(row).collect();
        let json = json!({
            "from": from,
            "to": to,
            "changes": changes,
            "keys_changed": self.keys_changed,
        });
        Answer { text: lines.join("\n"), json }
    }
}

impl Row {
    fn of(what: &'static str, member: &MemberRecord, detail: String) -> Self {
        Self { what, name: member.name(), detail }
    }
}

fn changes(before: &MemberRecord, now: &MemberRecord) -> Vec<Row> {
    let mut rows = Vec::new();
    match (before.status, now.status) {
        (MemberStatus::Active, MemberStatus::Inactive) => {
            rows.push(Row::of("made inactive", now, String::new()));
        }
        (MemberStatus::Inactive, MemberStatus::Active) => {
            rows.push(Row::of("made active", now, String::new()));
        }
        (MemberStatus::Active | MemberStatus::Inactive, MemberStatus::Removed) => {
            rows.push(Row::of("removed", now, String::from("and still holds objects")));
        }
        _ => {}
    }
    if before.address != now.address {
        rows.push(Row::of("moved", now, format!("from {} to {}", before.address, now.address)));
    }
    let rest = |member: &MemberRecord| {
        (member.probe_port, member.failure_domain.clone(), member.version, member.identity_key)
    };
    if rest(before) != rest(now) {
        rows.push(Row::of("changed", now, String::from("its description")));
    }
    rows
}

fn group_changes(from: &VerifiedConfiguration, to: &VerifiedConfiguration) -> Vec<Row> {
    let mut rows = Vec::new();
    let lists =
        [(from, to, "left the membership group"), (to, from, "joined the membership group")];
    for (one, other, what) in lists {
        let members = one.configuration().members.iter();
        let only_here = members.filter(|member| {
            one.group_member(member.id).is_some() && other.group_member(member.id).is_none()
        });
        rows.extend(only_here.map(|member| Row::of(what, member, String::new())));
    }
    rows
}
