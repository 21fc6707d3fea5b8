//! Public-key objects are atomic registers, whoever writes and whatever is lost.

use std::collections::BTreeMap;

use quorate_crypto::Signer;
use quorate_dht::object::{Stamp, register_id};
use quorate_dht::{Answer, Body, CallId, Message, ObjectKey, Operation, Value};
use quorate_types::{Instant, Peer};

use crate::network::{Faults, Interval, Network, TIMEOUT};

const OWNER: u8 = 100;

fn key(network: &Network) -> ObjectKey {
    ObjectKey::Register(register_id(&network.signer(OWNER).public_key()))
}

#[test]
fn what_was_written_is_read_back_with_any_resilience() {
    for f in 1..=3 {
        let mut network = Network::new(1, f, 2);
        let (writer, reader) = (network.add_client(50), network.add_client(51));
        assert_eq!(network.read(reader, OWNER), None, "never written");
        for text in ["first", "second", ""] {
            network.write(writer, OWNER, text).unwrap();
            assert_eq!(network.read(reader, OWNER).as_deref(), Some(text));
        }
    }
}

#[test]
fn a_write_survives_f_crashed_servers_and_a_restart_of_all() {
    let mut network = Network::new(2, 1, 0);
    let client = network.add_client(50);
    network.crash_server(network.node(2));
    network.write(client, OWNER, "kept").unwrap();
    for index in 0..4 {
        network.crash_server(network.node(index));
        network.start_server(network.node(index));
    }
    network.crash_server(network.node(0));
    assert_eq!(network.read(client, OWNER).as_deref(), Some("kept"));
}

#[test]
fn more_than_f_silent_servers_are_named_at_the_deadline() {
    let mut network = Network::new(3, 1, 0);
    let client = network.add_client(50);
    let (first, second) = (network.node(0), network.node(3));
    network.crash_server(first);
    network.crash_server(second);
    let failure = network.write(client, OWNER, "lost").unwrap_err();
    let quorate_dht::Failure::NoQuorum { needed, answered, mut missing } = failure else {
        panic!("{failure:?}");
    };
    missing.sort_unstable();
    assert_eq!((needed, answered.len(), missing), (3, 2, vec![first, second]));
}

#[test]
fn a_deleted_object_stays_deleted_until_it_is_written_again() {
    let mut network = Network::new(4, 1, 0);
    let client = network.add_client(50);
    network.write(client, OWNER, "old").unwrap();
    let owner = network.owner(OWNER);
    let delete = Operation::WriteObject { owner, value: Value::Deleted };
    network.perform(client, delete).unwrap();
    assert_eq!(network.read(client, OWNER).as_deref(), Some("(deleted)"));
    network.write(client, OWNER, "new").unwrap();
    assert_eq!(network.read(client, OWNER).as_deref(), Some("new"));
}

/// Lets writes of versions reach these servers alone.
fn writes_reach_only(network: &mut Network, indices: &[usize]) {
    let reached: Vec<Peer> = indices.iter().map(|index| Peer::Node(network.node(*index))).collect();
    network.filter = Some(Box::new(move |_, to, message| {
        !matches!(message, Message::WriteVersion(_)) || reached.contains(&to)
    }));
}

/// Lets nobody but these servers answer.
fn only_these_answer(network: &mut Network, indices: &[usize]) {
    let answering: Vec<Peer> =
        indices.iter().map(|index| Peer::Node(network.node(*index))).collect();
    network.filter = Some(Box::new(move |from, _, _| {
        matches!(from, Peer::Client(_)) || answering.contains(&from)
    }));
}

/// Begins a write and crashes the writer when its versions have arrived where they may.
fn write_and_crash(network: &mut Network, writer: usize, text: &str) {
    let value = Value::Data(Body::new(text.as_bytes().to_vec()));
    let owner = network.owner(OWNER);
    network.invoke(writer, Operation::WriteObject { owner, value });
    network.run_for(quorate_types::Duration::from_millis(100));
    network.crash_client(writer);
}

