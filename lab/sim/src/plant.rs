//! Bugs on purpose: what is known of one, and how it is put in force.
//!
//! The hooks of most are in the production code, behind `--cfg plant`; without it they are not in
//! the build, and there is nothing to choose. Those of the toy are its host's own.

use quorate_machine::Plant as Bug;

use crate::scenario::Profile;

/// A bug that is put into the system on purpose, to show that its checker fires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plant {
    /// What it is called: lower case with hyphens.
    pub name: &'static str,
    /// The bug in a sentence.
    pub what: &'static str,
    /// The checker that must find it.
    pub checker: &'static str,
    /// Its hook in the production code, if it is there.
    pub bug: Option<Bug>,
    /// Seeds within which it must be found.
    pub seeds_max: u64,
    /// The scenarios in which it is looked for.
    pub profile: Profile,
    /// The villain without which it cannot show: scenarios that lack it are not run.
    pub villain: Option<&'static str>,
}

/// Seeds within which a plant must be found, unless it says otherwise.
const SEEDS_MAX: u64 = 300;
/// The same where only a liar or a rare timing shows the bug.
const RARE_SEEDS_MAX: u64 = 600;

impl Plant {
    /// A bug of the system's own host, looked for in short runs.
    #[must_use]
    pub const fn own(name: &'static str, checker: &'static str, what: &'static str) -> Self {
        let (profile, seeds_max) = (Profile::Short, SEEDS_MAX);
        Self { name, what, checker, bug: None, seeds_max, profile, villain: None }
    }

    /// A bug of the production code, looked for in short runs.
    #[must_use]
    pub const fn hooked(
        bug: Bug,
        name: &'static str,
        checker: &'static str,
        what: &'static str,
    ) -> Self {
        Self { bug: Some(bug), ..Self::own(name, checker, what) }
    }

    /// For bugs that show in long runs.
    #[must_use]
    pub const fn slow(self) -> Self {
        Self { profile: Profile::Swarm, ..self }
    }

    /// For bugs that only a liar or a rare timing shows.
    #[must_use]
    pub const fn rare(self) -> Self {
        Self { seeds_max: RARE_SEEDS_MAX, ..self }
    }

    /// For bugs that show where decisions are left half made.
    #[must_use]
    pub const fn feud(self) -> Self {
        Self { profile: Profile::Feud, ..self.rare() }
    }

    /// For bugs that only this villain shows.
    #[must_use]
    pub const fn baited(self, villain: &'static str) -> Self {
        Self { villain: Some(villain), ..self }
    }
}

/// Those whose hooks are in this build: all, or none.
#[must_use]
pub const fn in_this_build(plants: &'static [Plant]) -> &'static [Plant] {
    if cfg!(plant) { plants } else { &[] }
}

/// Puts the bug of a plant in force, or none; in the whole process.
#[cfg(plant)]
pub fn select(plant: Option<&Plant>) {
    quorate_machine::select(plant.and_then(|plant| plant.bug));
}

/// Without the hooks there is nothing to put in force.
#[cfg(not(plant))]
pub const fn select(_: Option<&Plant>) {}
