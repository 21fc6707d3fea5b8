//! A system makes its key itself, in the log of the group of its genesis.
use std::vec::Vec;

use quorate_machine::Service;
use quorate_types::Epoch;
use quorate_wire::{decode, encode};

use super::harness::Town;
use crate::handover::{News, Stage};
use crate::service::{HandoverRefusal, MembershipOperation, MembershipReply, Refusal};

const ALL: quorate_types::NodeId = quorate_types::NodeId::new([0; 32]);

#[test]
fn a_system_without_a_dealer_makes_its_key_and_signs_the_configuration_of_epoch_1() {
    let mut town = Town::founding(7, 1);
    let group = town.group();
    assert_eq!(town.news().sharing, None);
    let first = MembershipOperation::GetConfiguration(ALL);
    assert_eq!(town.ask(&first), MembershipReply::Awaited(Epoch::new(1)));
    let genesis = town.news().header;

    town.deposit_all();
    town.freeze();
    assert_eq!(town.underway().attempt.number, 0, "nothing to draw with");
    let shares = town.finish();
    town.turn(shares);

    assert_eq!(town.epoch(), Epoch::new(1));
    assert_eq!(town.group(), group);
    assert_eq!(town.configuration.header().header().lineage.previous, genesis);
    assert_eq!(town.configuration.configuration().ring_epoch, town.epoch(), "objects begin here");
    let system_key = *town.configuration.header().system_key();
    for _ in 0..2 {
        town.live_an_epoch();
        assert_eq!(*town.configuration.header().system_key(), system_key);
    }
}

#[test]
fn a_founding_that_fails_is_tried_again_by_the_same_group() {
    let mut town = Town::founding(7, 1);
    town.deposit_all();
    town.freeze();
    let seats = town.underway().attempt.seats;
    for number in 0..9 {
        assert_eq!(town.underway().attempt.number, number);
        town.deal(town.group()[0]).unwrap();
        town.give_up();
        assert!(matches!(town.stage(), Stage::Dealing(_)));
    }
    assert_eq!(town.underway().attempt.seats, seats);
    let shares = town.finish();
    town.turn(shares);
    assert_eq!(town.configuration.header().header().lineage.attempt, 9);
}

#[test]
fn the_servers_of_a_system_that_makes_its_key_stay_as_they_are() {
    let mut town = Town::founding(7, 1);
    let before = town.state.clone();
    let refused = MembershipReply::Refused(Refusal::Founding);
    assert_eq!(town.add(20), refused);
    assert_eq!(town.remove(0), refused);
    assert_eq!(town.state, before, "MEM-8");
    assert_eq!(town.deposit(20), Err(HandoverRefusal::Stranger));
}

#[test]
fn the_node_of_a_member_is_told_how_far_the_end_has_come_and_which_slot_was_the_last() {
    let mut town = Town::founding(4, 1);
    let mut told = Vec::new();
    let mut look = |town: &mut Town| {
        let conclusion = town.service.conclude(town.epoch(), &town.state);
        let news: News = decode(&conclusion.news.unwrap()).unwrap();
        assert_eq!(encode(&news), encode(&town.news()));
        told.push((news.epoch.get(), conclusion.is_last));
    };
    look(&mut town);
    town.deposit_all();
    town.freeze();
    look(&mut town);
    let shares = town.finish();
    look(&mut town);
    town.turn(shares);
    look(&mut town);
    assert_eq!(told, [(0, false), (0, false), (0, true), (1, false)]);
}

#[test]
fn a_founding_goes_on_with_no_more_founders_missing_than_a_group_can_bear() {
    let mut town = Town::founding(7, 1);
    let (group, servers) = (town.group(), town.servers());
    let votes = |town: &Town| town.end(&group[..2]);
    // A quorum of the group is not enough: the others are members of the storage's groups.
    for (place, member) in group.iter().enumerate() {
        assert_eq!(town.news().awaited, u32::try_from(7 - place).unwrap());
        let server = town.number_of(*member);
        town.deposit(server).unwrap();
    }
    assert_eq!(town.take(votes(&town)), Err(HandoverRefusal::TooFewDeposits));
    let members: Vec<_> = group.iter().map(|member| town.number_of(*member)).collect();
    let others: Vec<_> = servers.into_iter().filter(|it| !members.contains(it)).collect();
    town.deposit(others[0]).unwrap();
    assert_eq!(town.take(votes(&town)), Err(HandoverRefusal::TooFewDeposits), "two of seven");
    town.deposit(others[1]).unwrap();
    assert_eq!(town.news().awaited, 1);
    town.take(votes(&town)).unwrap();

    let shares = town.finish();
    town.turn(shares);
    let keyless = town.configuration.configuration().members.iter();
    let keyless: Vec<_> = keyless.filter(|member| member.epoch_key.is_none()).collect();
    assert_eq!(keyless.len(), 1, "as good as silent in this epoch");
    assert!(keyless[0].is_on_ring, "it keeps its place");
    assert_eq!(town.news().awaited, 0, "behind the founding nobody is awaited");
}
