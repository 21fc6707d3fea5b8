//! The clocks of one node, both wrong: a monotonic one that drifts, a wall clock that also jumps.

use quorate_types::{Instant, Now, UnixTime};

#[cfg(test)]
mod tests;

/// A clock that keeps virtual time exactly.
pub const RATE_PER_MILLE_EXACT: u64 = 1_000;
/// Largest drift of a clock in either direction.
pub const DRIFT_PER_MILLE_MAX: u64 = 100;
/// What wall clocks without an offset show when a run begins: 2030-01-01.
pub(crate) const WALL_BASE_US: u64 = 1_893_456_000_000_000;

/// How the clocks of a node are wrong from the beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockShape {
    /// Microseconds that it counts in a millisecond of virtual time: 900 to 1,100.
    pub rate_per_mille: u64,
    /// How far its wall clock is ahead.
    pub wall_offset_us: i64,
}

impl ClockShape {
    /// Clocks that are right.
    pub const EXACT: Self = Self { rate_per_mille: RATE_PER_MILLE_EXACT, wall_offset_us: 0 };
}

/// The clocks of one node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    shape: ClockShape,
    started_us: u64,
}

impl Clock {
    pub(crate) fn new(shape: ClockShape) -> Self {
        let drift = shape.rate_per_mille.abs_diff(RATE_PER_MILLE_EXACT);
        assert!(drift <= DRIFT_PER_MILLE_MAX, "a clock drifts by at most a tenth");
        Self { shape, started_us: 0 }
    }

    /// The node's process starts: its monotonic clock is zero.
    pub(crate) const fn start(&mut self, now_us: u64) {
        self.started_us = now_us;
    }

    /// The wall clock is set.
    pub(crate) const fn jump(&mut self, by_us: i64) {
        self.shape.wall_offset_us = self.shape.wall_offset_us.saturating_add(by_us);
    }

    /// What the node sees on its clocks.
    pub(crate) const fn now(&self, now_us: u64) -> Now {
        let rate = self.shape.rate_per_mille;
        let wall_us = WALL_BASE_US + now_us * rate / RATE_PER_MILLE_EXACT;
        Now {
            instant: Instant::from_micros((now_us - self.started_us) * rate / RATE_PER_MILLE_EXACT),
            wall: UnixTime::from_micros(wall_us.saturating_add_signed(self.shape.wall_offset_us)),
        }
    }

    /// The first virtual time at which the monotonic clock shows `instant`; `u64::MAX` is never.
    pub(crate) const fn when(&self, instant: Instant) -> u64 {
        match instant.as_micros().checked_mul(RATE_PER_MILLE_EXACT) {
            None => u64::MAX,
            Some(scaled) => {
                self.started_us.saturating_add(scaled.div_ceil(self.shape.rate_per_mille))
            }
        }
    }
}
