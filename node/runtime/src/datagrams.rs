//! Drives a machine whose messages are single datagrams: no links, no disk, a thread of its own.
//!
//! A machine that speaks to very many servers, each rarely, is woken by its alarm and looks at its
//! socket then, and not for each datagram: so the price of a datagram is two calls of the operating
//! system and one step. What arrives in between waits in the buffer of the socket, and is lost if
//! that is full.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use quorate_machine::{Effect, Effects, Input, Machine, Recipients};
use quorate_net::datagram::{Datagrams, Received};
use quorate_types::{Instant, Peer};

use crate::background::{Background, OnDeath};
use crate::clock::Clock;
use crate::limits::{DATAGRAM_LOOK_MS, DATAGRAM_REQUESTS_MAX, DATAGRAMS_PER_ROUND_MAX};

/// What the machine of datagrams needs of its node.
pub trait DatagramHosted: Send + 'static {
    /// The machine; it writes nothing down.
    type Machine: Machine<Record = Infallible> + Send + 'static;

    /// Writes a message into the buffer, which is empty, and says where it goes; nothing if the
    /// address is not known.
    fn address(
        &mut self,
        to: Peer,
        message: &<Self::Machine as Machine>::Outbound,
        buffer: &mut Vec<u8>,
    ) -> Option<SocketAddr>;

    /// A message was not sent, since its address is not known: what the machine hears of that, if
    /// anything. It must send nothing because of it.
    fn on_unsent(
        &mut self,
        message: &<Self::Machine as Machine>::Outbound,
    ) -> Option<<Self::Machine as Machine>::Request>;

    /// A message from its bytes, and whom the machine is told that it is from; nothing if the
    /// bytes are none.
    fn read(&mut self, bytes: &[u8]) -> Option<(Peer, <Self::Machine as Machine>::Inbound)>;

    /// The node hears what the machine tells it.
    fn on_output(&mut self, output: <Self::Machine as Machine>::Output);

    /// The machine is about to hear this of its node.
    fn on_request(&mut self, request: &<Self::Machine as Machine>::Request);

    /// A round is over.
    fn on_round(&mut self, machine: &Self::Machine);
}

type RequestOf<H> = <<H as DatagramHosted>::Machine as Machine>::Request;
type TimerOf<H> = <<H as DatagramHosted>::Machine as Machine>::Timer;

/// A machine that runs on a thread of its own until this is dropped.
pub struct DatagramMachine<H: DatagramHosted> {
    requests: SyncSender<RequestOf<H>>,
    background: Background,
    address: SocketAddr,
}

impl<H: DatagramHosted> std::fmt::Debug for DatagramMachine<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatagramMachine").field("address", &self.address).finish_non_exhaustive()
    }
}

