//! A toy that commits values on all its nodes, and nodes that run it on loopback.

pub(crate) mod journals;
pub(crate) mod toy;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::Poll;
use std::time::Duration;

use quorate_crypto::ideal::IdealRegistry;
use quorate_net::{
    Class, Config, ConnectorConfig, Credential, Event, Events, Known, Limits, LinkKey, PeerKey,
    Recognise, Seed, SystemId, Transport, Unrecognised, VersionRange, link_key_of_seed,
};
use quorate_runtime::{
    Channel, Control, Handle, Hosting, Interceptor, Journal, Links, Metrics, Node, NodeError,
    NodeOptions, Server, Snapshot, block_on, spawner,
};
use quorate_types::{NodeId, Peer};
use tokio::sync::mpsc;

use toy::{Message, Toy, ToyHost, ToyOutput, ToyRecord};

pub(crate) const CHANNEL: Channel = Channel::Single(1);
const SYSTEM: SystemId = SystemId::new([42; 32]);
const VERSIONS: VersionRange = VersionRange { min: 1, max: 1 };
const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs a test and fails instead of hanging.
pub(crate) fn watched<T>(test: impl Future<Output = T>) -> T {
    let test = async { tokio::time::timeout(WATCHDOG, test).await.expect("the test hangs") };
    block_on(test).expect("a runtime starts")
}

pub(crate) fn registry() -> IdealRegistry {
    IdealRegistry::new([7; 32])
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.deadlines.backoff_min = Duration::from_millis(5);
    limits.deadlines.backoff_max = Duration::from_millis(50);
    limits
}

fn seed(number: u8) -> Seed {
    Seed::new([number; 32])
}

/// The peer that a node is: another key than that of its links.
fn peer_of(number: u8) -> PeerKey {
    let mut bytes = *link_key_of_seed(&seed(number)).as_bytes();
    bytes.reverse();
    PeerKey::new(bytes)
}

/// Tells nodes by their numbers and keys.
#[derive(Debug)]
struct Numbered;

impl Recognise for Numbered {
    fn recognise(&self, key: LinkKey, proof: &[u8]) -> Result<PeerKey, Unrecognised> {
        let [number] = proof else { return Err(Unrecognised::Malformed) };
        match key == link_key_of_seed(&seed(*number)) {
            true => Ok(peer_of(*number)),
            false => Err(Unrecognised::OtherKey),
        }
    }
}

/// The name of a node.
pub(crate) const fn id(number: u8) -> NodeId {
    NodeId::new([number; 32])
}

/// Links of a node that knows nobody yet.
pub(crate) async fn listen(number: u8) -> Links {
    let config = Config {
        own: peer_of(number),
        credential: Credential { seed: seed(number), proof: vec![number] },
        recognise: Arc::new(Numbered),
        system: SYSTEM,
        versions: VERSIONS,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        peers: Vec::new(),
        jitter_seed: u64::from(number),
        limits: limits(),
    };
    Links::listen(config, &[]).expect("loopback has a free port")
}

fn server(number: u8, links: &Links) -> Server {
    let address = links.local_address().expect("it listens");
    Server { id: id(number), known: Known { key: links.key(), address } }
}

/// Makes all of these know each other.
pub(crate) fn introduce(links: &mut [Links]) -> Vec<Server> {
    let servers: Vec<_> = (1..).zip(links.iter()).map(|(n, one)| server(n, one)).collect();
    for one in links {
        one.set_servers(&servers).expect("few servers");
    }
    servers
}

type Run = Pin<Box<dyn Future<Output = Result<(), NodeError>>>>;

/// A node with one toy, running whenever the test waits for something.
pub(crate) struct Running {
    future: Option<Run>,
    pub(crate) outcome: Option<Result<(), NodeError>>,
    pub(crate) handle: Handle<Toy>,
    pub(crate) outputs: mpsc::Receiver<ToyOutput>,
    pub(crate) control: Control,
    pub(crate) metrics: Arc<Metrics>,
}

/// What a node is made of.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) journal: Option<Box<dyn Journal<ToyRecord>>>,
    pub(crate) interceptor: Option<Box<dyn Interceptor<Toy>>>,
    pub(crate) recovered: Vec<u64>,
    pub(crate) record_bytes: usize,
    pub(crate) is_deaf: Arc<AtomicBool>,
    pub(crate) work_micros: u64,
}

/// A toy with its outputs, ready to be hosted.
pub(crate) fn hosting(
    number: u8,
    nodes: u8,
    setup: Setup,
) -> (Hosting<ToyHost>, mpsc::Receiver<ToyOutput>) {
    let (told, outputs) = mpsc::channel(100_000);
    let peers: Vec<_> = (1..=nodes).filter(|n| *n != number).map(|n| Peer::Node(id(n))).collect();
    let machine = Toy::new(peers.into(), registry().signer(&[number; 32]), setup.recovered);
    let hosting = Hosting {
        name: "toy",
        channel: CHANNEL,
        hosted: ToyHost {
            told,
            record_bytes: setup.record_bytes,
            is_deaf: setup.is_deaf,
            work_micros: setup.work_micros,
        },
        machine,
        journal: setup.journal,
        interceptor: setup.interceptor,
    };
    (hosting, outputs)
}

pub(crate) fn node(links: Links) -> Node {
    Node::new(links, &NodeOptions::new(Arc::new(registry()))).expect("threads start")
}

