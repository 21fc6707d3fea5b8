//! The alarms of one machine: each timer has at most one, and a new one replaces it.
//!
//! # Invariants
//! - RUN-6: a timer has at most one alarm.

use std::collections::{BTreeMap, BTreeSet};

use quorate_types::Instant;

/// Alarms by timer and by time.
#[derive(Debug)]
pub(crate) struct Alarms<T> {
    times: BTreeMap<T, Instant>,
    order: BTreeSet<(Instant, T)>,
}

impl<T: Copy + Ord> Alarms<T> {
    pub(crate) const fn new() -> Self {
        Self { times: BTreeMap::new(), order: BTreeSet::new() }
    }

    /// Sets the alarm of this timer, whatever it was before.
    pub(crate) fn arm(&mut self, timer: T, at: Instant) {
        if let Some(earlier) = self.times.insert(timer, at) {
            self.order.remove(&(earlier, timer));
        }
        self.order.insert((at, timer));
        assert_eq!(self.times.len(), self.order.len(), "RUN-6: one alarm for each timer");
    }

    /// Forgets the alarm of this timer.
    pub(crate) fn disarm(&mut self, timer: T) {
        if let Some(at) = self.times.remove(&timer) {
            self.order.remove(&(at, timer));
        }
        assert_eq!(self.times.len(), self.order.len(), "RUN-6: one alarm for each timer");
    }

    /// Takes the earliest timer that is due at `now`.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<T> {
        let (_, timer) = *self.order.first().filter(|(at, _)| *at <= now)?;
        self.disarm(timer);
        Some(timer)
    }

    /// When the earliest alarm is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }
}

#[cfg(test)]
mod tests {
    //! Alarms come in order of time, once, and only the last one of a timer.
    use quorate_types::Instant;

    use super::Alarms;

    const fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn a_timer_has_one_alarm_and_the_last_one_counts() {
        // RUN-6.
        let mut alarms = Alarms::new();
        alarms.arm('a', at(10));
        alarms.arm('b', at(20));
        alarms.arm('a', at(30));
        assert_eq!(alarms.len(), 2);
        assert_eq!(alarms.next(), Some(at(20)));
        assert_eq!(alarms.take_due(at(19)), None);
        assert_eq!(alarms.take_due(at(30)), Some('b'));
        assert_eq!(alarms.take_due(at(30)), Some('a'));
        assert_eq!(alarms.take_due(at(99)), None, "an alarm goes off once");
    }

    #[test]
    fn a_disarmed_timer_does_not_go_off() {
        let mut alarms = Alarms::new();
        alarms.arm('a', at(10));
        alarms.disarm('a');
        alarms.disarm('b');
        assert_eq!((alarms.next(), alarms.take_due(at(99))), (None, None));
    }
}
