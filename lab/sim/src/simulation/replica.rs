//! One node of a run: its machine and all that an executor keeps for it.

use std::collections::VecDeque;

use quorate_adversary::Adversary;
use quorate_history::Prng;
use quorate_machine::{Effect, Effects};

use crate::checker::Gauges;
use crate::clock::Clock;
use crate::host::Subject;
use crate::log::Log;
use crate::node::{Node, Nodes};
use crate::scenario::{CrashPoint, Scenario, WriteError};
use crate::timers::Timers;

/// An effect that has not happened yet.
pub(super) enum Waiting<M: Subject> {
    /// Its record is in the log; nothing passes before it is durable.
    Barrier(u64),
    Effect(Effect<M>),
}

/// A crash that waits for an effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ambush {
    pub(super) effect: u64,
    pub(super) point: CrashPoint,
    pub(super) down_us: u64,
    /// Who crashes with it.
    pub(super) others: Nodes,
}

/// A write that is going to fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct FailingWrite {
    pub(super) write: u64,
    pub(super) error: WriteError,
    pub(super) down_us: u64,
}

/// One node.
pub(super) struct Replica<M: Subject> {
    /// None while the node is down.
    pub(super) machine: Option<M>,
    /// Counts the node's starts, from 1; 0 before the first.
    pub(super) life: u32,
    pub(super) effects: Effects<M>,
    /// Effects in their order; those at the front have waited longest.
    pub(super) queue: VecDeque<Waiting<M>>,
    /// Number of the effect at the front of the queue: of those that happened, over all lives.
    pub(super) front: u64,
    pub(super) log: Log<M::Record>,
    /// The records up to here are being made durable.
    pub(super) syncing: Option<u64>,
    pub(super) disk_slowness: u64,
    pub(super) timers: Timers<M::Timer>,
    pub(super) clock: Clock,
    pub(super) paused_until_us: u64,
    /// In the order of effects, the next last.
    pub(super) ambushes: Vec<Ambush>,
    /// In the order of writes, the next last.
    pub(super) failing_writes: Vec<FailingWrite>,
    /// Writes that were begun, over all lives.
    pub(super) writes: u64,
    pub(super) adversary: Option<Box<dyn Adversary<M>>>,
    /// When the adversary is woken, and the token of that entry of the agenda.
    pub(super) alarm: Option<(u64, u64)>,
    pub(super) alarm_tokens: u64,
    pub(super) prng: Prng,
}

impl<M: Subject> Replica<M> {
    pub(super) fn new(scenario: &Scenario, node: Node, prng: &Prng) -> Self {
        Self {
            machine: None,
            life: 0,
            effects: Effects::new(),
            queue: VecDeque::new(),
            front: 0,
            log: Log::new(scenario.disk.segment_records),
            syncing: None,
            disk_slowness: 1,
            timers: Timers::new(),
            clock: Clock::new(scenario.clocks[node.index()]),
            paused_until_us: 0,
            ambushes: Vec::new(),
            failing_writes: Vec::new(),
            writes: 0,
            adversary: None,
            alarm: None,
            alarm_tokens: 0,
            prng: prng.fork(&format!("node/{}", node.index())),
        }
    }

    /// Queues an effect; a record goes to the log at once.
    pub(super) fn enqueue(&mut self, effect: Effect<M>) {
        enqueue(effect, &mut self.queue, &mut self.log);
    }

    /// Queues the effects that the machine has pushed.
    pub(super) fn enqueue_pushed(&mut self) {
        for effect in self.effects.drain() {
            enqueue(effect, &mut self.queue, &mut self.log);
        }
    }

    /// Takes the effect at the front of the queue.
    pub(super) fn pop(&mut self) -> Option<Waiting<M>> {
        let waiting = self.queue.pop_front()?;
        self.front += 1;
        Some(waiting)
    }

    /// The last record of those that one write would take now.
    pub(super) fn write_through(&self, is_grouped: bool) -> Option<u64> {
        if is_grouped {
            return Some(self.log.appended());
        }
        let together = self.queue.iter().map_while(|waiting| match waiting {
            Waiting::Barrier(number) => Some(*number),
            Waiting::Effect(_) => None,
        });
        together.last()
    }

    pub(super) fn gauges(&self) -> Gauges {
        Gauges {
            timers: self.timers.armed_count(),
            waiting_effects: self.queue.len(),
            log_records: self.log.len(),
        }
    }

    /// The node loses everything but its disk.
    pub(super) fn forget(&mut self) {
        self.machine = None;
        self.queue.clear();
        self.effects = Effects::new();
        self.syncing = None;
        self.timers.clear();
        self.alarm = None;
    }
}

fn enqueue<M: Subject>(
    effect: Effect<M>,
    queue: &mut VecDeque<Waiting<M>>,
    log: &mut Log<M::Record>,
) {
    if let Effect::Persist(record) = effect {
        queue.push_back(Waiting::Barrier(log.append(record)));
    } else {
        queue.push_back(Waiting::Effect(effect));
    }
}
