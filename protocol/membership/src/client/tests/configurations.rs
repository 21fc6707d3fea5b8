//! Attacks on configurations: stale ones, forged ones, pages that do not fit.
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use quorate_types::{Epoch, Peer};

use super::super::{ClientOutput, ClientRequest, ConfigurationClient, Loss};
use super::SECOND;
use super::network::{Lie, Network, parameters};
use crate::limits::PAGE_MEMBERS_MAX;
use crate::message::Message;
use crate::page::ConfigurationPage;
use crate::testing::{World, schemes};

/// A server that hands out `page` whatever is asked.
fn handing_out(page: ConfigurationPage) -> Lie {
    Box::new(move |message| match message {
        Message::GetConfiguration(_) => Vec::from([Message::Configuration(Box::new(page.clone()))]),
        Message::Challenge(_)
        | Message::Configuration(_)
        | Message::Vouch(_)
        | Message::GetFounding(_)
        | Message::Founding(_) => Vec::new(),
    })
}

#[test]
fn mem_1_a_configuration_under_another_key_is_never_used() {
    let world = World::new(7, 1);
    let mut other = crate::testing::genesis(7, 1);
    other.randomness = quorate_types::Digest::new([6; 32]);
    let other = other.check(&crate::testing::registry()).unwrap();
    let other =
        other.found(&quorate_threshold::Seed::new([1; 32]), &quorate_threshold::Bls12381).unwrap();
    let forged = other.configuration.verify(&other.system_key, &schemes()).unwrap();
    let mut network = Network::new(&world);
    for member in &world.first.configuration().members {
        let page = forged.page(quorate_types::NodeId::new([0; 32]));
        network.corrupt(member.id, handing_out(page));
    }
    network.start();
    network.run(30 * SECOND);
    assert_eq!(network.outputs(), [], "MEM-1");
    assert!(network.ignored("membership: not signed under the pinned key") > 5);
}

#[test]
fn a_liar_among_the_contacts_delays_and_does_not_mislead() {
    let world = World::new(7, 1);
    let first = world.first.configuration().members[0].id;
    let good = world.first.page(quorate_types::NodeId::new([0; 32]));
    let mut moved = good.clone();
    Arc::make_mut(&mut moved.members[0]).address.push('0');
    let mut short = good.clone();
    short.members.pop();
    let mut shuffled = good.clone();
    shuffled.members.swap(0, 1);
    let mut beginning = good;
    beginning.from = first;
    let table = [
        (moved, "membership: malformed configuration"),
        (short, "membership: malformed page"),
        (shuffled, "membership: malformed page"),
        (beginning, "membership: malformed page"),
    ];
    for (page, mark) in table {
        let mut network = Network::new(&world);
        network.corrupt(first, handing_out(page));
        network.start();
        network.run(5 * SECOND);
        assert_eq!(network.usable(), Some(&world.first), "{mark}");
        assert_eq!(network.ignored(mark), 1, "{mark}");
    }
}

#[test]
fn a_liar_that_sends_one_member_at_a_time_is_left_after_the_first() {
    let world = World::new(7, 1);
    let liar = world.first.configuration().members[0].id;
    let good = world.first.clone();
    let drip: Lie = Box::new(move |message| match message {
        Message::GetConfiguration(request) => {
            let mut page = good.page(request.from);
            page.members.truncate(1);
            Vec::from([Message::Configuration(Box::new(page))])
        }
        Message::Challenge(_)
        | Message::Configuration(_)
        | Message::Vouch(_)
        | Message::GetFounding(_)
        | Message::Founding(_) => Vec::new(),
    });
    let mut network = Network::new(&world);
    network.corrupt(liar, drip);
    network.start();
    network.run(SECOND / 10);
    assert_eq!(network.questions(), 1);
    assert_eq!(network.ignored("membership: malformed page"), 1);
    network.run(SECOND);
    assert_eq!(network.usable(), Some(&world.first));
}

#[test]
fn the_word_of_the_group_moves_a_client_at_its_next_challenge() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let mut network = Network::running(&world);
    network.advance(world.group(), &next);
    // The lease is renewed after five seconds; the first wait is 200 ms.
    network.run(4 * SECOND + SECOND / 10);
    assert_eq!(network.usable(), Some(&next));
}

