//! Servers of a later epoch give a client its configuration.

use std::path::PathBuf;
use std::time::Duration;

use quorate_client::cluster::Cluster;
use quorate_dht::{Body, ContentKind, Ring};
use quorate_membership::{
    CertifiedConfiguration, ConfigurationHeader, Lineage, VerifiedConfiguration,
};
use quorate_threshold::{Bls12381, Commitment, GroupKey, KEY_SHARE_BYTES, KeyShare};
use quorate_wire::encode;

use crate::founders::{FIRST, scratch};
use crate::system::{Served, System, found, keys_of, serve};

/// The shares of all servers, none of which runs.
fn shares_of(system: &System) -> Vec<KeyShare> {
    let share = |node: &PathBuf| {
        let bytes = keys_of(node).share(FIRST).expect("readable").expect("all are in the group");
        KeyShare::decode(&bytes[bytes.len() - KEY_SHARE_BYTES..]).expect("the share of a server")
    };
    system.nodes.iter().map(share).collect()
}

/// The configuration of the epoch after, signed by the holders of these shares.
fn following(
    old: &VerifiedConfiguration,
    (shares, sharing): (&[KeyShare], &Commitment),
) -> CertifiedConfiguration {
    let mut configuration = old.configuration().clone();
    configuration.epoch = old.epoch().next();
    configuration.ring_epoch = configuration.epoch;
    let lineage = Lineage { previous: old.hash(), ..old.header().header().lineage };
    let header = ConfigurationHeader::of(&configuration, lineage);
    let partials: Vec<_> =
        shares.iter().map(|share| header.sign_partial(share, &Bls12381)).collect();
    let group = GroupKey::new(sharing.clone()).expect("the log checked it");
    let (certified, bad) = header.certify(&group, &partials, &Bls12381).expect("enough shares");
    assert!(bad.is_empty());
    CertifiedConfiguration { certified, members: configuration.members }
}

/// Has every storage server be in the epoch of this configuration, and hand it to whoever is
/// behind.
fn enter(servers: &[Served], configuration: &CertifiedConfiguration, ring: &Ring) {
    let bytes = Body::new(encode(configuration));
    let certified = quorate_dht::CertifiedConfiguration::new(bytes);
    for server in servers {
        let (ring, certified) = (ring.clone(), certified.clone());
        let request = quorate_dht::ServerRequest::Reconfigured { ring, certified };
        server.storage.request(request).expect("the server runs");
    }
}

/// Reads until the servers are in a later epoch and have said so: none of it succeeds.
async fn meet_them(cluster: &Cluster) {
    let key = ContentKind::Chunk.key_of(b"nobody stored this");
    drop(tokio::time::timeout(Duration::from_secs(3), cluster.get_content(key)).await);
}

#[test]
fn a_client_with_an_old_configuration_adopts_the_one_that_servers_of_a_later_epoch_give_it() {
    let directory = scratch("later");
    let system = found(&directory);
    let shares = shares_of(&system);
    serve(&system, async |cluster, servers| {
        let old = cluster.configuration();
        let next = following(&old, (&shares, &system.sharing));
        let mut later = old.configuration().clone();
        later.epoch = old.epoch().next();
        later.ring_epoch = later.epoch;
        enter(&servers, &next, &Ring::new(&later).expect("four servers"));
        meet_them(&cluster).await;
        let adopted = cluster.configuration();
        assert_eq!(adopted.epoch(), old.epoch().next());
        assert_eq!(adopted.to_certified(), next, "every byte of it was signed");
    });
    std::fs::remove_dir_all(&directory).expect("the scratch directory goes");
}

#[test]
fn mem_1_a_client_does_not_follow_servers_to_a_configuration_that_nobody_signed() {
    let directory = scratch("forged");
    let system = found(&directory);
    let shares = shares_of(&system);
    serve(&system, async |cluster, servers| {
        let old = cluster.configuration();
        let mut forged = following(&old, (&shares, &system.sharing));
        forged.certified.signature = old.to_certified().certified.signature;
        let mut later = old.configuration().clone();
        later.epoch = old.epoch().next();
        later.ring_epoch = later.epoch;
        enter(&servers, &forged, &Ring::new(&later).expect("four servers"));
        meet_them(&cluster).await;
        assert_eq!(cluster.configuration().epoch(), old.epoch());
    });
    std::fs::remove_dir_all(&directory).expect("the scratch directory goes");
}
