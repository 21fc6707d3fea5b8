//! Servers that lie and owners that skip: S01, S02, S03, S10 of the list of adversaries.

use quorate_crypto::Signer;
use quorate_dht::limits::{CHUNK_BYTES, SEQUENCE_SKIP_MAX};
use quorate_dht::object::{StoredObject, register_id};
use quorate_dht::{
    Answer, Body, ContentReply, Message, Operation, Presence, Record, Value, Version, Versioned,
    WriterId,
};
use quorate_types::{Duration, Epoch, ObjectId, Signature};

use crate::contents::{bytes, content, store};
use crate::network::{Faults, Network, SYSTEM, TIMEOUT};
use crate::registers::{check_atomic, check_values};

const OWNER: u8 = 100;

fn object(network: &Network) -> ObjectId {
    register_id(&network.signer(OWNER).public_key())
}

/// A server that answers every read with the first version it ever sent, or with nothing.
fn stale(network: &mut Network, index: usize) {
    let node = network.node(index);
    let mut first: Option<Versioned> = None;
    let mut count = 0;
    network.lie(
        node,
        Box::new(move |_, message| match message {
            Message::Versioned(reply) => {
                count += 1;
                if first.is_none() && reply.value.is_some() {
                    first = Some(reply.clone());
                }
                let old = first.clone().filter(|_| count % 2 == 0);
                let (signed, value) = old.map_or((None, None), |old| (old.signed, old.value));
                vec![Message::Versioned(Versioned { head: reply.head, signed, value })]
            }
            // It acknowledges everything, too.
            Message::Refused(refused) => vec![Message::Refused(refused)],
            other => vec![other],
        }),
    );
}

#[test]
fn s01_a_server_that_tells_each_reader_another_old_version_breaks_nothing() {
    for seed in 0..30 {
        let mut network = Network::new(seed, 1, 0);
        network.faults = Faults { loss_percent: 5, duplicate_percent: 5, delay_micros_max: 20_000 };
        stale(&mut network, usize::try_from(seed % 4).unwrap());
        let clients: Vec<usize> = (60..63).map(|seed| network.add_client(seed)).collect();
        let id = object(&network);
        let mut calls = Vec::new();
        for round in 0..10_u64 {
            for client in &clients {
                let operation = if network.random.below(3) > 0 {
                    Operation::ReadObject(id)
                } else {
                    let text = format!("{round} of {client}");
                    let value = Value::Data(Body::new(text.into_bytes()));
                    Operation::WriteObject { owner: network.owner(OWNER), value }
                };
                calls.push(network.invoke(*client, operation));
            }
            network.run_for(Duration::from_millis(30));
        }
        network.run_for(TIMEOUT.doubled());
        assert_eq!(check_atomic(&network, &calls), calls.len(), "every call succeeds: seed {seed}");
        check_values(&network, &calls);
    }
}

#[test]
fn s02_a_fabricated_stamp_or_value_is_never_returned() {
    let mut network = Network::new(1, 1, 0);
    let client = network.add_client(60);
    network.write(client, OWNER, "true").unwrap();
    let stranger = network.signer(101);
    let mut turn = 0;
    network.lie(
        network.node(0),
        Box::new(move |_, message| {
            let Message::Versioned(mut reply) = message else { return vec![message] };
            turn += 1;
            let false_value = Value::Data(Body::new(b"false".to_vec()));
            match (turn % 4, &mut reply.signed) {
                (0, Some(signed)) => signed.stamp.sequence += 1,
                (1, Some(_)) => reply.value = Some(false_value),
                (2, Some(signed)) => signed.signature = Signature::new([1; 64]),
                _ => {
                    let place = (99, WriterId::new([9; 16]));
                    let version = Version::sign(SYSTEM, place, false_value, &stranger);
                    reply.signed = Some(version.signed);
                    reply.value = Some(version.value);
                }
            }
            vec![Message::Versioned(reply)]
        }),
    );
    for _ in 0..12 {
        assert_eq!(network.read(client, OWNER).as_deref(), Some("true"), "DHT-3");
    }
    assert!(network.rejected > 0 && network.mark_count("dht.client.wrong_version") > 0);
}

