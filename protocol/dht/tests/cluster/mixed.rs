//! Everything at once: a liar, a server that crashes and forgets, rot, loss, several clients.

use std::collections::BTreeMap;

use quorate_dht::{
    Answer, Body, CertifiedConfiguration, ContentKind, ContentReply, Failure, Head, Message,
    ObjectKey, Operation, Presence, Refusal, Refused, Stored, Value, Versioned, WrongEpoch,
};
use quorate_types::{Duration, Epoch};

use crate::contents::{content, put};
use crate::network::{Faults, Liar, Network, TIMEOUT};
use crate::registers::{check_atomic, check_values};

const OWNERS: [u8; 2] = [100, 101];

/// Servers that lie in other ways: silent, empty, of another epoch, or with wrong bytes.
fn liar(kind: u64) -> Liar {
    Box::new(move |_, message| match (kind, message) {
        (0, _) => Vec::new(),
        (1, Message::Versioned(reply)) => {
            vec![Message::Versioned(Versioned { signed: None, value: None, ..reply })]
        }
        (1, Message::Content(reply)) => {
            vec![Message::Content(ContentReply { body: None, ..reply })]
        }
        (1, Message::Presence(reply)) => vec![Message::Presence(Presence { bytes: None, ..reply })],
        (2, Message::Stored(mut reply)) => {
            reply.head.epoch = Epoch::new(7);
            vec![Message::Stored(reply)]
        }
        (3, Message::Content(reply)) => {
            let body = Some(Body::new(vec![1, 2, 3]));
            vec![Message::Content(ContentReply { body, ..reply })]
        }
        (4, message) => babble(message),
        (_, message) => vec![message.clone(), message],
    })
}

/// Every kind of reply to one question, in both orders, and the question back.
fn babble(message: Message) -> Vec<Message> {
    let head = message.head();
    let refusals = [
        Refusal::Busy,
        Refusal::Damaged,
        Refusal::NotResponsible,
        Refusal::NotAuthorised,
        Refusal::SequenceSkip,
        Refusal::Behind,
    ];
    let configuration = CertifiedConfiguration::default();
    let later = Head { epoch: head.epoch.next(), ..head };
    let mut messages: Vec<Message> =
        refusals.map(|refusal| Message::Refused(Refused { head, refusal })).to_vec();
    messages.extend([
        Message::Stored(Stored { head }),
        Message::Content(ContentReply { head, body: None }),
        Message::Content(ContentReply { head, body: Some(Body::new(vec![1])) }),
        Message::Presence(Presence { head, bytes: Some(9) }),
        Message::Presence(Presence { head, bytes: None }),
        Message::Versioned(Versioned { head, signed: None, value: None }),
        Message::WrongEpoch(WrongEpoch { head, configuration: configuration.clone() }),
        Message::WrongEpoch(WrongEpoch { head: later, configuration }),
        message,
    ]);
    let mut reversed = messages.clone();
    reversed.reverse();
    messages.extend(reversed);
    messages
}

/// One step of trouble for the server that may fail beside the liar.
fn trouble(network: &mut Network, round: u64) {
    let node = network.node(5);
    match (round % 8, network.random.below(3)) {
        (2, _) => network.crash_server(node),
        (4, _) => network.start_server(node),
        (5 | 6, 0) => {
            let keys: Vec<_> = network.servers[&node].store.keys().cloned().collect();
            for key in keys {
                network.rot(node, ObjectKey::from_bytes(&key).expect("stores hold names"));
            }
        }
        _ => {}
    }
}

fn operation(network: &mut Network, text: &str, contents: &[ObjectKey]) -> Operation {
    let owner = OWNERS[usize::try_from(network.random.below(2)).expect("below 2")];
    let owner = network.owner(owner);
    match network.random.below(6) {
        0 => put(ContentKind::Chunk, text.as_bytes()),
        1 if !contents.is_empty() => {
            let index = network.random.below(contents.len() as u64);
            Operation::GetContent(contents[usize::try_from(index).expect("an index")])
        }
        2 | 3 => {
            let value = Value::Data(Body::new(text.as_bytes().to_vec()));
            Operation::WriteObject { owner, value }
        }
        _ => Operation::ReadObject(quorate_dht::object::register_id(&owner.public_key())),
    }
}

