//! Nodes, clients and enemies on loopback. Waiting is for events and counters, never for time;
//! the watchdog only turns a hang into a failure.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::ahead::ReadAhead;
use crate::credential::{Credential, Recognise, Unrecognised};
use crate::frame::{Class, FrameKind, header, parse_header};
use crate::handshake::Stream;
use crate::hello::{Hello, Link, PeerKind, RefuseCode, VersionRange, parse_refuse};
use crate::identity::{LinkKey, PeerKey, Seed, SystemId};
use crate::limits::{FRAME_BYTES_MAX, FRAME_HEADER_BYTES};
use crate::tls::{Identity, link_key_of_seed};
use crate::{
    Config, ConnectorConfig, Deadlines, Event, Events, Inbound, Known, Limits, NetSnapshot,
    Spawner, Transport,
};

pub(crate) const SYSTEM: SystemId = SystemId::new([42; 32]);
pub(crate) const VERSIONS: VersionRange = VersionRange { min: 1, max: 1 };
const WATCHDOG: Duration = Duration::from_secs(100);

#[expect(clippy::disallowed_methods, reason = "the test is the runtime here")]
pub(crate) fn spawner() -> Spawner {
    Arc::new(|task| drop(tokio::spawn(task)))
}

pub(crate) fn seed(number: u8) -> Seed {
    Seed::new([number; 32])
}

/// The node that begins with this seed: its key of period 0 backwards, so that nobody takes the
/// one for the other.
pub(crate) fn node_of(seed: &Seed) -> PeerKey {
    let mut bytes = *link_key_of_seed(seed).as_bytes();
    bytes.reverse();
    PeerKey::new(bytes)
}

/// The client with this seed.
pub(crate) fn client_of(seed: &Seed) -> PeerKey {
    link_key_of_seed(seed).client()
}

/// What shows that a key is a node's in a period; the last byte stands for a signature.
pub(crate) fn proof(node: PeerKey, key: LinkKey, period: u8) -> Vec<u8> {
    [&node.as_bytes()[..], key.as_bytes(), &[period, SIGNED]].concat()
}

const SIGNED: u8 = 7;

/// Believes proofs of one period.
#[derive(Debug)]
pub(crate) struct Believer(pub(crate) u8);

impl Recognise for Believer {
    fn recognise(&self, key: LinkKey, proof: &[u8]) -> Result<PeerKey, Unrecognised> {
        let Some((node, rest)) = proof.split_first_chunk::<32>() else {
            return Err(Unrecognised::Malformed);
        };
        let Some((shown, [period, signature])) = rest.split_first_chunk::<32>() else {
            return Err(Unrecognised::Malformed);
        };
        if shown != key.as_bytes() {
            return Err(Unrecognised::OtherKey);
        }
        if *period != self.0 {
            return Err(Unrecognised::OtherEpoch);
        }
        match *signature == SIGNED {
            true => Ok(PeerKey::new(*node)),
            false => Err(Unrecognised::Forged),
        }
    }
}

/// A node's key of a period with what shows it.
pub(crate) fn credential(node: PeerKey, seed: &Seed, period: u8) -> Credential {
    let proof = proof(node, link_key_of_seed(seed), period);
    Credential { seed: seed.clone(), proof }
}

/// Seeds 1.. ordered by node, so that tests know who dials.
pub(crate) fn seeds_by_key(count: u8) -> Vec<Seed> {
    let mut seeds: Vec<Seed> = (1..=count).map(seed).collect();
    seeds.sort_by_key(node_of);
    seeds
}

/// Fails instead of hanging.
pub(crate) async fn watched<T>(work: impl Future<Output = T>) -> T {
    timeout(WATCHDOG, work).await.expect("the test hangs")
}

/// Limits with short reconnects.
pub(crate) fn quick() -> Limits {
    let deadlines = Deadlines {
        backoff_min: Duration::from_millis(5),
        backoff_max: Duration::from_millis(50),
        ..Deadlines::default()
    };
    Limits { deadlines, ..Limits::default() }
}

pub(crate) fn config(seed: &Seed, peers: &[Known]) -> Config {
    Config {
        own: node_of(seed),
        credential: credential(node_of(seed), seed, 0),
        recognise: Arc::new(Believer(0)),
        system: SYSTEM,
        versions: VERSIONS,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        peers: peers.to_vec(),
        jitter_seed: 7,
        limits: quick(),
    }
}

pub(crate) fn client_config(seed: &Seed, peers: &[Known]) -> ConnectorConfig {
    ConnectorConfig {
        seed: seed.clone(),
        recognise: Arc::new(Believer(0)),
        system: SYSTEM,
        versions: VERSIONS,
        peers: peers.to_vec(),
        session: 1,
        jitter_seed: 8,
        limits: quick(),
    }
}

pub(crate) fn bind(config: &Config) -> (Transport, Events) {
    Transport::bind(config, spawner()).unwrap()
}

pub(crate) fn connect(config: &ConnectorConfig) -> (Transport, Events) {
    Transport::dial(config, spawner()).unwrap()
}

pub(crate) fn address_of(node: &Transport) -> SocketAddr {
    node.local_address().expect("a node listens")
}

pub(crate) fn known(transport: &Transport) -> Known {
    Known { key: transport.key(), address: address_of(transport) }
}

/// A node that is expected and does not dial: only who it is matters.
pub(crate) fn expected(seed: &Seed) -> Known {
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    Known { key: node_of(seed), address }
}

