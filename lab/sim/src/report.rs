//! What a run leaves behind.

use crate::checker::Broken;
use crate::marks::Marks;
use crate::passages::Lives;
use crate::scenario::{FaultKind, Profile};

/// What happened, in numbers.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Whether the run came to the end of its scenario.
    pub is_complete: bool,
    /// Faults that struck, by [`FaultKind::index`].
    pub faults: [u64; FaultKind::NAMES.len()],
    /// Crashes, however they came about.
    pub crashes: u64,
    /// Requests that machines were asked for.
    pub requests: u64,
    /// Messages sent, one for each recipient.
    pub sent: u64,
    /// Messages lost on links or at nodes that were down.
    pub lost: u64,
    /// Messages that arrived twice.
    pub duplicated: u64,
    /// Messages whose bytes changed.
    pub corrupted: u64,
    /// Messages that verification refused.
    pub refused: u64,
    /// Records that became durable.
    pub durable: u64,
    /// What machines told their nodes.
    pub outputs: u64,
}

impl Counts {
    /// Adds the numbers of another run.
    pub fn add(&mut self, other: &Self) {
        self.is_complete |= other.is_complete;
        self.faults.iter_mut().zip(other.faults).for_each(|(total, more)| *total += more);
        self.crashes += other.crashes;
        self.requests += other.requests;
        self.sent += other.sent;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.corrupted += other.corrupted;
        self.refused += other.refused;
        self.durable += other.durable;
        self.outputs += other.outputs;
    }
}

/// A broken promise, with all that is needed to see it again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The seed of the run.
    pub seed: u64,
    /// How its scenario was drawn.
    pub profile: Profile,
    /// Hash of everything up to there.
    pub trace: u64,
    /// Number of the event.
    pub event: u64,
    /// Virtual time.
    pub time_us: u64,
    /// What is broken.
    pub broken: Broken,
}

impl Violation {
    /// How to see it again.
    #[must_use]
    pub fn replay_command(&self, system: &str, plant: Option<&str>) -> String {
        let plant = plant.map_or_else(String::new, |plant| format!(" --plant {plant}"));
        let Self { seed, profile, event, .. } = self;
        let from = event.saturating_sub(REPLAYED_EVENTS);
        format!(
            "cargo xtask sim replay --system {system} --seed {seed} --profile {}{plant} \
             --until {event} --trace --from {from}",
            profile.name()
        )
    }

    /// The violation in one line.
    #[must_use]
    pub fn line(&self, commit: &str) -> String {
        let Self { seed, profile, trace, event, time_us, broken } = self;
        format!(
            "SEED={seed} PROFILE={} COMMIT={commit} TRACE={trace:016x} EVENT={event} \
             TIME_US={time_us} INVARIANT={} {}",
            profile.name(),
            broken.invariant,
            broken.detail
        )
    }
}

/// Events that the printed replay command shows before the violation.
const REPLAYED_EVENTS: u64 = 200;

/// What a run leaves behind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Steps that were made.
    pub events: u64,
    /// Virtual time at the end.
    pub time_us: u64,
    /// Hash of everything that happened.
    pub trace: u64,
    /// Hash of the same but for the numbers of effects.
    pub course: u64,
    /// Hits of each mark.
    pub marks: Marks,
    /// What happened, in numbers.
    pub counts: Counts,
    /// Effects of each node that happened, over all its lives: its crash points.
    pub effects: Vec<u64>,
    /// Writes to the disk of each node that were begun, over all its lives.
    pub writes: Vec<u64>,
    /// The effects of each node, where notes of them were taken.
    pub lives: Vec<Lives>,
    /// The promise that was broken, if any.
    pub violation: Option<Violation>,
}
