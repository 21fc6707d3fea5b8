//! Damage in a store is found, never served, and mended from the group: S11.

use quorate_crypto::Signer;
use quorate_dht::limits::SCRUB_IDLE_PAUSE;
use quorate_dht::object::register_id;
use quorate_dht::{Answer, ClientRequest, Failure, Message, ObjectKey, Operation};
use quorate_machine::Input;
use quorate_types::{Duration, Instant, NodeId, Peer, UnixTime};

use crate::contents::{content, put, store};
use crate::network::Network;

pub(crate) const OWNER: u8 = 100;

pub(crate) fn register(network: &Network) -> ObjectKey {
    ObjectKey::Register(register_id(&network.signer(OWNER).public_key()))
}

pub(crate) fn copy(network: &Network, node: NodeId, key: ObjectKey) -> Option<Vec<u8>> {
    network.servers[&node].store.get(&key.to_bytes()).cloned()
}

/// Objects that a scrub checked, found damaged, and mended.
fn scrub(network: &mut Network, node: NodeId) -> (u64, u64, u64) {
    let report = network.scrub(node);
    (report.checked, report.damaged, report.repaired)
}

/// Stores content and a register everywhere.
pub(crate) fn prepare(seed: u64) -> (Network, usize, [ObjectKey; 2]) {
    let mut network = Network::new(seed, 1, 0);
    let client = network.add_client(60);
    let chunk = store(&mut network, client, b"bytes");
    network.write(client, OWNER, "text").expect("nothing is wrong yet");
    network.run_for(Duration::from_secs(1));
    let keys = [chunk, register(&network)];
    assert!(keys.iter().all(|key| network.holders(*key).len() == 4));
    (network, client, keys)
}

#[test]
fn a_rotten_copy_is_never_served_and_is_mended_when_it_is_asked_for() {
    for index in 0..4 {
        let (mut network, client, keys) = prepare(1);
        let node = network.node(index);
        let whole = keys.map(|key| copy(&network, node, key));
        keys.iter().for_each(|key| network.rot(node, *key));
        for _ in 0..8 {
            assert_eq!(network.perform(client, Operation::GetContent(keys[0])), content(b"bytes"));
            assert_eq!(network.read(client, OWNER).as_deref(), Some("text"));
        }
        network.run_for(Duration::from_secs(10));
        assert_eq!(keys.map(|key| copy(&network, node, key)), whole, "server {index}");
        assert!(network.mark_count("dht.server.repaired") >= 2);
    }
}

#[test]
fn a_scrub_finds_and_mends_what_nobody_asked_for() {
    let (mut network, client, keys) = prepare(2);
    for text in ["more", "and more", "and yet more"] {
        store(&mut network, client, text.as_bytes());
    }
    network.run_for(Duration::from_secs(1));
    let node = network.node(3);
    let clean = (5, 0, 0);
    assert_eq!(scrub(&mut network, node), clean);
    let whole = keys.map(|key| copy(&network, node, key));
    keys.iter().for_each(|key| network.rot(node, *key));
    assert_eq!(scrub(&mut network, node), (5, 2, 2));
    assert_eq!(keys.map(|key| copy(&network, node, key)), whole);
    assert_eq!(scrub(&mut network, node), clean);
}

/// A repair at server 0 while server 1 answers with this content, or with nothing at all.
fn check_repair_beside_a_liar(wrong: Option<&'static [u8]>) {
    let (mut network, _, keys) = prepare(3);
    let node = network.node(0);
    let whole = keys.map(|key| copy(&network, node, key));
    network.lie(
        network.node(1),
        Box::new(move |_, message| match message {
            Message::Content(mut reply) => {
                reply.body = wrong.map(|bytes| quorate_dht::Body::new(bytes.to_vec()));
                vec![Message::Content(reply)]
            }
            Message::Versioned(mut reply) => {
                (reply.signed, reply.value) = (None, None);
                vec![Message::Versioned(reply)]
            }
            other => vec![other],
        }),
    );
    for _ in 0..4 {
        keys.iter().for_each(|key| network.rot(node, *key));
        assert_eq!(scrub(&mut network, node), (2, 2, 2));
        assert_eq!(keys.map(|key| copy(&network, node, key)), whole);
    }
}

#[test]
fn a_liar_does_not_spoil_a_repair() {
    check_repair_beside_a_liar(Some(b"wrong"));
    check_repair_beside_a_liar(Some(b""));
    check_repair_beside_a_liar(None);
}

#[test]
fn damage_that_nobody_can_mend_is_reported_and_is_not_absence_dht_10() {
    let (mut network, client, keys) = prepare(4);
    let node = network.node(0);
    keys.iter().for_each(|key| network.rot(node, *key));
    for index in 1..4 {
        network.crash_server(network.node(index));
    }
    let answered = Peer::Node(node);
    network.filter = Some(Box::new(move |from, to, message| {
        let says_absent = match message {
            Message::Content(reply) => reply.body.is_none(),
            Message::Versioned(reply) => reply.signed.is_none(),
            _ => false,
        };
        let is_to_client = matches!(to, Peer::Client(_));
        assert!(!(from == answered && is_to_client && says_absent), "DHT-10");
        true
    }));
    let outcome = network.perform(client, Operation::GetContent(keys[0]));
    assert!(matches!(outcome, Err(Failure::NoQuorum { .. })), "{outcome:?}");
    let report = scrub(&mut network, node);
    assert_eq!(report, (2, 2, 0));
    assert!(keys.iter().all(|key| network.servers[&node].unrepaired.contains(key)));
    assert!(network.servers[&node].lost.is_empty(), "DHT-16: silence is no loss");
}

