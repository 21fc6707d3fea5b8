//! A server under attack on the wire keeps its bounds, and serves everybody else meanwhile.
//!
//! One of the four servers is down, so that nothing is acknowledged without the one that is under
//! attack. Service is counted in operations, never in seconds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use quorate_adversary::wire::{
    FloodKind, Flooder, Guise, HalfOpen, Impostor, Nuisance, Oversizer, Slowloris,
};
use quorate_client::cluster::fetch_configuration;
use quorate_client::groups::key_value_group;
use quorate_client::objects::RealSigner;
use quorate_daemon::keys::ServerKeys;
use quorate_rounds::cluster::Cluster;
use quorate_rounds::judge::violations;
use quorate_rounds::load::{Clients, FEW, Mark, Shared, credentials, read_back};
use quorate_rounds::metrics::sum;
use quorate_rounds::round::behind_proxies;
use quorate_rounds::scratch::Scratch;
use quorate_rounds::telling::tell;
use quorate_rounds::wire::Attack;
use quorate_types::Epoch;

const VICTIM: usize = 0;
const OTHER: usize = 1;
const DOWN: usize = 3;
const FRIENDS: usize = 2;
/// Operations of friends that must be acknowledged while an attack goes on.
const SERVED: usize = 60;
/// Longest time for an attack to show what it is for.
const PATIENCE: Duration = Duration::from_secs(90);
/// The most memory that a server may ever have used, in KiB.
const MEMORY_KIB_MAX: u64 = 150 * 1024;
/// Bytes of one connection that wait for the server, with one frame and one read on top.
const PENDING_BYTES_MAX: u64 = 8 * 1024 * 1024 + 4 * 1024 * 1024 + 64 * 1024;
/// Bytes in the queue of one peer, by class: those of another server are the largest.
const QUEUE_BYTES_MAX: [(&str, u64); 3] =
    [("control", 5 << 20), ("ordered", 16 << 20), ("bulk", 16 << 20)];
/// Connections that have not finished their greeting.
const HANDSHAKES_MAX: usize = 128;
/// Sessions of one client.
const SESSIONS_MAX: u64 = 8;

struct Siege {
    // In the order of dropping: those who use the servers end before them.
    friends: Clients,
    cluster: Cluster,
    shared: Arc<Shared>,
    /// The attacker's own key.
    seed: [u8; 32],
    server: SocketAddr,
}

impl Siege {
    fn page(&self) -> String {
        self.cluster.page(VICTIM, "/metrics").expect("the server under attack answers")
    }

    fn served(&self) -> usize {
        self.shared.recorder.history().acknowledged()
    }

    /// Attacks until the sum of these lines of the page has grown by so much, and friends were
    /// served meanwhile.
    fn attack(&self, nuisance: &dyn Nuisance, guise: &Guise<'_>, least: &[(&[&str], u64)]) {
        let (page, served) = (self.page(), self.served());
        let before: Vec<u64> = least.iter().map(|(lines, _)| sum(&page, lines)).collect();
        let attack = Attack::start(nuisance, guise, &self.seed, self.server);
        let end = Instant::now() + PATIENCE;
        loop {
            let page = self.page();
            let mut grown = least.iter().zip(&before);
            let has_shown =
                grown.all(|((lines, least), before)| sum(&page, lines) >= before + least);
            if has_shown && self.served() >= served + SERVED {
                break;
            }
            let name = nuisance.name();
            assert!(Instant::now() < end, "{name}: {} served; {page}", self.served() - served);
            std::thread::sleep(Duration::from_millis(20));
        }
        let tally = attack.tally();
        let (opened, bytes) =
            (tally.opened.load(Ordering::Relaxed), tally.bytes.load(Ordering::Relaxed));
        assert_eq!(opened, nuisance.connections() as u64, "some were not even opened");
        drop(attack);
        self.check_bounds(nuisance.name(), bytes);
    }

    /// Of the slow, only so many were let in as one client may have, and each of these was ended.
    fn await_end_of_the_slow(&self, slow: &Attack) {
        let end = Instant::now() + PATIENCE;
        let count = |cause| sum(&self.page(), &ended(cause));
        while count("\"frame_deadline\"") < SESSIONS_MAX {
            assert!(Instant::now() < end, "slow frames do not end: {}", self.page());
            std::thread::sleep(Duration::from_millis(100));
        }
        let connections = Slowloris::Body.connections() as u64;
        assert_eq!(slow.tally().opened.load(Ordering::Relaxed), connections);
        assert!(count("\"sessions_full\"") >= connections - SESSIONS_MAX);
    }

