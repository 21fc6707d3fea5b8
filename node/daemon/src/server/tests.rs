//! Which servers a process has links to.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use quorate_net::limits::PEERS_MAX;
use quorate_types::{Configuration, MemberRecord, NodeId};

use super::linked;
use crate::crowd::Crowd;

const MORE: usize = 6;

/// As many servers as there are links for, and a few more: the last of the group and two others
/// hold no objects.
fn large() -> Configuration {
    let count = u32::try_from(PEERS_MAX + MORE).expect("it is small");
    let crowd = Crowd::new(count, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    let mut configuration = crowd.configuration().configuration().clone();
    let group = configuration.membership_group.clone();
    let mut others = configuration.members.iter_mut().filter(|it| !group.contains(&it.id));
    others.by_ref().take(2).for_each(|it| Arc::make_mut(it).is_on_ring = false);
    let in_group = configuration.members.iter_mut().find(|it| it.id == group[3]);
    Arc::make_mut(in_group.expect("a member")).is_on_ring = false;
    configuration
}

fn ids(members: &[&Arc<MemberRecord>]) -> Vec<NodeId> {
    members.iter().map(|member| member.id).collect()
}

#[test]
fn of_more_servers_than_links_the_group_and_who_holds_objects_come_first() {
    let mut configuration = large();
    let some = linked(&configuration);
    assert_eq!(some.len(), PEERS_MAX);
    let has = |id: &NodeId| some.iter().any(|member| member.id == *id);
    assert!(configuration.membership_group.iter().all(has));
    let left_out = configuration.members.iter().filter(|member| !has(&member.id));
    let without = left_out.clone().filter(|member| !member.is_on_ring).count();
    assert_eq!((left_out.count(), without), (MORE, 2), "who holds nothing goes first");

    configuration.members.truncate(PEERS_MAX);
    let all: Vec<_> = configuration.members.iter().map(|member| member.id).collect();
    assert_eq!(ids(&linked(&configuration)), all, "all, in their order");
}
