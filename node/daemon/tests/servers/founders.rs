//! Servers that found a system, and clients of it.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use quorate_client::cluster::fetch_founding;
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
use quorate_machine::{Effect, Input};
use quorate_membership::handover::machine::Request;
use quorate_membership::handover::{Handover, Setup as HandoverSetup, Stage};
use quorate_membership::{UnsignedConfiguration, VerifiedConfiguration};
use quorate_runtime::{Interceptor, block_on};
use quorate_threshold::Commitment;
use quorate_types::{Epoch, Now, UnixTime};

/// The first epoch whose configuration is signed.
pub(crate) const FIRST: Epoch = Epoch::new(1);

/// Where the ports of these tests begin: below those that the system gives to whoever asks for any,
/// so that no connection and no prober takes the port of a server that is about to start.
const FIRST_PORT: u16 = 10_000;
/// How many ports there are to choose from.
const PORTS: u16 = 10_000;

/// Ports between the places where two tests begin to search.
const PORTS_OF_A_TEST: u16 = 200;

/// Where this test begins: apart from those that run at the same time, whose servers may have left
/// their ports for a moment.
fn first_place() -> u16 {
    let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok().and_then(|slot| slot.parse().ok());
    let slot: u32 = slot.unwrap_or_else(std::process::id);
    u16::try_from(slot * u32::from(PORTS_OF_A_TEST) % u32::from(PORTS)).expect("below PORTS")
}

/// Free ports of loopback, for TCP and for datagrams.
fn free_ports(count: usize) -> Vec<SocketAddr> {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let next = || {
        let place = (first_place() + TAKEN.fetch_add(1, Ordering::Relaxed)) % PORTS;
        SocketAddr::from(([127, 0, 0, 1], FIRST_PORT + place))
    };
    let is_free = |address: &SocketAddr| {
        TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
    };
    std::iter::repeat_with(next).take(usize::from(PORTS)).filter(is_free).take(count).collect()
}

/// A directory that is not there yet.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("quorate-{name}-{}", std::process::id()));
    if path.exists() {
        std::fs::remove_dir_all(&path).expect("an old scratch directory goes");
    }
    path
}

/// Servers that have a genesis and have not run.
pub(crate) struct Founders {
    pub(crate) directory: PathBuf,
    pub(crate) nodes: Vec<NodeConfiguration>,
    pub(crate) genesis: UnsignedConfiguration,
}

impl Founders {
    pub(crate) fn new(directory: &Path, count: usize) -> Self {
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
        Self { directory: directory.to_path_buf(), nodes, genesis }
    }

    /// Runs all servers until each of them has the key; with it comes how it is shared.
    pub(crate) fn make_key(&self) -> (VerifiedConfiguration, Commitment) {
        let sharing = Arc::default();
        let witness = |node| begin_with(node, Box::new(Witness(Arc::clone(&sharing))));
        let servers = self.nodes.iter().map(witness).collect();
        let found = with_servers(servers, async {
            for node in &self.nodes {
                until_pinned(node).await;
            }
            key_of(self).await
        });
        self.rest();
        let sharing = sharing.lock().expect("nobody panicked").take();
        (found, sharing.expect("the log has decided on it"))
    }

    /// Waits until nothing of a server that has ended uses its disk or its ports any more.
    pub(crate) fn rest(&self) {
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

    /// A client of the system with this key.
    pub(crate) fn client(&self, found: &VerifiedConfiguration) -> ClusterFile {
        let file = self.directory.join("cluster.toml");
        new_cluster_file(&file, found, None).expect("a cluster file");
        let request = ClientRequest {
            authority_key: self.directory.join("authority/authority.key"),
            cluster_file: file,
            name: String::from("tester"),
            expires: UnixTime::from_micros(u64::MAX),
        };
        let client = new_client(&self.directory.join("client"), &request).expect("a client");
        ClusterFile::read(&client.cluster_file).expect("a cluster file")
    }
}

/// A server that is being run.
pub(crate) type Serving<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Servers, until one ends that should go on.
struct Serve<'a>(Vec<Serving<'a>>);

impl Future for Serve<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let has_ended = self.0.iter_mut().any(|one| one.as_mut().poll(context).is_ready());
        if has_ended { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Runs a server, which makes the key with the others if there is none.
pub(crate) fn begin(settings: &NodeConfiguration) -> Serving<'_> {
    begin_with(settings, Box::new(Nobody))
}

pub(crate) fn begin_with(
    settings: &NodeConfiguration,
    between: Box<dyn Intermediary>,
) -> Serving<'_> {
    Box::pin(async move {
        let opened = run::open(settings, between).await.expect("it is founded");
        let (identity, between) = opened.expect("nobody stops it");
        let running = server::start(settings, &identity, between).await.expect("it starts");
        running.run().await.expect("nothing fails");
    })
}

/// Runs servers until `done` is; then they end wherever they are, as when the power fails.
pub(crate) fn with_servers<T>(servers: Vec<Serving<'_>>, done: impl Future<Output = T>) -> T {
    let run = async {
        tokio::select! {
            () = Serve(servers) => panic!("servers go on"),
            done = Box::pin(done) => done,
        }
    };
    block_on(run).expect("an event loop")
}

/// What the servers say that the key is, with the first configuration that was signed.
pub(crate) async fn key_of(founders: &Founders) -> VerifiedConfiguration {
    let found = fetch_founding(&founders.genesis, Duration::from_secs(60)).await;
    found.expect("the founders tell their key")
}

pub(crate) async fn until_pinned(settings: &NodeConfiguration) {
    while !settings.keys.join("founding").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sees how the key is shared, which is public and told to nobody outside of the group.
struct Witness(Arc<Mutex<Option<Commitment>>>);

impl Intermediary for Witness {
    fn handover(&mut self, _: &HandoverSetup) -> Between<Handover> {
        Some(Box::new(Self(Arc::clone(&self.0))))
    }
}

impl Interceptor<Handover> for Witness {
    fn input(&mut self, _: Now, input: Input<Handover>) -> Option<Input<Handover>> {
        if let Input::Request(Request::News(news)) = &input
            && let Stage::Done(decided) = &news.stage
        {
            let (bytes, parameters) = (&decided.sharing.0, decided.attempt.parameters());
            let sharing = Commitment::decode(bytes, parameters).expect("the log checked it");
            *self.0.lock().expect("nobody panicked") = Some(sharing);
        }
        Some(input)
    }

    fn effects(&mut self, _: Now, _: &mut Vec<Effect<Handover>>) {}
}
