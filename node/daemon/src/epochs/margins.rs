//! How many more failures the groups of a configuration can take, by what the log says of their
//! servers: who has duties and was not found silent or guilty counts as up.

use std::collections::{BTreeMap, BTreeSet};

use quorate_dht::Ring;
use quorate_types::{
    Configuration, FailureDomain, MemberRecord, MemberStatus, NodeId, ObjectId, Resilience,
};

use crate::limits::MARGINS_NAMED_MAX;

/// The margins of groups: below zero, one does not serve.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Margins {
    /// Of the membership group.
    pub membership: i64,
    /// Who sits in it.
    pub seats: Seats,
    /// Of the worst window of the ring.
    pub window: i64,
    /// Of the worst of all these, if the failure domain failed that is the worst for it.
    pub domain: i64,
    /// Of single windows, by the server that each begins with: the `MARGINS_NAMED_MAX` worst.
    pub windows: Vec<(String, i64)>,
    /// Of the worst group if a failure domain failed: the `MARGINS_NAMED_MAX` worst domains.
    pub domains: Vec<(String, i64)>,
}

/// The seats of the membership group.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Seats {
    /// All of them.
    pub all: usize,
    /// Those of servers that are up.
    pub up: usize,
    /// How many have to be up.
    pub needed: usize,
}

impl Margins {
    /// Those of a configuration of whose servers these were found to be down or to lie.
    #[must_use]
    pub fn of(configuration: &Configuration, found: &BTreeSet<NodeId>) -> Self {
        let up = |node: &NodeId| {
            let member = configuration.member(*node)?;
            (member.status == MemberStatus::Active && !found.contains(node)).then_some(member)
        };
        let group = |members: &[NodeId]| Group::of(members.iter().filter_map(up), members.len());
        let membership = group(&configuration.membership_group);
        let ring = Ring::new(configuration).ok();
        let firsts = ring.iter().flat_map(|ring| ring.servers().iter().map(move |it| (ring, it)));
        // One at a time: there may be as many as servers.
        let windows = firsts.map(|(ring, first)| {
            (*first, group(ring.group(ObjectId::new(*first.as_bytes())).members()))
        });
        let (now, seats) = (membership.margin(), membership.seats());
        let groups = windows.clone().map(|(_, window)| window).chain([membership]);
        let domains = without_domains(configuration, groups).into_iter();
        let domains = worst_first(domains.map(|(domain, margin)| (domain.0.clone(), margin)));
        let name = |first| configuration.member(first).map_or_else(String::new, MemberRecord::name);
        let windows = worst_first(windows.map(|(first, window)| (first, window.margin())));
        let windows: Vec<(String, i64)> =
            windows.into_iter().map(|(first, margin)| (name(first), margin)).collect();
        let of_worst = |margins: &[(String, i64)]| margins.first().map_or(now, |it| it.1);
        let (window, domain) = (of_worst(&windows), of_worst(&domains));
        Self { membership: now, seats, window, domain, windows, domains }
    }
}

fn worst_first<Of: Ord>(margins: impl Iterator<Item = (Of, i64)>) -> Vec<(Of, i64)> {
    let mut margins: Vec<_> = margins.collect();
    margins.sort_unstable_by(|left, right| (left.1, &left.0).cmp(&(right.1, &right.0)));
    margins.truncate(MARGINS_NAMED_MAX);
    margins
}

/// The margins of the worst of these groups without each of the failure domains in which somebody
/// has duties.
fn without_domains<'a>(
    configuration: &'a Configuration,
    groups: impl Iterator<Item = Group<'a>> + Clone,
) -> BTreeMap<&'a FailureDomain, i64> {
    let worst = groups.clone().map(|group| group.margin()).min().unwrap_or(0);
    let active = configuration.members.iter().filter(|it| it.status == MemberStatus::Active);
    let mut margins: BTreeMap<_, _> =
        active.map(|member| (&member.failure_domain, worst)).collect();
    for group in groups {
        for (domain, count) in &group.by_domain {
            let left = group.margin_of(group.up - count);
            // Whoever is up is active.
            margins.entry(domain).and_modify(|margin| *margin = left.min(*margin));
        }
    }
    margins
}

/// One group.
#[derive(Clone)]
struct Group<'a> {
    size: usize,
    up: usize,
    /// How many of those who are up are in each failure domain.
    by_domain: BTreeMap<&'a FailureDomain, usize>,
}

