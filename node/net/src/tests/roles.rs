//! Who may connect as what, and what becomes of connections when peers come and go.

use std::sync::Arc;

use super::support::{
    address_of, await_counters, await_down, await_failure, await_frames, await_up, bind,
    client_config, client_of, config, connect, expected, known, node_of, pair, seed, seeds_by_key,
    watched,
};
use crate::{
    BindError, Class, DownReason, Event, HandshakeError, Known, PeerKind, RefuseCode, Sent,
    Transport,
};

fn body(text: &str) -> Arc<Vec<u8>> {
    Arc::new(text.as_bytes().to_vec())
}

#[tokio::test]
async fn two_nodes_know_each_other_by_key_and_exchange_frames_of_all_classes() {
    // NET-15.
    let [(low, mut low_events), (high, mut high_events)] = pair().await;
    for (class, text) in Class::ALL.into_iter().zip(["vote", "batch", "blob"]) {
        assert_eq!(low.send(high.key(), class, &body(text)), Sent::Queued);
        let got = await_frames(&mut high_events, 1).await.remove(0);
        assert_eq!((got.peer, got.kind, got.class), (low.key(), PeerKind::Node, class));
        assert_eq!(got.bytes, text.as_bytes());
        assert_eq!(high.send(low.key(), class, &body(text)), Sent::Queued);
        let got = await_frames(&mut low_events, 1).await.remove(0);
        assert_eq!((got.peer, got.class), (high.key(), class));
    }
    await_counters(&low, |now| now.connections == 2 && now.queue_bytes == 0).await;
    assert_eq!(low.counters().snapshot().frames_out, [1, 1, 1]);
}

#[tokio::test]
async fn frames_of_one_class_keep_their_order_also_across_flushes() {
    let [(low, _low_events), (high, mut high_events)] = pair().await;
    for number in 0_u32..2_000 {
        let bytes = Arc::new(number.to_le_bytes().repeat(50));
        assert_eq!(low.send(high.key(), Class::Ordered, &bytes), Sent::Queued);
    }
    let frames = await_frames(&mut high_events, 2_000).await;
    for (number, frame) in (0_u32..).zip(&frames) {
        assert_eq!(frame.bytes, number.to_le_bytes().repeat(50));
    }
    let flushes = low.counters().snapshot().flushes_out;
    assert!(flushes < 20, "2000 frames queued at once took {flushes} writes");
}

#[tokio::test]
async fn a_dial_that_reaches_another_node_is_refused_by_name_on_both_sides() {
    // NET-1.
    let (node, mut node_events) = bind(&config(&seed(1), &[]));
    let stranger = node_of(&seed(2));
    let target = Known { key: stranger, address: address_of(&node) };
    let (_client, mut events) = connect(&client_config(&seed(9), &[target]));
    let (peer, error) = await_failure(&mut events).await;
    assert_eq!(peer, Some(stranger));
    assert!(matches!(
        error,
        HandshakeError::WrongPeer { expected, got } if expected == stranger && got == node.key()
    ));
    let down = await_down(&mut node_events, client_of(&seed(9))).await;
    assert!(matches!(down, DownReason::Refused { code: RefuseCode::WrongPeer, .. }), "{down}");
}

#[tokio::test]
async fn a_node_that_is_not_known_is_refused_by_name_on_both_sides() {
    let seeds = seeds_by_key(2);
    let (high, mut high_events) = bind(&config(&seeds[1], &[]));
    let (low, mut low_events) = bind(&config(&seeds[0], &[known(&high)]));
    let (peer, error) = await_failure(&mut high_events).await;
    assert_eq!(peer, Some(client_of(&seeds[0])), "the key that it proved");
    assert!(matches!(error, HandshakeError::UnknownNode(node) if node == low.key()));
    let (_, error) = await_failure(&mut low_events).await;
    assert!(
        matches!(error, HandshakeError::Refused { code: RefuseCode::UnknownNode, .. }),
        "{error}"
    );
    // Once it is known it gets in without anyone's help.
    high.set_known(&[expected(&seeds[0])]).unwrap();
    await_up(&mut high_events, low.key()).await;
}

