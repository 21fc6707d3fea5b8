//! One process: some machines, the links they share, and the loop that drives them.
//!
//! ```text
//! links, pool, disks, alarms, handles --> wake --> tick of every machine --> links, disks
//!          ^                                                                      |
//!          '-------------- the transport writes once per peer <-- wait <----------'
//! ```
//! A tick takes what is there and is followed by a wait, not by a look whether there is more: who
//! has more wakes the loop. One round of votes so costs one look at the sockets, not four.
//!
//! All of it runs on one thread. Other threads check signatures, commit records and do the
//! blocking work of the daemon; they hand over in batches and wake the loop.
//!
//! # Invariants
//! - RUN-10: while a disk or the pool is behind by its limit, no frame is taken from the links,
//!   whose own bounds then hold the peers back.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use quorate_crypto::Verifier;
use quorate_machine::Class;
use quorate_net::{Credential, Event, Inbound, Recognise};
use quorate_types::{Instant, Peer};
use quorate_wire::{Encode, Writer};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::cache::CachingVerifier;
use crate::channel::{Channel, Routes};
use crate::clock::{Clock, Waker};
use crate::disk::Disk;
use crate::error::{HostError, NodeError};
use crate::handle::{Handle, Inbox};
use crate::hosted::{Hosted, Hosting, Record};
use crate::limits::{FAREWELL_MS_MAX, MACHINES_MAX};
use crate::links::{LinkNews, Links, Server, to_machine};
use crate::member::{Cell, Frame, Member, Parts, World};
use crate::metrics::{Complaint, Metrics, count};
use crate::pool::Pool;
use crate::workers::Workers;

/// Told about links.
pub type LinkWatcher = Box<dyn FnMut(LinkNews)>;

/// How a node is set up.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Checks signatures; shared with whoever else in the process checks some.
    pub verifier: Arc<CachingVerifier>,
    /// Threads that check signatures beside the machines.
    pub pool_threads: usize,
}

impl NodeOptions {
    /// One thread for signatures, and an empty cache in front of this verifier.
    #[must_use]
    pub fn new(verifier: Arc<dyn Verifier>) -> Self {
        Self { verifier: Arc::new(CachingVerifier::new(verifier)), pool_threads: 1 }
    }
}

/// What somebody does to a node between two ticks.
type Work = Box<dyn FnOnce(&mut Node) + Send>;

/// What a node was told since its last tick: bounded, since a later word replaces an earlier one,
/// and work is ordered by the process itself, when an epoch ends.
#[derive(Default)]
struct Orders {
    work: Vec<Work>,
    /// The node is gone: nobody takes an order any more.
    has_ended: bool,
    stop: bool,
    servers: Option<Vec<Server>>,
    disconnect: BTreeSet<Peer>,
    renewed: Option<(Credential, Arc<dyn Recognise>)>,
}

/// Steers a running node from any thread. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    orders: Arc<Mutex<Orders>>,
    wake: Arc<Notify>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

impl Control {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the node finish what waits for its disks, and end.
    pub fn stop(&self) {
        self.orders().stop = true;
        self.wake.notify_one();
    }

    /// Replaces the servers that the node talks to.
    pub fn set_servers(&self, servers: Vec<Server>) {
        self.orders().servers = Some(servers);
        self.wake.notify_one();
    }

    /// Proves the node with another key from now on, and judges servers by other rules: as
    /// `quorate_net::Transport::renew`.
    pub fn renew(&self, credential: Credential, recognise: Arc<dyn Recognise>) {
        self.orders().renewed = Some((credential, recognise));
        self.wake.notify_one();
    }

    /// Has the node hosted or retired machines, or whatever else is done between two ticks; in the
    /// order in which it was asked. Must not block. Work for a node that has ended is dropped, so
    /// that whoever waits for it notices.
    pub fn order(&self, work: impl FnOnce(&mut Node) + Send + 'static) {
        let mut orders = self.orders();
        if orders.has_ended {
            return;
        }
        orders.work.push(Box::new(work));
        drop(orders);
        self.wake.notify_one();
    }

