//! The odds behind a plan: how likely groups of servers drawn at random have too many bad ones.
//!
//! Each server is bad with the same probability, whatever the others are. For the `3f + 1` servers
//! of a group, drawn at random, the number of bad ones is then binomial (TDSC 2012, V.E states the
//! condition: at most `f`). Places on the ring are random, so a storage group is such a draw too.

#![expect(
    clippy::float_arithmetic,
    reason = "odds are for people to look at, no server decides on"
)]

use quorate_membership::limits::BROUGHT_OF_THREE;

/// What stands for certainty: the odds of one bad server are a quotient.
const NEARLY_ALL: f64 = 1.0 - 1e-9;

/// The probability that more than `f` of a group's `3f + 1` servers are bad, each with probability
/// `bad`, which is above 0 and below 1.
pub(super) fn group_fails(f: u16, bad: f64) -> f64 {
    let size = 3 * f + 1;
    let odds = bad / (1.0 - bad);
    let mut exactly = (1.0 - bad).powi(i32::from(size));
    let mut more = 0.0;
    for count in 1..=size {
        exactly *= f64::from(size + 1 - count) / f64::from(count) * odds;
        if count > f {
            more += exactly;
        }
    }
    more
}

/// The largest part that bad servers can be of those that the lot falls on, where they are this
/// part of all: they bring their keys, and somebody holds back those of as many good ones as can
/// be without the group staying as it is (MEM-79).
pub(super) fn part_held_back(bad: f64) -> f64 {
    (bad * 3.0 / f64::from(BROUGHT_OF_THREE)).min(NEARLY_ALL)
}

/// The probability that it happens in one of `times` independent draws, when it happens in one with
/// `probability`.
pub(super) fn within(times: f64, probability: f64) -> f64 {
    -(times * (-probability).ln_1p()).exp_m1()
}

#[cfg(test)]
mod tests {
    //! Known figures, and the plain sum.
    use super::{group_fails, part_held_back, within};

    fn is_near(seen: f64, known: f64) -> bool {
        (seen / known - 1.0).abs() < 0.02
    }

    #[test]
    fn keys_that_are_held_back_make_bad_servers_half_as_many_again() {
        // Of 90 servers 9 are bad, and 30 of the others are held back: 9 of 60.
        assert!(is_near(part_held_back(0.1), 0.15));
        assert!(is_near(group_fails(1, part_held_back(0.1)), group_fails(1, 0.15)));
        let all = part_held_back(0.7);
        assert!(is_near(group_fails(1, all), 1.0), "two thirds are bad: they can be all of it");
    }

    #[test]
    fn the_odds_of_known_groups() {
        // A hundredth, a twentieth and a tenth of the servers are bad.
        let known = [
            (1, 0.01, 5.92e-4),
            (2, 0.01, 3.40e-5),
            (3, 0.01, 2.00e-6),
            (5, 0.01, 7.3e-9),
            (1, 0.05, 1.40e-2),
            (5, 0.05, 8.1e-5),
            (1, 0.1, 5.23e-2),
            (5, 0.1, 3.3e-3),
        ];
        for (f, bad, known) in known {
            let seen = group_fails(f, bad);
            assert!(is_near(seen, known), "f = {f}, {bad} bad: {seen:e}, known {known:e}");
        }
    }

    #[test]
    fn the_odds_are_those_of_all_outcomes_counted_one_by_one() {
        for bad in [0.001, 0.3, 0.999] {
            let outcome = |bits: u32| {
                let count = bits.count_ones();
                let probability = f64::powi(bad, count.cast_signed())
                    * f64::powi(1.0 - bad, (7 - count).cast_signed());
                (count > 2).then_some(probability)
            };
            let counted: f64 = (0..1 << 7).filter_map(outcome).sum();
            assert!((group_fails(2, bad) / counted - 1.0).abs() < 1e-9, "{bad} bad");
        }
    }

    #[test]
    fn rare_things_happen_in_the_end() {
        assert!((within(2.0, 0.5) - 0.75).abs() < 1e-12);
        assert!(is_near(within(100.0, 1e-18), 1e-16), "none of it is lost in rounding");
        assert!((within(1e9, 0.5) - 1.0).abs() < 1e-12);
    }
}