impl<'a> Group<'a> {
    fn of(up: impl Iterator<Item = &'a MemberRecord>, size: usize) -> Self {
        let mut group = Self { size, up: 0, by_domain: BTreeMap::new() };
        for member in up {
            group.up += 1;
            *group.by_domain.entry(&member.failure_domain).or_default() += 1;
        }
        group
    }

    fn needed(&self) -> usize {
        Resilience::of_group(self.size).map_or(self.size, Resilience::quorum)
    }

    fn seats(&self) -> Seats {
        Seats { all: self.size, up: self.up, needed: self.needed() }
    }

    /// If so many are up.
    fn margin_of(&self, up: usize) -> i64 {
        up.cast_signed() as i64 - self.needed().cast_signed() as i64
    }

    fn margin(&self) -> i64 {
        self.margin_of(self.up)
    }
}

#[cfg(test)]
mod tests {
    //! Servers that are gone count in the windows in which they are, domains where they are most.
    use std::collections::BTreeSet;
    use std::net::SocketAddr;
    use std::sync::Arc;

    use quorate_types::{Configuration, FailureDomain, MemberStatus, NodeId};

    use super::{Margins, Seats};
    use crate::crowd::Crowd;

    fn configuration() -> Configuration {
        let crowd = Crowd::new(8, SocketAddr::from(([127, 0, 0, 1], 1)));
        let mut configuration = crowd.configuration().configuration().clone();
        for (number, member) in configuration.members.iter_mut().map(Arc::make_mut).enumerate() {
            member.failure_domain = FailureDomain(format!("site {number}"));
        }
        configuration
    }

    #[test]
    fn who_is_inactive_or_found_silent_is_a_failure_less_to_take() {
        let mut configuration = configuration();
        let margins = |configuration: &Configuration, found: &[NodeId]| {
            let of = Margins::of(configuration, &found.iter().copied().collect());
            (of.membership, of.window, of.domain)
        };
        assert_eq!(margins(&configuration, &[]), (1, 1, 0));
        let outside = |id| !configuration.membership_group.contains(&id);
        let place = configuration.members.iter().position(|it| outside(it.id)).expect("one of 8");
        let silent = configuration.members[place].id;
        assert_eq!(margins(&configuration, &[silent]), (1, 0, -1));
        Arc::make_mut(&mut configuration.members[place]).status = MemberStatus::Inactive;
        assert_eq!(margins(&configuration, &[]), (1, 0, -1));
        let member = BTreeSet::from([configuration.membership_group[0]]);
        let margins = Margins::of(&configuration, &member);
        assert_eq!(margins.membership, 0);
        assert_eq!(margins.seats, Seats { all: 4, up: 3, needed: 3 });
    }

    #[test]
    fn servers_of_one_domain_fail_together() {
        let mut configuration = configuration();
        for member in configuration.members.iter_mut().map(Arc::make_mut) {
            member.failure_domain = FailureDomain(String::from("one site"));
        }
        let margins = Margins::of(&configuration, &BTreeSet::new());
        assert_eq!((margins.membership, margins.window, margins.domain), (1, 1, -3));
        assert_eq!(margins.domains, [(String::from("one site"), -3)]);
    }

    #[test]
    fn each_window_and_domain_has_a_margin_of_its_own_and_the_worst_come_first() {
        let mut configuration = configuration();
        let by_place = |place: usize| configuration.members[place].name();
        let (silent, names) = (configuration.members[3].id, [0, 1, 2, 3].map(by_place));
        for place in [5, 6] {
            let member = Arc::make_mut(&mut configuration.members[place]);
            member.failure_domain = FailureDomain(String::from("twins"));
        }
        let margins = Margins::of(&configuration, &BTreeSet::from([silent]));
        // Windows of four that begin at the one that is silent, or up to three before it.
        let named: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let worst: BTreeSet<&str> =
            margins.windows.iter().take(4).map(|(first, _)| first.as_str()).collect();
        assert_eq!(worst, named);
        let values: Vec<i64> = margins.windows.iter().map(|(_, margin)| *margin).collect();
        assert_eq!(values, [0, 0, 0, 0, 1, 1, 1, 1]);
        assert_eq!(margins.domains[0], (String::from("twins"), -2), "both are in one window");
        let own = margins.domains.iter().find(|(domain, _)| domain == "site 3").expect("it is one");
        assert_eq!(own.1, 0, "whose only server is gone already");
    }
}