/// A version whose sequence number uses up nearly all, validly signed.
fn huge_version(network: &Network) -> Version {
    let place = (u64::MAX - 1, WriterId::new([9; 16]));
    let value = Value::Data(Body::new(b"huge".to_vec()));
    Version::sign(SYSTEM, place, value, &network.signer(OWNER))
}

#[test]
fn s03_a_huge_signed_stamp_from_a_liar_stops_neither_writers_nor_readers() {
    for liar in 0..4 {
        let mut network = Network::new(2, 1, 0);
        let client = network.add_client(60);
        network.write(client, OWNER, "old").unwrap();
        let huge = huge_version(&network);
        network.lie(
            network.node(liar),
            Box::new(move |_, message| match message {
                Message::Versioned(reply) => {
                    let (signed, value) = (Some(huge.signed), Some(huge.value.clone()));
                    vec![Message::Versioned(Versioned { head: reply.head, signed, value })]
                }
                other => vec![other],
            }),
        );
        for text in ["new", "newer"] {
            network.write(client, OWNER, text).unwrap();
            assert_eq!(network.read(client, OWNER).as_deref(), Some(text));
        }
    }
}

/// Puts a version with this number into the store of one server, as if it had been written there.
fn place(network: &mut Network, index: usize, sequence: u64) {
    let value = Value::Data(Body::new(sequence.to_be_bytes().to_vec()));
    let stamp = (sequence, WriterId::new([9; 16]));
    let version = Version::sign(SYSTEM, stamp, value, &network.signer(OWNER));
    let record = Record::Store(version.key(), StoredObject::Version(version));
    let node = network.node(index);
    let store = &mut network.servers.get_mut(&node).expect("a server").store;
    store.insert(record.key().to_bytes(), record.bytes().expect("a version"));
}

/// As far apart as a bad owner can draw the servers, with one of them cut off all the time: the
/// rest must finish what the other holders of the key ask for.
#[test]
fn s03_servers_that_a_bad_owner_drew_apart_come_together_again() {
    let level = SEQUENCE_SKIP_MAX;
    for silent in 0..4 {
        let mut network = Network::new(7, 1, 0);
        let client = network.add_client(60);
        for (index, sequence) in
            [3 * level + 5, 2 * level, 2 * level + 9, 0].into_iter().enumerate()
        {
            place(&mut network, index, sequence);
        }
        network.crash_server(network.node(silent));
        for text in ["one", "two"] {
            network.write(client, OWNER, text).unwrap();
            assert_eq!(network.read(client, OWNER).as_deref(), Some(text), "without {silent}");
        }
        assert!(network.mark_count("dht.server.inquiry") > 0, "DHT-17");
    }
}

#[test]
fn s03_a_level_that_only_liars_reach_is_refused_and_passed_over() {
    let mut network = Network::new(3, 2, 0);
    let client = network.add_client(60);
    network.write(client, OWNER, "old").unwrap();
    let far = (3 * SEQUENCE_SKIP_MAX, WriterId::new([9; 16]));
    let value = Value::Data(Body::new(b"far".to_vec()));
    let far = Version::sign(SYSTEM, far, value, &network.signer(OWNER));
    // With the two liars, a correct server seems to be near that level.
    for (index, level) in [(2, 2), (3, 1), (4, 1)] {
        place(&mut network, index, level * SEQUENCE_SKIP_MAX);
    }
    for index in 0..2 {
        let far = far.clone();
        network.lie(
            network.node(index),
            Box::new(move |_, message| match message {
                Message::Versioned(reply) => {
                    let (signed, value) = (Some(far.signed), Some(far.value.clone()));
                    vec![Message::Versioned(Versioned { head: reply.head, signed, value })]
                }
                Message::Stored(stored) => vec![Message::Stored(stored)],
                other => vec![other],
            }),
        );
    }
    for text in ["new", "newer"] {
        network.write(client, OWNER, text).unwrap();
        assert_eq!(network.read(client, OWNER).as_deref(), Some(text), "DHT-7");
    }
    assert!(network.mark_count("dht.client.level_refused") > 0);
    let highest = network.servers.values().skip(2).flat_map(|host| host.store.values());
    let highest = highest.filter_map(|bytes| match quorate_wire::decode(bytes) {
        Ok(StoredObject::Version(version)) => Some(version.stamp().sequence),
        _ => None,
    });
    assert!(highest.max() < Some(3 * SEQUENCE_SKIP_MAX), "DHT-17: no correct server followed");
}