    /// Ends the connections of a peer.
    pub fn disconnect(&self, peer: Peer) {
        self.orders().disconnect.insert(peer);
        self.wake.notify_one();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut orders = self.control.orders();
        orders.has_ended = true;
        let forgotten = std::mem::take(&mut orders.work);
        drop(orders);
        drop(forgotten);
    }
}

/// A machine of a node.
struct Place {
    channel: Channel,
    member: Box<dyn Member>,
    /// It takes nothing any more, and goes when nothing of it waits for its disk.
    is_retiring: bool,
}

/// Some machines in one process.
pub struct Node {
    links: Links,
    /// Places of machines that went are given to others.
    members: Vec<Option<Place>>,
    routes: Routes,
    pool: Pool,
    verifier: Arc<CachingVerifier>,
    clock: Clock,
    waker: Waker,
    metrics: Arc<Metrics>,
    workers: Vec<Arc<Workers>>,
    control: Control,
    watcher: Option<LinkWatcher>,
    /// What every server hears first, with its class.
    greeting: Option<(Class, Arc<Vec<u8>>)>,
    is_running: bool,
    stopping: bool,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("links", &self.links)
            .field("machines", &self.members.iter().flatten().count())
            .finish_non_exhaustive()
    }
}

impl Node {
    /// A node without machines.
    ///
    /// # Errors
    /// [`HostError::Thread`] if the threads for signatures do not start.
    pub fn new(links: Links, options: &NodeOptions) -> Result<Self, HostError> {
        let wake = Arc::new(Notify::new());
        let verifier = Arc::clone(&options.verifier);
        let pool = Pool::start(options.pool_threads, &verifier, &wake)
            .map_err(|source| HostError::Thread { machine: "the pool", source })?;
        let metrics = Arc::new(Metrics::new(Arc::clone(&verifier), links.counters()));
        Ok(Self {
            links,
            members: Vec::new(),
            routes: Routes::default(),
            pool,
            verifier,
            clock: Clock::new(Arc::clone(&metrics.clock_jumps)),
            waker: Waker::default(),
            metrics,
            workers: Vec::new(),
            control: Control { orders: Arc::default(), wake },
            watcher: None,
            greeting: None,
            is_running: false,
            stopping: false,
        })
    }

    /// Adds a machine. It starts with [`Node::run`], or at once if the node runs already.
    ///
    /// # Errors
    /// [`HostError`] if the channel is taken, there are too many machines, or no thread is left.
    pub fn host<H: Hosted>(&mut self, hosting: Hosting<H>) -> Result<Handle<H::Machine>, HostError>
    where
        Record<H>: Send,
    {
        let Hosting { name, channel, hosted, machine, journal, interceptor } = hosting;
        let place = self.free_place();
        if place >= MACHINES_MAX {
            return Err(HostError::TooMany { machine: name, max: MACHINES_MAX });
        }
        let wake = &self.control.wake;
        let metrics = self.metrics.machine(name);
        let start = |journal| Disk::start(name, journal, Arc::clone(wake), Arc::clone(&metrics));
        let disk = journal.map(start).transpose();
        let disk = disk.map_err(|source| HostError::Thread { machine: name, source })?;
        if !self.routes.add(channel, place) {
            return Err(HostError::ChannelTaken { machine: name, channel });
        }
        let inbox = Arc::new(Inbox::new(Arc::clone(wake)));
        let handle = Handle { inbox: Arc::clone(&inbox) };
        let member = Box::new(Cell {
            name,
            prefix: channel.prefix(),
            hosted,
            machine,
            disk,
            interceptor,
            inbox,
            parts: Parts::new(&metrics),
            metrics,
        });
        self.settle(place, Place { channel, member, is_retiring: false });
        Ok(handle)
    }

    /// The first place without a machine.
    fn free_place(&self) -> usize {
        self.members.iter().position(Option::is_none).unwrap_or(self.members.len())
    }

    fn settle(&mut self, at: usize, place: Place) {
        if at == self.members.len() {
            self.members.push(None);
        }
        self.members[at] = Some(place);
        if self.is_running {
            let started = self.at(at, |member, world| {
                member.start(world);
                Ok(())
            });
            assert!(started.is_ok(), "a machine starts without its disk");
        }
    }

