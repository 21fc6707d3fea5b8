//! Which seeds a gate run takes: the kept ones of `seeds.txt`, then fresh ones of the commit.

use crate::fast::mixed;
use crate::scenario::Profile;

/// Seeds that once failed, one to a line: system, profile, seed, reason.
const KEPT: &str = include_str!("../seeds.txt");

/// The fresh seeds of a commit: the same for the same text, others for another.
pub fn fresh(commit: &str) -> impl Iterator<Item = u64> {
    let base = commit.bytes().fold(0, |state, byte| mixed(state, u64::from(byte)));
    (1..).map(move |index| {
        let state = mixed(mixed(base, index), index);
        (state ^ (state >> 32)) & SEED_MASK
    })
}

/// Seeds stay short enough to be typed.
const SEED_MASK: u64 = (1 << 40) - 1;

/// The kept seeds of a system.
///
/// # Panics
/// If a line of the file is not system, profile, seed and reason.
#[must_use]
pub fn kept(system: &str) -> Vec<(Profile, u64)> {
    let lines = KEPT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let fields = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of_system = fields.filter(|fields| fields.first() == Some(&system));
    of_system.map(|fields| parsed(&fields)).collect()
}

fn parsed(fields: &[&str]) -> (Profile, u64) {
    let [_, profile, seed, _, ..] = fields else {
        unreachable!("a line of seeds.txt is: system profile seed reason");
    };
    let profile = Profile::ALL.into_iter().find(|known| known.name() == *profile);
    let profile = profile.expect("a line of seeds.txt names a profile");
    (profile, seed.parse().expect("a line of seeds.txt has a seed"))
}

#[cfg(test)]
mod tests {
    //! Seeds follow from the commit.
    use super::{fresh, kept};

    #[test]
    fn fresh_seeds_follow_from_the_commit() {
        let seeds = |commit| fresh(commit).take(100).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(seeds("abc"), seeds("abc"));
        assert!(seeds("abc").is_disjoint(&seeds("abd")));
        assert_eq!(seeds("abc").len(), 100);
    }

    #[test]
    fn the_kept_seeds_can_be_read() {
        for system in crate::system::SYSTEMS {
            assert!(kept(system.name()).len() < 10_000);
        }
    }
}