#[test]
fn a_rotten_copy_of_what_was_never_completely_written_is_dropped() {
    let mut network = Network::new(5, 1, 0);
    let client = network.add_client(60);
    let node = network.node(2);
    network.filter = Some(Box::new(move |_, to, message| {
        let is_write = matches!(message, Message::PutContent(_) | Message::WriteVersion(_));
        !is_write || to == Peer::Node(node)
    }));
    let _put = network.invoke(client, put(quorate_dht::ContentKind::Chunk, b"bytes"));
    let value = quorate_dht::Value::Deleted;
    let owner = network.owner(OWNER);
    let _write = network.invoke(client, Operation::WriteObject { owner, value });
    network.run_for(Duration::from_secs(1));
    network.crash_client(client);
    network.filter = None;
    let keys = [quorate_dht::ContentKind::Chunk.key_of(b"bytes"), register(&network)];
    keys.iter().for_each(|key| network.rot(node, *key));
    assert_eq!(scrub(&mut network, node), (2, 2, 2));
    assert!(keys.iter().all(|key| copy(&network, node, *key).is_none()));
}

#[test]
fn a_put_mends_a_rotten_copy_at_once_and_a_write_waits_for_the_repair() {
    let (mut network, client, keys) = prepare(6);
    let node = network.node(1);
    let whole = copy(&network, node, keys[0]);
    keys.iter().for_each(|key| network.rot(node, *key));
    network.crash_server(network.node(0));
    let key = store(&mut network, client, b"bytes");
    assert_eq!((key, copy(&network, node, key)), (keys[0], whole));
    // With server 0 down, the acknowledgement of the damaged server is needed; and with it the
    // stamps of all others, one of which is down.
    let outcome = network.write(client, OWNER, "new");
    assert!(matches!(outcome, Err(Failure::NoQuorum { .. })), "{outcome:?}");
    network.start_server(network.node(0));
    network.write(client, OWNER, "newer").unwrap();
    network.run_for(Duration::from_secs(5));
    assert_eq!(network.read(client, OWNER).as_deref(), Some("newer"));
    let outcome = network.perform(client, Operation::GetContent(key));
    assert!(matches!(outcome, Ok(Answer::Content(_))));
    let copies: Vec<_> = (0..4).map(|index| copy(&network, network.node(index), keys[1])).collect();
    assert!(copies.iter().all(|one| *one == copies[1]), "the mended copy has the last version");
}

#[test]
fn damage_is_found_and_mended_although_nobody_asks() {
    let (mut network, _, keys) = prepare(7);
    let node = network.node(2);
    let whole = keys.map(|key| copy(&network, node, key));
    keys.iter().for_each(|key| network.rot(node, *key));
    network.run_for(SCRUB_IDLE_PAUSE.times(8));
    assert_eq!(keys.map(|key| copy(&network, node, key)), whole);
    assert!(network.servers[&node].scrubbed.is_empty(), "nobody is told");
}

/// Asks all servers again and again until every one that is up has checked everything.
fn scrub_all(network: &mut Network, client: usize, run: u64, up: usize) {
    for _ in 0..100 {
        network.step_client(client, Input::Request(ClientRequest::Scrub { run }));
        network.run_for(Duration::from_millis(250));
        let states = &network.clients[client].scrubbing;
        if states.len() == up && states.values().all(|state| state.is_over) {
            return;
        }
    }
    panic!("25 seconds were not enough");
}

#[test]
fn a_client_has_all_servers_scrub_and_hears_from_each_what_it_found() {
    let (mut network, client, keys) = prepare(8);
    let node = network.node(1);
    network.faults.loss_percent = 30;
    keys.iter().for_each(|key| network.rot(node, *key));
    scrub_all(&mut network, client, 7, 4);
    for (server, state) in network.clients[client].scrubbing.clone() {
        let report = state.report;
        let damaged = if server == node { 2 } else { 0 };
        assert_eq!((report.checked, report.damaged, report.unrepaired()), (2, damaged, 0));
        assert!(report.bytes > 100 && state.thousandths == 1000);
    }
    // The same run again is not run again; another one is.
    keys.iter().for_each(|key| network.rot(node, *key));
    scrub_all(&mut network, client, 7, 4);
    assert_eq!(network.mark_count("dht.scrub.asked"), 4);
    network.clients[client].scrubbing.clear();
    scrub_all(&mut network, client, 8, 4);
    assert_eq!(network.mark_count("dht.scrub.asked"), 8);
}

#[test]
fn a_client_without_a_valid_certificate_makes_nobody_scrub() {
    let (mut network, _, _) = prepare(9);
    let client = network.add_client_until(70, UnixTime::from_micros(1));
    network.lease(client, Instant::from_micros(u64::MAX));
    network.step_client(client, Input::Request(ClientRequest::Scrub { run: 1 }));
    network.run_for(Duration::from_secs(1));
    assert!(network.clients[client].scrubbing.is_empty());
    assert_eq!(network.mark_count("dht.scrub.asked"), 0);
}
