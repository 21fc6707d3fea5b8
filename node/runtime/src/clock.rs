//! The two clocks of a node; the only place that reads them.
//!
//! The monotonic clock counts from the start of the process. The wall clock is what the operating
//! system says; a jump of it is counted and reported, never smoothed: what it means is decided by
//! whoever agrees on time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant as Monotonic, SystemTime, UNIX_EPOCH};

use quorate_types::{Instant, Now, UnixTime};

use crate::limits::WALL_JUMP_MICROS;

/// Reads both clocks and compares their progress.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Monotonic,
    last: Option<Now>,
    jumps: Arc<AtomicU64>,
}

impl Clock {
    pub(crate) fn new(jumps: Arc<AtomicU64>) -> Self {
        Self { start: Monotonic::now(), last: None, jumps }
    }

    /// Both clocks now.
    pub(crate) fn now(&mut self) -> Now {
        let instant = Instant::from_micros(micros(self.start.elapsed()));
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros);
        let now = Now { instant, wall: UnixTime::from_micros(wall) };
        if let Some(jump_micros) = self.last.and_then(|last| jump(last, now)) {
            self.jumps.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(jump_micros, "the wall clock jumped; check time synchronisation");
        }
        self.last = Some(now);
        now
    }

    /// The point of the timer of tokio that is this instant.
    pub(crate) fn deadline(&self, instant: Instant) -> tokio::time::Instant {
        let after_start = std::time::Duration::from_micros(instant.as_micros());
        let far = || self.start + std::time::Duration::from_secs(FAR_SECONDS);
        self.start.checked_add(after_start).unwrap_or_else(far).into()
    }
}

/// What stands for a time that the operating system cannot name: a century.
const FAR_SECONDS: u64 = 100 * 366 * 24 * 3600;

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// By how many microseconds the wall clock went further than the other one, if that is a jump.
fn jump(last: Now, now: Now) -> Option<i128> {
    let passed = i128::from(now.instant.as_micros()) - i128::from(last.instant.as_micros());
    let wall = i128::from(now.wall.as_micros()) - i128::from(last.wall.as_micros());
    let difference = wall - passed;
    (difference.unsigned_abs() >= u128::from(WALL_JUMP_MICROS)).then_some(difference)
}

#[cfg(test)]
mod tests {
    //! A jump is a difference between the two clocks, in either direction.
    use quorate_types::{Instant, Now, UnixTime};

    use super::{WALL_JUMP_MICROS, jump};

    fn at(instant: u64, wall: u64) -> Now {
        Now { instant: Instant::from_micros(instant), wall: UnixTime::from_micros(wall) }
    }

    #[test]
    fn only_a_difference_between_the_clocks_is_a_jump() {
        let last = at(1_000, 10_000_000);
        assert_eq!(jump(last, at(9_001_000, 19_000_000)), None, "a long wait is none");
        let forward = 10_000_000 + WALL_JUMP_MICROS;
        assert_eq!(jump(last, at(1_000, forward)), Some(i128::from(WALL_JUMP_MICROS)));
        assert_eq!(jump(last, at(1_000, forward - 1)), None);
        let back = jump(last, at(2_000, 10_001_000 - WALL_JUMP_MICROS));
        assert_eq!(back, Some(-i128::from(WALL_JUMP_MICROS)));
    }
}
