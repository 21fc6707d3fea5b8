//! Four servers over real sockets and disks, and a client that uses them.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use quorate_client::blob::CHUNKS_IN_FLIGHT;
use quorate_client::cluster::{Cluster, Credentials, PROTOCOL_VERSIONS, with_cluster};
use quorate_client::cluster_file::ClusterFile;
use quorate_client::explanation::Kind;
use quorate_client::links::{Recogniser, credential, peer_of};
use quorate_crypto::real::RealSigner;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::error::ServerError;
use quorate_daemon::founding::NodeIdentity;
use quorate_daemon::giving_up::give_up;
use quorate_daemon::keys::ServerKeys;
use quorate_daemon::monitoring::Monitoring;
use quorate_daemon::server;
use quorate_dht::limits::CHUNK_BYTES;
use quorate_dht::object::{KEEP_FOR_EVER, StoredContent, StoredObject, register_id};
use quorate_dht::{Body, ContentKind, Ring, Value};
use quorate_kv::{KvOperation, KvReply};
use quorate_membership::monitor::{Answer, Question, Shown, Ticket, Wanted};
use quorate_membership::{
    CertifiedConfiguration, ConfigurationHeader, EpochKeyCertificate, Lineage,
    VerifiedConfiguration,
};
use quorate_net::limits::STRANGER_CONNECTIONS_MAX;
use quorate_net::{
    Cause, Config, ConnectorConfig, Events, Known, Limits, PeerKey, Seed, SystemId, Transport,
};
use quorate_runtime::Handle;
use quorate_store::object_store::ObjectStore;
use quorate_threshold::{Bls12381, Commitment, GroupKey, KEY_SHARE_BYTES, KeyShare};
use quorate_types::MemberRecord;
use quorate_wire::{decode, encode};
use zeroize::Zeroizing;

use crate::founders::{FIRST, Founders, scratch};

/// A system in a directory that has a key, whose servers do not run.
struct System {
    /// The `node.toml` of each server.
    nodes: Vec<PathBuf>,
    /// The file of a client.
    file: ClusterFile,
    /// How its key is shared.
    sharing: Commitment,
}

/// Has four servers found a system.
fn found(directory: &Path) -> System {
    made(&Founders::new(directory, 4))
}

fn made(founders: &Founders) -> System {
    let (found, sharing) = founders.make_key();
    let file = founders.client(&found);
    System { nodes: founders.nodes.iter().map(|node| node.file.clone()).collect(), file, sharing }
}

/// The keys of a server that does not run.
fn keys_of(node: &Path) -> ServerKeys {
    let settings = NodeConfiguration::read(node).expect("node.toml is right");
    ServerKeys::open_directory(&settings.keys).expect("its keys")
}

/// Starts the server of a `node.toml`.
async fn start(file: &Path) -> server::RunningServer {
    let settings = NodeConfiguration::read(file).expect("node.toml is right");
    let identity = NodeIdentity::load(&settings).expect("the server's files are right");
    let started = server::start(&settings, &identity, Box::new(server::Nobody)).await;
    started.expect("a server starts")
}

fn credentials(file: &ClusterFile) -> Credentials {
    let identity = file.client_identity().expect("the cluster file names a client");
    Credentials { seed: *identity.seed, certificate: identity.certificate }
}

/// Runs servers and a client on one thread until the client is done.
fn with_servers(name: &str, work: impl AsyncFnOnce(Cluster)) {
    with_servers_in(&scratch(name), work);
}

fn with_servers_in(directory: &Path, work: impl AsyncFnOnce(Cluster)) {
    with_watched_servers(directory, async |cluster, _| work(cluster).await);
}

/// A server that runs: what it counts, and its storage.
struct Served {
    metrics: Arc<quorate_runtime::Metrics>,
    storage: Handle<quorate_dht::Server>,
}

/// As [`with_servers_in`]; the work sees the servers, too.
fn with_watched_servers(directory: &Path, work: impl AsyncFnOnce(Cluster, Vec<Served>)) {
    serve(&found(directory), work);
    std::fs::remove_dir_all(directory).expect("the scratch directory goes");
}

