//! Byzantine clients whose machines are honest and whose papers or clocks are not: a certificate
//! that has run out, one of another authority, a clock that is off beyond every bound.

use quorate_history::Prng;
use quorate_types::{Instant, Now, UnixTime};

/// What a bad client has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientVice {
    /// A certificate of the authority that has run out.
    ExpiredCertificate,
    /// A certificate of another authority.
    ForeignCertificate,
    /// Clocks that run wrong.
    WrongClock(Skew),
}

/// How clocks are wrong, beyond what a run grants to honest ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Skew {
    /// What the monotonic clock counts while the right one counts 1,000.
    pub rate_per_mille: u64,
    /// How far the wall clock is off, in microseconds.
    pub wall_us: i64,
}

/// Fifty years.
const WALL_US_MAX: u64 = 50 * 31_536_000 * 1_000_000;

impl Skew {
    fn draw(prng: &mut Prng) -> Self {
        let ahead = i64::try_from(prng.below(WALL_US_MAX)).expect("fifty years fit");
        let wall_us = if prng.chance(500) { ahead } else { -ahead };
        Self { rate_per_mille: [20, 300, 4_000, 50_000][prng.index(4)], wall_us }
    }

    /// What the node sees while its clocks show this.
    #[must_use]
    pub const fn now(&self, now: Now) -> Now {
        let micros = now.instant.as_micros().saturating_mul(self.rate_per_mille) / 1_000;
        let wall = now.wall.as_micros().saturating_add_signed(self.wall_us);
        Now { instant: Instant::from_micros(micros), wall: UnixTime::from_micros(wall) }
    }

    /// What the clock shows when the node sees this.
    #[must_use]
    pub const fn when(&self, instant: Instant) -> Instant {
        let micros = instant.as_micros().saturating_mul(1_000);
        Instant::from_micros(micros.div_ceil(self.rate_per_mille))
    }
}

/// Names of the bad clients.
pub const CLIENT_VICES: &[&str] = &["expired-client", "foreign-client", "wrong-clock"];

impl ClientVice {
    /// The vice with this name; `prng` decides its details.
    #[must_use]
    pub fn named(name: &str, prng: &mut Prng) -> Option<Self> {
        match name {
            "expired-client" => Some(Self::ExpiredCertificate),
            "foreign-client" => Some(Self::ForeignCertificate),
            "wrong-clock" => Some(Self::WrongClock(Skew::draw(prng))),
            _ => None,
        }
    }

    /// What is counted when the client acts.
    #[must_use]
    pub const fn mark(&self) -> &'static str {
        match self {
            Self::ExpiredCertificate => "liar.certificate_expired",
            Self::ForeignCertificate => "liar.certificate_foreign",
            Self::WrongClock(_) => "liar.clock_off",
        }
    }
}
