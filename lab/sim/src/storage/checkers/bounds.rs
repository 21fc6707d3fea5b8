//! C12: what servers and clients hold in memory stays within the limits of the DHT.

use quorate_dht::Holdings;
use quorate_dht::limits::{
    CLIENT_CALLS_MAX, SERVER_JOBS_MAX, SERVER_REPAIRS_MAX, SERVER_STRANGERS_JOBS_MAX,
    SERVER_WAITING_BYTES_MAX, SWEEP_FETCHES_MAX,
};

use crate::checker::{At, Broken, Checker, Gauges, Verdict};
use crate::host::Subject;
use crate::storage::sight::{Held, Sight};

/// Measures every good machine at every step.
#[derive(Debug)]
pub struct Bounds<S> {
    sight: S,
}

impl<S> Bounds<S> {
    /// A checker of the limits.
    #[must_use]
    pub const fn new(sight: S) -> Self {
        Self { sight }
    }
}

fn bounded(at: &At, what: &str, count: usize, max: usize) -> Verdict {
    if count <= max {
        return Ok(());
    }
    Err(Broken::new("C12", format!("{:?} has {count} {what}, at most {max}", at.node)))
}

fn server(at: &At, held: &Holdings) -> Verdict {
    bounded(at, "requests that wait", held.requests, SERVER_JOBS_MAX)?;
    bounded(at, "requests of strangers that wait", held.strangers, SERVER_STRANGERS_JOBS_MAX)?;
    bounded(at, "bytes that wait", held.waiting_bytes, SERVER_WAITING_BYTES_MAX)?;
    bounded(at, "repairs", held.repairs, SERVER_REPAIRS_MAX)?;
    // Somebody waits for each object and each load: a request, a repair, the scrub or the sweep,
    // which also lists its own store, for its digests and for a cell.
    let waiting = held.requests + held.repairs + SWEEP_FETCHES_MAX + 1;
    bounded(at, "objects", held.objects, waiting)?;
    bounded(at, "loads", held.loads, waiting + 2)
}

impl<M: Subject, S: Sight<M>> Checker<M> for Bounds<S> {
    fn id(&self) -> &'static str {
        "C12"
    }

    fn on_step(&mut self, at: &At, machine: &M, _: &Gauges) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        match self.sight.holdings(machine) {
            Held::Server(held) => server(at, &held),
            Held::Client { calls, phases } => {
                bounded(at, "operations in flight", calls, CLIENT_CALLS_MAX)?;
                bounded(at, "phases in flight", phases, calls)
            }
            Held::Nothing => Ok(()),
        }
    }
}
