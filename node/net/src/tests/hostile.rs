//! Enemies: bytes that are wrong, late, missing, or too many. None may cost more than its bound.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::{
    Enemy, address_of, await_counters, await_down, await_failure, await_frames, await_up, bind,
    client_config, config, connect, data, frame, hello, known, seed, watched,
};
use crate::frame::{Class, FrameKind};
use crate::limits::{FRAME_BYTES_MAX, TURN_FRAMES_MAX};
use crate::{
    Cause, Config, Deadlines, DownReason, Events, HandshakeError, HandshakeStep, Link, NetSnapshot,
    PeerKind, RefuseCode, Sent, Transport,
};

const SOON: Duration = Duration::from_millis(30);

fn node_with(deadlines: Deadlines) -> (Transport, Events) {
    let mut config = config(&seed(1), &[]);
    config.limits.deadlines = deadlines;
    bind(&config)
}

#[tokio::test]
async fn a_claim_over_the_limit_closes_the_connection_by_name() {
    // NET-2, NET-17.
    let (node, mut events) = bind(&config(&seed(1), &[]));
    let mut enemy = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
    let claimed = FRAME_BYTES_MAX + 1;
    let mut bytes = u32::try_from(claimed).unwrap().to_le_bytes().to_vec();
    bytes.push(0);
    enemy.write(&[data(Class::Control, b"good"), bytes].concat()).await;
    assert_eq!(enemy.read_refusal().await.unwrap().0, RefuseCode::FrameTooLarge);
    assert_eq!(await_frames(&mut events, 1).await[0].bytes, b"good");
    assert_eq!(await_down(&mut events, enemy.key).await, DownReason::FrameTooLarge { claimed });
    assert_eq!(node.counters().snapshot().cause(Cause::FrameTooLarge), 1);
}

#[tokio::test]
async fn a_frame_that_does_not_belong_on_its_connection_closes_it_by_name() {
    let (node, mut events) = bind(&config(&seed(1), &[]));
    let greeting = frame(FrameKind::Hello, &hello(PeerKind::Client, Link::Main).encode());
    for bytes in [data(Class::Bulk, b"x"), greeting, vec![0, 0, 0, 0, 6], vec![0, 0, 0, 0, 255]] {
        let mut enemy = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
        enemy.write(&bytes).await;
        assert_eq!(enemy.read_refusal().await.unwrap().0, RefuseCode::FrameKind);
        let kind = bytes[4];
        assert_eq!(await_down(&mut events, enemy.key).await, DownReason::FrameKind(kind));
    }
}

#[tokio::test]
async fn a_bulk_connection_without_its_main_connection_is_refused_by_name() {
    let (node, mut events) = bind(&config(&seed(1), &[]));
    let mut enemy = Enemy::connect(&seed(2), known(&node)).await;
    enemy.write(&frame(FrameKind::Hello, &hello(PeerKind::Client, Link::Bulk).encode())).await;
    assert_eq!(enemy.read_refusal().await.unwrap().0, RefuseCode::NoMain);
    assert!(matches!(await_failure(&mut events).await.1, HandshakeError::NoMain));
}

#[tokio::test]
async fn who_does_not_finish_tls_or_hello_or_a_frame_is_reaped() {
    // NET-16.
    let deadlines = Deadlines { handshake: SOON, hello: SOON, frame: SOON, ..Deadlines::default() };
    let (node, mut events) = node_with(deadlines);

    let _silent = TcpStream::connect(address_of(&node)).await.unwrap();
    let (_, error) = await_failure(&mut events).await;
    assert!(matches!(error, HandshakeError::Deadline { step: HandshakeStep::Tls }), "{error}");

    let enemy = Enemy::connect(&seed(2), known(&node)).await;
    let (peer, error) = await_failure(&mut events).await;
    assert_eq!(peer, Some(enemy.key));
    assert!(matches!(error, HandshakeError::Deadline { step: HandshakeStep::Hello }), "{error}");

    let mut enemy = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
    enemy.write(&data(Class::Control, b"never finished")[..9]).await;
    assert_eq!(await_down(&mut events, enemy.key).await, DownReason::FrameDeadline);
    await_counters(&node, |now| now.connections == 0).await;
}

