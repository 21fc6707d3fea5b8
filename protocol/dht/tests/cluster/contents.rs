//! Content under its hash: stored by a quorum, read from anybody, checked always.

use quorate_dht::limits::{CHUNK_BYTES, MANIFEST_NODE_BYTES_MAX, VALUE_BYTES_MAX};
use quorate_dht::object::KEEP_FOR_EVER;
use quorate_dht::{Answer, Body, ContentKind, Failure, Message, ObjectKey, Operation, Value};
use quorate_types::{Epoch, Instant, ObjectId, Peer, UnixTime};

use crate::network::{Network, Outcome, Random};

pub(crate) fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut random = Random(seed);
    (0..count).map(|_| u8::try_from(random.below(256)).expect("below 256")).collect()
}

pub(crate) fn put(kind: ContentKind, bytes: &[u8]) -> Operation {
    Operation::PutContent { kind, body: Body::new(bytes.to_vec()), expires: KEEP_FOR_EVER }
}

pub(crate) fn store(network: &mut Network, client: usize, bytes: &[u8]) -> ObjectKey {
    match network.perform(client, put(ContentKind::Chunk, bytes)) {
        Ok(Answer::Stored(key)) => key,
        other => panic!("a put returned {other:?}"),
    }
}

pub(crate) fn content(bytes: &[u8]) -> Outcome {
    Ok(Answer::Content(Body::new(bytes.to_vec())))
}

#[test]
fn what_was_put_is_at_a_quorum_and_comes_back() {
    let mut network = Network::new(1, 1, 3);
    let client = network.add_client(50);
    for (kind, count) in
        [(ContentKind::Chunk, 0), (ContentKind::Chunk, CHUNK_BYTES), (ContentKind::Manifest, 99)]
    {
        let bytes = bytes(3, count);
        let key = kind.key_of(&bytes);
        assert_eq!(network.perform(client, put(kind, &bytes)), Ok(Answer::Stored(key)));
        let holders = network.holders(key);
        assert!(holders.len() >= 3);
        assert!(holders.iter().all(|node| network.group(key).contains(node)));
        assert_eq!(network.perform(client, Operation::GetContent(key)), content(&bytes));
        let length = u32::try_from(count).unwrap();
        assert_eq!(
            network.perform(client, Operation::StatContent(key)),
            Ok(Answer::Present(length))
        );
    }
}

#[test]
fn a_chunk_is_not_found_as_a_manifest_node() {
    let mut network = Network::new(2, 1, 0);
    let client = network.add_client(50);
    let key = store(&mut network, client, b"bytes");
    let node = Operation::GetContent(ObjectKey::Manifest(key.id()));
    assert_eq!(network.perform(client, node), Err(Failure::Absent));
}

#[test]
fn a_crashed_server_is_asked_once_and_then_last() {
    let mut network = Network::new(3, 1, 0);
    let client = network.add_client(50);
    let key = store(&mut network, client, b"bytes");
    let crashed = network.group(key)[1];
    network.crash_server(crashed);
    for _ in 0..12 {
        assert_eq!(network.perform(client, Operation::GetContent(key)), content(b"bytes"));
    }
    assert_eq!(network.mark_count("dht.client.retry"), 1, "its turn comes once in 30 s");
}

#[test]
fn absent_needs_a_quorum_of_negative_replies() {
    let mut network = Network::new(4, 1, 0);
    let client = network.add_client(50);
    let missing = ContentKind::Chunk.key_of(b"never stored");
    for operation in [Operation::GetContent(missing), Operation::StatContent(missing)] {
        assert_eq!(network.perform(client, operation), Err(Failure::Absent));
    }
    network.crash_server(network.node(0));
    assert_eq!(network.perform(client, Operation::GetContent(missing)), Err(Failure::Absent));
    network.crash_server(network.node(1));
    for operation in [Operation::GetContent(missing), Operation::StatContent(missing)] {
        let failure = network.perform(client, operation).unwrap_err();
        assert!(matches!(failure, Failure::NoQuorum { needed: 3, .. }), "{failure:?}");
    }
}

/// Lets puts of content reach the server with this index alone.
fn puts_reach_only(network: &mut Network, index: usize) {
    let reached = Peer::Node(network.node(index));
    network.filter = Some(Box::new(move |_, to, message| {
        !matches!(message, Message::PutContent(_)) || to == reached
    }));
}

#[test]
fn content_that_only_one_server_has_is_found_and_the_others_are_healed() {
    let mut network = Network::new(5, 1, 0);
    let client = network.add_client(50);
    puts_reach_only(&mut network, 2);
    let call = network.invoke(client, put(ContentKind::Chunk, b"bytes"));
    network.run_until(|network| network.outcome(call).is_some());
    assert!(matches!(network.outcome(call), Some(Err(Failure::NoQuorum { .. }))));
    network.filter = None;
    let key = ContentKind::Chunk.key_of(b"bytes");
    assert_eq!(network.holders(key).len(), 1);

    let mut found = 0;
    for _ in 0..8 {
        match network.perform(client, Operation::GetContent(key)) {
            Ok(answer) => {
                assert_eq!(Ok(answer), content(b"bytes"));
                found += 1;
            }
            Err(failure) => assert_eq!(failure, Failure::Absent, "three do not have it"),
        }
    }
    assert!(found > 0 && network.holders(key).len() == 4);
    assert!(network.mark_count("dht.client.heal") > 0);
}

