//! A member vouches for the epoch that it is in, and never again once it has ended it.
use std::vec::Vec;

use quorate_crypto::verify;
use quorate_machine::{Effect, Effects, Input, Machine, RecordNumber};
use quorate_types::{ClientId, Digest, Epoch, NodeId, Peer, SystemId};
use quorate_wire::{decode, encode};

use super::{FreshnessResponder, Member, ResponderOutput, ResponderRecord, ResponderRequest};
use crate::freshness::{Challenge, Nonce, Vouch};
use crate::message::{GetConfiguration, GetFounding, Message};
use crate::testing::{World, now, registry};

const CLIENT: Peer = Peer::Client(ClientId::new([1; 32]));
const NONCE: Nonce = Nonce::new(Digest::new([3; 32]));

fn member(world: &World, epoch: Epoch) -> Member {
    let id = world.group()[0];
    Member { epoch, id, signer: world.signer(id, epoch) }
}

fn responder(world: &World) -> FreshnessResponder {
    let member = member(world, Epoch::ZERO);
    FreshnessResponder::new(world.first.clone(), Some(member), [])
}

fn step(
    responder: &mut FreshnessResponder,
    input: Input<FreshnessResponder>,
) -> Vec<Effect<FreshnessResponder>> {
    let mut effects = Effects::new();
    responder.step(now(5), input, &mut effects);
    effects.drain().filter(|effect| !matches!(effect, Effect::Mark(_))).collect()
}

fn answer(responder: &mut FreshnessResponder, message: Message) -> Message {
    let effects = step(responder, Input::Deliver { from: CLIENT, message });
    let [Effect::Send { message, .. }] = &effects[..] else { panic!("one answer: {effects:?}") };
    message.clone()
}

fn vouch(responder: &mut FreshnessResponder) -> Option<Vouch> {
    match answer(responder, Message::Challenge(Challenge { nonce: NONCE })) {
        Message::Vouch(vouch) => Some(vouch),
        Message::Configuration(page) => {
            assert_eq!(page.certified, *responder.configuration().header().certified());
            None
        }
        Message::GetConfiguration(_)
        | Message::Challenge(_)
        | Message::GetFounding(_)
        | Message::Founding(_) => panic!("neither a vouch nor a configuration"),
    }
}

#[test]
fn a_member_vouches_with_its_key_of_the_epoch() {
    let world = World::new(7, 1);
    let vouch = vouch(&mut responder(&world)).unwrap();
    assert_eq!((vouch.member, vouch.subject.nonce), (world.group()[0], NONCE));
    assert!(verify(vouch, &world.first, &registry()).is_ok());
}

#[test]
fn mem_6_the_end_of_an_epoch_is_durable_before_it_is_reported() {
    let world = World::new(7, 1);
    let mut responder = responder(&world);
    let effects = step(&mut responder, Input::Request(ResponderRequest::EndEpoch(Epoch::ZERO)));
    let [first, second, third] = &effects[..] else { panic!("three effects: {effects:?}") };
    assert!(matches!(first, Effect::Persist(ResponderRecord::Ended(Epoch::ZERO))), "MEM-6");
    assert!(matches!(second, Effect::Release(number) if *number == RecordNumber::new(1)));
    assert!(matches!(third, Effect::Emit(ResponderOutput::EpochEnded(Epoch::ZERO))), "MEM-6");
    assert_eq!(vouch(&mut responder), None, "MEM-6");
}

#[test]
fn mem_6_a_member_that_ended_the_epoch_does_not_vouch_after_a_crash() {
    let world = World::new(7, 1);
    let records = [(RecordNumber::new(1), ResponderRecord::Ended(Epoch::ZERO))];
    let member = Some(member(&world, Epoch::ZERO));
    let mut responder = FreshnessResponder::new(world.first, member, records);
    assert_eq!(vouch(&mut responder), None, "MEM-6");
    // The log decides again, after the restart, what it had decided: nothing to write.
    let effects = step(&mut responder, Input::Request(ResponderRequest::EndEpoch(Epoch::ZERO)));
    assert!(matches!(effects[..], [Effect::Emit(ResponderOutput::EpochEnded(_))]));
}

#[test]
fn a_member_vouches_for_the_next_epoch_only_once_its_group_is_active() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let mut responder = responder(&world);
    step(&mut responder, Input::Request(ResponderRequest::Adopt(next.clone())));
    assert_eq!(vouch(&mut responder), None, "a later header is the order to stop");
    let member = member(&world, next.epoch());
    step(&mut responder, Input::Request(ResponderRequest::Activate(member)));
    let vouch = vouch(&mut responder).unwrap();
    assert_eq!(vouch.subject.epoch, Epoch::new(1));
    assert!(verify(vouch, &next, &registry()).is_ok());
}

#[test]
fn mem_3_an_earlier_configuration_is_not_adopted() {
    let world = World::new(7, 1);
    let next = world.following(&world.first);
    let mut responder = FreshnessResponder::new(next.clone(), None, []);
    step(&mut responder, Input::Request(ResponderRequest::Adopt(world.first)));
    assert_eq!(*responder.configuration(), next, "MEM-3");
}

#[test]
fn a_server_outside_the_group_serves_the_configuration_but_does_not_vouch() {
    let world = World::new(7, 1);
    let members = &world.first.configuration().members;
    let id = members.iter().find(|member| !world.group().contains(&member.id)).unwrap().id;
    let member = Member { epoch: Epoch::ZERO, id, signer: world.signer(id, Epoch::ZERO) };
    let mut responder = FreshnessResponder::new(world.first.clone(), Some(member), []);
    assert_eq!(vouch(&mut responder), None);
    let first = Message::GetConfiguration(GetConfiguration { from: NodeId::new([0; 32]) });
    let Message::Configuration(page) = answer(&mut responder, first) else { panic!("a page") };
    assert_eq!(page.members, *members);
}

#[test]
fn answers_that_nobody_asked_for_are_ignored() {
    let world = World::new(7, 1);
    let mut responder = responder(&world);
    let vouch = vouch(&mut responder).unwrap();
    let message = Message::Vouch(vouch);
    assert!(step(&mut responder, Input::Deliver { from: CLIENT, message }).is_empty());
}

#[test]
fn a_record_comes_back_from_its_bytes() {
    let record = ResponderRecord::Ended(Epoch::new(3));
    assert_eq!(decode::<ResponderRecord>(&encode(&record)), Ok(record));
    assert!(decode::<ResponderRecord>(&[2]).is_err());
}

#[test]
fn who_asks_how_the_system_was_founded_is_told_and_only_of_this_system() {
    let world = World::new(7, 1);
    let first = world.following(&world.first);
    let mut responder = responder(&world).with_founding(first.clone());
    let question = GetFounding { system: world.genesis.system() };
    let Message::Founding(told) = answer(&mut responder, Message::GetFounding(question)) else {
        panic!("a founding");
    };
    assert_eq!(told.system_key, world.founding.system_key);
    assert_eq!(told.configuration, first.to_certified());
    let other = Message::GetFounding(GetFounding { system: SystemId::new([9; 32]) });
    assert!(step(&mut responder, Input::Deliver { from: CLIENT, message: other }).is_empty());
}
