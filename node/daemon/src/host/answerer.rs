//! Answering probes: a socket and a thread of their own, so that a flood of questions costs the
//! machines of the server nothing but what the link carries.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quorate_membership::monitor::{AnswerKey, Answerer, Question};
use quorate_net::allowance::Allowance;
pub use quorate_net::allowance::Rate;
use quorate_net::datagram::{Datagrams, Received};
use quorate_runtime::{Background, OnDeath};
use quorate_types::{Epoch, NodeId};
use quorate_wire::{Writer, decode};

/// How long a look at the socket waits; also how long the end of the server may wait for it.
const PATIENCE: Duration = Duration::from_millis(250);
const PLAIN: (Rate, Rate) =
    (Rate { burst: 256, per_second: 128 }, Rate { burst: 2_048, per_second: 1_024 });
const DEAR: (Rate, Rate) =
    (Rate { burst: 32, per_second: 16 }, Rate { burst: 256, per_second: 128 });

/// How much is answered.
#[derive(Clone, Copy, Debug)]
pub struct AnswerRates {
    /// Without a signature: for a source, and for all that are no members of the membership group.
    pub plain: (Rate, Rate),
    /// With a signature, likewise.
    pub dear: (Rate, Rate),
}

impl Default for AnswerRates {
    fn default() -> Self {
        Self { plain: PLAIN, dear: DEAR }
    }
}

/// What became of the datagrams that came.
#[derive(Debug, Default)]
pub struct AnswerCounters {
    /// Answered without a signature.
    pub plain: AtomicU64,
    /// Answered with a signature.
    pub signed: AtomicU64,
    /// No question, or one to another server.
    pub refused: AtomicU64,
    /// Not answered, since the source had asked too often.
    pub over_allowance: AtomicU64,
}

/// Who answers, and how often.
#[derive(Debug)]
struct Answering {
    /// By server: one in production.
    answerers: BTreeMap<NodeId, Answerer>,
    plain: Allowance,
    dear: Allowance,
}

/// Answers probes until this is dropped.
#[derive(Debug)]
pub struct RunningAnswerer {
    answering: Arc<Mutex<Answering>>,
    counters: Arc<AnswerCounters>,
    address: SocketAddr,
    background: Background,
}

impl RunningAnswerer {
    /// Answers for servers on this address. `known` sources are the hosts of the membership group:
    /// they get what one source gets, whatever all others want. `on_death` is called if its thread
    /// panics.
    ///
    /// # Errors
    /// What the operating system says, for example that the port is taken.
    pub fn start(
        address: SocketAddr,
        answerers: impl IntoIterator<Item = Answerer>,
        (rates, known): (AnswerRates, &[IpAddr]),
        on_death: OnDeath,
    ) -> io::Result<Self> {
        let socket = Datagrams::bind(address, Some(PATIENCE))?;
        let address = socket.local_address()?;
        let (known, now) = (known.iter().copied(), Instant::now());
        let answering = Arc::new(Mutex::new(Answering {
            answerers: answerers.into_iter().map(|one| (one.server(), one)).collect(),
            plain: Allowance::new(rates.plain, known.clone(), now),
            dear: Allowance::new(rates.dear, known, now),
        }));
        let counters = Arc::new(AnswerCounters::default());
        let mut desk = Desk {
            socket,
            answering: Arc::clone(&answering),
            counters: Arc::clone(&counters),
            writer: Writer::default(),
        };
        let background = Background::start("answerer", on_death, move || desk.serve_one())?;
        Ok(Self { answering, counters, address, background })
    }

    fn answering(&self) -> MutexGuard<'_, Answering> {
        self.answering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers for a server with this key too.
    pub fn hold(&self, server: NodeId, key: AnswerKey) {
        if let Some(answerer) = self.answering().answerers.get_mut(&server) {
            answerer.hold(key);
        }
    }

    /// Answers for a server with the key of an epoch no more.
    pub fn forget(&self, server: NodeId, epoch: Epoch) {
        if let Some(answerer) = self.answering().answerers.get_mut(&server) {
            answerer.forget(epoch);
        }
    }

    /// From now on these are the hosts of the membership group.
    pub fn know(&self, hosts: &[IpAddr]) {
        let (mut answering, now) = (self.answering(), Instant::now());
        answering.plain.know(hosts.iter().copied(), now);
        answering.dear.know(hosts.iter().copied(), now);
    }

    /// What became of the datagrams that came.
    #[must_use]
    pub const fn counters(&self) -> &Arc<AnswerCounters> {
        &self.counters
    }

    /// Whether its thread panicked.
    #[must_use]
    pub fn died(&self) -> bool {
        self.background.died()
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What lives on the thread.
struct Desk {
    socket: Datagrams,
    answering: Arc<Mutex<Answering>>,
    counters: Arc<AnswerCounters>,
    writer: Writer,
}

impl Desk {
    fn serve_one(&mut self) {
        let (question, from) = match self.socket.receive() {
            Received::Nothing => return,
            Received::TooLong => return count(&self.counters.refused),
            Received::Datagram(datagram) => match decode::<Question>(datagram.bytes) {
                Ok(question) => (question, datagram.from),
                Err(_) => return count(&self.counters.refused),
            },
        };
        if !self.write_answer(&question, from.ip()) {
            return;
        }
        // A prober that does not get it asks again.
        let _is_taken = self.socket.send(self.writer.as_bytes(), from);
        let is_dear = question.wanted.is_dear();
        count(if is_dear { &self.counters.signed } else { &self.counters.plain });
    }

    /// Puts the answer into the writer, if there is one for this source.
    fn write_answer(&mut self, question: &Question, source: IpAddr) -> bool {
        let mut answering = self.answering.lock().unwrap_or_else(PoisonError::into_inner);
        let Answering { answerers, plain, dear } = &mut *answering;
        let Some(answerer) = answerers.get(&question.to) else {
            count(&self.counters.refused);
            return false;
        };
        let allowance = if question.wanted.is_dear() { dear } else { plain };
        if !allowance.take(source, Instant::now()) {
            count(&self.counters.over_allowance);
            return false;
        }
        self.writer.clear();
        answerer.answer(question, &mut self.writer).is_ok()
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests;
