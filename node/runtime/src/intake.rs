//! From frames to verified messages: what is checked here, what in the pool, and in which order.
//!
//! A tick with few signatures checks them at once, since a hop to another thread costs as much as
//! one of them; what is known to be good costs nothing and waits for nobody. Otherwise the pool
//! checks many together, and only the first control messages are still checked here, so that a
//! vote does not wait for a batch of requests. Control messages go to the machine one by one: the
//! votes that come when a quorum has voted are then dropped unchecked.
//!
//! # Invariants
//! - RUN-9: messages of one peer and class reach the machine in the order of their frames.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use quorate_crypto::{Pending, Rejected, Verifiable, Verified, settle};
use quorate_machine::Class;
use quorate_types::Peer;

use crate::cache::CachingVerifier;
use crate::limits::{
    BATCH_SIGNATURE_MICROS, INLINE_SIGNATURES_MAX, JOB_SIGNATURES_MAX, POOL_BYTES_MAX,
    POOL_MESSAGES_MAX, SINGLE_SIGNATURE_MICROS,
};
use crate::metrics::{MachineMetrics, add, count, set};
use crate::pool::{Pool, PoolJob};

/// Where a message came from and what it costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) from: Peer,
    pub(crate) class: Class,
    /// Length of its frame.
    pub(crate) bytes: usize,
    /// Signatures that have to be checked.
    pub(crate) unknown: usize,
    /// Its place among the messages of its peer and class.
    pub(crate) place: u64,
}

/// A message whose signatures are to be checked.
#[derive(Debug)]
pub(crate) struct Admitted<W> {
    pub(crate) origin: Origin,
    pub(crate) pending: Pending<W>,
}

/// Messages that were checked together.
#[derive(Debug)]
pub(crate) struct Settled<W> {
    pub(crate) origins: Vec<Origin>,
    pub(crate) outcomes: Vec<Result<Verified<W>, Rejected>>,
}

impl<W: Verifiable> Settled<W> {
    fn of(batch: Vec<Admitted<W>>, verifier: &CachingVerifier) -> Self {
        let (origins, pending) = batch.into_iter().map(|one| (one.origin, one.pending)).unzip();
        Self { origins, outcomes: settle(pending, verifier) }
    }

    /// What the message at this place is charged. A bad one pays for all that were checked again
    /// because of it. The amount is nominal: time measured while other processes had the processor
    /// would make busy times the peers' fault.
    pub(crate) fn charge(&self, index: usize) -> u64 {
        let unknown = self.origins[index].unknown;
        if self.outcomes[index].is_ok() {
            return BATCH_SIGNATURE_MICROS * unknown as u64;
        }
        let total: usize = self.origins.iter().map(|origin| origin.unknown).sum();
        SINGLE_SIGNATURE_MICROS * total as u64
    }
}

/// The order of one peer's messages of one class.
#[derive(Debug, Default, Clone, Copy)]
struct Line {
    admitted: u64,
    delivered: u64,
}

/// Messages of one machine on their way through the check of signatures.
#[derive(Debug)]
pub(crate) struct Intake<W> {
    /// Peers and classes with messages on the way; others have no entry.
    lines: BTreeMap<(Peer, Class), Line>,
    messages: usize,
    bytes: usize,
    settled: Arc<Mutex<Vec<Settled<W>>>>,
    /// Signatures that this tick may still check here.
    inline_left: usize,
    /// Whether this tick may still take control messages one by one.
    one_by_one: bool,
    metrics: Arc<MachineMetrics>,
}

