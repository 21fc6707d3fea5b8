//! What happened so far, as atomics that any thread may read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::error::Cause;
use crate::frame::Class;

/// Counters and gauges of one transport; cheap to update, read with [`NetCounters::snapshot`].
#[derive(Debug, Default)]
pub struct NetCounters {
    pub(crate) frames_in: PerClass,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) frames_out: PerClass,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) flushes_out: AtomicU64,
    pub(crate) dropped_full: PerClass,
    pub(crate) dropped_down: PerClass,
    pub(crate) dropped_too_large: AtomicU64,
    pub(crate) dropped_inbound: AtomicU64,
    pub(crate) queue_bytes: AtomicU64,
    pub(crate) queue_bytes_peak: PerClass,
    pub(crate) clients_queue_bytes_peak: AtomicU64,
    pub(crate) pending_bytes_peak: AtomicU64,
    pub(crate) control_flushes_waited_max: AtomicU64,
    pub(crate) pauses_budget: AtomicU64,
    pub(crate) pauses_pending: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) client_connections: AtomicU64,
    pub(crate) proven_sessions: AtomicU64,
    pub(crate) unproven_for_lack_of_room: AtomicU64,
    pub(crate) stranger_sessions_peak: AtomicU64,
    pub(crate) strangers_queue_bytes_peak: AtomicU64,
    pub(crate) accept_failures: AtomicU64,
    pub(crate) events_dropped: AtomicU64,
    causes: PerCause,
}

/// One atomic per cause.
#[derive(Debug)]
struct PerCause([AtomicU64; Cause::ALL.len()]);

impl Default for PerCause {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// One atomic per class.
#[derive(Debug, Default)]
pub(crate) struct PerClass([AtomicU64; 3]);

impl PerClass {
    pub(crate) fn add(&self, class: Class, amount: u64) {
        self.0[class.index()].fetch_add(amount, Relaxed);
    }

    pub(crate) fn raise(&self, class: Class, value: usize) {
        raise(&self.0[class.index()], value);
    }

    fn get(&self) -> [u64; 3] {
        [self.0[0].load(Relaxed), self.0[1].load(Relaxed), self.0[2].load(Relaxed)]
    }
}

/// Lifts a peak gauge.
pub(crate) fn raise(gauge: &AtomicU64, value: usize) {
    gauge.fetch_max(value as u64, Relaxed);
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// The values of [`NetCounters`] at one moment; arrays are in the order of [`Class::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetSnapshot {
    /// Frames received, by class.
    pub frames_in: [u64; 3],
    /// Bytes received inside TLS, headers and keep-alives included.
    pub bytes_in: u64,
    /// Frames written, by class.
    pub frames_out: [u64; 3],
    /// Bytes written inside TLS, headers and keep-alives included.
    pub bytes_out: u64,
    /// Coalesced writes.
    pub flushes_out: u64,
    /// Frames dropped because the peer's queue of their class was full, by class.
    pub dropped_full: [u64; 3],
    /// Frames dropped because the peer was not connected, by class.
    pub dropped_down: [u64; 3],
    /// Frames dropped because no queue could ever take them.
    pub dropped_too_large: u64,
    /// Received frames thrown away because their connection had ended meanwhile.
    pub dropped_inbound: u64,
    /// Bytes in all outgoing queues now.
    pub queue_bytes: u64,
    /// The most bytes that one peer's queue ever held, by class, what is being written included.
    pub queue_bytes_peak: [u64; 3],
    /// The most bytes that the queues of all clients ever held together.
    pub clients_queue_bytes_peak: u64,
    /// The most received bytes of one connection that ever waited for the caller.
    pub pending_bytes_peak: u64,
    /// The most flushes of its peer that a control frame ever waited for, its own not counted.
    pub control_flushes_waited_max: u64,
    /// Times a connection was not read because its peer was over a budget.
    pub pauses_budget: u64,
    /// Times a connection was not read because the caller had not taken its frames.
    pub pauses_pending: u64,
    /// Connections that are up now.
    pub connections: u64,
    /// Connections of clients that are up now.
    pub client_connections: u64,
    /// Sessions of clients that were vouched for and are up now.
    pub proven_sessions: u64,
    /// Times a session was vouched for and had to stay a stranger: the others had all places.
    pub unproven_for_lack_of_room: u64,
    /// The most sessions of strangers that ever were there at once.
    pub stranger_sessions_peak: u64,
    /// The most bytes that the queues of all strangers ever held together.
    pub strangers_queue_bytes_peak: u64,
    /// Times the operating system gave no connection to the listener.
    pub accept_failures: u64,
    /// Handshake reports that the caller was too slow to take.
    pub events_dropped: u64,
    /// Refusals and ends, in the order of [`Cause::ALL`].
    pub causes: Vec<(Cause, u64)>,
}

impl NetSnapshot {
    /// How often connections were refused or ended for `cause`.
    #[must_use]
    pub fn cause(&self, cause: Cause) -> u64 {
        self.causes.iter().filter(|(it, _)| *it == cause).map(|(_, count)| *count).sum()
    }
}

impl NetCounters {
    pub(crate) fn cause(&self, cause: Cause) {
        count(&self.causes.0[cause as usize]);
    }

    /// The values now; not one instant, but each value is one that was.
    #[must_use]
    pub fn snapshot(&self) -> NetSnapshot {
        let causes = Cause::ALL.iter().zip(&self.causes.0);
        NetSnapshot {
            frames_in: self.frames_in.get(),
            bytes_in: self.bytes_in.load(Relaxed),
            frames_out: self.frames_out.get(),
            bytes_out: self.bytes_out.load(Relaxed),
            flushes_out: self.flushes_out.load(Relaxed),
            dropped_full: self.dropped_full.get(),
            dropped_down: self.dropped_down.get(),
            dropped_too_large: self.dropped_too_large.load(Relaxed),
            dropped_inbound: self.dropped_inbound.load(Relaxed),
            queue_bytes: self.queue_bytes.load(Relaxed),
            queue_bytes_peak: self.queue_bytes_peak.get(),
            clients_queue_bytes_peak: self.clients_queue_bytes_peak.load(Relaxed),
            pending_bytes_peak: self.pending_bytes_peak.load(Relaxed),
            control_flushes_waited_max: self.control_flushes_waited_max.load(Relaxed),
            pauses_budget: self.pauses_budget.load(Relaxed),
            pauses_pending: self.pauses_pending.load(Relaxed),
            connections: self.connections.load(Relaxed),
            client_connections: self.client_connections.load(Relaxed),
            proven_sessions: self.proven_sessions.load(Relaxed),
            unproven_for_lack_of_room: self.unproven_for_lack_of_room.load(Relaxed),
            stranger_sessions_peak: self.stranger_sessions_peak.load(Relaxed),
            strangers_queue_bytes_peak: self.strangers_queue_bytes_peak.load(Relaxed),
            accept_failures: self.accept_failures.load(Relaxed),
            events_dropped: self.events_dropped.load(Relaxed),
            causes: causes.map(|(cause, count)| (*cause, count.load(Relaxed))).collect(),
        }
    }
}