/// Settled-points 8: X signs (6, X, v1), reaches A only, crashes; restarts, reads 5 from B, C, D,
/// signs (6, X, v2), which B, C, D acknowledge. With a stamp of number and writer alone, readers of
/// A, B, C would return v1 and v2 in turns, for ever.
#[test]
fn a_writer_that_crashed_after_one_server_never_gives_one_stamp_to_two_values() {
    for order in [[0, 1, 2], [0, 2, 3], [1, 2, 3], [0, 1, 3]] {
        let mut network = Network::new(5, 1, 0);
        let before = network.add_client(60);
        for text in ["1", "2", "3", "4", "5"] {
            network.write(before, OWNER, text).unwrap();
        }
        let first_run = network.add_client(61);
        writes_reach_only(&mut network, &[0]);
        write_and_crash(&mut network, first_run, "v1");
        only_these_answer(&mut network, &[1, 2, 3]);
        let second_run = network.add_client(61);
        network.write(second_run, OWNER, "v2").unwrap();

        let rest = [[1, 2, 3], [0, 1, 2], [0, 2, 3], [1, 2, 3], [0, 1, 3]];
        let mut is_first_write = Vec::new();
        for (seed, answering) in (62..).zip([order].into_iter().chain(rest)) {
            only_these_answer(&mut network, &answering);
            let reader = network.add_client(seed);
            is_first_write.push(network.read(reader, OWNER).as_deref() == Some("v1"));
        }
        // Either v1 never took effect, or it did at one moment, and all agree from then on.
        assert!(is_first_write.is_sorted(), "{order:?}: {is_first_write:?}");
        assert_eq!(is_first_write[2], is_first_write[5], "{order:?}: all have met server 0");
    }
}

#[test]
fn an_uneven_read_writes_back_so_that_no_later_read_is_older() {
    let mut network = Network::new(6, 1, 0);
    let writer = network.add_client(60);
    network.write(writer, OWNER, "old").unwrap();
    writes_reach_only(&mut network, &[0]);
    write_and_crash(&mut network, writer, "new");

    only_these_answer(&mut network, &[1, 2, 3]);
    let reader = network.add_client(61);
    assert_eq!(network.read(reader, OWNER).as_deref(), Some("old"), "the write took no effect");
    assert_eq!(network.mark_count("dht.client.write_back"), 0);
    only_these_answer(&mut network, &[0, 1, 2]);
    assert_eq!(network.read(reader, OWNER).as_deref(), Some("new"), "now it has");
    assert!(network.mark_count("dht.client.write_back") > 0);
    only_these_answer(&mut network, &[1, 2, 3]);
    let other = network.add_client(62);
    assert_eq!(network.read(other, OWNER).as_deref(), Some("new"), "and stays");
}

/// S05: the writer reached f + 1 to 2f servers.
#[test]
fn after_a_partial_write_all_readers_agree() {
    for f in 1..=2_u16 {
        for reached in usize::from(f) + 1..=2 * usize::from(f) {
            let mut network = Network::new(7, f, 0);
            let writer = network.add_client(60);
            network.write(writer, OWNER, "old").unwrap();
            let indices: Vec<usize> = (0..reached).collect();
            writes_reach_only(&mut network, &indices);
            write_and_crash(&mut network, writer, "new");
            network.filter = None;
            let readers: Vec<usize> = (61..66).map(|seed| network.add_client(seed)).collect();
            for reader in readers {
                // Any 2f + 1 replies contain one of the f + 1 holders: the write has happened.
                assert_eq!(network.read(reader, OWNER).as_deref(), Some("new"));
            }
        }
    }
}

/// S08: a reader that returns without writing back harms nobody else.
#[test]
fn a_reader_that_never_writes_back_leaves_the_others_atomic() {
    let mut network = Network::new(8, 1, 0);
    let writer = network.add_client(60);
    network.write(writer, OWNER, "old").unwrap();
    writes_reach_only(&mut network, &[0]);
    write_and_crash(&mut network, writer, "new");
    let bad = network.add_client(61);
    let id = Peer::Client(network.clients[bad].id);
    network.filter = Some(Box::new(move |from, _, message| {
        from != id || !matches!(message, Message::WriteVersion(_))
    }));
    let object = key(&network).id();
    network.invoke(bad, Operation::ReadObject(object));
    network.run_for(quorate_types::Duration::from_secs(1));
    let (first, second) = (network.add_client(62), network.add_client(63));
    let readers = [first, second, first, second, first, second];
    let seen = readers.map(|reader| network.read(reader, OWNER).unwrap() == "new");
    assert!(seen.is_sorted(), "old after new: {seen:?}");
}

