//! A message has one encoding.
use std::boxed::Box;
use std::sync::Arc;

use expect_test::expect_file;
use quorate_types::{Digest, NodeId, Signature};
use quorate_wire::{DecodeError, decode, encode, vector};

use super::{Founding, GetConfiguration, GetFounding, Message};
use crate::freshness::{Challenge, Nonce, Subject, Vouch};
use crate::limits::{PAGE_MEMBERS_MAX, REPLY_BYTES_MAX};
use crate::page::id_after;
use crate::service::MembershipReply;
use crate::testing::World;

/// One of each.
fn messages(world: &World) -> [(&'static str, Message); 6] {
    let nonce = Nonce::new(Digest::new([3; 32]));
    let member = world.group()[0];
    let subject = Subject::of(&world.first, nonce);
    let signature = Signature::new([4; 64]);
    let system_key = world.founding.system_key;
    let system = world.genesis.system();
    let founding = Founding { system_key, configuration: world.first.to_certified() };
    [
        ("get_configuration", Message::GetConfiguration(GetConfiguration { from: member })),
        ("configuration", Message::Configuration(Box::new(world.first.page(member)))),
        ("challenge", Message::Challenge(Challenge { nonce })),
        ("vouch", Message::Vouch(Vouch { subject, member, signature })),
        ("get_founding", Message::GetFounding(GetFounding { system })),
        ("founding", Message::Founding(Box::new(founding))),
    ]
}

#[test]
fn every_message_has_its_golden_bytes() {
    let world = World::new(4, 1);
    let vectors = messages(&world).map(|(name, message)| vector(name, &message));
    expect_file!["golden/messages.txt"].assert_eq(&vectors.concat());
}

#[test]
fn every_message_comes_back_from_its_bytes() {
    let world = World::new(4, 1);
    for ((_, message), tag) in messages(&world).into_iter().zip(1..) {
        let mut bytes = encode(&message);
        assert_eq!(bytes[0], tag);
        assert_eq!(decode::<Message>(&bytes), Ok(message));
        for length in 0..bytes.len() {
            assert!(decode::<Message>(&bytes[..length]).is_err());
        }
        bytes.push(0);
        assert_eq!(decode::<Message>(&bytes), Err(DecodeError::TrailingBytes { count: 1 }));
    }
    assert_eq!(decode::<Message>(&[7]), Err(DecodeError::UnknownTag { of: "Message", tag: 7 }));
}

#[test]
fn a_full_page_fits_a_reply_of_the_engine() {
    let world = World::new(4, 1);
    let mut page = world.first.page(NodeId::new([0; 32]));
    let mut longest = page.members[0].as_ref().clone();
    longest.address = "a".repeat(quorate_types::limits::ADDRESS_BYTES_MAX);
    longest.failure_domain.0 = "d".repeat(quorate_types::limits::FAILURE_DOMAIN_BYTES_MAX);
    page.members = std::vec![Arc::new(longest); PAGE_MEMBERS_MAX];
    page.certified.header.membership_group = std::vec![NodeId::new([1; 32]); 64];
    let reply = encode(&MembershipReply::Configuration(Box::new(page)));
    assert!(reply.len() <= REPLY_BYTES_MAX, "{} bytes", reply.len());
}

#[test]
fn the_next_page_begins_behind_the_last_member() {
    let mut bytes = [0; 32];
    bytes[31] = 0xff;
    let next = id_after(NodeId::new(bytes));
    bytes[31] = 0;
    bytes[30] = 1;
    assert_eq!(next, NodeId::new(bytes));
    let last = NodeId::new([0xff; 32]);
    assert_eq!(id_after(last), last);
}
