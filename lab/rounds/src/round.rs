//! A whole round: found, load, break, heal, read everything, judge.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use quorate_client::cluster::fetch_configuration;
use quorate_client::groups::key_value_group;
use quorate_dht::Ring;
use quorate_history::Prng;
use quorate_types::{NodeId, ObjectId};

use crate::cluster::{Cluster, Seat, Terms};
use crate::judge::{Demands, Effects, Summary, judge};
use crate::load::{Clients, FEW, Mark, Shared, credentials, read_back};
use crate::metrics;
use crate::plan::{Fault, Kind, Plan};
use crate::programs::Programs;
use crate::proxy::{Passage, Proxy};
use crate::recorder::History;
use crate::scratch::Scratch;
use crate::telling::tell;

/// Servers of a round: one more than a group has, so that groups differ.
pub const SERVERS: usize = 5;
/// Clients of a round; each has several operations under way.
const CLIENTS: usize = 3;
/// Pause between two faults of a row, in which everything runs.
const PAUSE: Duration = Duration::from_millis(500);
/// How late bytes come while links are slow.
const DELAY: Duration = Duration::from_millis(15);
/// Where servers listen: ports that the system does not give to whoever asks for any.
const FIRST_PORT: u16 = 12_000;
const PORTS: u32 = 20_000;
/// The variable that names the seed of a round, to have it again.
pub const SEED_VARIABLE: &str = "QUORATE_ROUND_SEED";

/// The seed that the environment names, or any.
///
/// # Errors
/// If it is no number, or there is no randomness.
pub fn seed() -> Result<u64, String> {
    match std::env::var(SEED_VARIABLE) {
        Ok(text) => text.parse().map_err(|error| format!("{SEED_VARIABLE}: {text}: {error}")),
        Err(_) => getrandom::u64().map_err(|error| format!("no random numbers: {error}")),
    }
}

/// What a round with this plan is held to, at the least: every planned fault of a process, and one
/// of links of each kind, as those that meet a server while it is down touch nothing.
#[must_use]
pub fn demands(plan: &Plan) -> Demands {
    let effects = Effects {
        kills: plan.count(Kind::Kill),
        pauses: plan.count(Kind::Pause),
        cuts: plan.count(Kind::Cut).min(1),
        half_closes: plan.count(Kind::HalfClose).min(1),
        stalls: plan.count(Kind::Stall).min(1),
        delays: plan.count(Kind::Delay).min(1),
        lies: 20,
        packets_lost: 0,
    };
    Demands { acknowledged: 400, registers: 100, key_value: 80, contents: 20, effects }
}

/// Free ports of loopback, below those that the system gives to whoever asks for any: a server that
/// is down must find its port free when it comes back.
pub(crate) fn ports(count: usize) -> Result<Vec<SocketAddr>, String> {
    let mut held = Vec::new();
    while held.len() < count {
        let random = getrandom::u32().map_err(|error| format!("no random numbers: {error}"))?;
        let port = FIRST_PORT + u16::try_from(random % PORTS).expect("there are few ports");
        // All are held until all are found, so that none is given twice.
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    }
    let failed = |error: std::io::Error| format!("no free port: {error}");
    held.iter().map(|listener| listener.local_addr().map_err(failed)).collect()
}

/// Where a server is: on loopback, with ports that nobody has.
///
/// # Errors
/// That there are none.
pub(crate) fn seat(folder: PathBuf) -> Result<Seat, String> {
    let [listen, metrics] = ports(2)?.try_into().expect("as many as were asked for");
    Ok(Seat { folder, listen, address: listen, metrics, namespace: None })
}

/// Servers on loopback, with one client.
///
/// # Errors
/// What the operating system or a command complained about.
pub fn on_loopback(scratch: &Scratch, servers: usize, terms: Terms) -> Result<Cluster, String> {
    let seats = (0..servers).map(|number| seat(scratch.path().join(format!("server-{number}"))));
    let seats = seats.collect::<Result<Vec<_>, _>>()?;
    Cluster::found(&Programs::beside_this()?, scratch.path(), (terms, seats), 1)
}

