//! What a crash leaves of a log.

use quorate_machine::RecordNumber;

use super::Log;

fn log_of(appended: u64, written: u64, durable: u64) -> Log<u64> {
    let mut log = Log::new(4);
    for record in 1..=appended {
        assert_eq!(log.append(record), record);
    }
    log.write(written);
    log.sync(durable);
    log
}

fn numbers(log: &Log<u64>) -> Vec<u64> {
    log.recovered().iter().map(|(number, _)| number.get()).collect()
}

#[test]
fn sim_2_a_crash_keeps_what_is_durable_and_a_prefix_of_the_rest() {
    for through in 2..=4 {
        let mut log = log_of(6, 4, 2);
        assert_eq!(log.uncertain_count(), 2);
        log.crash(through);
        assert_eq!(numbers(&log), (1..=through).collect::<Vec<_>>());
        assert_eq!(log.append(0), through + 1);
    }
}

#[test]
#[should_panic(expected = "SIM-2")]
fn sim_2_a_crash_cannot_take_a_durable_record() {
    log_of(6, 4, 2).crash(1);
}

#[test]
#[should_panic(expected = "SIM-2")]
fn sim_2_a_crash_cannot_keep_a_record_that_was_not_written() {
    log_of(6, 4, 2).crash(5);
}

#[test]
fn released_records_disappear_by_whole_segments() {
    let mut log = log_of(9, 9, 9);
    log.release(RecordNumber::new(5));
    assert_eq!(numbers(&log), [5, 6, 7, 8, 9]);
    log.release(RecordNumber::new(8));
    assert_eq!(numbers(&log), [5, 6, 7, 8, 9]);
    assert_eq!((log.get(4), log.get(6), log.get(10)), (None, Some(&6), None));
    log.release(RecordNumber::new(10));
    assert_eq!(numbers(&log), [9]);
}
