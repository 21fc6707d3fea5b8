//! A server catches up with its groups without anybody reading, and liars cannot use that.
//!
//! ```text
//! server 0   |--down--|        sweeps: compare, list, fetch
//! others     |==writes==|      answer
//! ```

use std::cell::Cell;
use std::rc::Rc;

use quorate_crypto::Signer;
use quorate_crypto::{Domain, hash};
use quorate_dht::limits::{LISTED_NAMES_MAX, SWEEP_BOUND, SWEEP_FETCHES_MAX, SWEEP_PERIOD};
use quorate_dht::object::{Stamp, StoredObject, register_id};
use quorate_dht::{Body, Value, WriterId};
use quorate_dht::{Compared, ContentKind, Held, Message, Names, ObjectKey, Record, Version};
use quorate_types::{Digest, Duration, NodeId, ObjectId, Peer};

use crate::contents::store;
use crate::network::{Network, Random, SYSTEM};

const OWNER: u8 = 100;

fn register(network: &Network, owner: u8) -> ObjectKey {
    ObjectKey::Register(register_id(&network.signer(owner).public_key()))
}

/// Stores chunks and versions while these servers are down.
fn write_without(network: &mut Network, down: &[NodeId], count: u8) -> Vec<ObjectKey> {
    let client = network.add_client(60);
    down.iter().for_each(|node| network.crash_server(*node));
    let mut keys = Vec::new();
    for number in 0..count {
        keys.push(store(network, client, &[number; 40]));
        network.write(client, OWNER + number % 3, &number.to_string()).expect("a quorum is up");
    }
    keys.extend((0..count.min(3)).map(|owner| register(network, OWNER + owner)));
    network.run_for(Duration::from_secs(1));
    network.crash_client(client);
    keys
}

/// Does every member of the group of each object but these hold the same?
fn is_converged(network: &Network, keys: &[ObjectKey], except: &[NodeId]) -> bool {
    keys.iter().all(|key| {
        let members = network.group(*key);
        let correct = members.iter().filter(|node| !except.contains(node));
        let copies: Vec<_> =
            correct.map(|node| network.servers[node].store.get(&key.to_bytes())).collect();
        let stamp = |copy: &Vec<u8>| Held::read(*key, copy);
        copies[0].is_some_and(|first| {
            copies.iter().all(|copy| copy.is_some_and(|copy| stamp(copy) == stamp(first)))
        })
    })
}

#[test]
fn a_server_that_was_down_catches_up_while_nobody_reads() {
    let mut network = Network::new(1, 1, 3);
    let node = network.node(0);
    let keys = write_without(&mut network, &[node], 40);
    assert!(!is_converged(&network, &keys, &[]), "the server missed something");
    network.start_server(node);
    network.run_for(SWEEP_BOUND);
    assert!(is_converged(&network, &keys, &[]));
    assert!(network.mark_count("dht.sweep.fetched") > 10);
}

#[test]
fn a_server_that_lost_all_its_objects_gets_them_back() {
    let mut network = Network::new(2, 1, 0);
    let keys = write_without(&mut network, &[], 2 * 45);
    let node = network.node(2);
    network.crash_server(node);
    network.servers.get_mut(&node).expect("a server").store.clear();
    network.start_server(node);
    network.run_for(SWEEP_BOUND);
    assert!(is_converged(&network, &keys, &[]));
}

#[test]
fn what_vanishes_from_a_running_server_comes_back() {
    let mut network = Network::new(3, 1, 0);
    let keys = write_without(&mut network, &[], 3);
    network.run_for(SWEEP_BOUND);
    let node = network.node(1);
    let store = &mut network.servers.get_mut(&node).expect("a server").store;
    assert!(store.remove(&keys[0].to_bytes()).is_some(), "it was there");
    network.run_for(SWEEP_PERIOD.times(2 * 6));
    assert!(is_converged(&network, &keys, &[]));
}

#[test]
fn many_objects_of_one_cell_are_fetched_page_by_page_dht_15() {
    let mut network = Network::new(4, 1, 0);
    let client = network.add_client(60);
    let node = network.node(3);
    network.crash_server(node);
    // Ids of one cell cannot be chosen; so all stores get objects that nobody would find by chance.
    let mut keys = Vec::new();
    let mut number = 0_u64;
    while keys.len() < 2 * LISTED_NAMES_MAX + 7 {
        number += 1;
        let bytes = number.to_be_bytes();
        let key = ContentKind::Chunk.key_of(&bytes);
        if key.id().as_bytes()[0] == 7 {
            let content = quorate_dht::object::StoredContent {
                expires: quorate_dht::object::KEEP_FOR_EVER,
                body: Body::new(bytes.to_vec()),
            };
            let record = Record::Store(key, StoredObject::Content(content));
            for index in 0..3 {
                let node = network.node(index);
                let store = &mut network.servers.get_mut(&node).expect("a server").store;
                store.insert(key.to_bytes(), record.bytes().expect("a stored object"));
            }
            keys.push(key);
        }
    }
    network.crash_client(client);
    for index in 0..3 {
        network.crash_server(network.node(index));
        network.start_server(network.node(index));
    }
    network.start_server(node);
    let asked = Rc::new(Cell::new(0_usize));
    let (asker, count) = (Peer::Node(node), Rc::clone(&asked));
    network.filter = Some(Box::new(move |from, _, message| {
        if from == asker && matches!(message, Message::GetContent(_)) {
            count.set(count.get() + 1);
        }
        true
    }));
    network.run_for(Duration::from_secs(5));
    let early = asked.get();
    assert!(0 < early && early <= 50 * SWEEP_FETCHES_MAX, "DHT-15: {early} in five seconds");
    network.run_for(SWEEP_BOUND);
    assert!(is_converged(&network, &keys, &[]));
    assert_eq!(asked.get(), keys.len(), "each is fetched once");
}