#[tokio::test]
async fn a_client_is_a_client_and_a_known_node_cannot_pass_for_one() {
    let (node, mut node_events) = bind(&config(&seed(1), &[expected(&seed(2))]));
    let (client, mut events) = connect(&client_config(&seed(3), &[known(&node)]));
    assert_eq!(await_up(&mut events, node.key()).await, (PeerKind::Node, 1));
    assert_eq!(await_up(&mut node_events, client.key()).await, (PeerKind::Client, 1));
    client.send(node.key(), Class::Ordered, &body("request"));
    assert_eq!(await_frames(&mut node_events, 1).await[0].kind, PeerKind::Client);
    node.send(client.key(), Class::Ordered, &body("reply"));
    assert_eq!(await_frames(&mut events, 1).await[0].bytes, b"reply");

    // A node whose identity is a plain key could prove that key too.
    let own_key = Known { key: client_of(&seed(2)), ..expected(&seed(2)) };
    node.set_known(&[own_key]).unwrap();
    let (_false_client, mut events) = connect(&client_config(&seed(2), &[known(&node)]));
    let (_, error) = await_failure(&mut events).await;
    assert!(matches!(error, HandshakeError::Refused { code: RefuseCode::Role, .. }), "{error}");
}

#[tokio::test]
async fn two_processes_with_one_client_key_both_get_what_is_sent_to_the_key() {
    let (node, mut node_events) = bind(&config(&seed(1), &[]));
    let mut sessions: Vec<_> = (1..=2)
        .map(|session| {
            connect(&crate::ConnectorConfig { session, ..client_config(&seed(3), &[known(&node)]) })
        })
        .collect();
    for (_, events) in &mut sessions {
        await_up(events, node.key()).await;
    }
    let key = sessions[0].0.key();
    node.send(key, Class::Bulk, &body("for both"));
    for (_, events) in &mut sessions {
        assert_eq!(await_frames(events, 1).await[0].bytes, b"for both");
    }
    // The key is up until its last session ends.
    await_up(&mut node_events, key).await;
    drop(sessions.pop());
    await_counters(&node, |now| now.client_connections == 2).await;
    assert!(node.is_up(key));
    drop(sessions.pop());
    assert_eq!(await_down(&mut node_events, key).await, DownReason::PeerClosed);
    assert!(!node.is_up(key));
    assert_eq!(node.send(key, Class::Bulk, &body("too late")), Sent::Down);
    await_counters(&node, |now| now.client_connections == 0 && now.connections == 0).await;
}

#[tokio::test]
async fn a_peer_that_restarts_is_connected_again_and_gets_new_frames() {
    // NET-10, NET-11.
    let seeds = seeds_by_key(2);
    let (high, mut high_events) = bind(&config(&seeds[1], &[expected(&seeds[0])]));
    let (low, mut low_events) = bind(&config(&seeds[0], &[known(&high)]));
    let mut high = high;
    for round in 0..3 {
        await_up(&mut low_events, high.key()).await;
        await_up(&mut high_events, low.key()).await;
        low.send(high.key(), Class::Control, &body("hello again"));
        assert_eq!(await_frames(&mut high_events, 1).await[0].bytes, b"hello again");
        let address = address_of(&high);
        high.close();
        watched(async { while high_events.recv().await.is_some() {} }).await;
        await_down(&mut low_events, high.key()).await;
        assert_eq!(low.send(high.key(), Class::Control, &body("lost")), Sent::Down);
        let restarted =
            crate::Config { listen: address, ..config(&seeds[1], &[expected(&seeds[0])]) };
        (high, high_events) = bind_when_free(restarted).await;
        assert_eq!(address_of(&high), address, "round {round}");
    }
}

