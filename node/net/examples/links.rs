//! Prints what links to N nodes take of a process: memory, and processor time while nobody sends.
//!
//! One node has N others as peers, half of which it dials, half of which dial it; all of those live
//! in a second process. Its memory of no file is read before there is any link; when all are up and
//! were quiet; when each had carried a frame of 64 KiB in every class, both ways, and was quiet
//! again; and when an epoch had ended, so that all links were made anew, with the most that it held
//! meanwhile.
//!
//! Run with `cargo run --release -p quorate-net --example links -- 64 256 1023`.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "the program is the runtime here")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quorate_net::limits::PING_IDLE_MS;
use quorate_net::{
    Class, Config, Credential, Event, Events, Known, Limits, LinkKey, PeerKey, Recognise, Seed,
    Spawner, SystemId, Transport, Unrecognised, VersionRange,
};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

/// The first argument of the process in which the one lives.
const ONE: &str = "one";
/// The first argument of the process in which the others live.
const OTHERS: &str = "others";
/// Three keep-alives each way.
const QUIET: Duration = Duration::from_millis(3 * PING_IDLE_MS);
/// Between two looks at how many connections are up.
const LOOK: Duration = Duration::from_millis(100);
const FRAME_BYTES: usize = 64 << 10;
/// Two epochs, one behind the other.
const FORMER: u8 = 1;
const NEXT: u8 = 2;

/// Believes whoever says who it is, from this epoch on.
#[derive(Debug)]
struct Credulous(u8);

impl Recognise for Credulous {
    fn recognise(&self, _: LinkKey, proof: &[u8]) -> Result<PeerKey, Unrecognised> {
        match proof.split_last() {
            Some((epoch, _)) if *epoch < self.0 => Err(Unrecognised::OtherEpoch),
            Some((_, key)) => key.try_into().map(PeerKey::new).or(Err(Unrecognised::Malformed)),
            None => Err(Unrecognised::Malformed),
        }
    }
}

fn credential(own: PeerKey, epoch: u8) -> Credential {
    let proof = [&own.as_bytes()[..], &[epoch]].concat();
    Credential { seed: Seed::new(*own.as_bytes()), proof }
}

/// The key of the one, between those of the others.
fn one() -> PeerKey {
    PeerKey::new([0x80; 32])
}

fn other(number: usize) -> PeerKey {
    let mut key = [if number.is_multiple_of(2) { 0x40 } else { 0xc0 }; 32];
    key[24..].copy_from_slice(&u64::try_from(number).expect("a small number").to_be_bytes());
    PeerKey::new(key)
}

fn bind(own: PeerKey, peers: Vec<Known>) -> (Transport, Events) {
    let config = Config {
        own,
        credential: credential(own, FORMER),
        recognise: Arc::new(Credulous(FORMER)),
        system: SystemId::new([7; 32]),
        versions: VersionRange { min: 1, max: 1 },
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        peers,
        jitter_seed: u64::from(own.as_bytes()[31]),
        limits: Limits::default(),
    };
    let spawner: Spawner = Arc::new(|task| drop(tokio::spawn(task)));
    Transport::bind(&config, spawner).expect("an address of loopback")
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &String| text.parse().expect("a number of nodes");
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    match &arguments[..] {
        [role, count] if role == ONE => measure(&runtime, number(count)),
        [role, count, address] if role == OTHERS => {
            runtime.block_on(live(number(count), address.parse().expect("an address")));
        }
        counts => {
            println!(
                "links | up: MB, each KB | used: MB, each KB | anew: MB, each KB, peak MB, \
                 all up after ms | quiet: % of a core"
            );
            for count in counts {
                // A process of its own, whose heap holds nothing of another measurement.
                let status = this_program().args([ONE, count]).status();
                assert!(status.is_ok_and(|status| status.success()), "{count} links: see above");
            }
        }
    }
}

fn this_program() -> Command {
    Command::new(std::env::current_exe().expect("the path of this program"))
}

/// The others: each sends back what it gets.
async fn live(count: usize, address: SocketAddr) {
    let known = vec![Known { key: one(), address }];
    let mut transports = Vec::new();
    for number in 0..count {
        let (transport, mut events) = bind(other(number), known.clone());
        let transport = Arc::new(transport);
        println!("{}", transport.local_address().expect("a node listens"));
        transports.push(Arc::clone(&transport));
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let Event::Frames(frames) = event else { continue };
                for frame in frames {
                    transport.send(frame.peer, frame.class, &Arc::new(frame.bytes));
                }
            }
        });
    }
    // The one says when an epoch ends, and then no more.
    let (told, mut ends) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).all(|_| told.send(()).is_ok())
    });
    while ends.recv().await.is_some() {
        for transport in &transports {
            let renewed =
                transport.renew(credential(transport.key(), NEXT), Arc::new(Credulous(FORMER)));
            renewed.expect("a short proof");
        }
    }
}