#[tokio::test]
async fn a_frame_that_trickles_in_byte_by_byte_is_reaped_although_bytes_keep_coming() {
    // NET-16.
    let (node, mut events) = node_with(Deadlines { frame: SOON, ..Deadlines::default() });
    let mut enemy = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
    let key = enemy.key;
    let bytes = data(Class::Control, &vec![0; FRAME_BYTES_MAX]);
    let trickle = async {
        for byte in bytes.chunks(1) {
            enemy.write(byte).await;
            tokio::task::yield_now().await;
        }
    };
    watched(async {
        tokio::select! {
            () = trickle => panic!("a trickle of four mebibytes got through"),
            reason = await_down(&mut events, key) => assert_eq!(reason, DownReason::FrameDeadline),
        }
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_dead_and_one_that_only_pings_lives() {
    // Long beside what a busy machine keeps a friend's ping waiting.
    let deadlines = Deadlines { dead: SOON * 30, ping_idle: SOON, ..Deadlines::default() };
    let (node, mut events) = node_with(deadlines);
    let mut friend = client_config(&seed(3), &[known(&node)]);
    friend.limits.deadlines.ping_idle = SOON;
    let (friend, mut friend_events) = connect(&friend);
    await_up(&mut friend_events, node.key()).await;
    // The friend has nothing to say for longer than two enemies live, one after the other, which do
    // not ping.
    for number in 1..=2 {
        let enemy = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
        await_up(&mut events, enemy.key).await;
        assert_eq!(await_down(&mut events, enemy.key).await, DownReason::Silent);
        assert_eq!(node.counters().snapshot().cause(Cause::Silent), number);
    }
    assert!(node.is_up(friend.key()));
}

#[tokio::test]
async fn too_many_unfinished_connections_evict_the_oldest_and_friends_still_get_in() {
    let mut config = config(&seed(1), &[]);
    config.limits.handshakes = 4;
    let (node, mut node_events) = bind(&config);
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(TcpStream::connect(address_of(&node)).await.unwrap());
    }
    let (friend, mut events) = connect(&client_config(&seed(3), &[known(&node)]));
    await_up(&mut events, node.key()).await;
    await_up(&mut node_events, friend.key()).await;
    assert!(node.counters().snapshot().cause(Cause::Evicted) >= 16);
}

#[tokio::test]
async fn of_many_connections_at_once_none_is_lost_before_it_is_accepted() {
    // More than the 128 that the standard library lets wait.
    const AT_ONCE: u64 = 500;
    let (node, _events) = node_with(Deadlines { handshake: SOON, ..Deadlines::default() });
    // This thread is the server's too: not one of them is accepted until all are open.
    let patience = Duration::from_secs(20);
    let open = |_| std::net::TcpStream::connect_timeout(&address_of(&node), patience);
    let opened: Vec<_> = (0..AT_ONCE).map(open).collect::<Result<_, _>>().unwrap();
    // Nobody says a word: all but the newest make room for them, and these end by their deadline.
    let ended = |now: &NetSnapshot| now.cause(Cause::Evicted) + now.cause(Cause::HandshakeDeadline);
    await_counters(&node, |now| ended(now) == AT_ONCE).await;
    drop(opened);
}

#[tokio::test]
async fn a_hello_cut_or_changed_at_any_byte_does_no_harm() {
    // NET-15.
    let deadlines = Deadlines { hello: SOON, ..Deadlines::default() };
    let (node, _events) = node_with(deadlines);
    let bytes = frame(FrameKind::Hello, &hello(PeerKind::Client, Link::Main).encode());
    for cut in 0..bytes.len() {
        let mut enemy = Enemy::connect(&seed(2), known(&node)).await;
        enemy.write(&bytes[..cut]).await;
    }
    await_counters(&node, |now| now.cause(Cause::Lost) == bytes.len() as u64).await;
    assert_eq!(node.counters().snapshot().connections, 0);
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 0x81;
        let mut enemy = Enemy::connect(&seed(2), known(&node)).await;
        enemy.write(&changed).await;
        // Refused by name, given up on, or (the session may be any number) welcome.
        drop(enemy.read_frame().await);
    }
    still_serves(&node).await;
}

#[tokio::test]
async fn a_frame_cut_or_changed_at_any_byte_does_no_harm() {
    // NET-3, NET-10.
    let (node, mut events) = node_with(Deadlines { frame: SOON, ..Deadlines::default() });
    let bytes = data(Class::Control, b"vote");
    for cut in 0..=bytes.len() {
        let mut enemy = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
        enemy.write(&bytes[..cut]).await;
        let key = enemy.key;
        drop(enemy);
        await_down(&mut events, key).await;
    }
    assert_eq!(node.counters().snapshot().frames_in, [1, 0, 0], "only the whole one");
    for position in 0..bytes.len() {
        let mut enemy = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
        let mut changed = bytes.clone();
        changed[position] ^= 0x81;
        enemy.write(&changed).await;
        let key = enemy.key;
        drop(enemy);
        await_down(&mut events, key).await;
    }
    still_serves(&node).await;
}

#[tokio::test]
async fn bytes_that_are_no_tls_are_refused() {
    let (node, mut events) = bind(&config(&seed(1), &[]));
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[0x16, 3, 1, 0xff, 0xff, 1]] {
        let mut tcp = TcpStream::connect(address_of(&node)).await.unwrap();
        tcp.write_all(garbage).await.unwrap();
        tcp.shutdown().await.unwrap();
        let (peer, error) = await_failure(&mut events).await;
        assert!(peer.is_none() && matches!(error, HandshakeError::Tls(_)), "{error}");
    }
    still_serves(&node).await;
}

