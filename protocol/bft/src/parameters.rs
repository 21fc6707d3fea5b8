//! What a group may tune; the same at every replica of it.

use quorate_types::Duration;

use crate::limits::SLOTS_IN_FLIGHT_MAX;

/// Tunable behaviour of a replica group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Slots between two checkpoints.
    pub checkpoint_interval: u64,
    /// Slots that may be proposed and not committed.
    pub slots_in_flight: u64,
    /// Shortest time without an executed slot after which the leader is suspected, while there is
    /// work.
    pub progress_timeout_min: Duration,
    /// Longest such time: where doubling ends.
    pub progress_timeout_max: Duration,
    /// Shortest time between two vectors of acknowledgements.
    pub ack_interval: Duration,
    /// Time between two status messages while something is under way.
    pub status_interval_busy: Duration,
    /// Time between two status messages while nothing is under way.
    pub status_interval_idle: Duration,
    /// Time after which a suspicion is repeated.
    pub suspicion_interval: Duration,
    /// Time after which a suspicion that was not repeated counts no more.
    pub suspicion_lapse: Duration,
    /// Time after which a fetch goes to another replica.
    pub fetch_timeout: Duration,
    /// Longest time for which proposals wait for replicas that are far behind.
    pub laggard_patience: Duration,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            checkpoint_interval: 128,
            slots_in_flight: 1,
            progress_timeout_min: Duration::from_millis(500),
            progress_timeout_max: Duration::from_secs(60),
            ack_interval: Duration::from_millis(1),
            status_interval_busy: Duration::from_millis(100),
            status_interval_idle: Duration::from_secs(1),
            suspicion_interval: Duration::from_secs(1),
            suspicion_lapse: Duration::from_secs(3),
            fetch_timeout: Duration::from_millis(200),
            laggard_patience: Duration::from_secs(2),
        }
    }
}

impl Parameters {
    /// Slots above the stable checkpoint that may be proposed: PBFT's window between the water
    /// marks, so that a bad leader cannot exhaust the slots, nor memory.
    #[must_use]
    pub const fn window(&self) -> u64 {
        4 * self.checkpoint_interval
    }

    /// Are the parameters in range?
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.checkpoint_interval > 0
            && self.slots_in_flight > 0
            && self.slots_in_flight <= SLOTS_IN_FLIGHT_MAX
            && self.progress_timeout_min.as_micros() > 0
            && self.progress_timeout_min.as_micros() <= self.progress_timeout_max.as_micros()
    }
}
