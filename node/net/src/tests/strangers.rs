//! A crowd with keys and nothing else: what it can take from whoever was vouched for.

use std::sync::Arc;

use super::support::{
    Enemy, await_counters, await_down, await_frames, await_up, bind, client_config, client_of,
    config, connect, known, seed,
};
use crate::frame::Class;
use crate::hello::{Link, RefuseCode};
use crate::{BindError, Cause, Config, DownReason, Events, Limits, Sent, Transport};

/// Places for six sessions, two of them for strangers.
fn few_places() -> Config {
    let config = config(&seed(1), &[]);
    let limits = Limits { client_connections: 12, stranger_connections: 4, ..config.limits };
    Config { limits, ..config }
}

fn body(text: &str) -> Arc<Vec<u8>> {
    Arc::new(text.as_bytes().to_vec())
}

/// A client that the node has vouched for.
async fn proven(number: u8, (node, node_events): (&Transport, &mut Events)) -> (Transport, Events) {
    let (client, mut events) = connect(&client_config(&seed(number), &[known(node)]));
    await_up(&mut events, node.key()).await;
    await_up(node_events, client.key()).await;
    node.prove(client.key());
    (client, events)
}

#[tokio::test]
async fn a_crowd_of_strangers_displaces_its_own_oldest_and_nobody_else() {
    // NET-18.
    let (node, mut node_events) = bind(&few_places());
    let (friend, mut friend_events) = proven(3, (&node, &mut node_events)).await;
    let mut crowd = Vec::new();
    for number in 100..140 {
        crowd.push(Enemy::greeted(&seed(number), known(&node), Link::Main).await);
        while node_events.try_recv().is_some() {}
    }
    let now = node.counters().snapshot();
    assert_eq!((now.stranger_sessions_peak, now.proven_sessions), (2, 1));
    assert_eq!(now.cause(Cause::Displaced), 38, "each made the oldest of its kind go");
    let refusal = crowd[0].read_refusal().await;
    assert!(matches!(refusal, Some((RefuseCode::ClientsFull, _))), "{refusal:?}");

    assert_eq!(node.send(friend.key(), Class::Ordered, &body("reply")), Sent::Queued);
    assert_eq!(await_frames(&mut friend_events, 1).await[0].bytes, b"reply");
    let late = proven(4, (&node, &mut node_events)).await;
    assert_eq!(node.counters().snapshot().proven_sessions, 2, "the crowd kept nobody out");
    drop(late);
    await_counters(&node, |now| now.proven_sessions == 1).await;
}

#[tokio::test]
async fn a_displaced_stranger_may_come_back_and_show_who_it_is() {
    let (node, mut node_events) = bind(&few_places());
    let (client, mut events) = connect(&client_config(&seed(3), &[known(&node)]));
    await_up(&mut events, node.key()).await;
    let mut crowd = Vec::new();
    for number in 100..102 {
        crowd.push(Enemy::greeted(&seed(number), known(&node), Link::Main).await);
    }
    assert_eq!(await_down(&mut node_events, client.key()).await, DownReason::Displaced);
    await_down(&mut events, node.key()).await;
    await_up(&mut events, node.key()).await;
    node.prove(client.key());
    for number in 102..110 {
        crowd.push(Enemy::greeted(&seed(number), known(&node), Link::Main).await);
        while node_events.try_recv().is_some() {}
    }
    assert!(node.is_up(client.key()) && client.is_up(node.key()));
}

#[tokio::test]
async fn the_proven_take_no_more_than_their_places_and_the_rest_stay_strangers() {
    let (node, mut node_events) = bind(&few_places());
    let mut clients = Vec::new();
    for number in 3..9 {
        clients.push(proven(number, (&node, &mut node_events)).await);
    }
    let now = node.counters().snapshot();
    assert_eq!((now.proven_sessions, now.unproven_for_lack_of_room), (4, 2));
    let stranger = &clients[4].0;
    assert_eq!(node.send(stranger.key(), Class::Bulk, &body("served all the same")), Sent::Queued);
}

#[tokio::test]
async fn strangers_that_take_no_bytes_fill_their_share_of_the_queues_alone() {
    // NET-19.
    let mut config = few_places();
    config.limits.strangers_queue_bytes = 9 << 20;
    let limit = config.limits.strangers_queue_bytes as u64;
    let (node, mut node_events) = bind(&config);
    let (friend, _friend_events) = proven(3, (&node, &mut node_events)).await;
    let seeds = [seed(100), seed(101)];
    let mut crowd = Vec::new();
    for seed in &seeds {
        crowd.push(Enemy::greeted(seed, known(&node), Link::Main).await);
    }
    let megabyte = Arc::new(vec![7; 1 << 20]);
    let mut refused = 0;
    for _ in 0..20 {
        for seed in &seeds {
            let sent = node.send(client_of(seed), Class::Bulk, &megabyte);
            refused += u64::from(sent == Sent::Full);
        }
    }
    assert!(refused > 20, "only {refused} of 40 MiB were refused");
    let peak = node.counters().snapshot().strangers_queue_bytes_peak;
    assert!(peak <= limit, "{peak} bytes wait for strangers, {limit} may");
    assert_eq!(node.send(friend.key(), Class::Bulk, &megabyte), Sent::Queued);
}

#[tokio::test]
async fn a_node_without_places_for_strangers_is_refused_as_a_configuration() {
    let mut config = few_places();
    for wrong in [0, 13] {
        config.limits.stranger_connections = wrong;
        let error = Transport::bind(&config, super::support::spawner()).err().unwrap();
        let is_named = matches!(error, BindError::Config { field: "stranger_connections", .. });
        assert!(is_named, "{error}");
    }
}