#[test]
fn servers_that_hold_the_same_exchange_one_digest_each_and_nothing_more() {
    let mut network = Network::new(5, 1, 3);
    let keys = write_without(&mut network, &[], 10);
    network.run_for(SWEEP_BOUND);
    assert!(is_converged(&network, &keys, &[]));
    let (messages, bytes) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(0_usize)));
    let (count, sum) = (Rc::clone(&messages), Rc::clone(&bytes));
    network.filter = Some(Box::new(move |_, _, message| {
        let is_quiet = match message {
            Message::Compare(_) => true,
            Message::Compared(reply) => reply.cells.is_empty(),
            _ => false,
        };
        assert!(is_quiet, "{message:?}");
        count.set(count.get() + 1);
        sum.set(sum.get() + quorate_wire::encode(message).len());
        true
    }));
    network.run_for(SWEEP_PERIOD.times(12));
    // Seven servers, six peers, question and answer, at the fastest every five seconds.
    assert!(messages.get() <= 7 * 6 * 2 * 24, "{} messages", messages.get());
    assert!(bytes.get() < 7 * 24 * 1_000, "{} bytes", bytes.get());
}

/// A liar: every comparison differs, and it claims to hold these names.
fn boaster(names: Vec<Held>) -> crate::network::Liar {
    let mut number = 0_u64;
    Box::new(move |_, message| match message {
        Message::Compared(reply) => {
            let mut lie = |_| {
                number += 1;
                hash(Domain::Derivation, &number.to_be_bytes())
            };
            let cells: Vec<Digest> = reply.cells.iter().map(|digest| lie(*digest)).collect();
            vec![Message::Compared(Compared { cells, ..reply })]
        }
        Message::Names(reply) => {
            let held = names.clone();
            vec![Message::Names(Names { held, ..reply })]
        }
        other => vec![other],
    })
}

#[test]
fn f_liars_alone_make_nobody_look_or_fetch_dht_13() {
    let mut network = Network::new(6, 1, 0);
    let keys = write_without(&mut network, &[], 5);
    network.run_for(SWEEP_BOUND);
    let liar = network.node(1);
    // It compares with nobody's digests, so every cell differs from all others'.
    network.lie(
        liar,
        Box::new(|_, message| match message {
            Message::Compared(reply) => {
                let cells = vec![Digest::new([9; 32]); 3 * 260];
                vec![Message::Compared(Compared { cells, ..reply })]
            }
            other => vec![other],
        }),
    );
    let honest_asked = Rc::new(Cell::new(0_usize));
    let count = Rc::clone(&honest_asked);
    network.filter = Some(Box::new(move |from, _, message| {
        let is_work = matches!(message, Message::ListNames(_) | Message::GetContent(_));
        count.set(count.get() + usize::from(is_work && from != Peer::Node(liar)));
        true
    }));
    network.run_for(SWEEP_PERIOD.times(10));
    assert_eq!(honest_asked.get(), 0, "DHT-13");
    assert!(is_converged(&network, &keys, &[liar]));
}

#[test]
fn a_liar_cannot_plant_what_nobody_wrote_dht_13() {
    let mut network = Network::new(7, 1, 0);
    let node = network.node(0);
    let liar = network.node(1);
    let keys = write_without(&mut network, &[node], 10);
    // Junk that hashes to its name, in the cells that are looked into, at the liar alone.
    let junk: Vec<ObjectKey> = (0..60_000_u32)
        .map(|number| ContentKind::Chunk.key_of(&number.to_be_bytes()))
        .filter(|key| keys.iter().any(|other| other.id().as_bytes()[0] == key.id().as_bytes()[0]))
        .take(400)
        .collect();
    let number_of = |key: &ObjectKey| {
        (0..60_000_u32).find(|number| ContentKind::Chunk.key_of(&number.to_be_bytes()) == *key)
    };
    for key in junk.iter().take(40) {
        let body = Body::new(number_of(key).expect("made above").to_be_bytes().to_vec());
        let expires = quorate_dht::object::KEEP_FOR_EVER;
        let content = quorate_dht::object::StoredContent { expires, body };
        let bytes = Record::Store(*key, StoredObject::Content(content)).bytes();
        let store = &mut network.servers.get_mut(&liar).expect("a server").store;
        store.insert(key.to_bytes(), bytes.expect("a stored object"));
    }
    network.crash_server(liar);
    network.start_server(liar);
    network.start_server(node);
    network.run_for(SWEEP_BOUND);
    assert!(network.mark_count("dht.sweep.fetched") > 0, "cells were looked into");
    assert!(is_converged(&network, &keys, &[]));
    for index in [0, 2, 3] {
        let host = &network.servers[&network.node(index)];
        let planted = junk.iter().filter(|key| host.store.contains_key(&key.to_bytes())).count();
        assert_eq!(planted, 0, "DHT-13: server {index} holds what was never written");
    }
}

