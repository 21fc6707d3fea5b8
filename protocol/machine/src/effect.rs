//! Effects: everything that a machine can do to the world, as plain values in order.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use quorate_types::{Instant, Peer};

use crate::Machine;

/// A record of a machine's log: records are numbered from 1 in the order of their `Persist`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordNumber(u64);

impl RecordNumber {
    /// Before the first record.
    pub const ZERO: Self = Self(0);

    /// Wraps a number that the log gave.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of the record behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// How urgent a message is; a link sends the lower class first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Small messages on which others wait: proposals, votes, suspicions, status.
    Control,
    /// What grows with the load: requests, batches, acknowledgements, replies.
    Ordered,
    /// State transfer and blobs.
    Bulk,
}

/// Who gets a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recipients {
    /// One peer.
    One(Peer),
    /// Each of these; shared, since a group sends to the same peers again and again.
    Each(Arc<[Peer]>),
}

/// One thing to be done.
pub enum Effect<M: Machine + ?Sized> {
    /// Make the record durable before anything that follows. A barrier.
    Persist(M::Record),
    /// Records with a lower number are not needed any more.
    Release(RecordNumber),
    /// Send a message; it may be lost, and nobody is told.
    Send {
        /// Who gets it.
        to: Recipients,
        /// How urgent it is.
        class: Class,
        /// What they get.
        message: M::Outbound,
    },
    /// Expire the timer at this time; replaces an earlier alarm of the same timer.
    Arm {
        /// Which timer.
        timer: M::Timer,
        /// When.
        at: Instant,
    },
    /// Forget the alarm, if there is one.
    Disarm(M::Timer),
    /// Tell the node.
    Emit(M::Output),
    /// Something worth counting happened here: a metric in production, a coverage mark in the lab.
    Mark(&'static str),
}

impl<M: Machine + ?Sized> fmt::Debug for Effect<M>
where
    M::Record: fmt::Debug,
    M::Outbound: fmt::Debug,
    M::Timer: fmt::Debug,
    M::Output: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Persist(record) => write!(f, "persist {record:?}"),
            Self::Release(number) => write!(f, "release below {}", number.get()),
            Self::Send { to, class, message } => write!(f, "send {class:?} {to:?} {message:?}"),
            Self::Arm { timer, at } => write!(f, "arm {timer:?} {at:?}"),
            Self::Disarm(timer) => write!(f, "disarm {timer:?}"),
            Self::Emit(output) => write!(f, "emit {output:?}"),
            Self::Mark(mark) => write!(f, "mark {mark}"),
        }
    }
}

/// The effects of a machine in order, each with its number.
pub struct Effects<M: Machine + ?Sized> {
    pushed_count: u64,
    pending: Vec<Effect<M>>,
}

impl<M: Machine + ?Sized> Default for Effects<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Machine + ?Sized> fmt::Debug for Effects<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} effects, {} pending", self.pushed_count, self.pending.len())
    }
}

impl<M: Machine + ?Sized> Effects<M> {
    /// No effect yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { pushed_count: 0, pending: Vec::new() }
    }

    /// Number of effects pushed since the machine began: the number of the next one.
    #[must_use]
    pub const fn pushed_count(&self) -> u64 {
        self.pushed_count
    }

    /// Takes what has been pushed since the last call, oldest first; the last of them has the
    /// number `pushed_count() - 1`.
    pub fn drain(&mut self) -> alloc::vec::Drain<'_, Effect<M>> {
        self.pending.drain(..)
    }

    /// Makes the record durable before anything that follows.
    pub fn persist(&mut self, record: M::Record) {
        self.push(Effect::Persist(record));
    }

    /// Lets the log forget the records below `number`.
    pub fn release(&mut self, number: RecordNumber) {
        self.push(Effect::Release(number));
    }

    /// Sends to one peer.
    pub fn send(&mut self, to: Peer, class: Class, message: M::Outbound) {
        self.push(Effect::Send { to: Recipients::One(to), class, message });
    }

    /// Sends the same to each of the peers.
    pub fn send_each(&mut self, to: &Arc<[Peer]>, class: Class, message: M::Outbound) {
        self.push(Effect::Send { to: Recipients::Each(Arc::clone(to)), class, message });
    }

    /// Sets an alarm; replaces an earlier one of the same timer.
    pub fn arm(&mut self, timer: M::Timer, at: Instant) {
        self.push(Effect::Arm { timer, at });
    }

    /// Forgets an alarm.
    pub fn disarm(&mut self, timer: M::Timer) {
        self.push(Effect::Disarm(timer));
    }

    /// Tells the node.
    pub fn emit(&mut self, output: M::Output) {
        self.push(Effect::Emit(output));
    }

    /// Counts that something happened.
    pub fn mark(&mut self, mark: &'static str) {
        self.push(Effect::Mark(mark));
    }

    /// Pushes an effect; MAC-1: this is the only place that gives numbers.
    pub fn push(&mut self, effect: Effect<M>) {
        // MAC-1: each effect gets the next number, whatever it is.
        self.pushed_count += 1;
        self.pending.push(effect);
    }
}

#[cfg(test)]
mod tests;