    /// Has the machine of a channel take nothing any more: frames of the channel find nobody, its
    /// handles refuse, and it goes when its disk is done. The channel is free at once.
    pub fn retire(&mut self, channel: Channel) {
        let is_of = |place: &&mut Place| place.channel == channel && !place.is_retiring;
        if let Some(place) = self.members.iter_mut().flatten().find(is_of) {
            place.is_retiring = true;
            self.routes.remove(channel);
        }
    }

    /// Starts threads for blocking work; they end with the node, or when all others that hold them
    /// drop them, whichever is later.
    ///
    /// # Errors
    /// [`HostError::Thread`] if the operating system has none left.
    pub fn start_workers(
        &mut self,
        name: &'static str,
        count: usize,
    ) -> Result<Arc<Workers>, HostError> {
        let started = Workers::start(name, count, &self.control.wake);
        let workers = started.map_err(|source| HostError::Thread { machine: name, source })?;
        let workers = Arc::new(workers);
        self.workers.push(Arc::clone(&workers));
        Ok(workers)
    }

    /// Has somebody told about links.
    pub fn watch_links(&mut self, watcher: LinkWatcher) {
        self.watcher = Some(watcher);
    }

    /// Has every server greeted with this message, whenever a link to it comes up.
    pub fn greet_servers(&mut self, channel: Channel, class: Class, message: &impl Encode) {
        let mut writer = Writer::default();
        writer.raw(&channel.prefix());
        message.encode(&mut writer);
        self.greeting = Some((class, Arc::new(writer.into_bytes())));
    }

    /// Steers the node while it runs.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The counters, also for other threads.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// The links: addresses and counters.
    #[must_use]
    pub const fn links(&self) -> &Links {
        &self.links
    }

    /// Drives the machines until [`Control::stop`]; then performs what still waits for a disk,
    /// gives the links a moment to send it, and closes them. Another node can listen where this
    /// one did from then on.
    ///
    /// # Errors
    /// [`NodeError`] if a disk or a thread failed: everything that waited for it stays undone.
    pub async fn run(mut self) -> Result<(), NodeError> {
        let outcome = self.drive().await;
        self.links.shut().await;
        outcome
    }

    async fn drive(&mut self) -> Result<(), NodeError> {
        self.is_running = true;
        for at in 0..self.members.len() {
            self.at(at, |member, world| {
                member.start(world);
                Ok(())
            })?;
        }
        loop {
            self.take_orders();
            if self.stopping {
                return self.drain().await;
            }
            self.take_event();
            let has_more = self.tick()?;
            count(&self.metrics.ticks);
            self.check_threads()?;
            match has_more {
                true => yield_now().await,
                false => self.wait().await,
            }
        }
    }

    /// Each machine does what there is to do; true if one has more.
    fn tick(&mut self) -> Result<bool, NodeError> {
        let mut has_more = false;
        for at in 0..self.members.len() {
            let is_retiring = self.members[at].as_ref().is_some_and(|place| place.is_retiring);
            if !is_retiring {
                has_more |= self.at(at, |member, world| member.tick(world))?.unwrap_or(false);
            } else if self.at(at, |member, world| member.drain(world))? == Some(true) {
                self.members[at] = None;
            }
        }
        Ok(has_more)
    }