/// Runs servers that were founded, and a client, until the client is done.
fn serve(system: &System, work: impl AsyncFnOnce(Cluster, Vec<Served>)) {
    let System { nodes, file, .. } = system;
    let credentials = credentials(file);
    quorate_runtime::block_on(async {
        let mut running = Vec::new();
        for node in nodes {
            running.push(start(node).await);
        }
        let controls: Vec<_> = running.iter().map(|server| server.node().control()).collect();
        let served = |server: &server::RunningServer| Served {
            metrics: server.node().metrics(),
            storage: server.storage().clone(),
        };
        let served: Vec<_> = running.iter().map(served).collect();
        let use_it = async {
            let work = async |cluster| work(cluster, served).await;
            with_cluster(file, &credentials, work).await.expect("the client connects");
            controls.iter().for_each(quorate_runtime::Control::stop);
        };
        let [a, b, c, d] = <[_; 4]>::try_from(running).expect("four servers");
        let serve = async { tokio::join!(a.run(), b.run(), c.run(), d.run()) };
        let (ran, ()) = tokio::join!(Box::pin(serve), Box::pin(use_it));
        for outcome in [ran.0, ran.1, ran.2, ran.3] {
            outcome.expect("a server runs until it is told to stop");
        }
    })
    .expect("an event loop");
}

/// Do these bytes stand in others? Most files are made with room that is still empty: that is
/// passed over block by block.
fn is_in(content: &[u8], bytes: &[u8]) -> bool {
    const BLOCK: usize = 4096;
    (0..content.len()).step_by(BLOCK).any(|start| {
        let end = content.len().min(start + BLOCK + bytes.len());
        let block = &content[start..end];
        let is_empty = *block == [0; BLOCK + 64][..block.len()];
        !is_empty && block.windows(bytes.len()).any(|window| window == bytes)
    })
}

/// Does any file below a directory hold these bytes?
fn holds(directory: &Path, bytes: &[u8]) -> bool {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").path()).any(|path| {
        if path.is_dir() {
            return holds(&path, bytes);
        }
        is_in(&std::fs::read(&path).expect("a file"), bytes)
    })
}

#[test]
fn key_3_nothing_that_was_erased_is_in_any_file_of_a_server_that_ran() {
    /// Behind the identity key, the first epoch, the version, the period and the root.
    const LEAF: std::ops::Range<usize> = 77..109;
    let directory = scratch("erased");
    let founders = Founders::new(&directory, 4);
    let node = &directory.join("node-0");
    let identity = std::fs::read(node.join("keys/identity-1.key")).expect("the identity");
    let leaf = identity[LEAF].to_vec();
    assert!(holds(node, &leaf), "the search finds the leaf of epoch 1");
    serve(&made(&founders), async |cluster, _| {
        let put = KvOperation::Put { key: b"name".to_vec(), value: b"quorate".to_vec() };
        assert_eq!(cluster.key_value(&put).await.expect("a reply"), KvReply::Done);
    });
    assert!(!holds(node, &leaf), "KEY-1: it has certified the key of epoch 1");

    let keys = keys_of(&node.join("node.toml"));
    let next = FIRST.next();
    let key = keys.certified(next).expect("readable").expect("certified ahead");
    let sealing = keys.decryption_seed(next).expect("readable").expect("made ahead");
    assert!(holds(node, &*key.seed) && holds(node, &*sealing), "the search finds both");
    keys.erase_epoch(next).expect("a disk that works");
    assert!(!holds(node, &*key.seed) && !holds(node, &*sealing), "KEY-3");
    std::fs::remove_dir_all(&directory).expect("the scratch directory goes");
}

#[test]
fn ordered_requests_are_executed_and_answered() {
    with_servers("ordered", async |cluster| {
        let (key, value) = (b"name".to_vec(), b"quorate".to_vec());
        let put = KvOperation::Put { key: key.clone(), value: value.clone() };
        assert_eq!(cluster.key_value(&put).await.expect("a reply"), KvReply::Done);
        let get = KvOperation::Get { key };
        assert_eq!(cluster.key_value(&get).await.expect("a reply"), KvReply::Value(Some(value)));
    });
}

#[test]
fn a_server_answers_probes_and_names_their_port_when_it_is_taken() {
    let directory = scratch("probes");
    let nodes = found(&directory).nodes;
    let settings = NodeConfiguration::read(&nodes[0]).expect("node.toml is right");
    let identity = NodeIdentity::load(&settings).expect("the server's files are right");
    let to = SocketAddr::new(settings.listen.ip(), identity.record().probe_port);

    let held = UdpSocket::bind(to).expect("the port is free");
    let refused = Monitoring::start(settings.listen, &identity).expect_err("the port is taken");
    assert_eq!(refused.explain().kind, Kind::PortTaken);
    drop(held);

    let monitoring = Monitoring::start(settings.listen, &identity).expect("the port is free");
    let ticket = Ticket { place: 3, token: 4 };
    let question = Question { to: identity.id, epoch: FIRST, ticket, wanted: Wanted::Plain };
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    socket.send_to(&encode(&question), to).expect("it is sent");
    let mut buffer = [0; 2_000];
    let (length, _) = socket.recv_from(&mut buffer).expect("an answer");
    let answer = Answer { ticket, epoch: FIRST, shown: Shown::Life };
    assert_eq!(decode(&buffer[..length]), Ok(answer));
    let is_member = identity.is_in_membership_group();
    assert_eq!(monitoring.view().prober().is_some(), is_member, "members probe");
    drop(monitoring);
    std::fs::remove_dir_all(directory).expect("the scratch directory goes");
}

