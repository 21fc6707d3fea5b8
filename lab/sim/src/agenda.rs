//! What is going to happen: one heap for the whole simulated world.
//!
//! # Invariants
//! - SIM-1: what happens later in virtual time is never taken before what happens earlier; what
//!   happens at the same time is taken in the order in which it was entered.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[cfg(test)]
mod tests;

/// When, then in which order; the payload lies elsewhere so that the heap moves little.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    at_us: u64,
    entered: u64,
    slot: u32,
}

/// Happenings in the order of virtual time.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    heap: BinaryHeap<Reverse<Key>>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    entered: u64,
    taken: (u64, u64),
}

impl<T> Agenda<T> {
    pub(crate) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            entered: 0,
            taken: (0, 0),
        }
    }

    /// Enters a happening; never to be taken if the time is `u64::MAX`.
    pub(crate) fn enter(&mut self, at_us: u64, what: T) {
        if at_us == u64::MAX {
            return;
        }
        self.entered += 1;
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(what);
            slot
        } else {
            self.slots.push(Some(what));
            u32::try_from(self.slots.len() - 1).expect("memory ends before 2^32 happenings")
        };
        self.heap.push(Reverse(Key { at_us, entered: self.entered, slot }));
    }

    /// Takes the next happening.
    pub(crate) fn take(&mut self) -> Option<(u64, T)> {
        let Reverse(key) = self.heap.pop()?;
        let order = (key.at_us, key.entered);
        assert!(order > self.taken, "SIM-1: {order:?} is taken after {:?}", self.taken);
        self.taken = order;
        self.free.push(key.slot);
        let what = self.slots[key.slot as usize].take().expect("a key in the heap has its slot");
        Some((key.at_us, what))
    }

    /// Number of happenings entered and not taken.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }
}