/// Judges by stamps: with unique stamps, a register is atomic if no operation that began after
/// another one ended has a lower stamp, and no write an equal one.
pub(crate) fn check_atomic(network: &Network, calls: &[CallId]) -> usize {
    let mut judged: Vec<(Interval, Option<Stamp>, bool)> = Vec::new();
    for call in calls {
        let interval = network.interval(*call);
        match interval.outcome.clone() {
            Some(Ok(Answer::Written(version))) => {
                judged.push((interval, Some(version.stamp()), true));
            }
            Some(Ok(Answer::Object(version))) => {
                judged.push((interval, version.map(|version| version.stamp()), false));
            }
            Some(Ok(other)) => panic!("a register call returned {other:?}"),
            Some(Err(_)) | None => {}
        }
    }
    for (earlier, stamp, _) in &judged {
        for (later, later_stamp, is_write) in &judged {
            if earlier.ended.is_some_and(|ended| ended < later.began) {
                assert!(later_stamp >= stamp, "an older version after a newer one");
                assert!(!is_write || later_stamp > stamp, "a write below a finished operation");
            }
        }
    }
    judged.len()
}

pub(crate) fn check_values(network: &Network, calls: &[CallId]) {
    let mut values: BTreeMap<Stamp, Value> = BTreeMap::new();
    for call in calls {
        let outcome = network.interval(*call).outcome;
        let Some(Ok(Answer::Written(version) | Answer::Object(Some(version)))) = outcome else {
            continue;
        };
        let known = values.entry(version.stamp()).or_insert_with(|| version.value.clone());
        assert_eq!(known, &version.value, "DHT-5: one stamp, two values");
    }
}

#[test]
fn concurrent_writers_and_readers_are_atomic_under_loss_duplication_and_reordering() {
    let mut write_backs = 0;
    for seed in 0..60 {
        let mut network = Network::new(seed, 1 + u16::try_from(seed % 2).unwrap(), 1);
        network.faults =
            Faults { loss_percent: 10, duplicate_percent: 10, delay_micros_max: 30_000 };
        let clients: Vec<usize> = (60..64).map(|seed| network.add_client(seed)).collect();
        let object = key(&network).id();
        let mut calls = Vec::new();
        for round in 0..12_u64 {
            for client in &clients {
                let operation = if network.random.below(2) == 0 {
                    Operation::ReadObject(object)
                } else {
                    let text = format!("{round} of {client}");
                    let value = Value::Data(Body::new(text.into_bytes()));
                    Operation::WriteObject { owner: network.owner(OWNER), value }
                };
                calls.push(network.invoke(*client, operation));
            }
            if round == 6 {
                network.crash_server(network.node(1));
            }
            if round == 9 {
                network.start_server(network.node(1));
            }
            let pause = network.random.below(40_000);
            network.run_for(quorate_types::Duration::from_micros(pause));
        }
        network.run_for(TIMEOUT.doubled());
        assert!(network.calls.keys().all(|call| network.outcome(*call).is_some()), "DHT-12");
        assert_eq!(check_atomic(&network, &calls), calls.len(), "every call succeeds: seed {seed}");
        check_values(&network, &calls);
        write_backs += network.mark_count("dht.client.write_back");
    }
    assert!(write_backs > 50, "the runs are too tame: {write_backs} write-backs");
}

#[test]
fn a_late_reply_to_an_earlier_phase_counts_for_nothing() {
    let mut network = Network::new(9, 1, 0);
    network.faults = Faults { loss_percent: 0, duplicate_percent: 100, delay_micros_max: 400_000 };
    let client = network.add_client(60);
    for text in ["1", "2", "3"] {
        network.write(client, OWNER, text).unwrap();
        assert_eq!(network.read(client, OWNER).as_deref(), Some(text));
    }
    assert!(network.mark_count("dht.client.late_reply") > 0);
    assert!(network.now().instant > Instant::ZERO);
}
