//! How many more failures the groups of a configuration can take. Who has duties counts as up
//! while the log has not found it silent or guilty. Nobody probes who was removed, and it may hold
//! objects all the same: it counts as up while this server has a link with it.

use std::collections::{BTreeMap, BTreeSet};

use quorate_client::groups::has_duties_or_objects;
use quorate_dht::Ring;
use quorate_membership::VerifiedConfiguration;
use quorate_runtime::LinkNews;
use quorate_types::{
    Configuration, FailureDomain, MemberRecord, MemberStatus, NodeId, ObjectId, Peer, Resilience,
};

use crate::limits::MARGINS_NAMED_MAX;

/// What a server knows of the others from which their margins follow.
#[derive(Clone, Default, Debug)]
pub(super) struct Standing {
    /// The newest configuration.
    pub(super) configuration: Option<VerifiedConfiguration>,
    /// Whom the log has found silent or guilty in it.
    pub(super) gone: BTreeSet<NodeId>,
    /// With whom there are links, and the server itself.
    linked: BTreeSet<NodeId>,
}

impl Standing {
    /// The server itself, which has no link with itself.
    pub(super) fn note_self(&mut self, me: NodeId) {
        self.linked.insert(me);
    }

    /// A link came up or went down.
    pub(super) fn note(&mut self, news: &LinkNews) {
        match news {
            LinkNews::Up(Peer::Node(id)) => {
                self.linked.insert(*id);
            }
            LinkNews::Down { peer: Peer::Node(id), .. } => {
                self.linked.remove(id);
            }
            LinkNews::Up(Peer::Client(_))
            | LinkNews::Down { peer: Peer::Client(_), .. }
            | LinkNews::Failed { .. } => {}
        }
    }

    /// What follows from it now.
    pub(super) fn margins(&self) -> Margins {
        let of = |known: &VerifiedConfiguration| {
            Margins::of(known.configuration(), &self.gone, &self.linked)
        };
        self.configuration.as_ref().map(of).unwrap_or_default()
    }
}

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
    /// Those of a configuration of whose servers these were found to be down or to lie, and with
    /// these of which there are links.
    fn of(
        configuration: &Configuration,
        found: &BTreeSet<NodeId>,
        linked: &BTreeSet<NodeId>,
    ) -> Self {
        let up = |node: &NodeId| {
            let member = configuration.member(*node)?;
            let is_up = match member.status {
                MemberStatus::Active => !found.contains(node),
                MemberStatus::Inactive => false,
                MemberStatus::Removed => linked.contains(node),
            };
            is_up.then_some(member)
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
/// has duties or holds objects.
fn without_domains<'a>(
    configuration: &'a Configuration,
    groups: impl Iterator<Item = Group<'a>> + Clone,
) -> BTreeMap<&'a FailureDomain, i64> {
    let worst = groups.clone().map(|group| group.margin()).min().unwrap_or(0);
    let members = configuration.members.iter().filter(|member| has_duties_or_objects(member));
    let mut margins: BTreeMap<_, _> =
        members.map(|member| (&member.failure_domain, worst)).collect();
    for group in groups {
        for (domain, count) in &group.by_domain {
            let left = group.margin_of(group.up - count);
            // Whoever is up in a group has duties or objects.
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

    use super::{LinkNews, Margins, Peer, Seats, Standing};
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
            let found = found.iter().copied().collect();
            let of = Margins::of(configuration, &found, &BTreeSet::new());
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
        let margins = Margins::of(&configuration, &member, &BTreeSet::new());
        assert_eq!(margins.membership, 0);
        assert_eq!(margins.seats, Seats { all: 4, up: 3, needed: 3 });
    }

    #[test]
    fn who_was_removed_and_holds_objects_is_up_while_there_is_a_link_with_it() {
        let mut configuration = configuration();
        let outside = |id| !configuration.membership_group.contains(&id);
        let place = configuration.members.iter().position(|it| outside(it.id)).expect("one of 8");
        let removed = configuration.members[place].id;
        Arc::make_mut(&mut configuration.members[place]).status = MemberStatus::Removed;
        let margins = |standing: &Standing| {
            let of = Margins::of(&configuration, &standing.gone, &standing.linked);
            let domain = format!("site {place}");
            let without = of.domains.into_iter().find(|(it, _)| *it == domain);
            (of.window, without.expect("objects are there").1)
        };
        let mut standing = Standing::default();
        assert_eq!(margins(&standing), (0, 0), "as good as gone, and its site with it");
        standing.note(&LinkNews::Up(Peer::Node(removed)));
        assert_eq!(margins(&standing), (1, 0));
        standing.note(&LinkNews::Down { peer: Peer::Node(removed), why: String::from("killed") });
        assert_eq!(margins(&standing), (0, 0));
        standing.note_self(removed);
        assert_eq!(margins(&standing), (1, 0), "its own metrics tell the same");
    }

    #[test]
    fn servers_of_one_domain_fail_together() {
        let mut configuration = configuration();
        for member in configuration.members.iter_mut().map(Arc::make_mut) {
            member.failure_domain = FailureDomain(String::from("one site"));
        }
        let margins = Margins::of(&configuration, &BTreeSet::new(), &BTreeSet::new());
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
        let margins = Margins::of(&configuration, &BTreeSet::from([silent]), &BTreeSet::new());
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
