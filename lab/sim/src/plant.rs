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
    /// The story in which it is looked for, told with each seed, instead of drawn scenarios.
    pub scene: Option<&'static str>,
    /// Several servers crash at once in it, at an effect that the seed chooses.
    pub is_crashed: bool,
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
        Self {
            name,
            what,
            checker,
            bug: None,
            seeds_max,
            profile,
            villain: None,
            scene: None,
            is_crashed: false,
        }
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

    /// For bugs that this scene of their system shows.
    #[must_use]
    pub const fn told(self, scene: &'static str) -> Self {
        Self { scene: Some(scene), ..self }
    }

    /// For bugs that only a crash of several servers shows.
    #[must_use]
    pub const fn crashed(self) -> Self {
        Self { is_crashed: true, ..self }
    }

    /// For bugs that only this villain shows.
    #[must_use]
    pub const fn baited(self, villain: &'static str) -> Self {
        Self { villain: Some(villain), ..self }
    }
}

/// What at least one plant each must show that is about more than its checker.
pub const ASPECTS: [(&str, &[&str]); 3] = [
    (
        "the order of persist and send",
        &["prepare-before-persist", "commit-before-persist", "batch-before-persist"],
    ),
    ("the choice of a new view", &["choice-of-one-slot", "choice-lowest-view"]),
    ("the rule of acknowledgements", &["acks-forgotten", "cut-not-judged", "ack-any-branch"]),
];
/// What plants must be found by, at least one each.
pub const CHECKERS: [&str; 9] = ["C1", "C2", "C3", "C4", "C5", "C8", "C9", "C12", "C14"];
/// So many plants must be found by the simulator and by no unit test.
pub const COUNT_MIN: usize = 15;
/// So many plants of the ends of epochs must be found, known to unit tests or not,
pub const EPOCHS_COUNT_MIN: usize = 15;
/// these among them,
pub const EPOCHS_NAMES: [&str; 3] = ["share-kept", "dealing-reused", "key-in-log"];
/// and at least one that each of these finds.
pub const EPOCHS_CHECKERS: [&str; 2] = ["C7", "C13"];

/// What is lacking if these plants of the system `epochs` are all that there are.
#[must_use]
pub fn lacking_of_epochs(plants: &[&Plant]) -> Vec<String> {
    let mut lacking = Vec::new();
    if plants.len() < EPOCHS_COUNT_MIN {
        let count = plants.len();
        lacking.push(format!("{count} plants of epochs, {EPOCHS_COUNT_MIN} are needed"));
    }
    for name in EPOCHS_NAMES {
        if !plants.iter().any(|plant| plant.name == name) {
            lacking.push(format!("the plant {name}"));
        }
    }
    for checker in EPOCHS_CHECKERS {
        if !plants.iter().any(|plant| plant.checker == checker) {
            lacking.push(format!("a plant of epochs that {checker} finds"));
        }
    }
    lacking
}

/// What is lacking if these plants are all that there are.
#[must_use]
pub fn lacking(plants: &[&Plant]) -> Vec<String> {
    let mut lacking = Vec::new();
    if plants.len() < COUNT_MIN {
        lacking.push(format!("{} plants, {COUNT_MIN} are needed", plants.len()));
    }
    for checker in CHECKERS {
        if !plants.iter().any(|plant| plant.checker == checker) {
            lacking.push(format!("a plant that {checker} finds"));
        }
    }
    for (aspect, names) in ASPECTS {
        if !plants.iter().any(|plant| names.contains(&plant.name)) {
            lacking.push(format!("a plant for {aspect}"));
        }
    }
    lacking
}

/// Those whose hooks are in this build: all, or none.
#[must_use]
pub const fn in_this_build(plants: &'static [Plant]) -> &'static [Plant] {
    if cfg!(plant) { plants } else { &[] }
}

/// The number by which the environment of a test chooses the bug of a plant.
#[cfg(plant)]
#[must_use]
pub fn number(plant: &Plant) -> Option<u32> {
    plant.bug.map(Bug::number)
}

/// Without the hooks there is nothing to choose.
#[cfg(not(plant))]
#[must_use]
pub const fn number(_: &Plant) -> Option<u32> {
    None
}

/// Puts the bug of a plant in force, or none; in the whole process.
#[cfg(plant)]
pub fn select(plant: Option<&Plant>) {
    quorate_machine::select(plant.and_then(|plant| plant.bug));
}

/// Without the hooks there is nothing to put in force.
#[cfg(not(plant))]
pub const fn select(_: Option<&Plant>) {}

#[cfg(test)]
mod tests {
    //! What is lacking is said.
    use super::{EPOCHS_NAMES, Plant, lacking, lacking_of_epochs};

    #[test]
    fn every_checker_and_aspect_needs_a_plant_of_its_own() {
        let one = Plant::own("acks-forgotten", "C4", "an example");
        let lacking = lacking(&[&one; 15]);
        assert_eq!(lacking.len(), 8 + 2, "{lacking:?}");
        assert!(lacking.contains(&String::from("a plant that C5 finds")));
        assert!(lacking.contains(&String::from("a plant for the choice of a new view")));
    }

    #[test]
    fn the_ends_of_epochs_need_fifteen_plants_three_of_them_by_name() {
        let mut plants = EPOCHS_NAMES.map(|name| Plant::own(name, "C7", "an example")).to_vec();
        plants.resize(15, Plant::own("evidence-unchecked", "C13", "another example"));
        let lacking = |without: &str| {
            let rest =
                plants.iter().filter(|plant| ![plant.name, plant.checker].contains(&without));
            lacking_of_epochs(&rest.collect::<Vec<_>>())
        };
        assert_eq!(lacking(""), Vec::<String>::new());
        for name in EPOCHS_NAMES {
            let few = "14 plants of epochs, 15 are needed";
            assert_eq!(lacking(name), [String::from(few), format!("the plant {name}")]);
        }
        assert!(lacking("C7").contains(&String::from("a plant of epochs that C7 finds")));
        assert!(lacking("C13").contains(&String::from("a plant of epochs that C13 finds")));
    }
}