#[test]
fn who_doubts_learns_at_once_that_the_epoch_has_ended_and_not_when_the_lease_is_renewed() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let mut network = Network::running(&world);
    network.advance(world.group(), &next);
    network.run(SECOND);
    assert_eq!(network.usable(), Some(&world.first), "the lease holds for ten seconds");
    network.request(ClientRequest::Doubt);
    network.run(2 * SECOND);
    assert_eq!(network.usable(), Some(&next));
}

#[test]
fn a_client_whose_group_has_gone_follows_before_its_lease_ends() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let members = world.first.configuration().members.iter().map(|one| one.id);
    let others: Vec<_> = members.filter(|id| !world.group().contains(id)).collect();
    let mut network = Network::running(&world);
    network.silence_group(4);
    network.advance(&others, &next);
    network.run(9 * SECOND);
    assert_eq!(network.client().known(), Some(&next));
    assert_eq!(network.losses(), [(Epoch::ZERO, Loss::LaterEpoch)]);
}

#[test]
fn a_client_follows_to_the_next_epoch_and_says_that_the_old_lease_is_gone() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let all: Vec<_> = world.first.configuration().members.iter().map(|one| one.id).collect();
    let mut network = Network::running(&world);
    network.advance(&all, &next);
    network.run(10 * SECOND);
    assert_eq!(network.usable(), Some(&next));
    assert_eq!(network.losses(), [(Epoch::ZERO, Loss::LaterEpoch)]);
}

#[test]
fn mem_3_an_earlier_configuration_is_refused_for_ever() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let all: Vec<_> = world.first.configuration().members.iter().map(|one| one.id).collect();
    let mut network = Network::new(&world);
    network.advance(&all, &next);
    network.start();
    network.run(SECOND);
    assert_eq!(network.usable(), Some(&next));
    for id in &all {
        let stale = world.first.page(quorate_types::NodeId::new([0; 32]));
        network.corrupt(*id, handing_out(stale));
    }
    network.run(60 * SECOND);
    assert_eq!(network.client().known(), Some(&next), "MEM-3");
    assert_eq!(network.usable(), None);
    assert!(network.ignored("membership: earlier configuration") > 0);
}

#[test]
fn mem_3_a_client_that_starts_again_does_not_fall_behind_what_it_knew() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let client = ConfigurationClient::new(parameters(&world), Some(next.clone()), schemes());
    assert_eq!(client.known(), Some(&next), "MEM-3");
    assert!(client.usable(quorate_types::Instant::ZERO).is_none());
}

#[test]
#[should_panic(expected = "MEM-1")]
fn mem_1_what_was_known_under_another_key_stops_the_client() {
    let world = World::new(4, 1);
    let mut parameters = parameters(&world);
    parameters.system_key = quorate_threshold::PublicKey::new([0; 48]);
    drop(ConfigurationClient::new(parameters, Some(world.first), schemes()));
}

#[test]
fn a_client_that_only_reaches_servers_of_an_old_epoch_gets_no_lease() {
    // "I still work here": the old group has moved on, but some servers still serve its page.
    let world = World::new(7, 1);
    let mut network = Network::new(&world);
    network.end_epoch(world.group());
    network.start();
    network.run(60 * SECOND);
    assert_eq!(network.client().known(), Some(&world.first));
    assert_eq!(network.leases(), 0);
    assert_eq!(network.usable(), None);
}

#[test]
fn word_of_a_later_epoch_makes_a_client_look_at_once() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let members = &world.first.configuration().members;
    let outside = members.iter().find(|one| !world.group().contains(&one.id)).unwrap().id;
    let mut network = Network::running(&world);
    network.advance(&[outside], &next);
    let from = Peer::Node(outside);
    network.request(ClientRequest::Heard { from, epoch: next.epoch() });
    network.run(SECOND / 10);
    assert_eq!(network.client().known(), Some(&next));
    assert_eq!(network.usable(), None);
}

