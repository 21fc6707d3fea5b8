//! Timers expire once, at the last time they were armed for.

use super::{Arrival, Timers};

#[test]
fn a_timer_that_moves_forward_keeps_its_entry() {
    let mut timers = Timers::new();
    let token = timers.arm('a', 10).expect("the first alarm needs an entry");
    assert_eq!(timers.arm('a', 30), None);
    assert_eq!(timers.arrive('a', token, 10), Arrival::Moved { at_us: 30 });
    assert_eq!(timers.armed_count(), 1);
    assert_eq!(timers.arrive('a', token, 30), Arrival::Expired);
    assert_eq!(timers.armed_count(), 0);
    assert_eq!(timers.arrive('a', token, 30), Arrival::Stale);
}

#[test]
fn a_timer_that_moves_back_gets_a_new_entry() {
    let mut timers = Timers::new();
    let late = timers.arm('a', 30).expect("the first alarm needs an entry");
    let early = timers.arm('a', 10).expect("an earlier alarm needs an entry");
    assert_eq!(timers.arrive('a', early, 10), Arrival::Expired);
    assert_eq!(timers.arrive('a', late, 30), Arrival::Stale);
}

#[test]
fn a_disarmed_timer_does_not_expire_unless_armed_again() {
    let mut timers = Timers::new();
    let token = timers.arm('a', 10).expect("the first alarm needs an entry");
    timers.disarm('a');
    timers.disarm('a');
    assert_eq!(timers.armed_count(), 0);
    assert_eq!(timers.arm('a', 20), None);
    assert_eq!(timers.armed_count(), 1);
    assert_eq!(timers.arrive('a', token, 10), Arrival::Moved { at_us: 20 });
    timers.disarm('a');
    assert_eq!(timers.arrive('a', token, 20), Arrival::Stale);
}