#[test]
fn with_f_bad_servers_of_all_kinds_everything_completes_and_is_right() {
    let mut marks: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..48 {
        let mut network = Network::new(seed, 2, 0);
        network.faults = Faults { loss_percent: 5, duplicate_percent: 5, delay_micros_max: 30_000 };
        network.lie(network.node(1), liar(seed % 6));
        let clients: Vec<usize> = (60..64).map(|seed| network.add_client(seed)).collect();
        let mut registers: BTreeMap<Vec<u8>, Vec<_>> = BTreeMap::new();
        let mut contents = Vec::new();
        for round in 0..16_u64 {
            trouble(&mut network, round);
            for client in &clients {
                let text = format!("{seed} {round} {client}");
                let operation = operation(&mut network, &text, &contents);
                let register = match &operation {
                    Operation::WriteObject { owner, .. } => {
                        Some(quorate_dht::object::register_id(&owner.public_key()))
                    }
                    Operation::ReadObject(id) => Some(*id),
                    _ => None,
                };
                let call = network.invoke(*client, operation);
                if let Some(id) = register {
                    registers.entry(id.as_bytes().to_vec()).or_default().push(call);
                }
            }
            network.run_for(Duration::from_millis(100));
            let calls: Vec<_> = network.calls.keys().copied().collect();
            contents = calls
                .into_iter()
                .filter_map(|call| match network.outcome(call) {
                    Some(Ok(Answer::Stored(key))) => Some(*key),
                    _ => None,
                })
                .collect();
        }
        network.run_for(TIMEOUT.doubled());
        for call in network.calls.keys() {
            let outcome = network.outcome(*call).expect("DHT-12: answered");
            assert!(outcome.is_ok(), "seed {seed}: {call:?} {outcome:?}");
        }
        for calls in registers.values() {
            assert_eq!(check_atomic(&network, calls), calls.len(), "seed {seed}");
            check_values(&network, calls);
        }
        for (mark, count) in network.marks {
            *marks.entry(mark).or_default() += count;
        }
    }
    for mark in [
        "dht.client.fallback",
        "dht.client.write_back",
        "dht.client.retry",
        "dht.client.wrong_content",
        "dht.client.other_epoch",
        "dht.server.damaged",
        "dht.server.repaired",
        "dht.server.older_version",
        "dht.server.content_known",
    ] {
        assert!(marks.get(mark).is_some_and(|count| *count >= 10), "too tame: {mark} {marks:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let mut network = Network::new(77, 1, 1);
        network.faults =
            Faults { loss_percent: 10, duplicate_percent: 10, delay_micros_max: 50_000 };
        let client = network.add_client(60);
        for text in ["a", "b", "c"] {
            network.write(client, OWNERS[0], text).expect("a quorum is there");
            let stored = network.perform(client, put(ContentKind::Chunk, text.as_bytes()));
            let key = ContentKind::Chunk.key_of(text.as_bytes());
            assert_eq!(stored, Ok(Answer::Stored(key)));
            let read = network.perform(client, Operation::GetContent(key));
            assert_eq!(read, content(text.as_bytes()));
        }
        (network.now().instant, network.marks)
    };
    assert_eq!(run(), run());
}

#[test]
fn messages_from_strangers_and_of_the_wrong_kind_change_nothing() {
    let mut network = Network::new(5, 1, 2);
    let client = network.add_client(60);
    network.write(client, OWNERS[0], "text").expect("a quorum is there");
    let key = ContentKind::Chunk.key_of(b"missing");
    let babbler = |_, message: Message| babble(message);
    network.lie(network.group(key)[1], Box::new(babbler));
    for text in ["one", "two"] {
        network.write(client, OWNERS[0], text).expect("a quorum is there");
        assert_eq!(network.read(client, OWNERS[0]).as_deref(), Some(text));
    }
    let missing = ContentKind::Chunk.key_of(b"missing");
    assert_eq!(network.perform(client, Operation::GetContent(missing)), Err(Failure::Absent));
}
