//! Servers that lost a part of their data, or an object.

use std::path::{Path, PathBuf};

use quorate_client::cluster::{Cluster, with_cluster};
use quorate_client::explanation::Kind;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::error::ServerError;
use quorate_daemon::founding::NodeIdentity;
use quorate_daemon::giving_up::give_up;
use quorate_daemon::server;
use quorate_dht::object::{KEEP_FOR_EVER, StoredContent, StoredObject};
use quorate_dht::{Body, ContentKind};
use quorate_store::object_store::ObjectStore;
use quorate_wire::encode;

use crate::founders::scratch;
use crate::system::{System, credentials, found, start};

#[test]
fn a_server_that_has_served_does_not_start_without_any_part_of_its_data() {
    let directory = scratch("forgotten");
    let nodes = found(&directory).nodes;
    let start = || {
        quorate_runtime::block_on(async {
            let settings = NodeConfiguration::read(&nodes[0]).expect("node.toml is right");
            let identity = NodeIdentity::load(&settings).expect("the server's files are right");
            let started = server::start(&settings, &identity, Box::new(server::Nobody)).await;
            started.map(drop).map_err(|error| error.explain())
        })
        .expect("an event loop")
    };
    start().expect("a server that has founded starts");
    let data = NodeConfiguration::read(&nodes[0]).expect("node.toml is right").data;
    let elsewhere = directory.join("elsewhere");
    let parts = [
        "configuration/ended",
        "membership/log",
        "membership/state",
        "key-value/log",
        "storage/objects",
    ];
    for part in parts.into_iter().chain(["storage/blobs", "key-value", "storage"]) {
        std::fs::rename(data.join(part), &elsewhere).expect("a part is lost");
        let refused = start().expect_err(part);
        assert_eq!((refused.kind, refused.code), (Kind::Forgotten, "data-wiped"), "{refused:?}");
        assert!(!data.join(part).exists(), "{part} was made anew");
        std::fs::rename(&elsewhere, data.join(part)).expect("it comes back");
    }
    start().expect("nothing is missing");
    std::fs::remove_dir_all(&directory).expect("the scratch directory goes");
}

/// Changes a byte of every blob in a store; says how many there were.
fn rot_blobs(store: &Path) -> usize {
    let list = |path: &Path| std::fs::read_dir(path).expect("a directory of the store");
    let shelves = list(&store.join("blobs")).flatten().map(|entry| entry.path());
    let blobs = shelves.filter(|path| !path.ends_with("incoming"));
    let blobs: Vec<PathBuf> =
        blobs.flat_map(|path| list(&path)).flatten().map(|entry| entry.path()).collect();
    for blob in &blobs {
        let mut bytes = std::fs::read(blob).expect("a blob");
        bytes[77] ^= 1;
        std::fs::write(blob, bytes).expect("a blob");
    }
    blobs.len()
}

/// Stores a file at four servers and damages each copy of its chunk; scrubs for ever.
async fn lose_a_chunk(cluster: Cluster, nodes: &[PathBuf]) -> std::convert::Infallible {
    cluster.put_blob(&mut &[7; 100_000][..], &mut |_| {}).await.expect("it is stored");
    let scrub = async || cluster.scrub(&mut |_| ()).await.expect("all are connected");
    // A chunk and a manifest at each: servers that missed one have fetched it by then.
    while scrub().await.values().map(|state| state.report.checked).sum::<u64>() < 8 {}
    for node in nodes {
        let data = NodeConfiguration::read(node).expect("node.toml is right").data;
        assert_eq!(rot_blobs(&data.join("storage")), 1);
    }
    loop {
        scrub().await;
    }
}

#[test]
fn a_server_with_an_object_that_nobody_can_mend_stops_says_why_and_can_go_on() {
    let directory = scratch("lost");
    let System { nodes, file, .. } = found(&directory);
    let credentials = credentials(&file);
    let stop = |node: usize, outcome: Result<(), ServerError>| {
        (node, outcome.expect_err("nobody asked it to stop"))
    };
    let (node, error) = quorate_runtime::block_on(async {
        let mut running = Vec::new();
        for node in &nodes {
            running.push(start(node).await);
        }
        let [a, b, c, d] = <[_; 4]>::try_from(running).expect("four servers");
        tokio::select! {
            lost = a.run() => stop(0, lost),
            lost = b.run() => stop(1, lost),
            lost = c.run() => stop(2, lost),
            lost = d.run() => stop(3, lost),
            _ = with_cluster(&file, &credentials, async |cluster| {
                lose_a_chunk(cluster, &nodes).await
            }) => panic!("the client goes on for ever"),
        }
    })
    .expect("an event loop");

    let told = error.explain();
    assert_eq!((told.kind, told.code), (Kind::Damaged, "object-lost"), "{told:?}");
    assert!(Path::new(&told.place).is_file(), "{told:?}");
    assert!(told.remedy.contains("quorate node give-up --config"), "{told:?}");
    let ServerError::Lost { object, file } = error else { panic!("{error}") };
    assert_eq!(file, nodes[node]);

    let settings = NodeConfiguration::read(&file).expect("node.toml is right");
    let given_up = give_up(&settings, object.key).expect("it is damaged");
    assert!(given_up.kept.is_some_and(|kept| kept.is_file()) && !object.place.exists());
    let again = give_up(&settings, object.key).expect_err("it is gone").explain();
    assert_eq!((again.kind, again.code), (Kind::NotFound, "no-copy"));
    std::fs::remove_dir_all(&directory).expect("the scratch directory goes");
}

#[test]
fn a_copy_that_is_whole_or_of_a_running_server_is_not_given_up() {
    let directory = scratch("whole");
    let nodes = found(&directory).nodes;
    let settings = NodeConfiguration::read(&nodes[0]).expect("node.toml is right");
    let bytes = vec![3; 100_000];
    let key = ContentKind::Chunk.key_of(&bytes);
    let refused = || give_up(&settings, key).expect_err("it must not be").explain().code;
    quorate_runtime::block_on(async {
        let running = start(&nodes[0]).await;
        assert_eq!(refused(), "keys-in-use");
        drop(running);
    })
    .expect("an event loop");
    assert_eq!(refused(), "no-copy");
    let object =
        StoredObject::Content(StoredContent { expires: KEEP_FOR_EVER, body: Body::new(bytes) });
    let store = ObjectStore::open(&settings.data.join("storage")).expect("its store");
    let stored = encode(&object);
    store.store(&[(*key.id().as_bytes(), &stored)], &[]).expect("it is stored");
    drop(store);
    assert_eq!(refused(), "copy-whole");
    std::fs::remove_dir_all(&directory).expect("the scratch directory goes");
}