impl<H: DatagramHosted> DatagramMachine<H>
where
    RequestOf<H>: Send + 'static,
    TimerOf<H>: Send,
    <H::Machine as Machine>::Outbound: Send,
    <H::Machine as Machine>::Output: Send,
{
    /// Opens a socket and starts the machine; `on_death` is called if its thread panics.
    ///
    /// # Errors
    /// What the operating system says, for want of a socket or a thread.
    pub fn start(
        (name, address): (&str, SocketAddr),
        (hosted, on_death): (H, OnDeath),
        machine: H::Machine,
    ) -> io::Result<Self> {
        let socket = Datagrams::bind(address, None)?;
        let address = socket.local_address()?;
        let (sender, receiver) = sync_channel(DATAGRAM_REQUESTS_MAX);
        let mut round = Rounds {
            hosted,
            machine,
            socket,
            requests: receiver,
            effects: Effects::new(),
            alarms: BTreeMap::new(),
            clock: Clock::new(Arc::new(AtomicU64::new(0))),
            buffer: Vec::new(),
            has_started: false,
        };
        let background = Background::start(name, on_death, move || round.round())?;
        Ok(Self { requests: sender, background, address })
    }

    /// Tells the machine something.
    ///
    /// # Errors
    /// Gives it back if the machine is behind by [`DATAGRAM_REQUESTS_MAX`], or has died.
    pub fn request(&self, request: RequestOf<H>) -> Result<(), RequestOf<H>> {
        self.requests.try_send(request).map_err(|refused| match refused {
            TrySendError::Full(request) | TrySendError::Disconnected(request) => request,
        })
    }

    /// Whether the thread panicked.
    #[must_use]
    pub fn died(&self) -> bool {
        self.background.died()
    }

    /// Where its socket is.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What lives on the thread.
struct Rounds<H: DatagramHosted> {
    hosted: H,
    machine: H::Machine,
    socket: Datagrams,
    requests: Receiver<RequestOf<H>>,
    effects: Effects<H::Machine>,
    alarms: BTreeMap<TimerOf<H>, Instant>,
    clock: Clock,
    buffer: Vec<u8>,
    has_started: bool,
}

impl<H: DatagramHosted> Rounds<H> {
    /// Waits until something is to be done, and does it.
    fn round(&mut self) {
        if !self.has_started {
            self.has_started = true;
            self.step(Input::Start);
        }
        let pause = self.pause();
        let request = self.requests.recv_timeout(pause);
        // What has arrived comes first: it may be what an alarm would miss.
        self.take_datagrams();
        match request {
            Ok(request) => self.take_request(request),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        while let Ok(request) = self.requests.try_recv() {
            self.take_request(request);
        }
        self.take_alarms();
        self.hosted.on_round(&self.machine);
    }

    /// Until the next alarm, and not longer than it may take to end.
    fn pause(&mut self) -> Duration {
        let now = self.clock.now().instant;
        let look = Duration::from_millis(DATAGRAM_LOOK_MS);
        let next = self.alarms.values().min().map(|at| at.since(now).as_micros());
        next.map_or(look, |micros| Duration::from_micros(micros).min(look))
    }

    fn take_request(&mut self, request: RequestOf<H>) {
        self.hosted.on_request(&request);
        self.step(Input::Request(request));
    }

    fn take_datagrams(&mut self) {
        for _ in 0..DATAGRAMS_PER_ROUND_MAX {
            match self.socket.receive() {
                Received::Datagram(datagram) => {
                    if let Some((from, message)) = self.hosted.read(datagram.bytes) {
                        self.step(Input::Deliver { from, message });
                    }
                }
                Received::TooLong => {}
                Received::Nothing => return,
            }
        }
    }

    fn take_alarms(&mut self) {
        let now = self.clock.now().instant;
        let is_due = |(timer, at): (&TimerOf<H>, &Instant)| (*at <= now).then_some(*timer);
        let due: Vec<_> = self.alarms.iter().filter_map(is_due).collect();
        for timer in due {
            self.alarms.remove(&timer);
            self.step(Input::Expired(timer));
        }
    }

    fn step(&mut self, input: Input<H::Machine>) {
        let now = self.clock.now();
        self.machine.step(now, input, &mut self.effects);
        let mut unsent = Vec::new();
        for effect in self.effects.drain() {
            match effect {
                Effect::Send { to, message, .. } => {
                    let peers = match &to {
                        Recipients::One(peer) => std::slice::from_ref(peer),
                        Recipients::Each(peers) => peers,
                    };
                    for peer in peers {
                        self.buffer.clear();
                        match self.hosted.address(*peer, &message, &mut self.buffer) {
                            // What is not taken is lost, like any other datagram.
                            Some(address) => _ = self.socket.send(&self.buffer, address),
                            None => unsent.extend(self.hosted.on_unsent(&message)),
                        }
                    }
                }
                Effect::Arm { timer, at } => _ = self.alarms.insert(timer, at),
                Effect::Disarm(timer) => _ = self.alarms.remove(&timer),
                Effect::Emit(output) => self.hosted.on_output(output),
                Effect::Mark(_) | Effect::Release(_) => {}
                Effect::Persist(never) => match never {},
            }
        }
        for request in unsent {
            self.step(Input::Request(request));
        }
    }
}