/// Servers on loopback, each behind a proxy of its own.
///
/// # Errors
/// What the operating system or a command complained about.
pub fn behind_proxies(
    scratch: &Scratch,
    servers: usize,
    clients: usize,
) -> Result<(Cluster, Vec<Proxy>), String> {
    let ports = ports(2 * servers)?;
    let (mut seats, mut proxies) = (Vec::new(), Vec::new());
    for (number, pair) in ports.chunks_exact(2).enumerate() {
        let proxy = Proxy::start(pair[0])?;
        let folder = scratch.path().join(format!("server-{number}"));
        let address = proxy.address();
        seats.push(Seat { folder, listen: pair[0], address, metrics: pair[1], namespace: None });
        proxies.push(proxy);
    }
    let programs = Programs::beside_this()?;
    Ok((Cluster::found(&programs, scratch.path(), (Terms::default(), seats), clients)?, proxies))
}

/// Runs a round on loopback with this many faults of processes, and judges it.
///
/// # Errors
/// What was broken or missing, with the seed and the plan, and where the logs are.
pub fn run(seed: u64, faults: usize) -> Result<(Summary, History), String> {
    let mut scratch = Scratch::new("round")?;
    let outcome = run_in(&scratch, seed, faults);
    scratch.keep_if_failed(outcome)
}

fn run_in(scratch: &Scratch, seed: u64, faults: usize) -> Result<(Summary, History), String> {
    tell(&format!("seed {seed} ({SEED_VARIABLE}={seed} draws the same plan)"));
    let (mut cluster, proxies) = behind_proxies(scratch, SERVERS, CLIENTS)?;
    cluster.start_all()?;
    let liar = draw_liar(seed, &cluster)?;
    let plan = Plan::draw(seed, SERVERS, liar.server, faults);
    let with_plan = |error: String| format!("{plan}{error}");
    cluster.kill(liar.server);
    cluster.start_liar(liar.server, plan.villain).map_err(with_plan)?;
    tell(&format!("server {} is a liar and plays `{}`", liar.server, plan.villain));
    let demands = demands(&plan);
    let shared = Shared::with_objects(seed, FEW, |id| liar.stores(id));
    let effects =
        under_load(&plan, cluster, &proxies, (&shared, liar.server)).map_err(with_plan)?;
    let history = shared.recorder.history().clone();
    let summary = judge(&history, effects, &demands).map_err(with_plan)?;
    tell(&summary.to_string());
    Ok((summary, history))
}

/// The server that lies.
#[derive(Debug)]
pub(crate) struct Liar {
    /// Its number.
    pub(crate) server: usize,
    node: NodeId,
    ring: Ring,
}

impl Liar {
    /// Does it store this object?
    pub(crate) fn stores(&self, id: ObjectId) -> bool {
        self.ring.group(id).members().contains(&self.node)
    }
}

/// A member of the group of the ordered service, so that the liar has something to lie about.
pub(crate) fn draw_liar(seed: u64, cluster: &Cluster) -> Result<Liar, String> {
    let file = &cluster.clients()[0];
    let credentials = credentials(file)?;
    let fetched = quorate_client::block_on(fetch_configuration(file, &credentials));
    let configuration = fetched.map_err(|error| error.to_string())?;
    let configuration = configuration.map_err(|error| error.to_string())?;
    let group = key_value_group(&configuration).map_err(|error| error.to_string())?;
    let chosen = Prng::from_seed(seed).fork("liar").index(group.members.len());
    let (node, servers) = (group.members[chosen].node, configuration.configuration());
    let record = servers.member(node).expect("a group is made of members");
    let server = cluster.at(&record.address).ok_or("an unknown server is a member")?;
    let ring = Ring::new(servers).map_err(|error| error.to_string())?;
    Ok(Liar { server, node, ring })
}