fn measure(runtime: &Runtime, count: usize) {
    let _entered = runtime.enter();
    let (transport, mut events) = bind(one(), Vec::new());
    let address = transport.local_address().expect("a node listens");
    let before = held_bytes();
    let mut others = this_program()
        .args([OTHERS, &count.to_string(), &address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a second process");
    let lines = BufReader::new(others.stdout.take().expect("its output")).lines();
    let addresses = lines.take(count).map(|line| {
        let line = line.expect("the address of a node");
        line.parse().expect("an address")
    });
    let known = |(number, address)| Known { key: other(number), address };
    let known: Vec<Known> = addresses.enumerate().map(known).collect();
    runtime.block_on(async {
        transport.set_known(&known).expect("no more than there may be");
        all_up(&transport, &mut events, count).await;
        let begun = processor_ticks();
        quiet(&mut events).await;
        let ticks = processor_ticks() - begun;
        let up = held_bytes() - before;
        exchange(&transport, &mut events, &known).await;
        quiet(&mut events).await;
        let used = held_bytes() - before;
        let mut stdin = others.stdin.take().expect("its input");
        writeln!(stdin, "the epoch ends").expect("it reads");
        // They show their next keys to whoever comes now, and so does the one.
        sleep(LOOK).await;
        forget_peak();
        let begun = Instant::now();
        let renewed = transport.renew(credential(one(), NEXT), Arc::new(Credulous(NEXT)));
        renewed.expect("a short proof");
        while transport.counters().snapshot().connections == 2 * count as u64 {
            tokio::task::yield_now().await;
        }
        all_up(&transport, &mut events, count).await;
        let took = begun.elapsed().as_millis();
        quiet(&mut events).await;
        let (anew, peak) = (held_bytes() - before, peak_bytes() - before);
        let each = |bytes: usize| bytes / count.max(1) / 1_000;
        // A tick is 10 ms.
        let hundredths = ticks * 10 * 10_000 / u64::try_from(QUIET.as_millis()).expect("seconds");
        let mb = |bytes: usize| bytes / 1_000_000;
        println!(
            "{count:5} | {} {} | {} {} | {} {} {} {took} | {}.{:02}",
            mb(up),
            each(up),
            mb(used),
            each(used),
            mb(anew),
            each(anew),
            mb(peak),
            hundredths / 100,
            hundredths % 100
        );
    });
    others.kill().expect("the second process is there");
    others.wait().expect("the second process ends");
}

/// Takes what comes until both connections with each of so many are up.
async fn all_up(transport: &Transport, events: &mut Events, count: usize) {
    while transport.counters().snapshot().connections < 2 * count as u64 {
        tokio::select! {
            _ = events.recv() => {}
            () = sleep(LOOK) => {}
        }
    }
}

/// Takes what comes for a while.
async fn quiet(events: &mut Events) {
    let taking = async { while events.recv().await.is_some() {} };
    tokio::select! {
        () = taking => {}
        () = sleep(QUIET) => {}
    }
}

/// A frame of every class to each, and back.
async fn exchange(transport: &Transport, events: &mut Events, known: &[Known]) {
    let bytes = Arc::new(vec![7; FRAME_BYTES]);
    for peer in known {
        for class in Class::ALL {
            transport.send(peer.key, class, &bytes);
        }
        let mut missing = Class::ALL.len();
        while missing > 0 {
            if let Some(Event::Frames(frames)) = events.recv().await {
                missing -= frames.len();
            }
        }
    }
}

/// Memory of this process that is no file's, in bytes.
fn held_bytes() -> usize {
    status("RssAnon:")
}

/// The most that it held since [`forget_peak`], but for what is a file's.
fn peak_bytes() -> usize {
    status("VmHWM:") - status("RssFile:")
}

fn status(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("the status");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()).expect("a number");
    number.parse::<usize>().expect("a number") * 1_024
}

fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").expect("a process may forget its own peak");
}

/// Processor time of this process, of user and system.
fn processor_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("the statistics");
    let fields = stat.rsplit(')').next().expect("all behind the name").split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}
