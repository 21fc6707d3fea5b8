//! The law of effects for one machine: strictly in order, and nothing overtakes a record.
//!
//! A record is handed to the disk at once, together with others that wait there; everything that
//! the machine wants done after it waits here until the disk has reported it durable. So a later
//! record can become durable before a message between the two has left; a crash then loses this
//! message, as the network may, and nothing else: outputs and alarms do not outlive the process.
//!
//! # Invariants
//! - RUN-1: no effect is performed before every record in front of it is durable.
//! - RUN-2: effects are performed in the order of their numbers, without gaps.

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_machine::{Class, Machine, Recipients, RecordNumber};
use quorate_types::Instant;

use crate::limits::{WAITING_BYTES_MAX, WAITING_EFFECTS_MAX};

/// The place of a record among those that its machine has persisted since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

impl Ticket {
    /// Before the first record.
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

/// An effect that may have to wait.
pub(crate) enum Action<M: Machine> {
    Release(RecordNumber),
    Send { to: Recipients, class: Class, frame: Arc<Vec<u8>> },
    Arm { timer: M::Timer, at: Instant },
    Disarm(M::Timer),
    Emit(M::Output),
    Mark(&'static str),
}

struct Waiting<M: Machine> {
    number: u64,
    /// The last record in front of it.
    needs: Ticket,
    action: Action<M>,
    bytes: usize,
}

/// What one machine wants done and what of it has been done.
pub(crate) struct EffectQueue<M: Machine> {
    waiting: VecDeque<Waiting<M>>,
    waiting_bytes: usize,
    pushed_count: u64,
    performed_count: u64,
    /// The last record handed to the disk.
    handed: Ticket,
    durable: Ticket,
    /// Bytes of the records that are not durable, oldest first.
    record_bytes: VecDeque<usize>,
}

impl<M: Machine> EffectQueue<M> {
    pub(crate) const fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            pushed_count: 0,
            performed_count: 0,
            handed: Ticket::ZERO,
            durable: Ticket::ZERO,
            record_bytes: VecDeque::new(),
        }
    }

    /// A record was handed to the disk; everything pushed from now on waits for it.
    pub(crate) fn hand(&mut self, bytes: usize) -> Ticket {
        self.handed = Ticket(self.handed.0 + 1);
        self.record_bytes.push_back(bytes);
        self.waiting_bytes += bytes;
        self.handed
    }

    /// Adds the next effect.
    pub(crate) fn push(&mut self, action: Action<M>, bytes: usize) {
        let number = self.pushed_count;
        self.pushed_count += 1;
        self.waiting_bytes += bytes;
        self.waiting.push_back(Waiting { number, needs: self.handed, action, bytes });
    }

    /// The disk reports that all records up to this one are durable.
    pub(crate) fn on_durable(&mut self, durable: Ticket) {
        assert!(durable <= self.handed, "RUN-1: a record is durable that nobody handed over");
        assert!(durable >= self.durable, "RUN-1: a durable record is not any more");
        for _ in self.durable.0..durable.0 {
            self.waiting_bytes -= self.record_bytes.pop_front().expect("one for each record");
        }
        self.durable = durable;
    }

    /// The next effect that may be performed; `on_disk` is what the disk says at this moment.
    pub(crate) fn pop_ready(&mut self, on_disk: Ticket) -> Option<Action<M>> {
        let ready = self.waiting.pop_front_if(|first| first.needs <= self.durable)?;
        assert!(ready.needs <= on_disk, "RUN-1: effect {} overtakes a record", ready.number);
        assert_eq!(ready.number, self.performed_count, "RUN-2: effects in their order");
        self.performed_count += 1;
        self.waiting_bytes -= ready.bytes;
        Some(ready.action)
    }

    /// Whether the disk is too far behind for more inputs from the links.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= WAITING_EFFECTS_MAX || self.waiting_bytes >= WAITING_BYTES_MAX
    }

    /// Whether all that was wanted has been done.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Effects and records that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.record_bytes.len()
    }

    pub(crate) const fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }
}

#[cfg(test)]
mod tests;