#[test]
fn false_word_of_a_later_epoch_costs_a_question_and_no_lease() {
    let world = World::new(7, 1);
    let liar = world.first.configuration().members[0].id;
    let mut network = Network::running(&world);
    let before = network.questions();
    for _ in 0..100 {
        let from = Peer::Node(liar);
        network.request(ClientRequest::Heard { from, epoch: Epoch::new(99) });
    }
    network.run(SECOND);
    assert!(network.questions() <= before + 1);
    assert_eq!(network.usable(), Some(&world.first));
}

#[test]
fn a_server_sets_off_one_question_between_two_challenges() {
    let world = World::new(7, 1);
    let liar = world.first.configuration().members[0].id;
    let mut network = Network::running(&world);
    let before = network.questions();
    network.corrupt(liar, Box::new(|_| Vec::new()));
    for _ in 0..40 {
        let from = Peer::Node(liar);
        network.request(ClientRequest::Heard { from, epoch: Epoch::new(99) });
        network.run(SECOND / 10);
    }
    assert_eq!(network.questions(), before + 1);
}

#[test]
fn a_configuration_of_several_pages_is_fetched_whole() {
    let server_count = PAGE_MEMBERS_MAX + 5;
    let world = World::new(server_count, 1);
    let network = Network::running(&world);
    assert_eq!(network.usable(), Some(&world.first));
    let first = network.outputs().first();
    assert_eq!(first, Some(&ClientOutput::Configuration(world.first.clone())));
}

#[test]
fn a_second_configuration_of_one_epoch_is_not_adopted() {
    let world = World::new(7, 1);
    let mut configuration = world.first.configuration().clone();
    configuration.created = quorate_types::UnixTime::ZERO;
    let fork = world.certify(configuration, world.first.header().header().lineage);
    let fork = fork.verify(&world.founding.system_key, &schemes()).unwrap();
    let mut network = Network::running(&world);
    network.silence_group(2);
    let members = &world.first.configuration().members;
    for member in members.iter().filter(|one| !world.group().contains(&one.id)) {
        let page = fork.page(quorate_types::NodeId::new([0; 32]));
        network.corrupt(member.id, handing_out(page));
    }
    network.run(60 * SECOND);
    assert_eq!(network.client().known(), Some(&world.first));
    assert!(network.ignored("membership: fork") > 0);
}

fn given(world: &World, configuration: crate::CertifiedConfiguration) -> ClientRequest {
    let from = Peer::Node(world.first.configuration().members[3].id);
    ClientRequest::Given { from, configuration: Box::new(configuration) }
}

#[test]
fn a_later_configuration_that_a_storage_server_gives_is_checked_and_adopted() {
    let world = World::new(7, 1);
    let mut network = Network::running(&world);
    let next = world.following(&world.first);
    network.advance(world.group(), &next);
    network.request(given(&world, next.to_certified()));
    network.run(SECOND);
    assert_eq!(network.usable(), Some(&next));
    assert_eq!(network.losses(), [(Epoch::ZERO, Loss::LaterEpoch)]);
}

#[test]
fn mem_1_a_forged_configuration_that_is_given_is_refused_and_counted_once_for_each_challenge() {
    let world = World::new(7, 1);
    let mut network = Network::running(&world);
    let next = world.following(&world.first);
    let mut forged = next.to_certified();
    forged.certified.signature = world.first.to_certified().certified.signature;
    let mut moved = next.to_certified();
    Arc::make_mut(&mut moved.members[0]).address.push('0');
    for wrong in [forged, moved] {
        network.request(given(&world, wrong));
    }
    assert_eq!(network.ignored("membership: not signed under the pinned key"), 1);
    assert_eq!(network.ignored("membership: claim of another epoch"), 1, "not even looked at");
    network.run(SECOND);
    assert_eq!(network.usable(), Some(&world.first));
    assert_eq!(network.losses(), []);
}

#[test]
fn mem_3_an_earlier_configuration_that_is_given_is_not_gone_back_to() {
    let world = World::new(7, 1);
    let mut network = Network::running(&world);
    let next = world.following(&world.first);
    network.advance(world.group(), &next);
    network.request(given(&world, next.to_certified()));
    network.run(SECOND);
    for old in [&world.first, &next] {
        network.request(given(&world, old.to_certified()));
    }
    network.run(SECOND);
    assert_eq!(network.usable(), Some(&next));
    assert_eq!(network.ignored("membership: claim of another epoch"), 2);
}
