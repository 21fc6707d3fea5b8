//! Peers of other versions and other systems are refused by name, on both sides.

use super::support::{
    Enemy, SYSTEM, VERSIONS, await_counters, await_failure, await_up, bind, client_config, config,
    connect, frame, hello, known, seed,
};
use crate::frame::FrameKind;
use crate::hello::Hello;
use crate::{
    Cause, Config, ConnectorConfig, HandshakeError, Link, PeerKind, RefuseCode, SystemId,
    VersionRange,
};

#[tokio::test]
async fn the_highest_common_version_is_told_to_both_sides() {
    // NET-4.
    let versions = VersionRange { min: 1, max: 4 };
    let (node, mut node_events) = bind(&Config { versions, ..config(&seed(1), &[]) });
    let versions = VersionRange { min: 3, max: 9 };
    let (client, mut events) =
        connect(&ConnectorConfig { versions, ..client_config(&seed(2), &[known(&node)]) });
    assert_eq!(await_up(&mut events, node.key()).await.1, 4);
    assert_eq!(await_up(&mut node_events, client.key()).await.1, 4);
}

#[tokio::test]
async fn an_unknown_version_is_refused_by_name_on_both_sides() {
    // NET-4.
    let (node, mut node_events) = bind(&config(&seed(1), &[]));
    let theirs = VersionRange { min: 5, max: 6 };
    let config = ConnectorConfig { versions: theirs, ..client_config(&seed(2), &[known(&node)]) };
    let (client, mut events) = connect(&config);
    let (peer, error) = await_failure(&mut node_events).await;
    assert_eq!(peer, Some(client.key()));
    assert!(
        matches!(error, HandshakeError::Version { ours, theirs: got }
            if ours == VERSIONS && got == theirs),
        "{error}"
    );
    let (_, error) = await_failure(&mut events).await;
    let HandshakeError::Refused { code: RefuseCode::Version, text } = error else {
        panic!("{error}");
    };
    assert!(text.contains("5..=6") && text.contains("1..=1"), "{text}");
    await_counters(&node, |now| now.cause(Cause::Version) > 0).await;
}

#[tokio::test]
async fn a_node_that_answers_with_an_unknown_version_is_refused_by_the_dialler() {
    // A listener that speaks 1 and 2 answers with its range whatever it chose; a dialler that
    // speaks only 2 takes 2 (NET-4). One that the listener cannot serve is refused by it.
    let versions = VersionRange { min: 1, max: 2 };
    let (node, _node_events) = bind(&Config { versions, ..config(&seed(1), &[]) });
    let versions = VersionRange { min: 2, max: 2 };
    let (_client, mut events) =
        connect(&ConnectorConfig { versions, ..client_config(&seed(2), &[known(&node)]) });
    assert_eq!(await_up(&mut events, node.key()).await.1, 2);
}

#[tokio::test]
async fn a_hello_of_a_far_future_is_refused_for_its_version_and_not_as_garbage() {
    let (node, _node_events) = bind(&config(&seed(1), &[]));
    let mut enemy = Enemy::connect(&seed(2), known(&node)).await;
    let versions = VersionRange { min: 900, max: 901 };
    let mut body = Hello { versions, ..hello(PeerKind::Client, Link::Main) }.encode();
    body.extend_from_slice(&[7; 100]);
    enemy.write(&frame(FrameKind::Hello, &body)).await;
    assert_eq!(enemy.read_refusal().await.unwrap().0, RefuseCode::Version);
}

#[tokio::test]
async fn another_system_is_refused_by_name_on_both_sides() {
    let (node, mut node_events) = bind(&config(&seed(1), &[]));
    let other = SystemId::new([1; 32]);
    let config = ConnectorConfig { system: other, ..client_config(&seed(2), &[known(&node)]) };
    let (_client, mut events) = connect(&config);
    let (_, error) = await_failure(&mut node_events).await;
    assert!(
        matches!(error, HandshakeError::System { ours, theirs }
            if ours == SYSTEM && theirs == other),
        "{error}"
    );
    let (_, error) = await_failure(&mut events).await;
    assert!(matches!(error, HandshakeError::Refused { code: RefuseCode::System, .. }), "{error}");
}
