//! Servers: in which state they are, what was found of them, and what fails together.

use quorate_client::findings::outcome;
use quorate_client::groups::Domain;
use quorate_membership::Standing;
use quorate_types::{Configuration, MemberStatus, NodeId};
use serde_json::{Value, json};

/// Failure domains that are shown to people.
const DOMAINS_SHOWN: usize = 5;

/// How many servers are in which state.
pub(in crate::commands) struct States {
    pub(in crate::commands) active: usize,
    pub(in crate::commands) inactive: usize,
    pub(in crate::commands) removed: usize,
}

impl States {
    pub(in crate::commands) fn text(&self) -> String {
        format!("{} active, {} inactive, {} removed", self.active, self.inactive, self.removed)
    }
}

pub(in crate::commands) fn states(configuration: &Configuration) -> States {
    let count = |status| configuration.members.iter().filter(|it| it.status == status).count();
    let [active, inactive, removed] =
        [MemberStatus::Active, MemberStatus::Inactive, MemberStatus::Removed].map(count);
    States { active, inactive, removed }
}

pub(in crate::commands) const fn word(status: MemberStatus) -> &'static str {
    match status {
        MemberStatus::Active => "active",
        MemberStatus::Inactive => "inactive",
        MemberStatus::Removed => "removed",
    }
}

fn name(configuration: &Configuration, server: NodeId) -> String {
    configuration.member(server).map_or_else(|| server.to_hex(), |member| member.name())
}

/// What was found of servers.
pub(super) fn found_lines(configuration: &Configuration, found: &[Standing]) -> Vec<String> {
    let line = |standing: &Standing| {
        let name = name(configuration, standing.server);
        let mut said: Vec<String> =
            standing.next.iter().chain(&standing.later).map(outcome).collect();
        if standing.suspecting > 0 {
            said.push(format!("called silent by {} members", standing.suspecting));
        }
        if let Some(convicted) = standing.convicted {
            said.push(format!("proved to lie in epoch {}", convicted.epoch.get()));
        }
        (!said.is_empty()).then(|| format!("  found  {name} {}", said.join("; ")))
    };
    found.iter().filter_map(line).collect()
}

/// The same for a program.
pub(super) fn found_facts(configuration: &Configuration, found: &[Standing]) -> Value {
    let facts = |standing: &Standing| {
        let finding = standing.next.or(standing.later);
        json!({
            "server": name(configuration, standing.server),
            "suspecting": standing.suspecting,
            "found": finding.map(|finding| finding.found.text()),
            "is_postponed": finding.is_some_and(|finding| finding.held.is_some()),
            "proved_in_epoch": standing.convicted.map(|it| it.epoch.get()),
        })
    };
    found.iter().map(facts).collect()
}

/// That objects stay where they were, once there are servers that hold none: the ring of storage is
/// that of the founding, whatever the membership service decides.
pub(super) fn ring_line(configuration: &Configuration) -> Option<String> {
    let without = configuration.members.iter().filter(|member| !member.is_on_ring).count();
    let rest = format!("{without} others hold none");
    (without > 0).then(|| format!("objects  on the servers of the founding; {rest}"))
}

/// Who is in the membership group.
pub(super) fn group_line(configuration: &Configuration) -> String {
    let names = configuration.membership_group.iter().map(|server| name(configuration, *server));
    format!("seats    of the membership group: {}", names.collect::<Vec<_>>().join(" "))
}

/// The failure domains whose failure would be the worst.
pub(super) fn domain_lines(domains: &[Domain]) -> Vec<String> {
    if domains.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("domains  {}, the worst to lose:", domains.len())];
    lines.extend(domains.iter().take(DOMAINS_SHOWN).map(|domain| {
        let (name, up, size) = (&domain.name, domain.up, domain.size);
        let then = match domain.margin {
            0 => String::from("without it some group can take no more failures"),
            margin @ 1.. => format!("without it every group can take {}", super::failures(margin)),
            _ => String::from("WITHOUT IT A GROUP DOES NOT SERVE"),
        };
        format!("  {name:<30} {up} of {size} up, {then}")
    }));
    if let Some(more) = domains.len().checked_sub(DOMAINS_SHOWN).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more, none of them worse"));
    }
    lines
}

/// The same for a program, all of them.
pub(super) fn domain_facts(domains: &[Domain]) -> Value {
    let facts = |domain: &Domain| {
        json!({ "name": domain.name, "up": domain.up, "size": domain.size,
                "margin_without": domain.margin })
    };
    domains.iter().map(facts).collect()
}

#[cfg(test)]
mod tests {
    //! Suspicion is shown before anything follows from it, and what follows, and why it waits; and
    //! that objects stay where they are.
    use std::sync::Arc;

