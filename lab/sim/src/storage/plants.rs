//! Bugs that are put into the DHT on purpose, and the checker that must find each.
//!
//! As with those of the ordering engine, the hooks are in the machines, behind `--cfg plant`.

#[cfg(not(plant))]
use crate::system::Plant;

#[cfg(not(plant))]
pub(super) const PLANTS: &[Plant] = &[];

#[cfg(not(plant))]
pub(super) const fn select(_: Option<&Plant>) {}

#[cfg(plant)]
pub(super) use planted::{PLANTS, select};

#[cfg(plant)]
mod planted {
    use quorate_machine::Plant as Bug;

    use crate::scenario::Profile;
    use crate::system::Plant;

    const fn plant(name: &'static str, checker: &'static str, what: &'static str) -> Plant {
        Plant { name, what, checker, seeds_max: SEEDS_MAX, profile: Profile::Swarm, villain: None }
    }

    const SEEDS_MAX: u64 = 300;

    pub(in super::super) const PLANTS: &[Plant] = &[
        plant("no-write-back", "C5", "a reader does not write back what only some hold"),
        plant("short-read", "C5", "a reader takes one reply less than a quorum"),
        plant("number-taken-twice", "C5", "a writer takes the highest number, not the next one"),
        plant("short-write", "C8", "one acknowledgement less than a quorum is enough"),
        plant("numbers-compared", "C8", "a server compares versions by their numbers alone"),
        plant("ack-before-persist", "C8", "a version is acknowledged before its record"),
        plant("absent-too-soon", "C8", "f + 1 servers are believed that content is absent"),
        plant("repair-unverified", "C3", "a sweep takes content that is not what it is called"),
        plant("repair-rolls-back", "C4", "a sweep puts an older version in place of a newer one"),
        plant("retries-once", "C9", "a client asks again once, and never again"),
        plant("phases-kept", "C12", "a client keeps the phases that are over"),
        plant("sweeps-once", "C14", "a server sweeps when it starts, and never again"),
    ];

    /// In the order of [`PLANTS`].
    const BUGS: &[Bug] = &[
        Bug::NoWriteBack,
        Bug::ShortRead,
        Bug::NumberTakenTwice,
        Bug::ShortWrite,
        Bug::NumbersCompared,
        Bug::AckBeforePersist,
        Bug::AbsentTooSoon,
        Bug::RepairUnverified,
        Bug::RepairRollsBack,
        Bug::RetriesOnce,
        Bug::PhasesKept,
        Bug::SweepsOnce,
    ];

    const _: () = assert!(PLANTS.len() == BUGS.len(), "each plant has its bug");

    /// Puts this bug in force, or none; in the whole process.
    pub(in super::super) fn select(plant: Option<&Plant>) {
        let position = plant.and_then(|plant| PLANTS.iter().position(|known| known == plant));
        quorate_machine::select(position.map(|position| BUGS[position]));
    }
}
