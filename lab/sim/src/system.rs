//! Systems under test, their planted bugs, and the table in which they are registered.

use std::fmt::Debug;
use std::io::Write;

use crate::crashes::Scene;
pub use crate::plant::Plant;
use crate::report::Report;
use crate::scenario::{Profile, Scenario};

/// When a run is cut short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The last event; `u64::MAX` for all.
    pub event_max: u64,
    /// Ends soon after all that is owed has come, where a checker can tell.
    pub is_over_when_settled: bool,
    /// Takes notes of all effects, for an enumeration of crashes.
    pub notes_passages: bool,
}

impl Limits {
    /// Up to the end of the scenario.
    pub const NONE: Self =
        Self { event_max: u64::MAX, is_over_when_settled: false, notes_passages: false };
    /// Until all that is owed has come, and at most up to the end of the scenario.
    pub const SETTLED: Self = Self { is_over_when_settled: true, ..Self::NONE };
}

/// A prepared run, whatever its machines are.
pub trait Run: Debug {
    /// Runs; once.
    fn run(&mut self, limits: &Limits) -> Report;

    /// Prints a line for each event from this one on.
    fn print_to(&mut self, out: Box<dyn Write>, from_event: u64);

    /// What is being run.
    fn scenario(&self) -> &Scenario;
}

/// A system under test.
pub trait System: Sync {
    /// What it is called on the command line.
    fn name(&self) -> &'static str;

    /// The scenario of a seed.
    fn draw(&self, seed: u64, profile: Profile) -> Scenario;

    /// Prepares a run of a scenario, with a planted bug or without.
    fn build(&self, scenario: &Scenario, plant: Option<&Plant>) -> Box<dyn Run>;

    /// Its planted bugs.
    fn plants(&self) -> &'static [Plant];

    /// The marks that a gate run must reach.
    fn marks(&self) -> &'static [&'static str];

    /// Short stories for the enumeration of crashes.
    fn scenes(&self) -> &'static [Scene] {
        &[]
    }

    /// One crash point of so many is taken, beside the share of a gate run.
    fn crash_stride(&self) -> usize {
        1
    }

    /// One crash of several servers at once of so many, in a gate run; none if it takes none.
    fn together_stride(&self) -> Option<usize> {
        None
    }

    /// Feuds of a gate run, besides its other seeds: so many with this villain, or with whoever is
    /// drawn. None where [`crate::host::Host::kind`] does not sort the messages.
    fn feuds(&self) -> &'static [(usize, Option<&'static str>)] {
        &[]
    }

    /// How much of a gate run's seeds it gets, in 100.
    fn share_per_cent(&self) -> u64 {
        100
    }

    /// The same for its events, where runs are shorter or longer than usual.
    fn events_per_cent(&self) -> u64 {
        self.share_per_cent()
    }
}

/// Every system that the programs know.
pub const SYSTEMS: &[&dyn System] = &[
    &crate::ordering::Ordering,
    &crate::storage::Storage,
    &crate::cluster::Cluster,
    &crate::epochs::Epochs,
    &crate::toy::Toy,
];

/// The system with this name.
#[must_use]
pub fn system(name: &str) -> Option<&'static dyn System> {
    SYSTEMS.iter().copied().find(|system| system.name() == name)
}