/// Two nodes that are connected; the first dials.
pub(crate) async fn pair() -> [(Transport, Events); 2] {
    let seeds = seeds_by_key(2);
    let mut high = bind(&config(&seeds[1], &[expected(&seeds[0])]));
    let mut low = bind(&config(&seeds[0], &[known(&high.0)]));
    await_up(&mut low.1, high.0.key()).await;
    await_up(&mut high.1, low.0.key()).await;
    [low, high]
}

/// The first event that `want` makes something of; others are passed over.
pub(crate) async fn await_event<T>(
    events: &mut Events,
    mut want: impl FnMut(Event) -> Option<T>,
) -> T {
    watched(async {
        loop {
            let event = events.recv().await.expect("the transport was closed");
            if let Some(found) = want(event) {
                return found;
            }
        }
    })
    .await
}

pub(crate) async fn await_up(events: &mut Events, wanted: PeerKey) -> (PeerKind, u16) {
    await_event(events, |event| match event {
        Event::Up { peer, kind, version } if peer == wanted => Some((kind, version)),
        Event::Up { .. }
        | Event::Down { .. }
        | Event::Frames(_)
        | Event::HandshakeFailed { .. } => None,
    })
    .await
}

pub(crate) async fn await_down(events: &mut Events, wanted: PeerKey) -> crate::DownReason {
    await_event(events, |event| match event {
        Event::Down { peer, reason, .. } if peer == wanted => Some(reason),
        Event::Up { .. }
        | Event::Down { .. }
        | Event::Frames(_)
        | Event::HandshakeFailed { .. } => None,
    })
    .await
}

pub(crate) async fn await_failure(events: &mut Events) -> (Option<PeerKey>, crate::HandshakeError) {
    await_event(events, |event| match event {
        Event::HandshakeFailed { peer, error, .. } => Some((peer, error)),
        Event::Up { .. } | Event::Down { .. } | Event::Frames(_) => None,
    })
    .await
}

/// The next `count` frames or more.
pub(crate) async fn await_frames(events: &mut Events, count: usize) -> Vec<Inbound> {
    let mut frames = Vec::new();
    while frames.len() < count {
        frames.extend(
            await_event(events, |event| match event {
                Event::Frames(batch) => Some(batch),
                Event::Up { .. } | Event::Down { .. } | Event::HandshakeFailed { .. } => None,
            })
            .await,
        );
    }
    frames
}

/// Lets other tasks run until a condition on the counters holds.
pub(crate) async fn await_counters(
    transport: &Transport,
    mut condition: impl FnMut(&NetSnapshot) -> bool,
) {
    let counters = transport.counters();
    watched(async {
        while !condition(&counters.snapshot()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

pub(crate) fn hello(role: PeerKind, link: Link) -> Hello {
    let session = u64::from(role == PeerKind::Client);
    Hello { versions: VERSIONS, system: SYSTEM, role, link, session, proof: Vec::new() }
}

pub(crate) fn frame(kind: FrameKind, body: &[u8]) -> Vec<u8> {
    [&header(kind, body.len())[..], body].concat()
}

pub(crate) fn data(class: Class, body: &[u8]) -> Vec<u8> {
    frame(FrameKind::Data(class), body)
}

/// A peer that writes whatever bytes the test wants, inside proper TLS.
pub(crate) struct Enemy {
    pub(crate) key: PeerKey,
    stream: Box<Stream>,
}

impl Enemy {
    /// Finishes TLS and says nothing.
    pub(crate) async fn connect(seed: &Seed, to: Known) -> Self {
        let identity = Identity::from_seed(seed);
        let tcp = TcpStream::connect(to.address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let name = rustls::pki_types::ServerName::IpAddress(to.address.ip().into());
        let connector = TlsConnector::from(identity.client_config());
        let stream = watched(connector.connect(name, ReadAhead::new(tcp))).await.unwrap();
        Self { key: identity.key.client(), stream: Box::new(Stream::from(stream)) }
    }

    /// Finishes TLS and the hello as a client.
    pub(crate) async fn greeted(seed: &Seed, to: Known, link: Link) -> Self {
        let mut enemy = Self::connect(seed, to).await;
        enemy.write(&frame(FrameKind::Hello, &hello(PeerKind::Client, link).encode())).await;
        let (kind, _) = enemy.read_frame().await.expect("a hello comes back");
        assert_eq!(kind, FrameKind::Hello);
        enemy
    }

    /// Writes; errors are the other side's right to hang up.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).await.is_ok() {
            drop(self.stream.flush().await);
        }
    }

    /// The next frame, or nothing if the connection is over.
    pub(crate) async fn read_frame(&mut self) -> Option<(FrameKind, Vec<u8>)> {
        let mut head = [0; FRAME_HEADER_BYTES];
        watched(self.stream.read_exact(&mut head)).await.ok()?;
        let (kind, length) = parse_header(head, FRAME_BYTES_MAX).ok()?;
        let mut body = vec![0; length];
        watched(self.stream.read_exact(&mut body)).await.ok()?;
        Some((kind, body))
    }

    /// The refusal that ends the connection, if one comes.
    pub(crate) async fn read_refusal(&mut self) -> Option<(RefuseCode, String)> {
        loop {
            let (kind, body) = self.read_frame().await?;
            if kind == FrameKind::Refuse {
                return Some(parse_refuse(&body));
            }
        }
    }
}
