//! Every place has its turn once per period, and no pause is followed by a burst.
use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;
use quorate_types::{Duration, Instant};

use super::Pace;
use crate::limits::PROBE_TURNS_MAX;

const TICK: Duration = Duration::from_millis(50);

fn at(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

/// Walks until a moment: when each place had its turns, and how many there were at once at most.
fn walk(pace: &mut Pace, from: Instant, until: Instant) -> (BTreeMap<u32, Vec<u64>>, usize) {
    let (mut now, mut turns, mut most) = (from, BTreeMap::<u32, Vec<u64>>::new(), 0);
    while now < until {
        let due = pace.due(now);
        most = most.max(due);
        for _ in 0..due {
            turns.entry(pace.take().0).or_default().push(now.as_micros());
        }
        let next = pace.next(now);
        assert!(next >= now.after(TICK));
        now = next;
    }
    (turns, most)
}

proptest! {
    #[test]
    fn every_place_has_its_turn_once_per_period(
        places in 1_u32..3000,
        place in any::<u32>(),
        start in 0_u64..1_000_000_000,
    ) {
        let period = Duration::from_secs(60);
        let mut pace = Pace::new(at(start), (place, places), (period, TICK));
        let until = at(start).after(period.times(3)).after(TICK);
        let (turns, most) = walk(&mut pace, at(start), until);
        prop_assert_eq!(turns.len(), places as usize);
        for times in turns.values() {
            prop_assert!((2..=3).contains(&times.len()), "{times:?}");
            for pair in times.windows(2) {
                let passed = pair[1] - pair[0];
                let off = passed.abs_diff(period.as_micros());
                prop_assert!(off <= 2 * TICK.as_micros(), "{passed}");
            }
        }
        let each_tick = u64::from(places) * TICK.as_micros() / period.as_micros();
        prop_assert!(most as u64 <= each_tick + 2, "{most}");
    }
}

#[test]
fn a_hundred_thousand_places_keep_their_period() {
    let period = Duration::from_secs(60);
    let mut pace = Pace::new(at(0), (0, 100_000), (period, TICK));
    let (turns, most) = walk(&mut pace, at(0), at(0).after(period).after(TICK));
    assert_eq!(turns.len(), 100_000);
    assert!(most <= 84, "{most}");
}

#[test]
fn a_pause_is_not_made_up_for() {
    let mut pace = Pace::new(at(0), (0, 10_000), (Duration::from_secs(60), TICK));
    let after = at(0).after(Duration::from_secs(600));
    assert_eq!(pace.due(after), PROBE_TURNS_MAX);
    for _ in 0..PROBE_TURNS_MAX {
        pace.take();
    }
    let again = after.after(TICK);
    assert!(pace.due(again) <= PROBE_TURNS_MAX);
    let (turns, most) = walk(&mut pace, again, after.after(Duration::from_secs(60)));
    assert!(most <= PROBE_TURNS_MAX);
    assert!(turns.len() >= 9_800, "{}", turns.len());
}
