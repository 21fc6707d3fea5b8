//! When whose turn is: every place of a table once per period, evenly, from one counter.

use quorate_types::{Duration, Instant};

use crate::limits::PROBE_TURNS_MAX;

/// A walk around a table, one place after the other, once per period.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// When the turn with number `counted` was due.
    since: Instant,
    /// Turns taken since then.
    taken: u64,
    place: u32,
    places: u32,
    period: Duration,
    shortest: Duration,
}

impl Pace {
    /// Begins at a place.
    pub(super) fn new(
        now: Instant,
        (place, places): (u32, u32),
        (period, shortest): (Duration, Duration),
    ) -> Self {
        Self { since: now, taken: 0, place: place % places.max(1), places, period, shortest }
    }

    /// How many turns are due, at most [`PROBE_TURNS_MAX`]; what is missed beyond that is not made
    /// up for, so that a pause is followed by no burst.
    pub(super) fn due(&mut self, now: Instant) -> usize {
        let passed = u128::from(now.since(self.since).as_micros());
        let period = u128::from(self.period.as_micros().max(1));
        let due = u64::try_from(passed * u128::from(self.places) / period).unwrap_or(u64::MAX);
        let missing = due.saturating_sub(self.taken);
        if missing > PROBE_TURNS_MAX as u64 {
            (self.since, self.taken) = (now, 0);
            return PROBE_TURNS_MAX;
        }
        usize::try_from(missing).unwrap_or(PROBE_TURNS_MAX)
    }

    /// Takes a turn: the place whose it is, and whether the walk is around with it.
    pub(super) fn take(&mut self) -> (u32, bool) {
        let place = self.place;
        self.taken += 1;
        self.place = (place + 1) % self.places.max(1);
        (place, self.place == 0)
    }

    /// When to look again: when the next turn is due, and not at once.
    pub(super) fn next(&self, now: Instant) -> Instant {
        let turns = u128::from(self.taken + 1) * u128::from(self.period.as_micros());
        let places = u128::from(self.places.max(1));
        let offset = u64::try_from(turns.div_ceil(places)).unwrap_or(u64::MAX);
        let next = self.since.after(Duration::from_micros(offset));
        next.max(now.after(self.shortest))
    }
}

#[cfg(test)]
mod tests;
