//! How long a proof of freshness lets its holder act.

use quorate_machine::{Plant, planted};
use quorate_types::{Digest, Duration, Epoch, Instant};

use crate::limits::{
    CLOCK_DRIFT_PPM_DEFAULT, CLOCK_DRIFT_PPM_MAX, EARLIEST_END_PART, LEASE_DEFAULT, LEASE_MIN,
};

const MILLION: u64 = 1_000_000;

/// How long leases are; the same for all participants of a system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseRule {
    length: Duration,
    drift_ppm: u32,
}

impl Default for LeaseRule {
    fn default() -> Self {
        Self { length: LEASE_DEFAULT, drift_ppm: CLOCK_DRIFT_PPM_DEFAULT }
    }
}

impl LeaseRule {
    /// The usual leases where epochs last so long: a quarter of that, the time in which no epoch
    /// ends (MEM-52), within [`LEASE_MIN`] and [`LEASE_DEFAULT`]. From epochs of 5 s on a lease is
    /// no longer than an epoch that lasts its time, and half of it is more than a hand-over takes.
    ///
    /// Below 20 s the least of a lease is more than a quarter, so it may outlive the epoch behind
    /// its own if that one ends early, as every lease may behind a hand-over that took long.
    /// Nothing rests on that it does not: no lease begins when the next epoch may be active, and
    /// each outlives its epoch by no more than its own length, whatever begins and ends meanwhile.
    #[must_use]
    pub fn of_epoch(length: Duration) -> Self {
        let part = Duration::from_micros(length.as_micros() / EARLIEST_END_PART);
        Self { length: part.clamp(LEASE_MIN, LEASE_DEFAULT), ..Self::default() }
    }

    /// Leases of `length` in true time, on clocks whose rate is off by at most `drift_ppm` parts
    /// per million; nothing above [`CLOCK_DRIFT_PPM_MAX`].
    #[must_use]
    pub const fn new(length: Duration, drift_ppm: u32) -> Option<Self> {
        if drift_ppm > CLOCK_DRIFT_PPM_MAX {
            return None;
        }
        Some(Self { length, drift_ppm })
    }

    /// The length in true time.
    #[must_use]
    pub const fn length(self) -> Duration {
        self.length
    }

    /// The length on a clock that may be as slow as the bound allows; rounded down.
    #[must_use]
    pub fn length_on_slow_clock(self) -> Duration {
        let micros = self.length.as_micros();
        let lost = micros.div_ceil(MILLION).saturating_mul(u64::from(self.drift_ppm));
        Duration::from_micros(micros.saturating_sub(lost))
    }

    /// The end of a lease whose challenge was sent at this moment.
    #[must_use]
    pub fn end(self, sent_at: Instant) -> Instant {
        if planted(Plant::LeaseIgnoresDrift) {
            return sent_at.after(self.length);
        }
        sent_at.after(self.length_on_slow_clock())
    }
}

/// The right to act on a configuration for a while.
///
/// The clock must not stand still while the machine sleeps, or the lease would outlive it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lease {
    epoch: Epoch,
    header: Digest,
    until: Instant,
}

impl Lease {
    pub(super) const fn new(epoch: Epoch, header: Digest, until: Instant) -> Self {
        Self { epoch, header, until }
    }

    /// The epoch that was current when the lease began.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The configuration that it is for.
    #[must_use]
    pub const fn header(&self) -> Digest {
        self.header
    }

    /// First moment, on the holder's clock, at which it does not hold any more.
    #[must_use]
    pub const fn until(&self) -> Instant {
        self.until
    }

    /// Does it hold at this moment?
    #[must_use]
    pub fn holds_at(&self, now: Instant) -> bool {
        now < self.until
    }
}
