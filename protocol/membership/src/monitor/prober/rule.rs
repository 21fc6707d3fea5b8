//! How often servers are asked, and how much silence it takes.

use core::fmt;

use quorate_types::Duration;

use crate::limits::{
    PROBE_PERIOD_DEFAULT, PROBE_PERIOD_MIN, PROBE_TICK_DEFAULT, PROBE_WITHIN_DEFAULT,
    PROBES_PER_EPOCH_MIN,
};

/// How often servers are asked, and how much silence it takes; the same at all members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProbeRule {
    /// Each active server is asked once per period.
    pub period: Duration,
    /// Answers that take longer do not count; at most the period.
    pub within: Duration,
    /// The prober does not look at its clock more often than this.
    pub tick: Duration,
    /// One probe in so many carries a nonce, from 1.
    pub signed_one_in: u16,
    /// An inactive server is asked once in so many periods, from 1.
    pub inactive_one_in: u16,
    /// Misses in a row upon which a member proposes an eviction.
    pub n_propose: u16,
    /// Misses in a row upon which a member agrees to one; from 1, below `n_propose`.
    pub n_evict: u16,
    /// Answers in a row upon which a member proposes to bring an inactive server back.
    pub n_return: u16,
    /// Answers in a row upon which a member agrees to that; from 1, below `n_return`.
    pub n_agree: u16,
    /// What still holds is stated again after so many periods, from 1.
    pub restate_every: u16,
}

/// Why a rule cannot be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProbeRuleError {
    /// The period is shorter than [`PROBE_PERIOD_MIN`].
    Period,
    /// Answers would count longer than a period.
    Within,
    /// A number that must be at least 1 is 0.
    Zero,
    /// A member would agree later than another proposes.
    Thresholds,
}

impl fmt::Display for ProbeRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Period => "the period of probes is too short",
            Self::Within => "answers to probes would count longer than a period",
            Self::Zero => "a number of probes is zero",
            Self::Thresholds => "the threshold to agree must be below the threshold to propose",
        })
    }
}

impl core::error::Error for ProbeRuleError {}

impl Default for ProbeRule {
    fn default() -> Self {
        Self::of_period(PROBE_PERIOD_DEFAULT)
    }
}

impl ProbeRule {
    /// The usual numbers with this period.
    #[must_use]
    pub fn of_period(period: Duration) -> Self {
        Self {
            period,
            within: PROBE_WITHIN_DEFAULT.min(period),
            tick: PROBE_TICK_DEFAULT,
            signed_one_in: 10,
            inactive_one_in: 4,
            n_propose: 5,
            n_evict: 3,
            n_return: 3,
            n_agree: 1,
            restate_every: 3,
        }
    }

    /// The usual numbers for epochs of this length: a server that falls silent is suspected within
    /// one, and an hour has the usual period.
    #[must_use]
    pub fn of_epoch(length: Duration) -> Self {
        let period = Duration::from_micros(length.as_micros() / PROBES_PER_EPOCH_MIN);
        Self::of_period(period.clamp(PROBE_PERIOD_MIN, PROBE_PERIOD_DEFAULT))
    }

    /// Can it be followed?
    ///
    /// # Errors
    /// [`ProbeRuleError`] says why not.
    pub fn check(&self) -> Result<(), ProbeRuleError> {
        if self.period < PROBE_PERIOD_MIN {
            return Err(ProbeRuleError::Period);
        }
        if self.within > self.period {
            return Err(ProbeRuleError::Within);
        }
        let counts = [self.signed_one_in, self.inactive_one_in, self.restate_every];
        if counts.contains(&0) || self.n_evict == 0 || self.n_agree == 0 {
            return Err(ProbeRuleError::Zero);
        }
        if self.n_evict >= self.n_propose || self.n_agree >= self.n_return {
            return Err(ProbeRuleError::Thresholds);
        }
        Ok(())
    }
}
