//! The zone judge on histories small enough to judge by hand.

use super::*;

const fn write(value: u64, invoked: u64, returned: u64) -> Operation {
    Operation::write(1, value, invoked, Some(returned))
}

const fn read(value: u64, invoked: u64, returned: u64) -> Operation {
    Operation::read(2, Some(value), invoked, Some(returned))
}

const fn read_initial(invoked: u64, returned: u64) -> Operation {
    Operation::read(3, None, invoked, Some(returned))
}

#[track_caller]
fn accepted(history: &[Operation]) {
    assert_eq!(check(history), Verdict::Ok);
}

#[track_caller]
fn refused(history: &[Operation], explanation: &str) -> Violation {
    let violation = check(history).violation().expect("the history is not atomic");
    assert_eq!(violation.to_string(), explanation);
    violation
}

#[test]
fn an_empty_history_is_atomic() {
    accepted(&[]);
}

#[test]
fn a_sequential_history_is_atomic() {
    accepted(&[
        read_initial(0, 1),
        write(1, 2, 3),
        read(1, 4, 5),
        read(1, 6, 7),
        write(2, 8, 9),
        read(2, 10, 11),
    ]);
}

#[test]
fn reads_beside_a_write_may_return_old_or_new() {
    accepted(&[write(1, 0, 1), write(2, 10, 20), read(1, 11, 19), read(2, 12, 18)]);
}

#[test]
fn a_read_of_what_nobody_wrote_is_named() {
    let violation = refused(
        &[write(1, 0, 1), read(9, 2, 3)],
        "p2 read -> 9 [2, 3] returned a value that was never written",
    );
    assert!(!violation.is_fault_of_record());
}

#[test]
fn a_read_before_its_write_is_named() {
    refused(
        &[read(1, 0, 1), write(1, 2, 3)],
        "p2 read -> 1 [0, 1] returned before p1 write(1) [2, 3] was invoked",
    );
}

/// HIS-1: both directions of the contradiction are in the explanation.
#[test]
fn a_stale_read_is_named_with_both_zones_his_1() {
    refused(
        &[write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)],
        "value 1 (forward zone [1, 4]) and value 2 (backward zone [2, 3]) clash: \
         p1 write(1) [0, 1] returned before p1 write(2) [2, 3] was invoked, but \
         p1 write(2) [2, 3] returned before p2 read -> 1 [4, 5] was invoked",
    );
}

#[test]
fn a_read_of_the_initial_value_after_a_write_is_named() {
    refused(
        &[write(1, 0, 1), read_initial(2, 3)],
        "the initial value (forward zone [beginning, 2]) and value 1 (backward zone [0, 1]) clash: \
         the history began before p1 write(1) [0, 1] was invoked, but \
         p1 write(1) [0, 1] returned before p3 read -> initial [2, 3] was invoked",
    );
}

#[test]
fn a_new_then_old_inversion_between_two_readers_is_named() {
    refused(
        &[write(1, 0, 1), write(2, 2, 20), read(2, 4, 5), read(1, 6, 7)],
        "value 1 (forward zone [1, 6]) and value 2 (backward zone [4, 5]) clash: \
         p1 write(1) [0, 1] returned before p2 read -> 2 [4, 5] was invoked, but \
         p2 read -> 2 [4, 5] returned before p2 read -> 1 [6, 7] was invoked",
    );
}

#[test]
fn two_readers_who_see_two_writes_in_opposite_orders_are_named() {
    refused(
        &[write(1, 0, 30), write(2, 0, 30), read(1, 1, 2), read(2, 3, 4), read(1, 5, 6)],
        "value 1 (forward zone [2, 5]) and value 2 (backward zone [3, 4]) clash: \
         p2 read -> 1 [1, 2] returned before p2 read -> 2 [3, 4] was invoked, but \
         p2 read -> 2 [3, 4] returned before p2 read -> 1 [5, 6] was invoked",
    );
    let overlapping = [write(1, 0, 1), write(2, 0, 1), read(1, 5, 6), read(2, 5, 6)];
    assert!(!check(&overlapping).is_ok());
}

