//! Runs the servers of a cluster until a signal: SIGINT, SIGTERM, or SIGHUP of a closed terminal.
//!
//! The servers of a new cluster make the key of its system first; until they have, no client can
//! find it.

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::children::{Children, Condition};
use super::cluster::{Cluster, added};
use super::equip::equip;
use super::screen::{Screen, row};
use super::turn::Turn;
use crate::answer::complain;
use crate::exit::Exit;
use crate::failure::Failure;

/// How often the servers are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How often they are looked at while they begin.
const LOOK_BEGINNING: Duration = Duration::from_millis(50);
/// How often it is said that the servers are still making the key.
const WORD: Duration = Duration::from_secs(10);
/// How long other clusters wait for them to serve.
const BEGIN_MAX: Duration = Duration::from_secs(20);
/// How often they are looked at while they stop.
const LOOK_STOPPING: Duration = Duration::from_millis(20);
/// How long they have to stop before they are killed, which costs nothing but time later.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Runs all servers until a signal, then stops them.
pub(crate) fn run(cluster: &Cluster, turn: Turn, json: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::io("start", Path::new("event loop"), &error);
    let program = std::env::current_exe().map_err(failed)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let mut stop = Stop::new().map_err(failed)?;
        let mut children = Children::new(program, cluster);
        let mut screen = Screen::new(cluster, json);
        let outcome = match children.start() {
            Ok(()) => live(cluster, (&mut children, &mut screen), (&mut stop, turn)).await,
            failed => failed,
        };
        stop_all(&mut children, &mut stop).await;
        screen.show(&children.look());
        outcome
    })
}

/// From the founding to a signal.
async fn live(
    cluster: &Cluster,
    (children, screen): (&mut Children, &mut Screen<'_>),
    (stop, turn): (&mut Stop, Turn),
) -> Result<(), Failure> {
    tokio::select! {
        () = stop.wait() => return Ok(()),
        made = until_equipped(cluster, children) => made?,
    }
    screen.open();
    let has_begun = begin(children, screen, stop).await;
    drop(turn);
    if has_begun {
        watch(cluster, (children, screen), stop).await;
    }
    Ok(())
}

/// Waits until the servers have made the key, and clients have what they need.
async fn until_equipped(cluster: &Cluster, children: &mut Children) -> Result<(), Failure> {
    loop {
        match equip(&cluster.layout, WORD).await {
            Err(failure) if failure.exit() == Exit::NoQuorum => complain(&failure.text()),
            done => return done,
        }
        for (node, condition) in cluster.nodes.iter().zip(children.look()) {
            if matches!(condition, Condition::Down { .. }) {
                complain(&row(node, &condition));
            }
        }
    }
}

/// The signals that ask to stop.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Waits until every server serves or has ended, or until it took too long; false if a signal
/// came. That a server serves it tells nobody, so it is asked.
async fn begin(children: &mut Children, screen: &mut Screen<'_>, stop: &mut Stop) -> bool {
    let end = Instant::now() + BEGIN_MAX;
    while Instant::now() < end {
        screen.show(&children.look());
        if children.have_begun() {
            return true;
        }
        if timeout(LOOK_BEGINNING, stop.wait()).await.is_ok() {
            return false;
        }
    }
    true
}

/// Looks after the servers, and after those that are put beside them meanwhile.
async fn watch(
    cluster: &Cluster,
    (children, screen): (&mut Children, &mut Screen<'_>),
    stop: &mut Stop,
) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut known = cluster.nodes.clone();
    loop {
        tokio::select! {
            () = stop.wait() => return,
            _ = ticks.tick() => {}
        }
        for node in added(&cluster.layout, &known) {
            known.push(node.clone());
            match children.add(&node) {
                Ok(()) => screen.add(node),
                Err(failure) => complain(&failure.text()),
            }
        }
        screen.show(&children.look());
    }
}

/// Asks every server to stop; after a while, or a second signal, kills what is left.
async fn stop_all(children: &mut Children, stop: &mut Stop) {
    children.signal("TERM");
    let end = Instant::now() + STOP_MAX;
    while children.is_any_up() {
        let is_asked_again = timeout(LOOK_STOPPING, stop.wait()).await.is_ok();
        if is_asked_again || Instant::now() >= end {
            children.signal("KILL");
            return;
        }
    }
}