#[tokio::test]
async fn a_peer_that_never_reads_costs_its_queue_limit_and_then_its_connection() {
    // NET-7, NET-12.
    let mut deadlines = Deadlines { dead: Duration::from_secs(60), ..Deadlines::default() };
    deadlines.stall = Duration::from_millis(300);
    let config = config(&seed(1), &[]);
    let limits = crate::Limits { deadlines, ..config.limits };
    let (node, mut events) = bind(&Config { limits, ..config });
    let enemy = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
    await_up(&mut events, enemy.key).await;
    let limit = limits.client_queue.ordered_bytes as u64;
    let body = Arc::new(vec![0; 100_000]);
    // Many times the limit and the socket's buffers.
    for _ in 0..3_000 {
        node.send(enemy.key, Class::Ordered, &body);
        assert!(node.counters().snapshot().queue_bytes <= limit);
        tokio::task::yield_now().await;
    }
    let now = node.counters().snapshot();
    assert!(now.dropped_full[1] > 0, "the queue was never full");
    assert!(now.queue_bytes_peak[1] <= limit && now.clients_queue_bytes_peak <= limit);
    assert_eq!(await_down(&mut events, enemy.key).await, DownReason::Stalled);
    assert_eq!(node.counters().snapshot().queue_bytes, 0);
    assert_eq!(node.send(enemy.key, Class::Ordered, &body), Sent::Down);
}

#[tokio::test]
async fn a_peer_whose_frames_are_not_taken_is_not_read_and_another_is() {
    // NET-13, NET-14.
    let mut config = config(&seed(1), &[]);
    config.limits.pending_bytes = 100_000;
    let (node, mut events) = bind(&config);
    let mut enemy = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
    let (friend, mut friend_events) = connect(&client_config(&seed(3), &[known(&node)]));
    await_up(&mut friend_events, node.key()).await;
    let flood = data(Class::Control, &[1; 1_000]).repeat(60);
    let flooding = async {
        for _ in 0..1_000 {
            enemy.write(&flood).await;
        }
    };
    watched(async {
        tokio::select! {
            () = flooding => panic!("sixty megabytes were read although nobody took them"),
            () = await_counters(&node, |now| now.pauses_pending > 0) => {}
        }
    })
    .await;
    friend.send(node.key(), Class::Control, &b"me too".to_vec().into());
    await_counters(&node, |now| now.frames_in[0] > 0 && now.pending_bytes_peak > 100_000).await;
    let mine =
        |batch: &[crate::Inbound]| batch.iter().position(|inbound| inbound.peer == friend.key());
    // The friend's frame comes behind at most one turn of the enemy once it is there.
    let mut position = None;
    while position.is_none() {
        let batch = await_frames(&mut events, 1).await;
        position = mine(&batch);
    }
    assert!(position.is_some_and(|at| at <= TURN_FRAMES_MAX), "{position:?}");
    assert!(node.counters().snapshot().pending_bytes_peak < 100_000 + 300_000);
}

