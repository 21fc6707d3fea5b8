//! What a prober counts: of its whole life for people, of one round for itself.

use super::statements::Said;

/// What a prober has done and found, for people and their alarms.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ProberStatus {
    /// Probes sent, since the prober began.
    pub sent: u64,
    /// Those of them that asked for a signature.
    pub sent_signed: u64,
    /// Answers that counted.
    pub answered: u64,
    /// Probes that were not answered in time.
    pub missed: u64,
    /// Answers that did not count: late, unasked for, without the signature that was asked for.
    pub refused: u64,
    /// Active servers in a run of `n_propose` misses or more, now.
    pub suspects: u64,
    /// Servers of which something is to be said that does not fit the period, now.
    pub unsaid: u64,
    /// Whether more than half of the active servers missed in the last round: nobody is suspected
    /// meanwhile.
    pub is_cut_off: bool,
}

/// What happened in one round; answers and misses are of active servers.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Round {
    pub(super) number: u32,
    pub(super) answered: u64,
    pub(super) missed: u64,
    pub(super) said: Said,
}

impl Round {
    pub(super) const fn is_cut_off(&self) -> bool {
        self.missed > self.answered
    }
}
