//! Bugs that are put into the ordering engine on purpose, and the checker that must find each.
//!
//! The hooks are in the engine, behind `--cfg plant`; without it there is nothing to choose, and
//! the list is empty.

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

    /// For bugs that only a liar or a rare timing shows: many short runs.
    const fn rare(name: &'static str, checker: &'static str, what: &'static str) -> Plant {
        let profile = Profile::Short;
        Plant { name, what, checker, seeds_max: RARE_SEEDS_MAX, profile, villain: None }
    }

    /// For bugs that show where decisions are left half made.
    const fn feud(name: &'static str, checker: &'static str, what: &'static str) -> Plant {
        Plant { profile: Profile::Feud, ..rare(name, checker, what) }
    }

    /// For bugs that only this villain shows.
    const fn baited(villain: &'static str, plant: Plant) -> Plant {
        Plant { villain: Some(villain), ..plant }
    }

    const SEEDS_MAX: u64 = 60;
    const RARE_SEEDS_MAX: u64 = 600;

    pub(in super::super) const PLANTS: &[Plant] = &[
        plant("prepare-before-persist", "C4", "a prepare leaves before its record"),
        plant("commit-before-persist", "C4", "a commit leaves before its record"),
        plant("batch-before-persist", "C4", "an owner's batch leaves before its record"),
        plant("view-not-persisted", "C4", "a view is entered without a record"),
        plant("acks-forgotten", "C4", "a restart forgets what was acknowledged"),
        baited(
            "lane-forker",
            feud("ack-any-branch", "C4", "a batch is acknowledged whatever it follows"),
        ),
        plant("short-prepared", "C3", "one prepare less than a quorum is enough"),
        plant("short-committed", "C3", "one commit less than a quorum is enough"),
        plant("short-checkpoint", "C3", "one statement less than a quorum is stable"),
        baited(
            "view-changer",
            feud("choice-lowest-view", "C3", "a new view prefers what the lowest view prepared"),
        ),
        plant("choice-drops-prepared", "C3", "a new view forgets what was prepared"),
        baited(
            "cut-liar",
            feud("cut-not-judged", "C3", "a cut is accepted without a look at its rows"),
        ),
        plant("replies-not-recorded", "C2", "what was answered is not recorded"),
        plant("installs-nothing", "C1", "a transferred state is thrown away"),
        plant("own-clock", "C1", "the time of a slot is the replica's own clock"),
        plant("client-believes-one", "C2", "a client believes the first reply"),
        plant("status-once", "C9", "status is told once and never again"),
        plant("progress-timer-once", "C9", "the progress timer is not set in a new view"),
        plant("bodies-kept", "C12", "bodies of executed batches are kept for ever"),
        plant("releases-too-much", "C8", "records are released that are still needed"),
        plant("no-catching-up", "C14", "who is behind and idle does not catch up"),
    ];

    /// In the order of [`PLANTS`].
    const BUGS: &[Bug] = &[
        Bug::PrepareBeforePersist,
        Bug::CommitBeforePersist,
        Bug::BatchBeforePersist,
        Bug::ViewNotPersisted,
        Bug::AcksForgotten,
        Bug::AckAnyBranch,
        Bug::ShortPrepared,
        Bug::ShortCommitted,
        Bug::ShortCheckpoint,
        Bug::ChoiceLowestView,
        Bug::ChoiceDropsPrepared,
        Bug::CutNotJudged,
        Bug::RepliesNotRecorded,
        Bug::InstallsNothing,
        Bug::OwnClock,
        Bug::ClientBelievesOne,
        Bug::StatusOnce,
        Bug::ProgressTimerOnce,
        Bug::BodiesKept,
        Bug::ReleasesTooMuch,
        Bug::NoCatchingUp,
    ];

    const _: () = assert!(PLANTS.len() == BUGS.len(), "each plant has its bug");

    /// Puts this bug in force, or none; in the whole process.
    pub(in super::super) fn select(plant: Option<&Plant>) {
        let position = plant.and_then(|plant| PLANTS.iter().position(|known| known == plant));
        quorate_machine::select(position.map(|position| BUGS[position]));
    }
}
