//! A node is who it shows to be, with the key that TLS proved, only as long as that is believed.

use std::sync::Arc;

use super::support::{
    Believer, Enemy, VERSIONS, await_counters, await_down, await_failure, await_frames, await_up,
    bind, client_config, client_of, config, connect, credential, expected, frame, hello, known,
    node_of, pair, proof, seed, seeds_by_key,
};
use crate::frame::FrameKind;
use crate::hello::Hello;
use crate::{
    BindError, Cause, Class, Config, Credential, DownReason, HandshakeError, Link, PeerKey,
    PeerKind, RefuseCode, Seed, Sent, Transport, Unrecognised, link_key_of_seed,
};

fn hello_of_node(proof: Vec<u8>) -> Vec<u8> {
    let hello = Hello { session: 0, proof, ..hello(PeerKind::Node, Link::Main) };
    frame(FrameKind::Hello, &hello.encode())
}

/// What the victim answers to who proves the key of `seed` and shows this.
async fn refusal(victim: &Transport, seed: &Seed, proof: Vec<u8>) -> RefuseCode {
    let mut enemy = Enemy::connect(seed, known(victim)).await;
    enemy.write(&hello_of_node(proof)).await;
    enemy.read_refusal().await.expect("it says why").0
}

/// A node that knows another, and the seed of that other, which would dial.
fn victim_and_friend() -> (Transport, crate::Events, Seed) {
    let seeds = seeds_by_key(2);
    let (victim, events) = bind(&config(&seeds[1], &[expected(&seeds[0])]));
    (victim, events, seeds[0].clone())
}

#[tokio::test]
async fn each_wrong_proof_is_refused_by_name_and_counted() {
    // NET-15.
    let (victim, _events, friend) = victim_and_friend();
    let (node, key) = (node_of(&friend), link_key_of_seed(&friend));
    let thief = seed(99);
    let good = proof(node, key, 0);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    for (seed, shown, cause) in [
        (&thief, good, Cause::ProofOtherKey),
        (&friend, forged, Cause::ProofForged),
        (&friend, proof(node, key, 1), Cause::ProofOtherEpoch),
        (&friend, Vec::new(), Cause::ProofMalformed),
        (&friend, vec![0; crate::limits::PROOF_BYTES_MAX], Cause::ProofMalformed),
    ] {
        let before = victim.counters().snapshot().cause(cause);
        assert_eq!(refusal(&victim, seed, shown).await, RefuseCode::Unrecognised, "{cause:?}");
        await_counters(&victim, |now| now.cause(cause) == before + 1).await;
    }
    assert_eq!(victim.counters().snapshot().connections, 0);
}

#[tokio::test]
async fn a_hello_overheard_on_one_connection_is_worth_nothing_on_another() {
    // NET-15: the friend's own words, byte by byte, from who does not hold its key.
    let (victim, mut events, friend) = victim_and_friend();
    let words = hello_of_node(proof(node_of(&friend), link_key_of_seed(&friend), 0));
    let mut honest = Enemy::connect(&friend, known(&victim)).await;
    honest.write(&words).await;
    await_up(&mut events, node_of(&friend)).await;
    let mut replayer = Enemy::connect(&seed(99), known(&victim)).await;
    replayer.write(&words).await;
    assert_eq!(replayer.read_refusal().await.unwrap().0, RefuseCode::Unrecognised);
    let (_, error) = await_failure(&mut events).await;
    assert!(
        matches!(error, HandshakeError::Unrecognised { why: Unrecognised::OtherKey, .. }),
        "{error}"
    );
    assert!(victim.is_up(node_of(&friend)), "the friend is not disturbed");
}

#[tokio::test]
async fn a_changed_bit_of_a_proof_lets_nobody_in() {
    // NET-15.
    let (victim, _events, friend) = victim_and_friend();
    let good = proof(node_of(&friend), link_key_of_seed(&friend), 0);
    for position in 0..good.len() {
        let mut changed = good.clone();
        changed[position] ^= 0x10;
        let code = refusal(&victim, &friend, changed).await;
        // Another node's name, rightly signed in this test's scheme, is that of a stranger.
        let is_stranger = matches!(code, RefuseCode::UnknownNode | RefuseCode::Role);
        assert!(code == RefuseCode::Unrecognised || (position < 32 && is_stranger), "{code:?}");
    }
    assert_eq!(victim.counters().snapshot().connections, 0);
}