    /// What the server held at its worst is within its limits.
    fn check_bounds(&self, name: &str, bytes: u64) {
        let page = self.page();
        let memory = self.cluster.memory_peak_kib(VICTIM).expect("it runs");
        let pending = sum(&page, &["quorate_link_bytes_peak{of=\"pending\"}"]);
        tell(&format!(
            "{name}: {bytes} bytes sent; friends were served; at the worst the server had \
             {memory} KiB in use and {pending} bytes of one connection waiting"
        ));
        assert!(memory <= MEMORY_KIB_MAX, "{memory} KiB");
        assert!(pending <= PENDING_BYTES_MAX, "{pending} bytes waited");
        for (class, limit) in QUEUE_BYTES_MAX {
            let peak = sum(&page, &["quorate_queue_bytes_peak{", class]);
            assert!(peak <= limit, "{peak} bytes were queued for one peer as {class}");
        }
        let clients = sum(&page, &["quorate_connections{of=\"clients\"}"]);
        // Two friends with a session each, and what is left of the attacker's.
        assert!(clients <= 2 * (FRIENDS as u64 + SESSIONS_MAX), "{clients} client connections");
    }
}

const BUDGET: &[&str] = &["quorate_link_pauses_total{cause=\"budget\"}"];
const BAD_SIGNATURE: &[&str] = &["quorate_complaints_total{", "reason=\"bad_signature\""];
/// Requests of a flood that the server has read, at the least.
const FLOODED: u64 = 5_000;
const READ: &[&str] = &["quorate_frames_received_total{class=\"ordered\"}"];
const UNDECODABLE: &[&str] = &["quorate_complaints_total{", "reason=\"undecodable\""];

/// Why an impostor is refused: a cause for each of its pretences.
const PROOFS: [&str; 5] = [
    "\"proof_other_key\"",
    "\"proof_forged\"",
    "\"proof_other_epoch\"",
    "\"proof_other_system\"",
    "\"proof_malformed\"",
];

fn ended(cause: &'static str) -> [&'static str; 2] {
    ["quorate_connections_ended_total{", cause]
}

#[test]
fn a_server_under_attack_on_the_wire_keeps_its_bounds_and_serves_the_others() {
    let scratch = Scratch::new("wire").expect("a directory");
    let (mut cluster, proxies) = behind_proxies(&scratch, 4, FRIENDS + 2).expect("a system");
    // What anybody reads who connects to it.
    let keys = ServerKeys::open_directory(&cluster.folder(OTHER).join("keys")).expect("its keys");
    let other = keys.certified(Epoch::new(1)).expect("readable").expect("certified").certificate;
    drop(keys);
    cluster.start_all().expect("servers");
    let file = cluster.clients()[FRIENDS].clone();
    let cluster_client = cluster.clients()[FRIENDS + 1].clone();
    let nuisance = credentials(&file).expect("a certificate");
    let configuration = quorate_client::block_on(fetch_configuration(&file, &nuisance));
    let configuration = configuration.expect("an event loop").expect("a configuration");
    let group = key_value_group(&configuration).expect("a group").group;
    assert!(cluster.kill(DOWN));
    let shared = Shared::new(1, FEW);
    let friends = Clients::start(&shared, &cluster.clients()[..FRIENDS]);
    shared.await_acknowledged(SERVED).expect("three servers serve");
    let server = cluster.listens_at(VICTIM);
    let siege = Siege { friends, cluster, shared, seed: nuisance.seed, server };
    let signer = RealSigner::from_seed(&nuisance.seed);
    let (system, certificate) = (file.system, &nuisance.certificate);
    let guise = Guise { system, group, server: &other, signer: &signer, certificate };

    // In the body of a frame it takes the longest until it ends, so it goes on beside all others.
    let sloth = credentials(&cluster_client).expect("a certificate");
    let slow_signer = RealSigner::from_seed(&sloth.seed);
    let slow_guise = Guise { signer: &slow_signer, certificate: &sloth.certificate, ..guise };
    let slow = Attack::start(&Slowloris::Body, &slow_guise, &sloth.seed, server);
    siege.attack(
        &HalfOpen(3 * HANDSHAKES_MAX),
        &guise,
        &[(&ended("\"evicted\""), HANDSHAKES_MAX as u64)],
    );
    siege.attack(&Slowloris::Handshake, &guise, &[(&ended("\"handshake_deadline\""), 20)]);
    siege.attack(&Slowloris::Header, &guise, &[(&ended("\"handshake_deadline\""), 20)]);
    let seen_through = PROOFS.map(|cause| ["quorate_connections_ended_total{", cause]);
    let seen_through = seen_through.each_ref().map(|lines| (&lines[..], 1));
    siege.attack(&Impostor, &guise, &seen_through);
    let oversize = [(&ended("\"frame_too_large\"")[..], 4), (UNDECODABLE, 100)];
    siege.attack(&Oversizer, &guise, &oversize);
    let forged = [(BAD_SIGNATURE, 200), (BUDGET, 1)];
    siege.attack(&Flooder(FloodKind::Invalid), &guise, &forged);
    siege.attack(&Flooder(FloodKind::Expensive), &guise, &forged);
    siege.attack(&Flooder(FloodKind::Valid), &guise, &[(READ, FLOODED)]);
    siege.await_end_of_the_slow(&slow);

    let Siege { friends, cluster, shared, .. } = siege;
    friends.finish();
    read_back(&shared, &cluster.clients()[0], Mark::default()).expect("everything is readable");
    assert_eq!(violations(&shared.recorder.history()), []);
    drop(proxies);
}
