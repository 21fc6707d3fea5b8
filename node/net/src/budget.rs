//! Token buckets: what a peer may cost per second before it is not read for a while.
//!
//! # Invariants
//! - NET-5: an exhausted budget pauses a peer for at most `PAUSE_MS_MAX`, so that a pause is
//!   never mistaken for a dead connection.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::PAUSE_MS_MAX;

const MICROS_PER_SECOND: u128 = 1_000_000;
const MILLIS_PER_SECOND: u64 = 1_000;

/// A bucket that fills with `per_second` units and holds one second's worth.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: u64,
    available: u64,
    debt: u64,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket; a rate of zero is taken as one.
    pub(crate) fn new(per_second: u64, now: Instant) -> Self {
        let per_second = per_second.max(1);
        Self { per_second, available: per_second, debt: 0, filled_at: now }
    }

    /// Takes `amount`, into debt if need be. The debt is cut at `PAUSE_MS_MAX` worth of filling.
    pub(crate) fn take(&mut self, amount: u64, now: Instant) {
        self.fill(now);
        let covered = amount.min(self.available);
        self.available -= covered;
        let debt_max = self.per_second.saturating_mul(PAUSE_MS_MAX) / MILLIS_PER_SECOND;
        self.debt = self.debt.saturating_add(amount - covered).min(debt_max);
    }

    /// How long until the debt is paid; zero if there is none.
    pub(crate) fn pause(&mut self, now: Instant) -> Duration {
        self.fill(now);
        let micros = u128::from(self.debt) * MICROS_PER_SECOND;
        let micros = micros.div_ceil(u128::from(self.per_second));
        let pause = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        assert!(
            pause <= Duration::from_millis(PAUSE_MS_MAX),
            "NET-5: a pause of {pause:?} looks like a dead connection"
        );
        pause
    }

    fn fill(&mut self, now: Instant) {
        let micros = now.saturating_duration_since(self.filled_at).as_micros();
        let gained = micros * u128::from(self.per_second) / MICROS_PER_SECOND;
        if gained == 0 {
            return;
        }
        self.filled_at = now;
        let gained = u64::try_from(gained).unwrap_or(u64::MAX);
        let paid = gained.min(self.debt);
        self.debt -= paid;
        self.available = self.available.saturating_add(gained - paid).min(self.per_second);
    }
}

#[cfg(test)]
mod tests {
    //! Buckets fill, empty, and forgive.

    use std::time::Duration;

    use tokio::time::Instant;

    use super::Bucket;
    use crate::limits::PAUSE_MS_MAX;

    #[test]
    fn a_peer_within_its_budget_is_not_paused() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1_000, start);
        bucket.take(1_000, start);
        assert_eq!(bucket.pause(start), Duration::ZERO);
    }

    #[test]
    fn a_peer_over_its_budget_waits_exactly_until_its_debt_is_paid() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1_000, start);
        bucket.take(1_500, start);
        assert_eq!(bucket.pause(start), Duration::from_millis(500));
        assert_eq!(bucket.pause(start + Duration::from_millis(200)), Duration::from_millis(300));
        assert_eq!(bucket.pause(start + Duration::from_millis(500)), Duration::ZERO);
    }

    #[test]
    fn no_charge_pauses_longer_than_the_bound() {
        // NET-5.
        let start = Instant::now();
        for rate in [0, 1, 7, 1_000, u64::MAX] {
            let mut bucket = Bucket::new(rate, start);
            bucket.take(u64::MAX, start);
            bucket.take(u64::MAX, start);
            assert!(bucket.pause(start) <= Duration::from_millis(PAUSE_MS_MAX), "rate {rate}");
        }
    }

    #[test]
    fn an_idle_peer_saves_up_at_most_one_second() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1_000, start);
        let later = start + Duration::from_secs(100);
        bucket.take(2_000, later);
        assert_eq!(bucket.pause(later), Duration::from_secs(1));
    }
}