#[test]
fn a_stamp_without_a_value_delays_a_read_but_does_not_stop_it() {
    let mut network = Network::new(4, 1, 0);
    let client = network.add_client(60);
    network.write(client, OWNER, "old").unwrap();
    let place = (2, WriterId::new([255; 16]));
    let value = Value::Data(Body::new(b"withheld".to_vec()));
    let withheld = Version::sign(SYSTEM, place, value, &network.signer(OWNER)).signed;
    network.lie(
        network.node(0),
        Box::new(move |_, message| match message {
            Message::Versioned(reply) => {
                let (signed, value) = (Some(withheld), None);
                vec![Message::Versioned(Versioned { head: reply.head, signed, value })]
            }
            other => vec![other],
        }),
    );
    for _ in 0..8 {
        assert_eq!(network.read(client, OWNER).as_deref(), Some("old"));
    }
    assert!(network.mark_count("dht.client.value_withheld") > 0);
}

#[test]
fn s10_wrong_content_of_any_length_is_never_returned() {
    let mut network = Network::new(5, 1, 0);
    let client = network.add_client(60);
    let bytes = bytes(1, 1000);
    let key = store(&mut network, client, &bytes);
    let mut turn = 0;
    network.lie(
        network.node(2),
        Box::new(move |_, message| match message {
            Message::Content(reply) => {
                turn += 1;
                let length = [1000, 0, 999, CHUNK_BYTES, CHUNK_BYTES + 1][turn % 5];
                let body = Some(Body::new(vec![0; length]));
                vec![Message::Content(ContentReply { body, ..reply })]
            }
            Message::Presence(reply) => {
                vec![Message::Presence(Presence { bytes: Some(7), ..reply })]
            }
            other => vec![other],
        }),
    );
    for _ in 0..20 {
        assert_eq!(network.perform(client, Operation::GetContent(key)), content(&bytes), "DHT-3");
        let stat = network.perform(client, Operation::StatContent(key));
        assert_eq!(stat, Ok(Answer::Present(1000)));
        network.run_for(TIMEOUT.doubled());
    }
    assert!(network.mark_count("dht.client.wrong_content") > 0);
    assert!(network.rejected > 0, "the bomb does not decode");
}

#[test]
fn a_liar_alone_makes_nothing_absent_and_nothing_present() {
    let mut network = Network::new(6, 1, 0);
    let client = network.add_client(60);
    let key = store(&mut network, client, b"bytes");
    network.lie(
        network.node(0),
        Box::new(|_, message| match message {
            Message::Content(reply) => vec![Message::Content(ContentReply { body: None, ..reply })],
            Message::Presence(reply) => vec![Message::Presence(Presence { bytes: None, ..reply })],
            other => vec![other],
        }),
    );
    network.run_for(TIMEOUT);
    network.crash_server(network.node(3));
    network.start_server(network.node(3));
    for _ in 0..8 {
        assert_eq!(network.perform(client, Operation::GetContent(key)), content(b"bytes"));
        let stat = network.perform(client, Operation::StatContent(key));
        assert_eq!(stat, Ok(Answer::Present(5)));
    }
}

#[test]
fn a_liar_that_announces_epochs_gets_no_reply_counted() {
    let mut network = Network::new(7, 1, 0);
    let client = network.add_client(60);
    network.lie(
        network.node(1),
        Box::new(|_, message| match message {
            Message::Versioned(mut reply) => {
                reply.head.epoch = Epoch::new(9);
                vec![Message::Versioned(reply)]
            }
            other => vec![other],
        }),
    );
    network.write(client, OWNER, "text").unwrap();
    assert_eq!(network.read(client, OWNER).as_deref(), Some("text"));
    assert!(network.mark_count("dht.client.other_epoch") > 0, "DHT-4");
    assert!(network.clients[client].newer.is_empty());
}