impl<W: Verifiable + Send + 'static> Intake<W> {
    pub(crate) fn new(metrics: Arc<MachineMetrics>) -> Self {
        Self {
            lines: BTreeMap::new(),
            messages: 0,
            bytes: 0,
            settled: Arc::default(),
            inline_left: INLINE_SIGNATURES_MAX,
            one_by_one: true,
            metrics,
        }
    }

    /// A tick begins: it may check signatures here again.
    pub(crate) const fn begin_tick(&mut self) {
        self.inline_left = INLINE_SIGNATURES_MAX;
        self.one_by_one = true;
    }

    /// Settles a control message if it costs little; otherwise it comes back, to be dispatched
    /// with all that follow it in this tick.
    pub(crate) fn settle_alone(
        &mut self,
        one: Admitted<W>,
        verifier: &CachingVerifier,
    ) -> Result<Settled<W>, Admitted<W>> {
        let Origin { from, class, unknown, .. } = one.origin;
        // RUN-9: what follows a message that comes back comes back too.
        self.one_by_one &= class == Class::Control
            && unknown <= self.inline_left
            && !self.lines.contains_key(&(from, class));
        if !self.one_by_one {
            return Err(one);
        }
        self.inline_left -= unknown;
        count(&self.metrics.settled_inline);
        Ok(Settled::of(vec![one], verifier))
    }

    /// Takes the other messages of one tick in order; returns those that are settled already.
    pub(crate) fn dispatch(
        &mut self,
        admitted: Vec<Admitted<W>>,
        pool: &Pool,
        verifier: &CachingVerifier,
    ) -> Settled<W> {
        let total: usize = admitted.iter().map(|one| one.origin.unknown).sum();
        let few_together = total <= self.inline_left;
        let mut here = Vec::new();
        let mut lanes: Vec<Vec<Admitted<W>>> = Vec::new();
        lanes.resize_with(pool.lane_count(), Vec::new);
        for mut one in admitted {
            let Origin { from, class, unknown, bytes, .. } = one.origin;
            let few = few_together || class == Class::Control;
            let cheap = unknown == 0 || (few && unknown <= self.inline_left);
            let behind = self.lines.contains_key(&(from, class));
            if cheap && !behind {
                self.inline_left -= unknown;
                here.push(one);
                continue;
            }
            let line = self.lines.entry((from, class)).or_default();
            one.origin.place = line.admitted;
            line.admitted += 1;
            self.messages += 1;
            self.bytes += bytes;
            lanes[pool.lane_of(from)].push(one);
        }
        for (lane, batch) in lanes.into_iter().enumerate() {
            pool.submit(lane, self.jobs(batch));
        }
        add(&self.metrics.settled_inline, here.len());
        set(&self.metrics.pool_waiting, self.messages);
        Settled::of(here, verifier)
    }

    /// Cuts a batch into jobs of bounded size.
    fn jobs(&self, batch: Vec<Admitted<W>>) -> Vec<PoolJob> {
        let mut jobs = Vec::new();
        let (mut part, mut signatures) = (Vec::new(), 0);
        for one in batch {
            signatures += one.origin.unknown;
            part.push(one);
            if signatures >= JOB_SIGNATURES_MAX {
                jobs.push(self.job(std::mem::take(&mut part)));
                signatures = 0;
            }
        }
        if !part.is_empty() {
            jobs.push(self.job(part));
        }
        jobs
    }

    fn job(&self, part: Vec<Admitted<W>>) -> PoolJob {
        count(&self.metrics.pool_jobs);
        let settled = Arc::clone(&self.settled);
        Box::new(move |verifier| {
            let outcome = Settled::of(part, verifier);
            settled.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
        })
    }

    /// What the pool has settled meanwhile, in the order in which it must be delivered.
    pub(crate) fn take_settled(&mut self) -> Vec<Settled<W>> {
        let settled = &mut *self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = std::mem::take(settled);
        for origin in settled.iter().flat_map(|batch| &batch.origins) {
            let key = (origin.from, origin.class);
            let line = self.lines.get_mut(&key).expect("a line stays while it has messages");
            assert_eq!(origin.place, line.delivered, "RUN-9: the order of {:?}", origin.from);
            line.delivered += 1;
            if line.delivered == line.admitted {
                self.lines.remove(&key);
            }
            self.messages -= 1;
            self.bytes -= origin.bytes;
        }
        let messages: usize = settled.iter().map(|batch| batch.origins.len()).sum();
        add(&self.metrics.settled_pooled, messages);
        set(&self.metrics.pool_waiting, self.messages);
        settled
    }

    /// Whether the pool is too far behind for more frames.
    pub(crate) const fn is_full(&self) -> bool {
        self.messages >= POOL_MESSAGES_MAX || self.bytes >= POOL_BYTES_MAX
    }
}

#[cfg(test)]
mod tests;
