//! Bugs that are put into the membership service on purpose, and the checker that must find each.

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
        Plant { name, what, checker, seeds_max: 200, profile: Profile::Short, villain: None }
    }

    pub(in super::super) const PLANTS: &[Plant] = &[
        plant("lease-ignores-drift", "C3", "a lease is not reduced by the drift bound"),
        plant("short-freshness", "C3", "f + 1 vouches are enough for a lease"),
        plant("stale-freshness", "C3", "a vouch counts whatever challenge it answers"),
        plant("header-not-verified", "C3", "the system's signature on a header is not checked"),
        plant("expired-client-served", "C3", "a session opens whenever its certificate ran out"),
        plant("expired-writer-admitted", "C3", "a write counts whenever its certificate ran out"),
    ];

    /// In the order of [`PLANTS`].
    const BUGS: &[Bug] = &[
        Bug::LeaseIgnoresDrift,
        Bug::ShortFreshness,
        Bug::StaleFreshness,
        Bug::HeaderNotVerified,
        Bug::ExpiredClientServed,
        Bug::ExpiredWriterAdmitted,
    ];

    const _: () = assert!(PLANTS.len() == BUGS.len(), "each plant has its bug");

    /// Puts this bug in force, or none; in the whole process.
    pub(in super::super) fn select(plant: Option<&Plant>) {
        let position = plant.and_then(|plant| PLANTS.iter().position(|known| known == plant));
        quorate_machine::select(position.map(|position| BUGS[position]));
    }
}
