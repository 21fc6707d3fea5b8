//! C12: what a node holds and sends stays within bounds.

use quorate_machine::{Input, Recipients};

use super::{At, Broken, Checker, End, Gauges, Lens, Verdict};
use crate::host::Subject;

/// The machine is asked how much it holds in one event of so many.
const SAMPLE_EVENTS: u64 = 16;
/// Microseconds in a second of virtual time.
const SECOND_US: u64 = 1_000_000;

/// The bounds of one system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thresholds {
    /// Items in the queues and tables of a machine.
    pub live_items_max: usize,
    /// Armed timers of a node.
    pub timers_max: usize,
    /// Effects of a node that wait for its disk.
    pub waiting_effects_max: usize,
    /// Records in the log of a node.
    pub log_records_max: usize,
    /// Messages of good nodes for each request, over the whole run, to each recipient ...
    pub sends_per_request_max: u64,
    /// ... besides what each node sends in a second without any request.
    pub sends_per_node_second_max: u64,
}

/// Measures every good node.
#[derive(Debug)]
pub struct Resources<L> {
    lens: L,
    thresholds: Thresholds,
    requests: u64,
    sends: u64,
    nodes: u64,
}

impl<L> Resources<L> {
    /// Which checker this is.
    pub const ID: &'static str = "C12";

    /// A checker with these bounds.
    #[must_use]
    pub const fn new(lens: L, thresholds: Thresholds) -> Self {
        Self { lens, thresholds, requests: 0, sends: 0, nodes: 0 }
    }

    /// Judges the number of messages up to this time.
    fn judge_sends(&self, time_us: u64) -> Verdict {
        let seconds = time_us.div_ceil(SECOND_US) * self.nodes;
        let max = self.requests * self.thresholds.sends_per_request_max
            + seconds * self.thresholds.sends_per_node_second_max;
        if self.sends <= max {
            return Ok(());
        }
        let what = format!("{} messages for {} requests, at most {max}", self.sends, self.requests);
        Err(Broken::new(Self::ID, what))
    }
}

fn bounded(at: &At, what: &str, count: usize, max: usize) -> Verdict {
    if count <= max {
        return Ok(());
    }
    Err(Broken::new("C12", format!("{:?} has {count} {what}, at most {max}", at.node)))
}

impl<M: Subject, L: Lens<M>> Checker<M> for Resources<L> {
    fn id(&self) -> &'static str {
        Self::ID
    }

    fn on_input(&mut self, at: &At, input: &Input<M>) -> Verdict {
        self.nodes = self.nodes.max(at.node.number() + 1);
        self.requests += u64::from(matches!(input, Input::Request(_)));
        Ok(())
    }

    fn on_step(&mut self, at: &At, machine: &M, gauges: &Gauges) -> Verdict {
        if !at.is_good() {
            return Ok(());
        }
        let max = &self.thresholds;
        bounded(at, "armed timers", gauges.timers, max.timers_max)?;
        bounded(at, "effects before its disk", gauges.waiting_effects, max.waiting_effects_max)?;
        bounded(at, "records in its log", gauges.log_records, max.log_records_max)?;
        if !at.event.is_multiple_of(SAMPLE_EVENTS) {
            return Ok(());
        }
        bounded(at, "live items", self.lens.live_items(machine), max.live_items_max)
    }

    fn on_send(&mut self, at: &At, to: &Recipients, _message: &M::Outbound) -> Verdict {
        if at.is_good() {
            self.sends += match to {
                Recipients::One(_) => 1,
                Recipients::Each(peers) => peers.len() as u64,
            };
        }
        // A storm would never come to its end.
        if at.event.is_multiple_of(SAMPLE_EVENTS) { self.judge_sends(at.time_us) } else { Ok(()) }
    }

    fn on_end(&mut self, end: &End<'_, M>) -> Verdict {
        self.judge_sends(end.time_us)
    }
}