#[test]
fn stat_of_content_that_one_server_has_looks_at_the_content() {
    let mut network = Network::new(6, 1, 0);
    let client = network.add_client(50);
    puts_reach_only(&mut network, 2);
    let _call = network.invoke(client, put(ContentKind::Chunk, b"bytes"));
    network.run_for(quorate_types::Duration::from_secs(1));
    network.filter = None;
    network.crash_client(client);
    network.crash_server(network.node(0));
    let other = network.add_client(51);
    let key = ContentKind::Chunk.key_of(b"bytes");
    assert_eq!(network.perform(other, Operation::StatContent(key)), Ok(Answer::Present(5)));
    assert_eq!(network.mark_count("dht.client.stat_by_get"), 1);
}

#[test]
fn what_no_server_would_take_is_refused_at_once() {
    let mut network = Network::new(7, 1, 0);
    let client = network.add_client(50);
    let too_long = |bytes, bytes_max| Err(Failure::Unsuitable { bytes, bytes_max });
    let long = CHUNK_BYTES + 1;
    let outcome = network.perform(client, put(ContentKind::Chunk, &vec![0; long]));
    assert_eq!(outcome, too_long(long, CHUNK_BYTES));
    let long = MANIFEST_NODE_BYTES_MAX + 1;
    let outcome = network.perform(client, put(ContentKind::Manifest, &vec![0; long]));
    assert_eq!(outcome, too_long(long, MANIFEST_NODE_BYTES_MAX));
    let long = VALUE_BYTES_MAX + 1;
    let value = Value::Data(Body::new(vec![0; long]));
    let owner = network.owner(9);
    let outcome = network.perform(client, Operation::WriteObject { owner, value });
    assert_eq!(outcome, too_long(long, VALUE_BYTES_MAX));
    let register = ObjectKey::Register(ObjectId::new([1; 32]));
    assert_eq!(network.perform(client, Operation::GetContent(register)), too_long(0, 0));
}

#[test]
fn the_longest_values_and_contents_pass() {
    let mut network = Network::new(8, 1, 0);
    let client = network.add_client(50);
    let value = Value::Data(Body::new(bytes(1, VALUE_BYTES_MAX)));
    let owner = network.owner(9);
    let outcome = network.perform(client, Operation::WriteObject { owner, value });
    assert!(matches!(outcome, Ok(Answer::Written(_))));
    let node = bytes(2, MANIFEST_NODE_BYTES_MAX);
    assert!(network.perform(client, put(ContentKind::Manifest, &node)).is_ok());
}

#[test]
fn a_client_whose_certificate_has_run_out_writes_nothing() {
    let mut network = Network::new(9, 1, 0);
    let client = network.add_client_until(50, UnixTime::from_micros(1));
    network.lease(client, Instant::from_micros(u64::MAX));
    let outcome = network.perform(client, put(ContentKind::Chunk, b"bytes"));
    assert_eq!(outcome, Err(Failure::NotAuthorised));
    assert_eq!(network.write(client, 9, "text"), Err(Failure::NotAuthorised));
    assert!(network.holders(ContentKind::Chunk.key_of(b"bytes")).is_empty());
}

#[test]
fn more_bytes_at_once_than_a_server_takes_from_one_peer_come_through_in_turns() {
    let mut network = Network::new(10, 1, 0);
    let client = network.add_client(50);
    network.faults.delay_micros_max = 1;
    let chunk = bytes(4, CHUNK_BYTES);
    let calls: Vec<_> = (0..20_u8)
        .map(|index| {
            let mut bytes = chunk.clone();
            bytes[0] = index;
            network.invoke(client, put(ContentKind::Chunk, &bytes))
        })
        .collect();
    network.run_until(|network| calls.iter().all(|call| network.outcome(*call).is_some()));
    assert!(calls.iter().all(|call| network.outcome(*call).unwrap().is_ok()));
    assert!(network.mark_count("dht.server.busy") > 0, "the run is too tame");
}

#[test]
fn content_is_kept_as_long_as_the_longest_put_says() {
    let mut network = Network::new(11, 1, 0);
    let client = network.add_client(50);
    let until = |epoch| Operation::PutContent {
        kind: ContentKind::Chunk,
        body: Body::new(b"bytes".to_vec()),
        expires: Epoch::new(epoch),
    };
    let key = ContentKind::Chunk.key_of(b"bytes");
    let stored = |network: &Network| {
        let host = &network.servers[&network.group(key)[0]];
        host.store[&key.to_bytes()].clone()
    };
    network.perform(client, until(5)).unwrap();
    network.run_for(quorate_types::Duration::from_secs(1));
    let first = stored(&network);
    network.perform(client, until(3)).unwrap();
    network.run_for(quorate_types::Duration::from_secs(1));
    assert_eq!(stored(&network), first, "a shorter put changes nothing");
    network.perform(client, until(9)).unwrap();
    network.run_for(quorate_types::Duration::from_secs(1));
    assert_ne!(stored(&network), first);
}