/// Signs a version of an object in the owner's name.
fn version(network: &Network, owner: u8, sequence: u64) -> Version {
    let value = Value::Data(Body::new(sequence.to_be_bytes().to_vec()));
    Version::sign(SYSTEM, (sequence, WriterId::new([3; 16])), value, &network.signer(owner))
}

#[test]
fn a_liar_with_old_or_wrong_objects_neither_rolls_back_nor_spoils_dht_14() {
    let mut network = Network::new(8, 1, 0);
    let node = network.node(0);
    let liar = network.node(1);
    let mut keys = write_without(&mut network, &[node], 12);
    let old = version(&network, OWNER, 1);
    network.lie(
        liar,
        Box::new(move |_, message| match message {
            Message::Content(mut reply) => {
                reply.body = Some(Body::new(b"wrong".to_vec()));
                vec![Message::Content(reply)]
            }
            Message::Versioned(mut reply) => {
                (reply.signed, reply.value) = (Some(old.signed), Some(old.value.clone()));
                vec![Message::Versioned(reply)]
            }
            Message::Names(mut reply) => {
                for held in &mut reply.held {
                    let top = |stamp: Stamp| Stamp { sequence: u64::MAX, ..stamp };
                    held.stamp = held.stamp.map(top);
                }
                vec![Message::Names(reply)]
            }
            other => vec![other],
        }),
    );
    network.start_server(node);
    network.run_for(SWEEP_BOUND);
    assert!(is_converged(&network, &keys, &[liar]), "DHT-14");
    // What is there already is not given up for less either.
    let client = network.add_client(61);
    network.write(client, OWNER, "last").expect("three are up and honest");
    keys.push(register(&network, OWNER));
    network.run_for(SWEEP_BOUND);
    assert!(is_converged(&network, &keys, &[liar]), "DHT-14");
    assert_eq!(network.read(client, OWNER).as_deref(), Some("last"));
}

#[test]
fn a_liar_that_floods_with_names_does_not_starve_the_others() {
    let mut network = Network::new(9, 1, 0);
    let node = network.node(0);
    let liar = network.node(1);
    let keys = write_without(&mut network, &[node], 30);
    // Full pages of names that creep on by one each time.
    network.lie(
        liar,
        Box::new(move |_, message| match message {
            Message::Names(mut reply) => {
                let begin = reply.held.first().map_or([0; 32], |held| *held.key.id().as_bytes());
                let name = |number: usize| {
                    let mut id = begin;
                    let number = u16::try_from(number).expect("a small number");
                    id[30..].copy_from_slice(&number.to_be_bytes());
                    Held::content(ObjectKey::Chunk(ObjectId::new(id)))
                };
                reply.held = (1..=LISTED_NAMES_MAX).map(name).collect();
                vec![Message::Names(reply)]
            }
            other => vec![other],
        }),
    );
    network.start_server(node);
    network.run_for(SWEEP_BOUND.times(2));
    assert!(is_converged(&network, &keys, &[liar]));
}

#[test]
fn a_liar_that_boasts_of_one_name_everywhere_is_not_believed() {
    let mut network = Network::new(10, 1, 3);
    let node = network.node(0);
    let keys = write_without(&mut network, &[node], 20);
    let junk = ContentKind::Chunk.key_of(b"junk");
    network.lie(network.node(1), boaster(vec![Held::content(junk)]));
    network.start_server(node);
    network.run_for(SWEEP_BOUND);
    assert!(is_converged(&network, &keys, &[network.node(1)]));
    assert!(network.holders(junk).is_empty());
}

#[test]
fn whatever_was_lost_every_correct_server_holds_every_completed_write_in_the_end() {
    for seed in 0..12 {
        let mut network = Network::new(100 + seed, 1, usize::from(seed % 2 == 1) * 2);
        let mut random = Random(seed);
        let client = network.add_client(60);
        network.faults.loss_percent = 10 * (seed % 3);
        let mut keys = Vec::new();
        let down = network.node(usize::try_from(random.below(4)).expect("small"));
        for number in 0..25_u8 {
            match random.below(6) {
                0 => network.crash_server(down),
                1 => network.start_server(down),
                2 => {
                    let owner = OWNER + number % 4;
                    if network.write(client, owner, &number.to_string()).is_ok() {
                        keys.push(register(&network, owner));
                    }
                }
                _ => keys.push(store(&mut network, client, &[number; 9])),
            }
        }
        network.crash_client(client);
        network.start_server(down);
        network.faults.loss_percent = 0;
        network.run_for(SWEEP_BOUND);
        assert!(is_converged(&network, &keys, &[]), "seed {seed}");
    }
}