/// The closed listener gives its port back when its task has run.
async fn bind_when_free(config: crate::Config) -> (Transport, crate::Events) {
    watched(async {
        loop {
            match Transport::bind(&config, super::support::spawner()) {
                Ok(bound) => return bound,
                Err(_in_use) => tokio::task::yield_now().await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn the_higher_key_restarting_or_the_lower_makes_no_difference() {
    let seeds = seeds_by_key(2);
    let (high, mut high_events) = bind(&config(&seeds[1], &[expected(&seeds[0])]));
    for _ in 0..3 {
        let (low, mut low_events) = bind(&config(&seeds[0], &[known(&high)]));
        await_up(&mut low_events, high.key()).await;
        await_up(&mut high_events, low.key()).await;
        drop(low);
        await_down(&mut high_events, node_of(&seeds[0])).await;
    }
}

#[tokio::test]
async fn a_removed_node_is_disconnected_and_a_moved_one_is_dialled_at_its_new_address() {
    let [(low, mut low_events), (high, mut high_events)] = pair().await;
    low.set_known(&[]).unwrap();
    assert_eq!(await_down(&mut low_events, high.key()).await, DownReason::Removed);
    await_down(&mut high_events, low.key()).await;
    let nowhere = Known { key: high.key(), ..expected(&seed(1)) };
    low.set_known(&[nowhere]).unwrap();
    let (peer, error) = await_failure(&mut low_events).await;
    assert_eq!(peer, Some(high.key()));
    assert!(matches!(error, HandshakeError::Connect(_)), "{error}");
    low.set_known(&[known(&high)]).unwrap();
    await_up(&mut low_events, high.key()).await;
}

#[tokio::test]
async fn a_disconnected_client_may_come_back() {
    let (node, mut node_events) = bind(&config(&seed(1), &[]));
    let (client, mut events) = connect(&client_config(&seed(3), &[known(&node)]));
    await_up(&mut node_events, client.key()).await;
    node.disconnect(client.key());
    assert_eq!(await_down(&mut node_events, client.key()).await, DownReason::Disconnected);
    await_up(&mut events, node.key()).await;
    await_down(&mut events, node.key()).await;
    await_up(&mut node_events, client.key()).await;
}

#[tokio::test]
async fn the_last_frames_of_a_peer_come_before_the_news_that_it_is_gone() {
    let (node, mut node_events) = bind(&config(&seed(1), &[]));
    let (client, mut events) = connect(&client_config(&seed(3), &[known(&node)]));
    let key = client.key();
    await_up(&mut events, node.key()).await;
    for _ in 0..100 {
        client.send(node.key(), Class::Ordered, &body("last words"));
    }
    await_counters(&node, |now| now.frames_in == [0, 100, 0]).await;
    drop(client);
    await_counters(&node, |now| now.connections == 0).await;
    let mut frames = 0;
    loop {
        match node_events.try_recv().expect("the end of the client is told") {
            Event::Frames(batch) => frames += batch.len(),
            Event::Down { peer, .. } => {
                assert_eq!((peer, frames), (key, 100));
                return;
            }
            Event::Up { .. } | Event::HandshakeFailed { .. } => {}
        }
    }
}

#[tokio::test]
async fn a_frame_too_large_for_its_queue_is_named_and_an_unknown_peer_is_down() {
    let [(low, _low_events), (high, _high_events)] = pair().await;
    let huge = Arc::new(vec![0; crate::limits::FRAME_BYTES_MAX + 1]);
    assert_eq!(low.send(high.key(), Class::Bulk, &huge), Sent::TooLarge);
    let stranger = node_of(&seed(77));
    assert_eq!(low.send(stranger, Class::Control, &body("who?")), Sent::Down);
    let now = low.counters().snapshot();
    assert_eq!((now.dropped_too_large, now.dropped_down), (1, [1, 0, 0]));
    assert_eq!(low.room(stranger, Class::Control), 0);
}

#[tokio::test]
async fn the_largest_frame_arrives_whole() {
    let [(low, _low_events), (high, mut high_events)] = pair().await;
    let pattern = (0..=255_u8).cycle().take(crate::limits::FRAME_BYTES_MAX);
    let bytes: Arc<Vec<u8>> = Arc::new(pattern.collect());
    for class in Class::ALL {
        assert_eq!(low.send(high.key(), class, &bytes), Sent::Queued);
        assert!(await_frames(&mut high_events, 1).await[0].bytes == bytes[..]);
    }
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_is_refused_with_the_field() {
    let mut wrong = config(&seed(1), &[]);
    wrong.versions.min = 9;
    let error = Transport::bind(&wrong, super::support::spawner()).err().unwrap();
    assert!(matches!(error, BindError::Config { field: "versions", .. }), "{error}");
    let wrong = crate::ConnectorConfig { session: 0, ..client_config(&seed(1), &[]) };
    let error = Transport::dial(&wrong, super::support::spawner()).err().unwrap();
    assert!(matches!(error, BindError::Config { field: "session", .. }), "{error}");
    let (node, _events) = bind(&config(&seed(1), &[]));
    let taken = crate::Config { listen: address_of(&node), ..config(&seed(2), &[]) };
    let error = Transport::bind(&taken, super::support::spawner()).err().unwrap();
    assert!(matches!(error, BindError::Listen { .. }), "{error}");
}

#[tokio::test]
async fn a_closed_transport_ends_its_events_and_all_its_tasks() {
    let seeds = seeds_by_key(2);
    let (high, _high_events) = bind(&config(&seeds[1], &[expected(&seeds[0])]));
    let (low, mut low_events) = bind(&config(&seeds[0], &[known(&high)]));
    await_up(&mut low_events, high.key()).await;
    low.close();
    assert_eq!(await_down(&mut low_events, high.key()).await, DownReason::Shutdown);
    watched(async { while low_events.recv().await.is_some() {} }).await;
    drop((low, low_events, high, _high_events));
    let handle = tokio::runtime::Handle::current();
    watched(async {
        while handle.metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn another_can_listen_where_a_transport_was_shut() {
    let mut config = config(&seed(1), &[]);
    for _ in 0..20 {
        let (transport, _events) = bind(&config);
        config.listen = address_of(&transport);
        let open = std::net::TcpStream::connect(config.listen).expect("it listens");
        transport.shut().await;
        drop(open);
    }
}