#[tokio::test]
async fn a_peer_over_its_processing_budget_is_paused_and_then_read_again() {
    // NET-5.
    let mut config = config(&seed(1), &[]);
    config.limits.client_budget.micros_per_second = 1_000_000;
    let (node, mut events) = bind(&config);
    let (client, mut client_events) = connect(&client_config(&seed(3), &[known(&node)]));
    await_up(&mut client_events, node.key()).await;
    node.charge(client.key(), 1_050_000);
    for _ in 0..10 {
        client.send(node.key(), Class::Control, &b"work".to_vec().into());
    }
    assert_eq!(await_frames(&mut events, 10).await.len(), 10);
    client.send(node.key(), Class::Control, &b"more".to_vec().into());
    await_frames(&mut events, 1).await;
    assert!(node.counters().snapshot().pauses_budget > 0);
}

#[tokio::test]
async fn a_peer_over_its_byte_budget_is_paused_and_loses_nothing() {
    // NET-5.
    let mut config = config(&seed(1), &[]);
    config.limits.client_budget.bytes_per_second = 4_000_000;
    let (node, mut events) = bind(&config);
    let (client, mut client_events) = connect(&client_config(&seed(3), &[known(&node)]));
    await_up(&mut client_events, node.key()).await;
    for _ in 0..50 {
        client.send(node.key(), Class::Ordered, &vec![0; 100_000].into());
    }
    assert_eq!(await_frames(&mut events, 50).await.len(), 50);
    assert!(node.counters().snapshot().pauses_budget > 0);
}

#[tokio::test]
async fn empty_frames_and_keep_alives_use_up_a_byte_budget_too() {
    // NET-5.
    for kind in [FrameKind::Ping, FrameKind::Data(Class::Control)] {
        let mut config = config(&seed(1), &[]);
        config.limits.client_budget.bytes_per_second = 100_000;
        let (node, _events) = bind(&config);
        let mut enemy = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
        // Ten thousand bytes, which is a tenth of the budget, in two thousand frames.
        enemy.write(&frame(kind, b"").repeat(2_000)).await;
        await_counters(&node, |now| now.pauses_budget > 0).await;
    }
}

#[tokio::test]
async fn a_half_open_connection_is_replaced_by_the_next_one_of_the_same_session() {
    // NET-10, NET-11.
    let (node, mut events) = bind(&config(&seed(1), &[]));
    let mut forgotten = Enemy::greeted(&seed(2), known(&node), Link::Main).await;
    await_up(&mut events, forgotten.key).await;
    // The node must hear of the end of the first before it takes the second.
    let same = seed(2);
    let second = Enemy::greeted(&same, known(&node), Link::Main);
    let (down, mut second) = tokio::join!(await_down(&mut events, forgotten.key), second);
    assert_eq!(down, DownReason::Replaced);
    await_up(&mut events, second.key).await;
    assert!(forgotten.read_frame().await.is_none(), "the first is closed");
    second.write(&data(Class::Control, b"here")).await;
    assert_eq!(await_frames(&mut events, 1).await[0].bytes, b"here");
}

/// A friend gets in and is heard.
async fn still_serves(node: &Transport) {
    let before = node.counters().snapshot().frames_in[0];
    let (friend, mut events) = connect(&client_config(&seed(200), &[known(node)]));
    await_up(&mut events, node.key()).await;
    friend.send(node.key(), Class::Control, &b"still there?".to_vec().into());
    await_counters(node, |now| now.frames_in[0] > before).await;
}