/// Loads the cluster, lets the plan happen, heals everything, and reads all of it.
fn under_load(
    plan: &Plan,
    mut cluster: Cluster,
    proxies: &[Proxy],
    (shared, liar): (&Arc<Shared>, usize),
) -> Result<Effects, String> {
    let files = cluster.clients().to_vec();
    let clients = Clients::start(shared, &files);
    // Faults begin when there is something to disturb.
    shared.await_acknowledged(30)?;
    let effects = Mutex::new(Effects::default());
    let happened = std::thread::scope(|scope| {
        let links = scope.spawn(|| break_links(&plan.links, proxies, &effects));
        let processes = break_processes(&plan.processes, &mut cluster, &effects);
        links.join().expect("faults of links only change what proxies do");
        processes
    });
    happened?;
    tell("everything is healed, the liar stays");
    cluster.start_all()?;
    clients.finish();
    read_back(shared, &files[0], Mark::default())?;
    let mut effects = effects.into_inner().unwrap_or_else(PoisonError::into_inner);
    effects.lies = metrics::sum(&cluster.page(liar, "/metrics").unwrap_or_default(), &["\"liar."]);
    for server in (0..cluster.size()).collect::<Vec<_>>() {
        if !cluster.is_up(server) {
            return Err(format!("server {server} ended by itself"));
        }
    }
    Ok(effects)
}

fn break_links(faults: &[Fault], proxies: &[Proxy], effects: &Mutex<Effects>) {
    for fault in faults {
        let proxy = &proxies[fault.server];
        let (touched, count) = counter(fault.kind, proxy);
        let before = touched.load(Relaxed);
        match fault.kind {
            Kind::Delay => proxy.set(Passage::Delayed(DELAY)),
            Kind::Stall => proxy.set(Passage::Stalled),
            Kind::HalfClose => proxy.half_close(),
            Kind::Cut => proxy.cut(),
            Kind::Kill | Kind::Pause => unreachable!("faults of processes are in the other row"),
        }
        std::thread::sleep(fault.lasts);
        proxy.set(Passage::Open);
        if touched.load(Relaxed) > before {
            *count(&mut effects.lock().unwrap_or_else(PoisonError::into_inner)) += 1;
        }
        std::thread::sleep(PAUSE / 2);
    }
}

/// Where a proxy counts what a fault of links touches, and where the round counts the fault.
fn counter(kind: Kind, proxy: &Proxy) -> (&AtomicU64, fn(&mut Effects) -> &mut u64) {
    let touched = proxy.touched();
    match kind {
        Kind::Delay => (&touched.delays, |effects| &mut effects.delays),
        Kind::Stall => (&touched.stalls, |effects| &mut effects.stalls),
        Kind::HalfClose => (&touched.half_closes, |effects| &mut effects.half_closes),
        Kind::Cut => (&touched.cuts, |effects| &mut effects.cuts),
        Kind::Kill | Kind::Pause => unreachable!("faults of processes are in the other row"),
    }
}

fn break_processes(
    faults: &[Fault],
    cluster: &mut Cluster,
    effects: &Mutex<Effects>,
) -> Result<(), String> {
    for fault in faults {
        let server = fault.server;
        let count = |count: fn(&mut Effects) -> &mut u64| {
            *count(&mut effects.lock().unwrap_or_else(PoisonError::into_inner)) += 1;
        };
        match fault.kind {
            Kind::Kill => {
                let was_killed = cluster.kill(server);
                std::thread::sleep(fault.lasts);
                cluster.start(server)?;
                if was_killed {
                    count(|effects| &mut effects.kills);
                }
            }
            Kind::Pause => {
                let was_stopped = cluster.pause(server);
                std::thread::sleep(fault.lasts);
                cluster.resume(server);
                if was_stopped {
                    count(|effects| &mut effects.pauses);
                }
            }
            Kind::Delay | Kind::Stall | Kind::HalfClose | Kind::Cut => {
                unreachable!("faults of links are in the other row");
            }
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