#[test]
fn a_file_comes_back_as_it_was_stored() {
    with_servers("file", async |cluster| {
        let bytes: Vec<u8> = (0..3_500_000u32).map(|index| index.to_be_bytes()[3]).collect();
        let stored = cluster.put_blob(&mut &bytes[..], &mut |_| {}).await.expect("it is stored");
        assert_eq!(stored.length_bytes, bytes.len() as u64);
        assert_eq!(stored.hash, blake3::hash(&bytes).to_hex().to_string());
        let mut got = Vec::new();
        let read = cluster.get_blob(stored.id, &mut got, &mut |_, _| {}).await.expect("it is read");
        assert_eq!(read, stored);
        assert_eq!(got, bytes);
        assert_eq!(cluster.stat_blob(stored.id).await.expect("it is there"), stored);
    });
}

/// A long file, which is compared with what has arrived each time a piece of it is taken.
struct Watched {
    directory: PathBuf,
    length: usize,
    taken: usize,
}

impl Watched {
    /// Chunks on the disks of all servers together.
    fn arrived(&self) -> usize {
        let blobs = |index| self.directory.join(format!("node-{index}/data/storage/blobs"));
        let list = |path: PathBuf| std::fs::read_dir(path).expect("a directory of the store");
        let paths = (0..4).flat_map(|index| list(blobs(index))).flatten().map(|entry| entry.path());
        let is_store = |path: &PathBuf| !path.ends_with("incoming");
        paths.filter(is_store).map(|path| list(path).count()).sum()
    }
}

impl std::io::Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let chunk = self.taken / CHUNK_BYTES;
        if self.taken.is_multiple_of(CHUNK_BYTES) {
            let settled = chunk.saturating_sub(CHUNKS_IN_FLIGHT + 1);
            let arrived = self.arrived();
            assert!(arrived >= 3 * settled, "{chunk} chunks taken, {arrived} copies arrived");
        }
        let left = (CHUNK_BYTES - self.taken % CHUNK_BYTES).min(self.length - self.taken);
        let count = buffer.len().min(left);
        buffer[..count].fill(u8::try_from(chunk).expect("a few chunks"));
        self.taken += count;
        Ok(count)
    }
}

#[test]
fn of_a_long_file_only_a_few_chunks_are_in_memory() {
    let directory = scratch("long");
    let length = (CHUNKS_IN_FLIGHT + 10) * CHUNK_BYTES + 5;
    let mut source = Watched { directory: directory.clone(), length, taken: 0 };
    with_servers_in(&directory, async |cluster| {
        let stored = cluster.put_blob(&mut source, &mut |_| {}).await.expect("it is stored");
        assert_eq!(stored.length_bytes, length as u64);
        // What has not been written yet is under way, and that is bounded by the same number.
        let got = cluster.get_blob(stored.id, &mut std::io::sink(), &mut |_, _| {}).await;
        assert_eq!(got.expect("it is read"), stored);
    });
    assert_eq!(source.taken, length);
}

#[test]
fn a_scrub_reports_what_every_server_holds() {
    with_servers("scrub", async |cluster| {
        let stored = cluster.put_blob(&mut &[7; 100_000][..], &mut |_| {}).await;
        stored.expect("it is stored");
        let mut heard = 0;
        let states = cluster.scrub(&mut |_| heard += 1).await.expect("all are connected");
        assert_eq!(states.len(), 4);
        assert!(states.values().all(|state| state.is_over && state.report.damaged == 0));
        let checked: u64 = states.values().map(|state| state.report.checked).sum();
        assert!(checked >= 6, "a chunk and a manifest at three servers: {checked}");
        assert!(heard > 0, "progress was told");
    });
}

#[test]
fn an_object_has_the_last_value_that_its_owner_wrote() {
    with_servers("object", async |cluster| {
        let owner = Arc::new(RealSigner::from_seed(&[9; 32]));
        let id = register_id(&quorate_crypto::Signer::public_key(&*owner));
        assert_eq!(cluster.read_object(id).await.expect("an answer"), None);
        for text in ["first", "second"] {
            let value = Value::Data(Body::new(text.as_bytes().to_vec()));
            cluster.write_object(owner.clone(), value.clone()).await.expect("it is written");
            let version = cluster.read_object(id).await.expect("an answer");
            assert_eq!(version.map(|version| version.value), Some(value));
        }
    });
}

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
        peers: servers.members.iter().map(known).collect(),
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
        peers: members.iter().map(known).collect(),
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
