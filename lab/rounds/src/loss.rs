//! A round in which packets are lost: each server on a machine of its own, which is a network
//! namespace, and nftables that drop what comes in.
//!
//! A proxy cannot lose a packet inside TLS; a network does, and in one direction only if it likes.
//! The round runs on a machine, too, next to the servers: it is started there by [`run`].

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use quorate_adversary::ordering::REPLICA_VILLAINS;
use quorate_history::Prng;

use crate::cluster::{Cluster, Seat, Terms, call};
use crate::host;
use crate::judge::{Demands, Effects, Summary, judge};
use crate::load::{Clients, FEW, Mark, Shared, read_back};
use crate::metrics;
use crate::network::{self, Machine, Network};
use crate::programs::Programs;
use crate::round::draw_liar;
use crate::scratch::Scratch;
use crate::telling::tell;

const SERVERS: u8 = 5;
const CLIENTS: usize = 3;
/// The machine of the clients.
const OFFICE: &str = "office";
const PORT: u16 = 9600;
const METRICS_PORT: u16 = 9700;
/// Of a hundred packets that come to a server, this many are lost.
const LOST_PERCENT: u8 = 15;
/// Rounds of bad weather, each with loss everywhere and then with silence in one direction.
const STORMS: usize = 3;
/// How long each lasts.
const STORM: Duration = Duration::from_millis(1_500);
const PAUSE: Duration = Duration::from_millis(500);

const DEMANDS: Demands = Demands {
    acknowledged: 100,
    registers: 20,
    key_value: 20,
    contents: 5,
    effects: Effects {
        kills: 0,
        pauses: 0,
        cuts: 0,
        half_closes: 0,
        stalls: 0,
        delays: 0,
        lies: 10,
        packets_lost: 50,
    },
};

/// What is missing here for losing packets; nothing if all is there.
#[must_use]
pub fn missing() -> Option<String> {
    let absent = || (!host::has("nft")).then(|| String::from("there is no program `nft`"));
    network::missing().or_else(absent)
}

fn name(server: u8) -> String {
    format!("server-{server}")
}

const fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, number + 1)
}

/// Makes a network, and runs a round on it.
///
/// # Errors
/// What was broken or missing, with the seed, and where the logs are.
pub fn run(seed: u64) -> Result<(), String> {
    let mut scratch = Scratch::new("loss")?;
    let outcome = run_in(&scratch, seed).map_err(|error| format!("{error}\nseed {seed}"));
    scratch.keep_if_failed(outcome)
}

fn run_in(scratch: &Scratch, seed: u64) -> Result<(), String> {
    let server = |number| Machine { name: name(number), address: address(number) };
    let mut machines: Vec<Machine> = (0..SERVERS).map(server).collect();
    machines.push(Machine { name: OFFICE.to_owned(), address: address(SERVERS) });
    let network = Network::new(scratch.path(), &machines)?;
    let programs = Programs::beside_this()?;
    let folder = programs.rounds.parent().ok_or("the program lies nowhere")?;
    let mut script = format!("exec rounds loss-inside {seed}");
    for machine in &machines[..usize::from(SERVERS)] {
        script.push_str(&format!(" {}", network.namespace(&machine.name)));
    }
    let mut command = network.command(OFFICE, &script, folder);
    let status = command.stdout(Stdio::null()).status().map_err(|error| error.to_string())?;
    status.success().then_some(()).ok_or_else(|| String::from("the round failed, see above"))
}

/// The round itself, on the machine of the clients, with servers in these namespaces.
///
/// # Errors
/// What was broken or missing.
pub fn run_inside(seed: u64, namespaces: &[&str]) -> Result<Summary, String> {
    let root = std::env::current_dir().map_err(|error| error.to_string())?;
    let seat = |(number, namespace): (u8, &&str)| Seat {
        folder: root.join(name(number)),
        listen: (address(number), PORT).into(),
        address: (address(number), PORT).into(),
        metrics: (Ipv4Addr::LOCALHOST, METRICS_PORT).into(),
        namespace: Some((*namespace).to_owned()),
    };
    let seats = (0..).zip(namespaces).map(seat).collect();
    let mut cluster =
        Cluster::found(&Programs::beside_this()?, &root, (Terms::default(), seats), CLIENTS)?;
    cluster.start_all()?;
    let (liar, mut prng) = (draw_liar(seed, &cluster)?, Prng::from_seed(seed));
    let villain = REPLICA_VILLAINS[prng.index(REPLICA_VILLAINS.len())];
    cluster.kill(liar.server);
    cluster.start_liar(liar.server, villain)?;
    tell(&format!("seed {seed}: packets are lost, and server {} plays `{villain}`", liar.server));
    let shared = Shared::with_objects(seed, FEW, |id| liar.stores(id));
    let files = cluster.clients().to_vec();
    let clients = Clients::start(&shared, &files);
    shared.await_acknowledged(30)?;
    let packets_lost = storms(&mut prng, namespaces)?;
    clients.finish();
    read_back(&shared, &files[0], Mark::default())?;
    let page = cluster.page(liar.server, "/metrics").unwrap_or_default();
    let lies = metrics::sum(&page, &["\"liar."]);
    let effects = Effects { packets_lost, lies, ..Effects::default() };
    let summary = judge(&shared.recorder.history(), effects, &DEMANDS)?;
    tell(&summary.to_string());
    Ok(summary)
}

/// Bad weather, and good weather at the end; how many packets were lost in it.
fn storms(prng: &mut Prng, namespaces: &[&str]) -> Result<u64, String> {
    let mut lost = 0;
    for _ in 0..STORMS {
        let everywhere = format!("numgen random mod 100 < {LOST_PERCENT} counter drop");
        for namespace in namespaces {
            drop_packets(namespace, &everywhere)?;
        }
        std::thread::sleep(STORM);
        for namespace in namespaces {
            lost += clear(namespace)?;
        }
        let deaf = namespaces[prng.index(namespaces.len())];
        let unheard = address(u8::try_from(prng.index(namespaces.len())).expect("few servers"));
        drop_packets(deaf, &format!("ip saddr {unheard} counter drop"))?;
        std::thread::sleep(STORM);
        lost += clear(deaf)?;
        std::thread::sleep(PAUSE);
    }
    Ok(lost)
}

fn nft(namespace: &str, script: &str) -> Result<String, String> {
    let words = ["netns", "exec", namespace, "nft", script];
    call(Path::new("ip"), Path::new("/"), &words)
}

/// Lets a rule decide on what comes in over the network.
fn drop_packets(namespace: &str, rule: &str) -> Result<(), String> {
    let chain = "{ type filter hook input priority 0; policy accept; }";
    let script = format!(
        "add table ip storm; add chain ip storm in {chain}; \
         add rule ip storm in iifname eth0 {rule}"
    );
    nft(namespace, &script).map(|_| ())
}

/// Takes the rules away; how many packets they dropped.
fn clear(namespace: &str) -> Result<u64, String> {
    let rules = nft(namespace, "list table ip storm")?;
    nft(namespace, "delete table ip storm")?;
    let counts = rules.split("counter packets ").skip(1);
    let counts = counts.filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    Ok(counts.sum())
}
