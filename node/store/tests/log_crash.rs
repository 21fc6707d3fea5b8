//! Crashes of the log at every call that it makes, with every kind of loss of unsynced sectors.
//!
//! Checks STO-1 (what a commit reported is there), STO-2 (what is there is a gapless run of what
//! was appended) and STO-3 (nothing of a former use of a segment comes back), across two crashes.

use quorate_store::log::{Log, LogError, LogOptions, RecordNumber};

use support::{Fault, FaultyMedium, Survivors, mix};

#[expect(dead_code, reason = "shared with the other test of the log")]
mod support;

const SEGMENT_BYTES: u64 = 5 * 4096;

/// What the log must hold, as far as the caller knows.
#[derive(Clone, Debug, Default)]
struct Model {
    /// Record n is at n - 1.
    appended: Vec<(u8, Vec<u8>)>,
    committed: u64,
    released: u64,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Append(usize),
    Commit,
    /// Release all but this many of the committed records.
    ReleaseAllBut(u64),
}

const WORKLOAD: [Step; 33] = {
    use Step::{Append, Commit, ReleaseAllBut};
    [
        Append(10),
        Commit,
        Append(700),
        Append(0),
        Append(3_300),
        Commit,
        Append(9_000),
        Commit,
        Append(200),
        Commit,
        Append(5_000),
        Append(5_000),
        Append(5_000),
        Commit,
        ReleaseAllBut(3),
        Append(900),
        Commit,
        Append(4_000),
        Commit,
        Append(11_000),
        Commit,
        Append(4_500),
        Commit,
        ReleaseAllBut(1),
        Append(30),
        Commit,
        Append(8_000),
        Commit,
        Append(6_000),
        Append(6_001),
        Commit,
        Append(77),
        Commit,
    ]
};

/// Different for every run, so that a record of another run cannot pass for this one's.
fn payload(run: u64, number: u64, length: usize) -> Vec<u8> {
    (0..length).map(|index| mix(run ^ (number << 20), index as u64).to_le_bytes()[0]).collect()
}

fn options() -> LogOptions {
    LogOptions { segment_bytes: SEGMENT_BYTES, ..LogOptions::new([7; 32]) }
}

/// Opens, checks what is recovered against the model, and lets the model follow.
fn open(medium: &FaultyMedium, model: &mut Model) -> Result<Log<FaultyMedium>, LogError> {
    let (log, recovered) = Log::open(medium.clone(), options())?;
    let mut expected = recovered.first().get();
    assert!(expected <= model.released.max(1), "STO-2: {expected} is later than what is needed");
    for record in recovered {
        let record = record?;
        assert_eq!(record.number.get(), expected, "STO-2: a gap");
        let index = usize::try_from(expected - 1).expect("few records");
        let (kind, bytes) = model.appended.get(index).expect("STO-3: never appended");
        assert_eq!((record.kind, &record.bytes), (*kind, bytes), "STO-3: record {expected}");
        expected += 1;
    }
    assert!(
        expected > model.committed,
        "STO-1: {} was committed, {expected} is lost",
        model.committed
    );
    assert_eq!(log.next_number().get(), expected);
    model.appended.truncate(usize::try_from(expected - 1).expect("few records"));
    model.committed = expected - 1;
    Ok(log)
}

/// Opens and works until the end or the first failure.
fn run(medium: &FaultyMedium, model: &mut Model, run: u64) -> Result<(), LogError> {
    let mut log = open(medium, model)?;
    for step in WORKLOAD {
        match step {
            Step::Append(length) => {
                let number = model.appended.len() as u64 + 1;
                let bytes = payload(run, number, length);
                assert_eq!(log.append(3, &bytes)?, RecordNumber::new(number));
                model.appended.push((3, bytes));
            }
            Step::Commit => {
                model.committed = log.commit()?.get();
                log.prepare();
            }
            Step::ReleaseAllBut(kept) => {
                let before = model.committed.saturating_sub(kept) + 1;
                model.released = before.max(model.released);
                log.release(RecordNumber::new(before));
            }
        }
    }
    Ok(())
}

fn calls_of_a_run(medium: &FaultyMedium, model: &Model) -> u64 {
    let medium = medium.fork();
    let before = medium.calls();
    run(&medium, &mut model.clone(), 0).expect("nothing fails");
    medium.calls() - before
}

fn crash(medium: &FaultyMedium, model: &mut Model, number: u64, call: u64, survivors: Survivors) {
    medium.arm(call, Fault::Crash);
    let outcome = run(medium, model, number);
    assert!(outcome.is_err() && medium.is_off(), "call {call} was reached: {outcome:?}");
    medium.power_cut(survivors);
}

#[test]
fn a_crash_at_any_call_and_a_second_one_lose_nothing_that_was_committed() {
    let fresh = FaultyMedium::default();
    let calls = calls_of_a_run(&fresh, &Model::default());
    let mut crashes = 0;
    for call in 1..=calls {
        for (pattern, survivors) in Survivors::TABLE.into_iter().enumerate() {
            let medium = FaultyMedium::default();
            let mut model = Model::default();
            crash(&medium, &mut model, 1, call, survivors);

            let second = mix(call, pattern as u64);
            let calls = calls_of_a_run(&medium, &model);
            let survivors = Survivors::Random(second);
            crash(&medium, &mut model, 2, second % calls + 1, survivors);
            run(&medium, &mut model, 3).expect("a crash is always recovered from");
            crashes += 2;
        }
    }
    assert!(crashes > 2_000, "the workload is not trivial: {crashes}");
}

#[test]
fn a_crash_at_any_call_on_recycled_segments_loses_nothing_that_was_committed() {
    let used = FaultyMedium::default();
    let mut known = Model::default();
    for number in 1..=3 {
        run(&used, &mut known, number).expect("nothing fails");
    }
    for call in 1..=calls_of_a_run(&used, &known) {
        for survivors in Survivors::TABLE {
            let medium = used.fork();
            let mut model = known.clone();
            crash(&medium, &mut model, 4, call, survivors);
            run(&medium, &mut model, 5).expect("a crash is always recovered from");
        }
    }
}

#[test]
fn what_was_recovered_after_the_end_of_the_process_survives_a_power_cut() {
    let fresh = FaultyMedium::default();
    for fault in [Fault::Crash, Fault::Broken] {
        for call in 1..=calls_of_a_run(&fresh, &Model::default()) {
            let medium = FaultyMedium::default();
            let mut model = Model::default();
            medium.arm(call, fault);
            let outcome = run(&medium, &mut model, 1);
            assert!(outcome.is_err() || fault == Fault::Broken);
            medium.restart();

            // The page cache is read; what is reported must not vanish with it.
            drop(open(&medium, &mut model).expect("the process restarts"));
            medium.power_cut(Survivors::None);
            run(&medium, &mut model, 2).expect("the power cut is recovered from");
        }
    }
}