#[tokio::test]
async fn who_answers_with_the_proof_of_another_is_refused_by_who_dialled() {
    // NET-1: the impostor listens where the node was, and shows the node's own proof.
    let (real, impostor) = (seed(1), seed(2));
    let shown = proof(node_of(&real), link_key_of_seed(&real), 0);
    let stolen = Credential { seed: impostor.clone(), proof: shown };
    let (listener, mut listener_events) =
        bind(&Config { credential: stolen, own: node_of(&real), ..config(&impostor, &[]) });
    let (client, mut events) = connect(&client_config(&seed(9), &[known(&listener)]));
    let (peer, error) = await_failure(&mut events).await;
    assert_eq!(peer, Some(node_of(&real)));
    assert!(
        matches!(error, HandshakeError::Unrecognised { why: Unrecognised::OtherKey, key }
            if key == link_key_of_seed(&impostor)),
        "{error}"
    );
    assert!(!client.is_up(node_of(&real)), "nothing is sent to the impostor");
    let down = await_down(&mut listener_events, client_of(&seed(9))).await;
    assert!(matches!(down, DownReason::Refused { code: RefuseCode::Unrecognised, .. }), "{down}");
}

/// The key of a node in period 1.
fn next_credential(node: PeerKey, number: u8) -> Credential {
    credential(node, &seed(number), 1)
}

#[tokio::test]
async fn a_renewed_node_is_the_same_peer_and_its_former_key_is_worth_nothing() {
    // NET-20.
    let [(low, mut low_events), (high, mut high_events)] = pair().await;
    low.renew(next_credential(low.key(), 201), Arc::new(Believer(1))).unwrap();
    let down = await_down(&mut low_events, high.key()).await;
    assert_eq!(down, DownReason::Unrecognised(Unrecognised::OtherEpoch));
    high.renew(next_credential(high.key(), 202), Arc::new(Believer(1))).unwrap();
    await_down(&mut high_events, low.key()).await;
    assert_eq!(await_up(&mut high_events, low.key()).await, (PeerKind::Node, VERSIONS.max));
    await_up(&mut low_events, high.key()).await;
    assert_eq!(low.send(high.key(), Class::Control, &b"new".to_vec().into()), Sent::Queued);
    assert_eq!(await_frames(&mut high_events, 1).await[0].peer, low.key(), "the same peer");

    let former = seeds_by_key(2)[0].clone();
    let shown = proof(low.key(), link_key_of_seed(&former), 0);
    assert_eq!(refusal(&high, &former, shown).await, RefuseCode::Unrecognised);
    assert!(high.counters().snapshot().cause(Cause::ProofOtherEpoch) > 0);
}

#[tokio::test]
async fn a_renewal_leaves_the_connections_of_clients_alone() {
    // NET-20.
    let (node, mut node_events) = bind(&config(&seed(1), &[]));
    let (client, mut events) = connect(&client_config(&seed(3), &[known(&node)]));
    await_up(&mut events, node.key()).await;
    await_up(&mut node_events, client.key()).await;
    node.renew(next_credential(node.key(), 201), Arc::new(Believer(1))).unwrap();
    client.send(node.key(), Class::Ordered, &b"still".to_vec().into());
    assert_eq!(await_frames(&mut node_events, 1).await[0].bytes, b"still");
}

#[tokio::test]
async fn a_proof_that_no_hello_can_carry_is_refused_with_the_field() {
    let long = Credential { proof: vec![0; crate::limits::PROOF_BYTES_MAX + 1], seed: seed(1) };
    let config = Config { credential: long, ..config(&seed(1), &[]) };
    let error = Transport::bind(&config, super::support::spawner()).err().unwrap();
    assert!(matches!(error, BindError::Config { field: "proof", .. }), "{error}");
}
