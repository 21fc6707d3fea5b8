//! What reaches a machine, in which order, and what peers pay for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use quorate_runtime::{Channel, NodeOptions, Server};
use quorate_types::GroupId;

use crate::support::journals::Gate;
use crate::support::toy::{ACK, Message, PROPOSE, ToyRequest, USELESS};
use crate::support::{
    Running, Setup, Stranger, beside, commits, dial, heard, hosting, introduce, listen, look, node,
    registry, until, watched,
};

/// One node with a disk behind a gate, and where it is.
async fn alone(gate: Gate, record_bytes: usize) -> ([Running; 1], Server) {
    let mut links = [listen(1).await];
    let server = introduce(&mut links)[0];
    let [links] = links;
    let setup = Setup { journal: gate.journal(), record_bytes, ..Setup::default() };
    ([Running::start(links, (1, 1), setup)], server)
}

fn open() -> Gate {
    let gate = Gate::shut();
    gate.open();
    gate
}

fn proposal(value: u64) -> Message {
    Message::sign(PROPOSE, value, &registry().signer(&[9; 32]))
}

#[test]
fn one_bad_message_spoils_no_other_and_is_counted_by_peer_and_reason() {
    watched(async {
        let (mut nodes, server) = alone(open(), 0).await;
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        for value in 0..50 {
            stranger.send(&proposal(value));
            if value == 20 {
                stranger.send(&Message { value: 999, ..proposal(value) });
                stranger.send(&Message { kind: 5, ..proposal(value) });
                stranger.send_raw(b"");
                stranger.send_raw(b"\x09nobody has this channel");
                stranger.send_raw(b"\x01no message");
            }
        }
        assert_eq!(heard(&mut nodes, 0, 50).await, (0..50).collect::<Vec<_>>());
        let complaints = nodes[0].snapshot().complaints;
        let expected =
            [("bad_signature", 1), ("inconsistent", 1), ("undecodable", 1), ("unknown_channel", 2)];
        let by_peer: Vec<_> = complaints
            .iter()
            .map(|(peer, why, count)| {
                assert_eq!(*peer, Some(stranger.peer));
                (*why, *count)
            })
            .collect();
        assert_eq!(by_peer, expected);
    });
}

#[test]
fn messages_of_one_peer_keep_their_order_whoever_checks_them() {
    // RUN-9.
    watched(async {
        let mut links = [listen(1).await];
        let server = introduce(&mut links)[0];
        let [links] = links;
        let options = NodeOptions { pool_threads: 3, ..NodeOptions::new(Arc::new(registry())) };
        let node = quorate_runtime::Node::new(links, &options).unwrap();
        let setup = Setup { journal: open().journal(), ..Setup::default() };
        let mut nodes = [Running::host(node, hosting(1, 1, setup))];
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        // Some are known and need no check; still none of them overtakes.
        let order: Vec<u64> = (0..2_000).map(|n| if n % 3 == 0 { 0 } else { n }).collect();
        order.iter().for_each(|value| stranger.send(&proposal(*value)));
        assert_eq!(heard(&mut nodes, 0, order.len()).await, order);
        let toy = &nodes[0].snapshot().machines[0];
        assert!(toy.settled_pooled > 0, "the pool had something to do");
        assert_eq!(toy.settled_pooled + toy.settled_inline, 2_000);
    });
}

#[test]
fn what_comes_again_is_not_checked_again() {
    // RUN-8.
    watched(async {
        let (mut nodes, server) = alone(open(), 0).await;
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        for _ in 0..100 {
            stranger.send(&proposal(5));
        }
        heard(&mut nodes, 0, 100).await;
        let now = nodes[0].snapshot();
        assert_eq!(now.checks_made, 1);
    });
}

#[test]
fn what_the_machine_cannot_use_is_dropped_unchecked() {
    watched(async {
        let (mut nodes, server) = alone(open(), 0).await;
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        stranger.send(&Message { value: USELESS, ..proposal(1) });
        stranger.send(&proposal(2));
        heard(&mut nodes, 0, 1).await;
        let now = nodes[0].snapshot();
        assert_eq!((now.machines[0].useless, now.checks_made), (1, 1));
        assert_eq!(now.complaints, []);
    });
}

#[test]
fn what_the_machine_may_not_hear_now_is_dropped_and_what_comes_later_is_not() {
    watched(async {
        let mut links = [listen(1).await];
        let server = introduce(&mut links)[0];
        let [links] = links;
        let setup = Setup { journal: open().journal(), ..Setup::default() };
        let is_deaf = Arc::clone(&setup.is_deaf);
        is_deaf.store(true, Ordering::Relaxed);
        let mut nodes = [Running::start(links, (1, 1), setup)];
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        stranger.send(&proposal(1));
        until(&mut nodes, 0, |now| now.machines[0].useless == 1).await;
        is_deaf.store(false, Ordering::Relaxed);
        stranger.send(&proposal(2));
        assert_eq!(heard(&mut nodes, 0, 1).await, [2]);
    });
}