impl Running {
    pub(crate) fn start(links: Links, (number, nodes): (u8, u8), setup: Setup) -> Self {
        Self::host(node(links), hosting(number, nodes, setup))
    }

    pub(crate) fn host(
        mut node: Node,
        (hosting, outputs): (Hosting<ToyHost>, mpsc::Receiver<ToyOutput>),
    ) -> Self {
        let handle = node.host(hosting).expect("the channel is free");
        let (control, metrics) = (node.control(), node.metrics());
        let future: Run = Box::pin(node.run());
        Self { future: Some(future), outcome: None, handle, outputs, control, metrics }
    }

    /// Power goes off: nothing more happens in this node.
    pub(crate) fn kill(&mut self) {
        self.future = None;
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.metrics.snapshot()
    }
}

/// Does `work` while the nodes run.
pub(crate) async fn beside<T>(nodes: &mut [Running], work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        for node in nodes.iter_mut() {
            let Some(future) = &mut node.future else { continue };
            if let Poll::Ready(outcome) = future.as_mut().poll(context) {
                node.outcome = Some(outcome);
                node.future = None;
            }
        }
        work.as_mut().poll(context)
    })
    .await
}

/// Runs the nodes until this one tells something.
pub(crate) async fn next_output(nodes: &mut [Running], index: usize) -> ToyOutput {
    let (_, mut outputs) = mpsc::channel(1);
    std::mem::swap(&mut outputs, &mut nodes[index].outputs);
    let output = beside(nodes, outputs.recv()).await.expect("the node runs");
    nodes[index].outputs = outputs;
    output
}

/// Runs the nodes until this one has told that many values committed, and returns them.
pub(crate) async fn commits(nodes: &mut [Running], index: usize, count: usize) -> Vec<u64> {
    let mut values = Vec::new();
    while values.len() < count {
        match next_output(nodes, index).await {
            ToyOutput::Committed(value) => values.push(value),
            ToyOutput::Heard(_) | ToyOutput::Rang(_) => {}
        }
    }
    values
}

/// Runs the nodes until this one has heard that many values, and returns them.
pub(crate) async fn heard(nodes: &mut [Running], index: usize, count: usize) -> Vec<u64> {
    let mut values = Vec::new();
    while values.len() < count {
        match next_output(nodes, index).await {
            ToyOutput::Heard(value) => values.push(value),
            ToyOutput::Committed(_) | ToyOutput::Rang(_) => {}
        }
    }
    values
}

/// Runs the nodes until this one has taken all requests made so far; returns the toy's values.
pub(crate) async fn look(nodes: &mut [Running], index: usize) -> Vec<u64> {
    let (answer, values) = tokio::sync::oneshot::channel();
    let looks = nodes[index].handle.look(move |toy| {
        drop(answer.send(toy.values().to_vec()));
    });
    assert!(looks, "the node runs");
    beside(nodes, values).await.expect("the node runs")
}

/// Runs the nodes until this one has ended.
pub(crate) async fn ended(nodes: &mut [Running], index: usize) -> Result<(), NodeError> {
    while nodes[index].outcome.is_none() {
        beside(nodes, tokio::task::yield_now()).await;
    }
    nodes[index].outcome.take().expect("it has ended")
}

/// Runs the nodes until the counters of this one satisfy a condition.
pub(crate) async fn until(
    nodes: &mut [Running],
    index: usize,
    mut condition: impl FnMut(&Snapshot) -> bool,
) -> Snapshot {
    loop {
        let snapshot = nodes[index].snapshot();
        if condition(&snapshot) {
            return snapshot;
        }
        beside(nodes, tokio::task::yield_now()).await;
    }
}

fn client_config(number: u8, peers: Vec<Known>) -> ConnectorConfig {
    ConnectorConfig {
        seed: seed(number),
        recognise: Arc::new(Numbered),
        system: SYSTEM,
        versions: VERSIONS,
        peers,
        session: 1,
        jitter_seed: 3,
        limits: limits(),
    }
}

/// Links of a client to these servers.
pub(crate) fn dial(number: u8, servers: &[Server]) -> Links {
    Links::dial(client_config(number, Vec::new()), servers).expect("a good configuration")
}

/// A client that writes whatever the test wants.
pub(crate) struct Stranger {
    connector: Transport,
    events: Events,
    server: PeerKey,
    pub(crate) peer: Peer,
}

impl Stranger {
    /// Connects to a node while the nodes run.
    pub(crate) async fn connect(number: u8, server: Server, nodes: &mut [Running]) -> Self {
        let config = client_config(number, vec![server.known]);
        let (connector, events) =
            Transport::dial(&config, spawner()).expect("a good configuration");
        let key = link_key_of_seed(&seed(number)).client();
        let peer = Peer::Client(quorate_types::ClientId::new(*key.as_bytes()));
        let mut stranger = Self { connector, events, server: server.known.key, peer };
        beside(nodes, async {
            while !matches!(stranger.events.recv().await, Some(Event::Up { .. })) {}
        })
        .await;
        stranger
    }

    /// Sends a frame as it is.
    pub(crate) fn send_raw(&self, frame: &[u8]) {
        let sent = self.connector.send(self.server, Class::Ordered, &frame.to_vec().into());
        assert_eq!(sent, quorate_net::Sent::Queued);
    }

    /// Sends a message on the toy's channel.
    pub(crate) fn send(&self, message: &Message) {
        self.send_raw(&[&[1], &quorate_wire::encode(message)[..]].concat());
    }
}
