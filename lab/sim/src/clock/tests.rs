//! A drifting clock and its inverse agree.

use quorate_types::Instant;

use super::{Clock, ClockShape};

#[test]
fn an_alarm_is_never_early_and_at_most_a_tick_late() {
    for rate_per_mille in [900, 999, 1_000, 1_001, 1_100] {
        let mut clock = Clock::new(ClockShape { rate_per_mille, wall_offset_us: 0 });
        clock.start(1_234_567);
        for micros in [0, 1, 7, 999, 1_000, 123_456_789] {
            let at_us = clock.when(Instant::from_micros(micros));
            assert!(clock.now(at_us).instant.as_micros() >= micros);
            let before_us = at_us.saturating_sub(1).max(1_234_567);
            assert!(clock.now(before_us).instant.as_micros() <= micros);
        }
    }
}

#[test]
fn a_jump_moves_the_wall_clock_alone() {
    let mut clock = Clock::new(ClockShape::EXACT);
    let before = clock.now(50);
    clock.jump(-3_600_000_000);
    let after = clock.now(50);
    assert_eq!(after.instant, before.instant);
    assert_eq!(before.wall.as_micros() - after.wall.as_micros(), 3_600_000_000);
}

#[test]
fn the_end_of_time_is_never() {
    let clock = Clock::new(ClockShape::EXACT);
    assert_eq!(clock.when(Instant::from_micros(u64::MAX)), u64::MAX);
}
