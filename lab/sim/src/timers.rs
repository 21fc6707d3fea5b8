//! The armed timers of one node, with at most one live entry of the agenda for each.
//!
//! A machine that pushes a time-out forward at every message would flood the agenda; so an alarm
//! that moves to a later time keeps its entry, which on its arrival is entered anew.

use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// When the timer expires; none if it was disarmed.
    target_us: Option<u64>,
    /// When the agenda's entry arrives: not after the target.
    entered_us: u64,
    /// Tells the entry from older ones of the same timer.
    token: u64,
}

/// What the arrival of an entry of the agenda means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Nothing: the alarm was replaced or forgotten.
    Stale,
    /// The alarm was moved: enter it again.
    Moved { at_us: u64 },
    /// The timer has run out.
    Expired,
}

/// The timers of one node.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    entries: BTreeMap<T, Entry>,
    tokens: u64,
    armed_count: usize,
}

impl<T: Copy + Ord> Timers<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: BTreeMap::new(), tokens: 0, armed_count: 0 }
    }

    /// Forgets all; tokens go on, so that old entries of the agenda stay stale.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.armed_count = 0;
    }

    /// Number of timers that are going to expire.
    pub(crate) const fn armed_count(&self) -> usize {
        self.armed_count
    }

    /// Sets an alarm; returns the token if the agenda needs an entry at `at_us`.
    pub(crate) fn arm(&mut self, timer: T, at_us: u64) -> Option<u64> {
        if let Some(entry) = self.entries.get_mut(&timer) {
            self.armed_count += usize::from(entry.target_us.is_none());
            entry.target_us = Some(at_us);
            if entry.entered_us <= at_us {
                return None;
            }
        } else {
            self.armed_count += 1;
        }
        self.tokens += 1;
        let token = self.tokens;
        self.entries.insert(timer, Entry { target_us: Some(at_us), entered_us: at_us, token });
        Some(token)
    }

    pub(crate) fn disarm(&mut self, timer: T) {
        if let Some(entry) = self.entries.get_mut(&timer) {
            self.armed_count -= usize::from(entry.target_us.is_some());
            entry.target_us = None;
        }
    }

    /// An entry of the agenda arrives.
    pub(crate) fn arrive(&mut self, timer: T, token: u64, now_us: u64) -> Arrival {
        let Some(entry) = self.entries.get_mut(&timer).filter(|entry| entry.token == token) else {
            return Arrival::Stale;
        };
        let Some(target_us) = entry.target_us else {
            self.entries.remove(&timer);
            return Arrival::Stale;
        };
        if target_us > now_us {
            entry.entered_us = target_us;
            return Arrival::Moved { at_us: target_us };
        }
        self.entries.remove(&timer);
        self.armed_count -= 1;
        Arrival::Expired
    }
}
