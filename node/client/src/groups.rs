//! Where the replica groups of a configuration are: the same answer at servers and clients.

use std::collections::{BTreeMap, BTreeSet};

use quorate_dht::Ring;
pub use quorate_duties::key_value_group;
use quorate_membership::VerifiedConfiguration;
use quorate_types::{MemberRecord, MemberStatus, NodeId, ObjectId, Resilience};

/// Frames of replica groups; the group follows.
pub const ORDERING: u8 = 1;
/// Frames of the storage DHT.
pub const STORAGE: u8 = 2;
/// Frames about configurations and their freshness.
pub const CONFIGURATION: u8 = 3;

/// Frames of the participants of an epoch's end; the epoch's group follows.
pub const HANDOVER: u8 = 4;
/// Frames that carry configurations to all servers.
pub const DISSEMINATION: u8 = 5;
/// Frames about the chain of all configurations.
pub const ARCHIVE: u8 = 6;

/// What the group of the membership service is called.
pub const MEMBERSHIP: &str = "membership";

/// A replica group and how many of its members can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedGroup {
    /// What it is called.
    pub name: String,
    /// Members that were reached.
    pub up: usize,
    /// Members.
    pub size: usize,
    /// Members that must answer.
    pub quorum: usize,
    /// Is it one of the groups that every cluster has, rather than a window of the ring?
    pub is_special: bool,
}

impl ServedGroup {
    fn new(name: String, members: &[NodeId], reached: &BTreeSet<NodeId>) -> Self {
        let up = members.iter().filter(|member| reached.contains(*member)).count();
        let resilience = Resilience::of_group(members.len()).expect("a group has 3f + 1 members");
        let (size, quorum) = (resilience.replicas(), resilience.quorum());
        Self { name, up, size, quorum, is_special: false }
    }

    /// Failures that the group can still take; below zero it does not serve.
    #[must_use]
    pub fn margin(&self) -> isize {
        self.up.cast_signed() - self.quorum.cast_signed()
    }

    /// Failures that the group can take when all of it is up.
    #[must_use]
    pub fn f(&self) -> isize {
        (self.size - self.quorum).cast_signed()
    }
}

/// Every group of a configuration: the membership service, the key-value service, and each window
/// of the ring that stores objects.
#[must_use]
pub fn groups(
    configuration: &VerifiedConfiguration,
    reached: &BTreeSet<NodeId>,
) -> Vec<ServedGroup> {
    let servers = configuration.configuration();
    let special = |name: &str, members: &[NodeId]| {
        let group = ServedGroup::new(String::from(name), members, reached);
        ServedGroup { is_special: true, ..group }
    };
    let mut groups = vec![special(MEMBERSHIP, &servers.membership_group)];
    if let Ok(group) = key_value_group(configuration) {
        let members: Vec<NodeId> = group.members.iter().map(|member| member.node).collect();
        groups.push(special("key-value", &members));
    }
    let Ok(ring) = Ring::new(servers) else { return groups };
    for server in ring.servers() {
        let window = ring.group(ObjectId::new(*server.as_bytes()));
        let first = servers.member(*server).expect("the ring is made of members").name();
        let name = format!("storage from {first}");
        groups.push(ServedGroup::new(name, window.members(), reached));
    }
    groups
}

/// Is a server missed when it fails? Who has lost its duties still holds its objects.
#[must_use]
pub const fn has_duties_or_objects(member: &MemberRecord) -> bool {
    matches!(member.status, MemberStatus::Active) || member.is_on_ring
}

/// Servers that fail together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Domain {
    /// What they are called.
    pub name: String,
    /// Servers with duties, and others that hold objects.
    pub size: usize,
    /// Those of them that were reached.
    pub up: usize,
    /// Failures that the worst group could still take if all of them failed; below zero it would
    /// not serve.
    pub margin: isize,
}

/// The failure domains, those whose failure would be the worst first.
#[must_use]
pub fn domains(configuration: &VerifiedConfiguration, reached: &BTreeSet<NodeId>) -> Vec<Domain> {
    let mut by_name = BTreeMap::<&str, Vec<NodeId>>::new();
    let members = configuration.configuration().members.iter();
    for member in members.filter(|member| has_duties_or_objects(member)) {
        by_name.entry(&member.failure_domain.0).or_default().push(member.id);
    }
    let domain = |(name, servers): (&str, Vec<NodeId>)| {
        let mut left = reached.clone();
        let up = servers.iter().filter(|server| left.remove(*server)).count();
        let margin = groups(configuration, &left).iter().map(ServedGroup::margin).min();
        let (name, size, margin) = (String::from(name), servers.len(), margin.unwrap_or(0));
        Domain { name, size, up, margin }
    };
    let mut domains: Vec<_> = by_name.into_iter().map(domain).collect();
    domains.sort_by(|left, right| (left.margin, &left.name).cmp(&(right.margin, &right.name)));
    domains
}

#[cfg(test)]
mod tests {
    //! What a group can still take.
    use std::collections::BTreeSet;

    use quorate_types::NodeId;

    use super::ServedGroup;

    #[test]
    fn a_group_serves_with_a_quorum_and_can_take_what_is_above_it() {
        for (size, f) in [(4_u8, 1), (7, 2), (10, 3)] {
            let members: Vec<NodeId> = (0..size).map(|byte| NodeId::new([byte; 32])).collect();
            // A server of another group does not count.
            let mut reached = BTreeSet::from([NodeId::new([99; 32])]);
            for up in 0..=size {
                let group = ServedGroup::new(String::from("key-value"), &members, &reached);
                assert_eq!((group.up, group.size), (usize::from(up), usize::from(size)));
                assert_eq!(group.f(), f);
                let margin = isize::from(i16::from(up)) - (2 * f + 1);
                assert_eq!(group.margin(), margin, "{up} of {size}");
                reached.extend(members.get(usize::from(up)));
            }
        }
    }
}
