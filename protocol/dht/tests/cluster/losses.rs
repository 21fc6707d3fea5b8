//! Damage that no server can mend: of those who hold it one stops, and there is a way on.

use quorate_dht::{Message, ObjectKey, Refusal, Refused, ServerRequest};
use quorate_machine::Input;
use quorate_types::{Duration, NodeId};

use crate::contents::store;
use crate::network::Network;
use crate::repairs::{OWNER, copy, prepare};

/// Longer than any repair takes, and shorter than the servers need to check all by themselves.
const WHILE: Duration = Duration::from_secs(30);

fn nodes(network: &Network) -> Vec<NodeId> {
    (0..4).map(|index| network.node(index)).collect()
}

/// All check everything at the same time.
fn scrub_all(network: &mut Network) {
    for node in nodes(network) {
        network.step_server(node, Input::Request(ServerRequest::Scrub));
    }
    network.run_for(WHILE);
}

/// Who has stopped, and because of what.
fn stopped(network: &Network) -> Vec<(NodeId, Vec<ObjectKey>)> {
    let hosts = network.servers.iter().filter(|(_, host)| host.machine.is_none());
    hosts.map(|(node, host)| (*node, host.lost.clone())).collect()
}

/// Starts a server again whose operator has removed its damaged copy.
fn give_up(network: &mut Network, node: NodeId, key: ObjectKey) {
    network.crash_server(node);
    network.servers.get_mut(&node).expect("a server").store.remove(&key.to_bytes());
    network.start_server(node);
}

#[test]
fn of_those_who_hold_an_object_that_is_lost_one_stops() {
    let (mut network, _, [chunk, _]) = prepare(1);
    nodes(&network).iter().for_each(|node| network.rot(*node, chunk));
    scrub_all(&mut network);
    let stopped = stopped(&network);
    assert_eq!(stopped.len(), 1, "{stopped:?}");
    assert_eq!(stopped[0].1, [chunk]);
    let told = network.servers.values().filter(|host| host.unrepaired.contains(&chunk)).count();
    assert_eq!(told, 3, "the others say so and serve on");
}

#[test]
fn what_was_lost_is_whole_everywhere_once_somebody_stores_it_again() {
    let (mut network, client, [chunk, _]) = prepare(2);
    let whole = copy(&network, network.node(0), chunk);
    nodes(&network).iter().for_each(|node| network.rot(*node, chunk));
    scrub_all(&mut network);
    let [(node, _)] = stopped(&network)[..] else { panic!("one stops") };
    assert_eq!(store(&mut network, client, b"bytes"), chunk);
    network.start_server(node);
    scrub_all(&mut network);
    assert!(stopped(&network).is_empty());
    assert!(nodes(&network).iter().all(|node| copy(&network, *node, chunk) == whole));
}

#[test]
fn what_2f_plus_1_have_given_up_is_dropped_by_the_others() {
    let (mut network, _, [chunk, _]) = prepare(3);
    let nodes = nodes(&network);
    nodes.iter().for_each(|node| network.rot(*node, chunk));
    for node in &nodes[..3] {
        give_up(&mut network, *node, chunk);
    }
    scrub_all(&mut network);
    assert!(stopped(&network).is_empty() && network.holders(chunk).is_empty());
}

#[test]
fn a_version_that_one_server_alone_holds_whole_comes_back_when_two_give_up_theirs() {
    let (mut network, client, [_, register]) = prepare(4);
    let nodes = nodes(&network);
    nodes[..3].iter().for_each(|node| network.rot(*node, register));
    scrub_all(&mut network);
    let [(first, _)] = stopped(&network)[..] else { panic!("one stops") };
    give_up(&mut network, first, register);
    let second = *nodes[..3].iter().find(|node| **node != first).expect("there are three");
    give_up(&mut network, second, register);
    scrub_all(&mut network);
    assert!(stopped(&network).is_empty());
    assert_eq!(network.read(client, OWNER).as_deref(), Some("text"));
}

/// A liar that says of everything that its copy is damaged.
fn feign_damage(network: &mut Network, liar: NodeId) {
    network.lie(
        liar,
        Box::new(|_, message| match message {
            Message::Content(_) | Message::Versioned(_) => {
                let head = message.head();
                vec![Message::Refused(Refused { head, refusal: Refusal::Damaged })]
            }
            other => vec![other],
        }),
    );
}

#[test]
fn f_liars_who_say_that_all_is_damaged_make_nobody_stop_dht_16() {
    // The object was never completely written: only one server holds it, and it has rotted there.
    let (mut network, _, keys) = prepare(5);
    let nodes = nodes(&network);
    for key in keys {
        network.rot(nodes[0], key);
        for node in &nodes[1..] {
            network.servers.get_mut(node).expect("a server").store.remove(&key.to_bytes());
        }
        network.servers.get_mut(&nodes[3]).expect("a server").store.remove(&key.to_bytes());
    }
    feign_damage(&mut network, nodes[3]);
    scrub_all(&mut network);
    assert!(stopped(&network).is_empty());
    assert!(keys.iter().all(|key| network.servers[&nodes[0]].unrepaired.contains(key)), "DHT-16");
}

#[test]
fn nobody_stops_while_one_of_the_group_does_not_answer_dht_16() {
    let (mut network, _, keys) = prepare(6);
    let nodes = nodes(&network);
    for key in keys {
        nodes.iter().for_each(|node| network.rot(*node, key));
    }
    network.crash_server(nodes[3]);
    scrub_all(&mut network);
    let stopped = stopped(&network);
    assert_eq!(stopped, [(nodes[3], Vec::new())], "DHT-16: it may have them whole");
}
