//! A server process whose clock is behind the newest epoch that it knows.
//!
//! Nothing in the program takes another clock than the machine's, so it is the group that has
//! another: its servers run in the test for as long as that takes, an hour ahead behind the
//! founding. By what they agreed on, the machine on which the process then starts is an hour late.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_bft::{Replica, Setup};
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::keys::ServerKeys;
use quorate_daemon::names::Names;
use quorate_daemon::server::{Between, Intermediary};
use quorate_daemon::{metrics, run, server};
use quorate_machine::{Effect, Machine};
use quorate_membership::MembershipService;
use quorate_membership::handover::{Handover, Setup as HandoverSetup};
use quorate_runtime::{Interceptor, block_on};
use quorate_types::{Now, UnixTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::founding::{Founders, SERVERS};

const HOUR: u64 = 3_600_000_000;

/// By how many microseconds the time of the group is ahead of the machine's.
#[derive(Clone, Default)]
struct GroupTime(Arc<AtomicU64>);

impl<M: Machine> Interceptor<M> for GroupTime {
    fn clock(&mut self, now: Now) -> Now {
        let wall = now.wall.as_micros() + self.0.load(Ordering::Relaxed);
        Now { wall: UnixTime::from_micros(wall), ..now }
    }

    fn effects(&mut self, _: Now, _: &mut Vec<Effect<M>>) {}
}

impl Intermediary for GroupTime {
    fn membership(&mut self, _: &Setup) -> Between<Replica<MembershipService>> {
        Some(Box::new(self.clone()))
    }

    fn handover(&mut self, _: &HandoverSetup) -> Between<Handover> {
        Some(Box::new(self.clone()))
    }
}

/// Runs a server in that time.
fn begin(settings: &NodeConfiguration, time: GroupTime) -> Pin<Box<dyn Future<Output = ()> + '_>> {
    Box::pin(async move {
        let opened = run::open(settings, Box::new(time)).await.expect("it is founded");
        let (identity, between) = opened.expect("nobody stops it");
        let running = server::start(settings, &identity, between).await.expect("it starts");
        let names = Names::of(identity.founding.configuration());
        let views = (running.monitoring().view(), running.epochs());
        let counted = (running.node().metrics(), names);
        metrics::serve(settings.metrics, counted, views).await.expect("its port is free");
        running.run().await.expect("nothing fails");
    })
}

/// What a server says about its health, if it answers.
async fn health(settings: &NodeConfiguration) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(settings.metrics).await.ok()?;
    stream.write_all(b"GET /health HTTP/1.1\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// From the founding on the group is an hour ahead; until a server has an epoch of that time.
async fn until_behind(one: &NodeConfiguration, time: &GroupTime) {
    while !one.keys.join("founding").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    time.0.store(HOUR, Ordering::Relaxed);
    let is_behind = |answer: String| answer.contains("\r\n\r\nok, but clock-behind: ");
    while !health(one).await.is_some_and(is_behind) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until nothing of the servers of the test uses their disks or ports any more.
fn rest(nodes: &[NodeConfiguration]) {
    let is_free = |it: &NodeConfiguration| {
        ServerKeys::open_directory(&it.keys).is_ok()
            && UdpSocket::bind(it.listen).is_ok()
            && TcpListener::bind(it.listen).is_ok()
            && TcpListener::bind(it.metrics).is_ok()
    };
    while !nodes.iter().all(is_free) {
        std::thread::yield_now();
    }
}

/// All files below a directory.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut left = vec![directory.to_path_buf()];
    let mut files = BTreeMap::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a disk that works");
            left.extend(entries.map(|entry| entry.expect("a disk that works").path()));
        } else {
            let bytes = std::fs::read(&path).expect("a disk that works");
            files.insert(path, bytes);
        }
    }
    files
}

#[test]
fn a_process_whose_clock_is_behind_the_newest_epoch_exits_with_its_code_and_changes_nothing() {
    let founders = Founders::new();
    let settings = |number: usize| {
        let file = founders.scratch.join(format!("node-{number}/node.toml"));
        let read = NodeConfiguration::read(&file).expect("node.toml is right");
        NodeConfiguration { epoch: Some(Duration::from_secs(5)), ..read }
    };
    let nodes: [_; SERVERS] = std::array::from_fn(settings);
    let time = GroupTime::default();
    let [a, b, c, d] = nodes.each_ref().map(|node| begin(node, time.clone()));
    let until_behind = async {
        tokio::select! {
            () = a => panic!("servers go on"),
            () = b => panic!("servers go on"),
            () = c => panic!("servers go on"),
            () = d => panic!("servers go on"),
            () = until_behind(&nodes[0], &time) => {}
        }
    };
    block_on(until_behind).expect("an event loop");
    rest(&nodes);

    let directory = founders.scratch.join("node-0");
    let before = files(&directory);
    let has = |part: &str| before.keys().any(|path| path.starts_with(directory.join(part)));
    assert!(has("keys") && has("data/epochs"), "{:?}", before.keys());
    let mut command = founders.scratch.program();
    command.args(["node", "run", "--config", "node-0/node.toml"]).stderr(Stdio::piped());
    let mut process = command.spawn().expect("the program can be called");
    let code = loop {
        if let Some(status) = process.try_wait().expect("its end") {
            break status.code();
        }
        if let Some(answer) = founders.health(0) {
            process.kill().expect("it ran");
            panic!("it serves: {answer}");
        }
        std::thread::yield_now();
    };
    let mut said = String::new();
    let mut errors = process.stderr.take().expect("a pipe");
    errors.read_to_string(&mut said).expect("text");
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("error[clock-behind]: "), "{said}");
    let mut after = files(&directory);
    // The process wrote its pid there while it ran.
    assert_eq!(after.remove(&directory.join("pid")), Some(Vec::new()));
    assert!(after.keys().eq(before.keys()), "{:?} and {:?}", after.keys(), before.keys());
    assert!(after == before, "nothing changed");
}
