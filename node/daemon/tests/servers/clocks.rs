//! A server whose clock is off says so while it serves; one whose clock is behind does not start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_bft::{Replica, Setup};
use quorate_client::explanation::Kind;
use quorate_daemon::configuration::NodeConfiguration;
use quorate_daemon::metrics;
use quorate_daemon::names::Names;
use quorate_daemon::server::{Between, Intermediary, Nobody};
use quorate_daemon::{run, server};
use quorate_machine::{Effect, Machine};
use quorate_membership::MembershipService;
use quorate_membership::handover::{Handover, Setup as HandoverSetup};
use quorate_runtime::{Interceptor, block_on};
use quorate_types::{Now, UnixTime};

use crate::files::content;
use crate::founders::{Founders, Serving, scratch, until_pinned, with_servers};
use crate::founding::health;

const HOUR: u64 = 3_600_000_000;

/// The time of the membership group, all members of which have the same: so many microseconds
/// ahead of an hour before the clock of the machine.
#[derive(Clone)]
struct GroupTime(Arc<AtomicU64>);

impl GroupTime {
    /// The clock of the machine is an hour ahead of the group.
    fn an_hour_less() -> Self {
        Self(Arc::default())
    }

    fn an_hour_later(&self) {
        self.0.fetch_add(HOUR, Ordering::Relaxed);
    }
}

impl<M: Machine> Interceptor<M> for GroupTime {
    fn clock(&mut self, now: Now) -> Now {
        let wall = now.wall.as_micros() - HOUR + self.0.load(Ordering::Relaxed);
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

/// Runs a server that takes part in that time, and answers about its health.
fn begin(settings: &NodeConfiguration, time: GroupTime) -> Serving<'_> {
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

/// Asks until the answer ends like this.
async fn until_told(settings: &NodeConfiguration, is_so: impl Fn(&str) -> bool) {
    loop {
        let answer = health(settings).await;
        let said = answer.as_deref().and_then(|answer| answer.split_once("\r\n\r\n"));
        if said.is_some_and(|(head, body)| head.starts_with("HTTP/1.1 200 ") && is_so(body)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks until a server that serves names this.
async fn until_off(settings: &NodeConfiguration, code: &str) {
    let said = format!("ok, but {code}: the clock of this machine");
    until_told(settings, |told| told.starts_with(&said)).await;
}

/// Founders whose epochs end as soon as they may, which have served until this was done with the
/// first of them and their time.
fn founders(name: &str, done: impl AsyncFnOnce(&NodeConfiguration, &GroupTime)) -> Founders {
    let mut founders = Founders::new(&scratch(name), 4);
    founders.nodes.iter_mut().for_each(|node| node.epoch = Some(Duration::from_secs(5)));
    let time = GroupTime::an_hour_less();
    let servers = founders.nodes.iter().map(|node| begin(node, time.clone())).collect();
    with_servers(servers, done(&founders.nodes[0], &time));
    founders
}

#[test]
fn a_server_whose_clock_is_ahead_of_the_group_or_behind_says_so_until_it_is_right() {
    let founders = founders("clocks", async |one, time| {
        until_off(one, "clock-ahead").await;
        time.an_hour_later();
        until_told(one, |said| said == "ok\n").await;
        time.an_hour_later();
        until_off(one, "clock-behind").await;
    });
    std::fs::remove_dir_all(&founders.directory).expect("the scratch directory goes");
}

/// All that a server has on its disk: its keys, its data, and what it was given.
fn disk(server: &Path) -> BTreeMap<PathBuf, Vec<Vec<u8>>> {
    content(server).into_iter().map(|file| (file.path, file.runs)).collect()
}

#[test]
fn a_server_that_starts_with_its_clock_behind_the_newest_epoch_is_refused_and_nothing_changed() {
    let founders = founders("clock-behind", async |one, time| {
        until_pinned(one).await;
        time.an_hour_later();
        time.an_hour_later();
        until_off(one, "clock-behind").await;
    });
    founders.rest();

    // The clock of the machine is right; by what the group agreed on it is an hour behind.
    let one = &founders.nodes[0];
    let directory = one.file.parent().expect("its directory");
    let before = disk(directory);
    let has = |part: &str| before.keys().any(|path| path.starts_with(part));
    assert!(has("keys") && has("data/epochs"), "{:?}", before.keys());
    let started = block_on(async {
        let opened = run::open(one, Box::new(Nobody)).await.expect("its files are right");
        let (identity, between) = opened.expect("nobody stops it");
        server::start(one, &identity, between).await.err()
    });
    let refused = started.expect("an event loop").expect("it does not start");
    let said = refused.explain();
    assert_eq!((said.kind, said.code), (Kind::Configuration, "clock-behind"), "{said}");
    assert!(disk(directory) == before, "nothing changed");
    std::fs::remove_dir_all(&founders.directory).expect("the scratch directory goes");
}