    use quorate_membership::Standing;
    use quorate_membership::monitor::caps::Held;
    use quorate_membership::monitor::{Finding, Found};
    use quorate_types::{
        Configuration, Epoch, FailureDomain, IdentityKey, MemberRecord, MemberStatus, NodeId,
        PublicKey, Resilience, Slot, SoftwareVersion, SystemId, UnixTime,
    };

    use super::{DOMAINS_SHOWN, Domain, domain_lines, found_facts, found_lines, ring_line};

    fn configuration() -> Configuration {
        let one = Resilience::new(1).unwrap();
        Configuration {
            system: SystemId::new([1; 32]),
            epoch: Epoch::new(3),
            ring_epoch: Epoch::new(1),
            storage: one,
            membership: one,
            authority_key: PublicKey::new([2; 32]),
            membership_group: Vec::new(),
            created: UnixTime::ZERO,
            members: Vec::new(),
        }
    }

    fn member(number: u8, is_on_ring: bool) -> MemberRecord {
        MemberRecord {
            id: NodeId::new([number; 32]),
            identity_key: IdentityKey::new([number; 32]),
            later_root: None,
            epoch_key: None,
            address: format!("10.0.0.{number}:4700"),
            probe_port: 4701,
            failure_domain: FailureDomain(String::new()),
            version: SoftwareVersion { major: 0, minor: 1, patch: 0 },
            status: MemberStatus::Active,
            is_on_ring,
            is_in_pool: false,
        }
    }

    #[test]
    fn objects_are_said_to_stay_on_the_ring_as_soon_as_there_is_a_server_that_holds_none() {
        let mut configuration = configuration();
        configuration.members = (1..=4).map(|number| Arc::new(member(number, true))).collect();
        assert_eq!(ring_line(&configuration), None);
        configuration.members.extend([5, 6].map(|number| Arc::new(member(number, false))));
        let said = "objects  on the servers of the founding; 2 others hold none";
        assert_eq!(ring_line(&configuration).as_deref(), Some(said));
    }

    fn standing(suspecting: u16, held: Option<Option<Held>>) -> Standing {
        let server = NodeId::new([7; 32]);
        let finding = |held| Finding {
            epoch: Epoch::new(3),
            slot: Slot::new(9),
            server,
            found: Found::Silent,
            is_rebutted: false,
            held,
        };
        Standing { server, suspecting, next: held.map(finding), later: None, convicted: None }
    }

    #[test]
    fn who_is_suspected_is_shown_with_by_how_many_and_what_becomes_of_it() {
        let shown = |standing: Standing| {
            let facts = found_facts(&configuration(), std::slice::from_ref(&standing));
            (found_lines(&configuration(), &[standing]), facts[0].clone())
        };
        let (lines, facts) = shown(standing(1, None));
        assert!(lines[0].ends_with(" called silent by 1 members"), "{lines:?}");
        assert_eq!((&facts["suspecting"], facts["found"].is_null()), (&1.into(), true), "{facts}");

        let (lines, facts) = shown(standing(2, Some(None)));
        assert!(lines[0].contains("to lose its duties behind epoch "), "{lines:?}");
        assert!(lines[0].ends_with("; called silent by 2 members"), "{lines:?}");
        assert_eq!((&facts["found"], &facts["is_postponed"]), (&"silent".into(), &false.into()));

        let (lines, facts) = shown(standing(0, Some(Some(Held::Seat))));
        assert!(lines[0].contains("to lose its duties, but waits: "), "{lines:?}");
        assert_eq!(facts["is_postponed"], true, "{facts}");

        let (lines, facts) = shown(standing(0, None));
        assert!(lines.is_empty(), "nothing is found of it: {lines:?}");
        assert_eq!(facts["suspecting"], 0, "{facts}");
    }

    #[test]
    fn of_a_failure_domain_it_is_said_what_its_failure_leaves() {
        let domain = |margin| Domain { name: String::from("oslo"), size: 3, up: 2, margin };
        let said = |margin| domain_lines(&[domain(margin)])[1].trim_start().to_owned();
        let line = |then| format!("{:<30} 2 of 3 up, {then}", "oslo");
        assert_eq!(said(-1), line("WITHOUT IT A GROUP DOES NOT SERVE"));
        assert_eq!(said(0), line("without it some group can take no more failures"));
        assert_eq!(said(1), line("without it every group can take 1 more failure"));
        assert_eq!(domain_lines(&[]), [""; 0]);
        let many = domain_lines(&vec![domain(0); DOMAINS_SHOWN + 2]);
        assert_eq!(many.last().map(String::as_str), Some("  and 2 more, none of them worse"));
        assert_eq!(many.len(), DOMAINS_SHOWN + 2);
    }
}
