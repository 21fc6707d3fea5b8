//! How a configuration reaches thousands of servers, through the public interface alone.
use std::collections::BTreeSet;
use std::sync::Arc;

use quorate_membership::dissemination::{Follow, Trees};
use quorate_membership::limits::{DELTAS_KEPT_MAX, FAN_OUT_DEFAULT};
use quorate_types::NodeId;

use network::{Conditions, Network, WIDE};
use servers::{F, Once, Servers};

mod network;
mod servers;

const SECOND: u64 = 1_000_000;

fn ids(configurations: &[&quorate_membership::VerifiedConfiguration]) -> BTreeSet<NodeId> {
    let members = configurations.iter().flat_map(|one| &one.configuration().members);
    members.map(|member| member.id).collect()
}

#[test]
fn all_of_three_thousand_servers_get_the_epoch_with_loss_and_silent_servers_inside() {
    let mut servers = Servers::new();
    let old = servers.first(3_000);
    let new = servers.churned(&old);
    let follow: Arc<dyn Follow> = Once::new(servers.schemes.clone(), FAN_OUT_DEFAULT);
    let everybody = ids(&[&old, &new]);
    let mut network = Network::new(WIDE, everybody.iter().copied(), &old, &follow);
    let trees = Trees::of(&old, &new, FAN_OUT_DEFAULT);
    let sources = old.configuration().membership_group.clone();
    let silent = network.silence(|id| !sources.contains(&id) && !trees.children(id).is_empty());
    // So many of the group may keep it for themselves.
    sources.iter().take(usize::from(F)).for_each(|source| network.server(*source).is_silent = true);

    sources.iter().for_each(|source| network.adopt(*source, &new));
    let moments = network.run_until_all(new.epoch(), 60 * SECOND);

    assert_eq!(silent.len(), 30);
    assert_eq!(
        moments.len(),
        everybody.len() - silent.len() - usize::from(F),
        "all that speak have it"
    );
    let lent = everybody.iter().filter(|id| new.configuration().member(**id).is_none());
    assert_eq!(lent.count(), 30, "those that went too");
    // One chunk: two copies each, and what repair and comparing add.
    let counts: u64 = network.servers.iter().map(|server| server.sent_count).sum();
    let deltas: u64 = network.servers.iter().map(|server| server.sent_bytes).sum();
    let delta_bytes = delta_bytes(&old, &new);
    let members = everybody.len() as u64;
    assert!(counts < 8 * members, "{counts} messages of {members}");
    assert!(deltas < members * (5 * delta_bytes / 2 + 4_000), "{deltas} bytes of {members}");
    let busiest = network.servers.iter().map(|server| server.sent_bytes).max().expect("some");
    assert!(busiest < 12 * delta_bytes + 10_000, "{busiest} at the busiest, {delta_bytes} a delta");
}

fn delta_bytes(
    old: &quorate_membership::VerifiedConfiguration,
    new: &quorate_membership::VerifiedConfiguration,
) -> u64 {
    let delta = quorate_membership::Delta::between(old, new).expect("one follows the other");
    quorate_wire::encode(&delta).len() as u64
}

#[test]
fn a_server_that_slept_catches_up_with_a_bounded_number_of_messages() {
    for (slept, way) in
        [(3, "dissemination: adopted"), (DELTAS_KEPT_MAX + 3, "dissemination: caught up")]
    {
        let mut servers = Servers::new();
        let first = servers.first(200);
        let follow: Arc<dyn Follow> = Once::new(servers.schemes.clone(), FAN_OUT_DEFAULT);
        let sleeper = first.configuration().members[17].id;
        let members = ids(&[&first]);
        let quiet = Conditions { loss: 0, ..WIDE };
        let mut network = Network::new(quiet, members.iter().copied(), &first, &follow);
        let mut newest = first.clone();
        network.server(sleeper).is_asleep = true;
        for _ in 0..slept {
            let records = newest.configuration().members.clone();
            newest = servers.follow(&newest, records);
            members.iter().filter(|id| **id != sleeper).for_each(|id| network.adopt(*id, &newest));
        }
        network.run_until(2 * SECOND);
        assert_eq!(network.server(sleeper).machine.newest(), &first, "it heard nothing");
        network.server(sleeper).is_asleep = false;
        network.count_anew();
        network.marks.clear();

        network.run_until(30 * SECOND);

        let server = network.server(sleeper);
        assert_eq!(server.machine.newest(), &newest, "after {slept} epochs");
        assert!(server.sent_count < 30, "{} messages after {slept} epochs", server.sent_count);
        assert!(server.received_bytes < 200_000, "{} bytes", server.received_bytes);
        assert!(network.marks[way] >= 1, "{:?}", network.marks);
        let steps = if slept > DELTAS_KEPT_MAX { 1 } else { slept };
        assert_eq!(network.marks["dissemination: adopted"], steps as u64);
    }
}
