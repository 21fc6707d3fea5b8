//! Who is nobody, or pretends to be somebody, at servers that serve.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quorate_client::cluster::{Cluster, PROTOCOL_VERSIONS};
use quorate_client::links::{Recogniser, credential, peer_of};
use quorate_kv::{KvOperation, KvReply};
use quorate_membership::EpochKeyCertificate;
use quorate_net::limits::STRANGER_CONNECTIONS_MAX;
use quorate_net::{
    Cause, Config, ConnectorConfig, Events, Known, Limits, PeerKey, Seed, SystemId, Transport,
};
use quorate_types::MemberRecord;
use zeroize::Zeroizing;

use crate::founders::{FIRST, scratch};
use crate::system::{found, keys_of, serve, with_watched_servers};

/// Somebody with a key and nothing else, at every server.
fn stranger(number: u8, cluster: &Cluster) -> (Transport, Events) {
    let configuration = cluster.configuration();
    let servers = configuration.configuration();
    let known = |server: &MemberRecord| Known {
        key: peer_of(&server.identity_key),
        address: server.address.parse().expect("an address of loopback"),
    };
    let config = ConnectorConfig {
        seed: Seed::new([number; 32]),
        recognise: Recogniser::member(cluster.configuration()),
        system: SystemId::new(*servers.system.as_bytes()),
        versions: PROTOCOL_VERSIONS,
        peers: servers.members.iter().map(|member| known(member)).collect(),
        session: 1,
        jitter_seed: 1,
        limits: Limits::default(),
    };
    let spawner = Arc::new(quorate_runtime::spawn);
    Transport::dial(&config, spawner).expect("the configuration makes sense")
}

/// Somebody who dials every server and says that it is the first one, with that one's certificate
/// and a key of its own.
fn impostor(cluster: &Cluster, first: &EpochKeyCertificate) -> (Transport, Events) {
    let configuration = cluster.configuration();
    let members = &configuration.configuration().members;
    let known = |server: &MemberRecord| Known {
        key: peer_of(&server.identity_key),
        address: server.address.parse().expect("an address of loopback"),
    };
    let config = Config {
        // The lowest of all, so that it is the one who dials.
        own: PeerKey::new([0; 32]),
        credential: credential(first, &Zeroizing::new([77; 32])),
        recognise: Recogniser::member(&configuration),
        system: SystemId::new(*configuration.configuration().system.as_bytes()),
        versions: PROTOCOL_VERSIONS,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        peers: members.iter().map(|member| known(member)).collect(),
        jitter_seed: 1,
        limits: Limits::default(),
    };
    let spawner = Arc::new(quorate_runtime::spawn);
    Transport::bind(&config, spawner).expect("loopback has a free port")
}

#[test]
fn who_shows_the_certificate_of_a_server_without_its_key_is_refused_by_every_server() {
    let directory = scratch("impostor");
    let system = found(&directory);
    let first = keys_of(&system.nodes[0]).certified(FIRST).expect("readable").expect("its key");
    serve(&system, async |cluster, servers| {
        let links =
            || servers.iter().map(|server| server.metrics.snapshot().links).collect::<Vec<_>>();
        let (impostor, _events) = impostor(&cluster, &first.certificate);
        while !links().iter().all(|link| link.cause(Cause::ProofOtherKey) > 0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(impostor.counters().snapshot().connections, 0, "nobody let it in");
        let put = KvOperation::Put { key: b"name".to_vec(), value: b"value".to_vec() };
        assert_eq!(cluster.key_value(&put).await.expect("a reply"), KvReply::Done);
    });
    std::fs::remove_dir_all(&directory).expect("the scratch directory goes");
}

#[test]
fn a_crowd_of_strangers_leaves_a_client_its_places_at_every_server() {
    let strangers_max = (STRANGER_CONNECTIONS_MAX / 2) as u64;
    with_watched_servers(&scratch("crowd"), async |cluster, servers| {
        let links =
            || servers.iter().map(|server| server.metrics.snapshot().links).collect::<Vec<_>>();
        // Those who were displaced dial again, and displace others: the crowd never rests.
        let crowd: Vec<_> = (100..150).map(|number| stranger(number, &cluster)).collect();
        while !links().iter().all(|link| link.cause(Cause::Displaced) > 0) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let put = KvOperation::Put { key: b"name".to_vec(), value: b"value".to_vec() };
        assert_eq!(cluster.key_value(&put).await.expect("a reply"), KvReply::Done);
        let bytes = vec![7; 3_000_000];
        let stored = cluster.put_blob(&mut &bytes[..], &mut |_| {}).await.expect("it is stored");
        let mut got = Vec::new();
        cluster.get_blob(stored.id, &mut got, &mut |_, _| {}).await.expect("it is read");
        assert_eq!(got, bytes);
        for link in links() {
            assert_eq!(link.proven_sessions, 1, "the client is known at every server");
            assert!(link.stranger_sessions_peak <= strangers_max, "{link:?}");
        }
        drop(crowd);
    });
}
