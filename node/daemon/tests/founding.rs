//! Servers make the key of their system themselves: from a genesis to a system that serves.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use quorate_bft::{Replica, Setup};
use quorate_client::cluster::{Cluster, Credentials, fetch_founding, with_cluster};
use quorate_client::cluster_file::ClusterFile;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::founding::GenesisFile;
use quorate_daemon::founding::ceremony::{
    ClientRequest, ServerRequest, SystemRequest, new_authority, new_client, new_cluster_file,
    new_genesis, new_server,
};
use quorate_daemon::keys::ServerKeys;
use quorate_daemon::server::{Between, Intermediary, Nobody};
use quorate_daemon::{run, server};
use quorate_kv::{KeyValueService, KvOperation, KvReply};
use quorate_machine::Effect;
use quorate_membership::handover::Handover;
use quorate_membership::handover::message::Message;
use quorate_membership::{MembershipService, UnsignedConfiguration, VerifiedConfiguration};
use quorate_runtime::{Interceptor, block_on};
use quorate_types::{Epoch, Now, UnixTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The first epoch whose configuration is signed.
const FIRST: Epoch = Epoch::new(1);
/// Bytes of a secret scalar, at the end of a share.
const SECRET_BYTES: usize = 32;

static PORT: AtomicU16 = AtomicU16::new(0);

fn free_ports(count: usize) -> Vec<SocketAddr> {
    let next = || {
        // Tests run side by side, each in a process of its own.
        let first = 23_000 + 40 * u16::try_from(std::process::id() % 200).expect("small");
        let port = first + PORT.fetch_add(1, Ordering::Relaxed);
        SocketAddr::from(([127, 0, 0, 1], port))
    };
    let is_free = |it: &SocketAddr| TcpListener::bind(it).is_ok() && UdpSocket::bind(it).is_ok();
    std::iter::repeat_with(next).filter(is_free).take(count).collect()
}

/// Servers that have a genesis and have not run.
struct Founders {
    directory: PathBuf,
    nodes: Vec<NodeConfiguration>,
    genesis: UnsignedConfiguration,
}

impl Founders {
    fn new(name: &str, count: usize) -> Self {
        let directory = std::env::temp_dir().join(format!("quorate-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&directory));
        let authority = new_authority(&directory.join("authority")).expect("an authority");
        let ports = free_ports(2 * count);
        let request = |index: usize| ServerRequest {
            listen: ports[2 * index],
            address: ports[2 * index].to_string(),
            probe_port: ports[2 * index].port(),
            metrics: ports[2 * index + 1],
            failure_domain: format!("rack-{index}"),
            joins: None,
        };
        let folder = |index: usize| directory.join(format!("node-{index}"));
        let made = (0..count).map(|index| new_server(&folder(index), &request(index)));
        let made: Vec<_> = made.map(|server| server.expect("a server")).collect();
        let admissions = made.iter().map(|server| server.admission_file.clone()).collect();
        let request = SystemRequest { authority_key: authority.key, f: 1, f_ms: 1, admissions };
        let system = new_genesis(&directory.join("system"), &request).expect("a genesis");
        let install = |node_file: &Path| {
            let genesis = node_file.with_file_name("genesis");
            std::fs::copy(&system.genesis_file, genesis).expect("a copy");
            NodeConfiguration::read(node_file).expect("node.toml is right")
        };
        let nodes = made.iter().map(|server| install(&server.node_file)).collect();
        let genesis = GenesisFile::read(&system.genesis_file).expect("it is right").unsigned();
        Self { directory, nodes, genesis }
    }
}

impl Drop for Founders {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

type Serving<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Servers, until one ends that should go on.
struct Serve<'a>(Vec<Serving<'a>>);

impl Future for Serve<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let has_ended = self.0.iter_mut().any(|one| one.as_mut().poll(context).is_ready());
        if has_ended { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn begin(settings: &NodeConfiguration) -> Serving<'_> {
    begin_with(settings, Box::new(Nobody))
}

fn begin_with(settings: &NodeConfiguration, between: Box<dyn Intermediary>) -> Serving<'_> {
    Box::pin(async move {
        let opened = run::open(settings, between).await.expect("it is founded");
        let (identity, between) = opened.expect("nobody stops it");
        let running = server::start(settings, &identity, between).await.expect("it starts");
        running.run().await.expect("nothing fails");
    })
}

/// Runs servers until `done` is; then they end wherever they are, as when the power fails.
fn with_servers<T>(servers: Vec<Serving<'_>>, done: impl Future<Output = T>) -> T {
    let run = async {
        tokio::select! {
            () = Serve(servers) => panic!("servers go on"),
            done = Box::pin(done) => done,
        }
    };
    block_on(run).expect("an event loop")
}

impl Founders {
    /// Waits until nothing of a server that has ended uses its disk or its ports any more.
    fn rest(&self) {
        let is_free = |it: &NodeConfiguration| {
            ServerKeys::open_directory(&it.keys).is_ok()
                && UdpSocket::bind(it.listen).is_ok()
                && TcpListener::bind(it.listen).is_ok()
                && TcpListener::bind(it.metrics).is_ok()
        };
        while !self.nodes.iter().all(is_free) {
            std::thread::yield_now();
        }
    }
}

async fn key_of(founders: &Founders) -> VerifiedConfiguration {
    let found = fetch_founding(&founders.genesis, Duration::from_secs(60)).await;
    found.expect("the founders tell their key")
}

/// The answer of a server that is asked about its health.
async fn health(settings: &NodeConfiguration) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(settings.metrics).await.ok()?;
    stream.write_all(b"GET /health HTTP/1.1\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

async fn until_pinned(settings: &NodeConfiguration) {
    while !settings.keys.join("founding").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// All bytes in the files of a server.
fn content(directory: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let bytes = |path: PathBuf| {
        if path.is_dir() { content(&path) } else { vec![std::fs::read(path).expect("a file")] }
    };
    paths.flat_map(bytes).collect()
}

/// Most files are made with room that is still empty: that is passed over block by block.
fn holds(files: &[Vec<u8>], secret: &[u8]) -> bool {
    const BLOCK: usize = 4096;
    let is_in = |file: &Vec<u8>| {
        (0..file.len()).step_by(BLOCK).any(|start| {
            let block = &file[start..file.len().min(start + BLOCK + secret.len())];
            let is_empty = *block == [0; BLOCK + 64][..block.len()];
            !is_empty && block.windows(secret.len()).any(|window| window == secret)
        })
    };
    files.iter().any(is_in)
}

/// The secret part of the share of a server.
fn share_of(settings: &NodeConfiguration) -> Option<Vec<u8>> {
    let keys = ServerKeys::open_directory(&settings.keys).expect("its keys");
    let share = keys.share(FIRST).expect("readable")?;
    Some(share[share.len() - SECRET_BYTES..].to_vec())
}

/// Stores and reads as a client of the system.
async fn use_it(founders: &Founders, found: &VerifiedConfiguration) {
    let file = founders.directory.join("cluster.toml");
    new_cluster_file(&file, found).expect("a cluster file");
    let request = ClientRequest {
        authority_key: founders.directory.join("authority/authority.key"),
        cluster_file: file,
        name: String::from("tester"),
        expires: UnixTime::from_micros(u64::MAX),
    };
    let client = new_client(&founders.directory.join("client"), &request).expect("a client");
    let cluster = ClusterFile::read(&client.cluster_file).expect("a cluster file");
    let identity = cluster.client_identity().expect("a client");
    let credentials = Credentials { seed: *identity.seed, certificate: identity.certificate };
    let work = async |cluster: Cluster| {
        let put = KvOperation::Put { key: b"name".to_vec(), value: b"quorate".to_vec() };
        assert_eq!(cluster.key_value(&put).await.expect("a reply"), KvReply::Done);
        let bytes = vec![7; 100_000];
        let stored = cluster.put_blob(&mut &bytes[..], &mut |_| {}).await.expect("stored");
        let mut got = Vec::new();
        cluster.get_blob(stored.id, &mut got, &mut |_, _| {}).await.expect("read");
        assert_eq!(got, bytes);
    };
    with_cluster(&cluster, &credentials, work).await.expect("the client connects");
}

#[test]
fn servers_with_a_genesis_make_the_key_and_none_has_more_than_its_share() {
    let founders = Founders::new("makes-key", 4);
    let servers = founders.nodes.iter().map(begin).collect();
    with_servers(servers, async {
        let found = key_of(&founders).await;
        assert_eq!((found.epoch(), found.configuration().ring_epoch), (FIRST, FIRST));
        use_it(&founders, &found).await;
    });

    founders.rest();
    let shares: Vec<_> = founders.nodes.iter().map(share_of).collect();
    assert!(shares.iter().all(Option::is_some), "the group of the genesis has the shares");
    for (place, settings) in founders.nodes.iter().enumerate() {
        let files = content(settings.keys.parent().expect("a directory"));
        for (owner, share) in shares.iter().flatten().enumerate() {
            let is_there = holds(&files, share);
            assert_eq!(is_there, owner == place, "server {place} and the share of {owner}");
        }
    }
}

#[test]
fn a_founding_does_without_a_founder_that_is_not_there_and_says_so_before() {
    let mut founders = Founders::new("missing", 4);
    founders.nodes.iter_mut().for_each(|node| node.founding_patience = Duration::from_secs(2));
    let [a, b, c, late] = &founders.nodes[..] else { panic!("four servers") };
    let address = late.listen.to_string();
    with_servers(vec![begin(a), begin(b), begin(c)], async {
        let is_told = |answer: &String| answer.contains("503") && answer.contains(&address);
        while !health(a).await.is_some_and(|answer| is_told(&answer)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        key_of(&founders).await;
    });
    founders.rest();
    // It comes later, to a system that has its key.
    let late_key = async {
        until_pinned(late).await;
        key_of(&founders).await
    };
    let found = with_servers(vec![begin(a), begin(b), begin(c), begin(late)], late_key);
    let configurations = [found.configuration(), founders.genesis.configuration()];
    let [now, before] = configurations.map(|it| {
        let record = it.members.iter().find(|member| member.address == address);
        record.expect("it keeps its place").epoch_key
    });
    assert!(now.is_none() || now == before, "it has no key in this epoch");
}

#[test]
fn founders_that_lose_power_at_any_moment_make_the_key_all_the_same() {
    let founders = Founders::new("power", 4);
    let all = || founders.nodes.iter().map(begin).collect();
    // All of them end after each of these times, wherever they are, and go on from their disks.
    for millis in [30, 100, 200, 300, 400, 600] {
        with_servers(all(), async {
            tokio::time::sleep(Duration::from_millis(millis)).await;
        });
        founders.rest();
    }
    let found = with_servers(all(), key_of(&founders));
    assert_eq!(found.epoch(), FIRST);
}

/// Deals other subshares than it committed to.
struct BadDealer;

impl Interceptor<Handover> for BadDealer {
    fn effects(&mut self, _: Now, effects: &mut Vec<Effect<Handover>>) {
        for effect in effects {
            if let Effect::Send { message, .. } = effect
                && let Message::Dealing(dealing) = message
            {
                dealing.sealed[48..].iter_mut().for_each(|byte| *byte ^= 1);
            }
        }
    }
}

/// A liar in the founding.
struct Villain;

impl Intermediary for Villain {
    fn membership(&mut self, _: &Setup) -> Between<Replica<MembershipService>> {
        None
    }

    fn key_value(&mut self, _: &Setup) -> Between<Replica<KeyValueService>> {
        None
    }

    fn storage(&mut self) -> Between<quorate_dht::Server> {
        None
    }

    fn handover(&mut self, _: Epoch) -> Between<Handover> {
        Some(Box::new(BadDealer))
    }
}

#[test]
fn a_founder_that_deals_wrong_shares_keeps_nobody_from_the_key() {
    let founders = Founders::new("villain", 4);
    let [a, b, c, liar] = &founders.nodes[..] else { panic!("four servers") };
    let servers = vec![begin(a), begin(b), begin(c), begin_with(liar, Box::new(Villain))];
    let found = with_servers(servers, key_of(&founders));
    assert_eq!(found.epoch(), FIRST);
}