#[test]
fn a_peer_pays_for_the_work_that_its_messages_make() {
    watched(async {
        let mut links = [listen(1).await];
        let server = introduce(&mut links)[0];
        let [links] = links;
        let node = node(links);
        let counters = node.links().counters();
        let work_micros = quorate_net::limits::CLIENT_MICROS_PER_SECOND_MAX * 2;
        let setup = Setup { journal: open().journal(), work_micros, ..Setup::default() };
        let mut nodes = [Running::host(node, hosting(1, 1, setup))];
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        stranger.send(&proposal(1));
        assert_eq!(heard(&mut nodes, 0, 1).await, [1]);
        stranger.send(&proposal(2));
        while counters.snapshot().pauses_budget == 0 {
            beside(&mut nodes, tokio::task::yield_now()).await;
        }
    });
}

#[test]
fn while_the_disk_is_behind_no_frame_is_taken() {
    // RUN-10.
    let gate = Gate::shut();
    let quarter = quorate_runtime::limits::WAITING_BYTES_MAX / 4;
    watched(async {
        let (mut nodes, server) = alone(gate.clone(), quarter).await;
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        let before = nodes[0].snapshot();
        for value in 0..4 {
            stranger.send(&proposal(value));
            until(&mut nodes, 0, |now| now.machines[0].records > value).await;
        }
        for value in 4..50 {
            stranger.send(&proposal(value));
        }
        until(&mut nodes, 0, |now| now.pauses > before.pauses).await;
        assert_eq!(look(&mut nodes, 0).await.len(), 4, "the node itself is still served");
        assert_eq!(nodes[0].snapshot().machines[0].frames, 4);
        gate.open();
        assert_eq!(heard(&mut nodes, 0, 50).await.len(), 50);
    });
}

#[test]
fn a_frame_takes_two_rounds_of_the_loop() {
    // One when it comes, one when its record is durable, and none to look whether there is more.
    watched(async {
        let (mut nodes, server) = alone(open(), 0).await;
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        let before = nodes[0].snapshot().ticks;
        for value in 0..20 {
            stranger.send(&proposal(value));
            heard(&mut nodes, 0, 1).await;
        }
        let rounds = nodes[0].snapshot().ticks - before;
        assert!(rounds <= 2 * 20, "{rounds} rounds for 20 frames");
    });
}

#[test]
fn machines_of_one_node_get_the_frames_of_their_own_group() {
    watched(async {
        let mut links = [listen(1).await];
        let server = introduce(&mut links)[0];
        let [links] = links;
        let mut node = node(links);
        let groups = [GroupId::new([1; 32]), GroupId::new([2; 32])];
        let mut outputs = Vec::new();
        for group in groups {
            let setup = Setup { journal: open().journal(), ..Setup::default() };
            let (mut hosting, told) = hosting(1, 1, setup);
            hosting.channel = Channel::Grouped(2, group);
            node.host(hosting).unwrap();
            outputs.push(told);
        }
        let setup = Setup { journal: open().journal(), ..Setup::default() };
        let (mut taken, _) = hosting(1, 1, setup);
        taken.channel = Channel::Grouped(2, groups[0]);
        let error = node.host(taken).unwrap_err();
        assert!(error.to_string().contains("give every machine its own"), "{error}");

        let setup = Setup { journal: open().journal(), ..Setup::default() };
        let mut nodes = [Running::host(node, hosting(1, 1, setup))];
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        let body = |value| quorate_wire::encode(&proposal(value));
        for (value, group) in (10..).zip(groups) {
            stranger.send_raw(&[&[2], &group.as_bytes()[..], &body(value)].concat());
        }
        stranger.send(&proposal(12));
        assert_eq!(heard(&mut nodes, 0, 1).await, [12]);
        let frames = |machine: &quorate_runtime::MachineSnapshot| machine.frames;
        let now =
            until(&mut nodes, 0, |now| now.machines.iter().map(frames).sum::<u64>() == 3).await;
        assert_eq!(now.machines.iter().map(frames).filter(|frames| *frames == 1).count(), 3);
        for (value, mut told) in (10..).zip(outputs) {
            let output = beside(&mut nodes, told.recv()).await;
            assert_eq!(output, Some(crate::support::toy::ToyOutput::Heard(value)));
        }
    });
}

#[test]
fn an_acknowledgement_for_nothing_is_only_a_mark() {
    watched(async {
        let (mut nodes, server) = alone(open(), 0).await;
        let stranger = Stranger::connect(77, server, &mut nodes).await;
        stranger.send(&Message::sign(ACK, 3, &registry().signer(&[9; 32])));
        let marked = |now: &quorate_runtime::Snapshot| {
            now.machines[0].marks.get("toy.late_ack").copied() == Some(1)
        };
        until(&mut nodes, 0, marked).await;
        nodes[0].handle.request(ToyRequest::Propose(1)).unwrap();
        assert_eq!(look(&mut nodes, 0).await, [1]);
    });
}

#[test]
fn a_client_hosts_machines_like_a_server() {
    watched(async {
        let mut links = [listen(1).await, listen(2).await];
        let servers = introduce(&mut links);
        let start = |(number, links)| {
            let setup = Setup { journal: open().journal(), ..Setup::default() };
            Running::start(links, (number, 2), setup)
        };
        let mut nodes: Vec<_> = (1..).zip(links).map(start).collect();
        // The toy of node 3 sends to 1 and 2, and here it is a client.
        let setup = Setup { journal: open().journal(), ..Setup::default() };
        nodes.push(Running::start(dial(3, &servers), (3, 3), setup));
        nodes[2].handle.request(ToyRequest::Propose(5)).unwrap();
        assert_eq!(commits(&mut nodes, 2, 1).await, [5]);
        assert_eq!(look(&mut nodes, 0).await, [5]);
    });
}