/// HIS-2: the nearest forward zone is the one to compare with, whichever it is.
#[test]
fn an_enclosed_zone_is_found_beside_other_forward_zones_his_2() {
    let sound = [write(1, 0, 1), read(1, 9, 10), write(2, 11, 12), read(2, 20, 21)];
    let sound = [sound.as_slice(), &[write(3, 22, 23), read(3, 30, 31)]].concat();
    accepted(&sound);
    accepted(&[sound.as_slice(), &[write(4, 9, 12)]].concat());
    for enclosed in [write(4, 2, 8), write(4, 13, 19), write(4, 24, 29)] {
        assert!(!check(&[sound.as_slice(), &[enclosed]].concat()).is_ok(), "{enclosed}");
    }
}

#[test]
fn a_pending_write_may_take_effect_late_or_never() {
    let pending = Operation::write(7, 5, 2, None);
    accepted(&[write(1, 0, 1), pending, read(1, 10, 11)]);
    accepted(&[write(1, 0, 1), pending, read(1, 10, 11), read(5, 12, 13), read(5, 90, 91)]);
    accepted(&[write(1, 0, 1), pending, write(2, 3, 4), read(2, 5, 6), read(5, 7, 8)]);
}

#[test]
fn a_pending_write_once_read_stays() {
    let pending = Operation::write(7, 5, 2, None);
    let history = [write(1, 0, 1), pending, read(5, 10, 11), read(1, 12, 13)];
    refused(
        &history,
        "value 1 (forward zone [1, 12]) and value 5 (backward zone [10, 11]) clash: \
         p1 write(1) [0, 1] returned before p2 read -> 5 [10, 11] was invoked, but \
         p2 read -> 5 [10, 11] returned before p2 read -> 1 [12, 13] was invoked",
    );
    refused(
        &[pending, read(5, 0, 1)],
        "p2 read -> 5 [0, 1] returned before p7 write(5) [2, never] was invoked",
    );
}

#[test]
fn a_pending_read_says_nothing() {
    accepted(&[write(1, 0, 1), Operation::read(2, None, 5, None)]);
    accepted(&[write(1, 0, 1), Operation::read(2, Some(9), 5, None)]);
}

#[test]
fn equal_moments_are_concurrent() {
    accepted(&[write(1, 0, 5), read_initial(5, 6)]);
    accepted(&[write(1, 0, 5), write(2, 5, 5), read(1, 5, 9)]);
    assert!(!check(&[write(1, 0, 5), read_initial(6, 6)]).is_ok());
}

#[test]
fn the_ends_of_time_are_ordinary_moments() {
    accepted(&[write(1, 0, 0), read_initial(0, 0), read(1, u64::MAX, u64::MAX)]);
    assert!(!check(&[write(1, 0, 0), read_initial(u64::MAX, u64::MAX)]).is_ok());
}

#[test]
fn an_unsound_record_is_never_ok() {
    let twice = refused(
        &[write(1, 0, 1), write(1, 2, 3)],
        "unsound record: p1 write(1) [0, 1] and p1 write(1) [2, 3] wrote the same value",
    );
    let backwards = refused(
        &[write(1, 4, 3)],
        "unsound record: p1 write(1) [4, 3] returned before it was invoked",
    );
    assert!(twice.is_fault_of_record() && backwards.is_fault_of_record());
}

#[test]
fn keys_are_judged_each_by_itself() {
    let stale = [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)];
    let clean = [write(1, 0, 1), read(1, 2, 3)];
    let keyed = stale.map(|operation| ("stale", operation)).into_iter();
    let keyed = keyed.chain(clean.map(|operation| ("clean", operation)));
    let violations = check_per_key(keyed);
    assert_eq!(violations.keys().collect::<Vec<_>>(), [&"stale"]);
    assert_eq!(Some(&violations["stale"]), check(&stale).violation().as_ref());
    assert!(check_per_key(clean.map(|operation| (0, operation))).is_empty());
}