    /// Does something with the machine of a place, if there is one.
    fn at<T>(
        &mut self,
        at: usize,
        act: impl FnOnce(&mut dyn Member, &mut World<'_>) -> Result<T, NodeError>,
    ) -> Result<Option<T>, NodeError> {
        let mut world = World {
            clock: &mut self.clock,
            links: &self.links,
            pool: &self.pool,
            verifier: &self.verifier,
            metrics: &self.metrics,
        };
        let place = self.members[at].as_mut();
        place.map(|place| act(&mut *place.member, &mut world)).transpose()
    }

    fn check_threads(&self) -> Result<(), NodeError> {
        if self.pool.died() {
            return Err(NodeError::ThreadDied { thread: "verify" });
        }
        if self.workers.iter().any(|workers| workers.died()) {
            return Err(NodeError::ThreadDied { thread: "workers" });
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.members.iter().flatten().any(|place| place.member.is_full())
    }

    fn take_orders(&mut self) {
        let orders = std::mem::take(&mut *self.control.orders());
        self.stopping |= orders.stop;
        if let Some(servers) = orders.servers
            && let Err(error) = self.links.set_servers(&servers)
        {
            tracing::error!(%error, "the servers of the new configuration are not used");
        }
        if let Some((credential, recognise)) = orders.renewed
            && let Err(error) = self.links.renew(credential, recognise)
        {
            tracing::error!(%error, "the keys of the new configuration are not used");
        }
        orders.disconnect.into_iter().for_each(|peer| self.links.disconnect(peer));
        orders.work.into_iter().for_each(|work| work(self));
    }

    /// Takes an event of the links if there is one and there is room for what it brings.
    fn take_event(&mut self) {
        if self.is_full() {
            return;
        }
        if let Some(event) = self.links.events.try_recv() {
            self.on_event(event);
        }
    }

    fn on_event(&mut self, event: Event) {
        if let Some(news) = self.links.news(&event) {
            tracing::debug!(?news, "links");
            if let (LinkNews::Up(server @ Peer::Node(_)), Some((class, frame))) =
                (&news, &self.greeting)
            {
                // A greeting that finds no room is missed by nobody but its sender.
                let _sent = self.links.send(*server, *class, frame);
            }
            if let Some(watcher) = &mut self.watcher {
                watcher(news);
            }
        }
        if let Event::Frames(frames) = event {
            assert!(!self.is_full(), "RUN-10: frames were taken without room for them");
            frames.into_iter().for_each(|frame| self.route(frame));
        }
    }

    fn route(&mut self, inbound: Inbound) {
        let Inbound { peer: key, kind, class, bytes } = inbound;
        let Some(from) = self.links.peer(key, kind) else {
            let stranger = Peer::Node(quorate_types::NodeId::new(*key.as_bytes()));
            self.metrics.complain(stranger, Complaint::UnknownPeer);
            return;
        };
        let Some((place, start)) = self.routes.find(&bytes) else {
            self.metrics.complain(from, Complaint::UnknownChannel);
            return;
        };
        let frame = Frame { from, class: to_machine(class), bytes, start };
        let place = self.members[place].as_mut().expect("a route leads to a machine");
        place.member.accept(frame);
    }

    fn next_alarm(&self) -> Option<Instant> {
        let active = self.members.iter().flatten().filter(|place| !place.is_retiring);
        active.filter_map(|place| place.member.next_alarm()).min()
    }

    /// Waits until there may be something to do. If there is something already, the transport
    /// writes first what was sent.
    async fn wait(&mut self) {
        let mut called = pin!(self.called());
        let at_once = poll_fn(|task| Poll::Ready(called.as_mut().poll(task).is_ready())).await;
        match at_once {
            true => yield_now().await,
            false => called.await,
        }
    }

    async fn called(&mut self) {
        let full = self.is_full();
        if full {
            count(&self.metrics.pauses);
        }
        let due = self.next_alarm().map(|instant| self.clock.deadline(instant));
        let is_open = tokio::select! {
            biased;
            () = self.control.wake.notified() => true,
            () = self.waker.reach(due) => true,
            is_open = self.links.events.ready(), if !full => is_open,
        };
        self.stopping |= !is_open;
    }

    /// Performs what waits for the disks, then gives the links a moment.
    async fn drain(&mut self) -> Result<(), NodeError> {
        loop {
            let mut done = true;
            for at in 0..self.members.len() {
                done &= self.at(at, |member, world| member.drain(world))?.unwrap_or(true);
            }
            if done {
                break;
            }
            self.control.wake.notified().await;
        }
        let counters = self.links.counters();
        let sent = async {
            while counters.snapshot().queue_bytes > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if timeout(Duration::from_millis(FAREWELL_MS_MAX), sent).await.is_err() {
            tracing::warn!("peers did not take the last frames in time");
        }
        Ok(())
    }
}
