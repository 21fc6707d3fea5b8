//! How many more failures the groups of a configuration can take, by what the log says of their
//! servers: who has duties and was not found silent or guilty counts as up.

use std::collections::BTreeSet;

use quorate_dht::Ring;
use quorate_types::{
    Configuration, FailureDomain, MemberRecord, MemberStatus, NodeId, ObjectId, Resilience,
};

/// The margins of the worst: below zero, a group does not serve.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Margins {
    /// Of the membership group.
    pub membership: i64,
    /// Of the worst window of the ring.
    pub window: i64,
    /// Of the worst of all these, if the failure domain failed that is the worst for it.
    pub domain: i64,
}

impl Margins {
    /// Those of a configuration of whose servers these were found to be down or to lie.
    #[must_use]
    pub fn of(configuration: &Configuration, found: &BTreeSet<NodeId>) -> Self {
        let up = |node: &NodeId| {
            let member = configuration.member(*node)?;
            (member.status == MemberStatus::Active && !found.contains(node)).then_some(member)
        };
        let margins = |members: &[NodeId]| Margin::of(members.iter().filter_map(up), members.len());
        let membership = margins(&configuration.membership_group);
        let ring = Ring::new(configuration).ok();
        let windows = ring.iter().flat_map(|ring| {
            let firsts = ring.servers().iter();
            firsts.map(|first| margins(ring.group(ObjectId::new(*first.as_bytes())).members()))
        });
        let worst = windows.reduce(Margin::worse).unwrap_or(membership);
        let domain = membership.without_domain.min(worst.without_domain);
        Self { membership: membership.now, window: worst.now, domain }
    }
}

/// The margins of one group.
#[derive(Clone, Copy)]
struct Margin {
    now: i64,
    /// If the domain fails that has the most of it.
    without_domain: i64,
}

impl Margin {
    fn of<'a>(up: impl Iterator<Item = &'a MemberRecord>, size: usize) -> Self {
        let domains: Vec<&FailureDomain> = up.map(|member| &member.failure_domain).collect();
        let most = domains.iter().map(|one| domains.iter().filter(|other| *other == one).count());
        let quorum = Resilience::of_group(size).map_or(size, Resilience::quorum);
        let margin = |left: usize| left.cast_signed() as i64 - quorum.cast_signed() as i64;
        let left = domains.len() - most.max().unwrap_or(0);
        Self { now: margin(domains.len()), without_domain: margin(left) }
    }

    fn worse(self, other: Self) -> Self {
        let without_domain = self.without_domain.min(other.without_domain);
        Self { now: self.now.min(other.now), without_domain }
    }
}

#[cfg(test)]
mod tests {
    //! Servers that are gone count in the windows in which they are, domains where they are most.
    use std::collections::BTreeSet;
    use std::net::SocketAddr;

    use quorate_types::{Configuration, FailureDomain, MemberStatus};

    use super::Margins;
    use crate::crowd::Crowd;

    fn configuration() -> Configuration {
        let crowd = Crowd::new(8, SocketAddr::from(([127, 0, 0, 1], 1)));
        let mut configuration = crowd.configuration().configuration().clone();
        for (number, member) in configuration.members.iter_mut().enumerate() {
            member.failure_domain = FailureDomain(format!("site {number}"));
        }
        configuration
    }

    #[test]
    fn who_is_inactive_or_found_silent_is_a_failure_less_to_take() {
        let mut configuration = configuration();
        let whole = Margins { membership: 1, window: 1, domain: 0 };
        assert_eq!(Margins::of(&configuration, &BTreeSet::new()), whole);
        let outside = |id| !configuration.membership_group.contains(&id);
        let place = configuration.members.iter().position(|it| outside(it.id)).expect("one of 8");
        let silent = BTreeSet::from([configuration.members[place].id]);
        let less = Margins { membership: 1, window: 0, domain: -1 };
        assert_eq!(Margins::of(&configuration, &silent), less);
        configuration.members[place].status = MemberStatus::Inactive;
        assert_eq!(Margins::of(&configuration, &BTreeSet::new()), less);
        let member = BTreeSet::from([configuration.membership_group[0]]);
        assert_eq!(Margins::of(&configuration, &member).membership, 0);
    }

    #[test]
    fn servers_of_one_domain_fail_together() {
        let mut configuration = configuration();
        for member in &mut configuration.members {
            member.failure_domain = FailureDomain(String::from("one site"));
        }
        let margins = Margins::of(&configuration, &BTreeSet::new());
        assert_eq!(margins, Margins { membership: 1, window: 1, domain: -3 });
    }
}
