//! The search on histories small enough to judge by hand, and its cap.

use super::*;
use crate::{Operation, Prng};

type Map = KeyValue<u8, u8>;

fn call(
    input: KeyValueInput<u8, u8>,
    invoked: u64,
    at: u64,
    output: KeyValueOutput<u8>,
) -> CallOf<Map> {
    Call { process: 1, input, invoked, answer: Some(Return { at, output }) }
}

fn get(key: u8, value: Option<u8>, invoked: u64, at: u64) -> CallOf<Map> {
    call(KeyValueInput::Get { key }, invoked, at, KeyValueOutput::Value(value))
}

fn put(key: u8, value: u8, invoked: u64, at: u64) -> CallOf<Map> {
    let input = KeyValueInput::Put { key, value: Some(value) };
    call(input, invoked, at, KeyValueOutput::Stored)
}

/// A swap of key 1 from `from` to `to`.
fn swap([from, to]: [u8; 2], swapped: bool, invoked: u64, at: u64) -> CallOf<Map> {
    let input = KeyValueInput::CompareAndSwap { key: 1, expected: Some(from), value: Some(to) };
    call(input, invoked, at, KeyValueOutput::Swapped(swapped))
}

fn judge(history: &[CallOf<Map>]) -> Verdict {
    let verdict = check_per_key(&Map::new(), history, STEPS_MAX);
    let whole = check(&Map::new(), history, STEPS_MAX);
    assert_eq!((verdict.is_ok(), verdict.is_violation()), (whole.is_ok(), whole.is_violation()));
    verdict
}

#[test]
fn an_empty_history_is_linearizable_in_no_steps() {
    assert_eq!(check(&Register, &[], 0), Verdict::Ok);
}

#[test]
fn of_two_concurrent_swaps_from_one_value_only_one_may_succeed() {
    let start = put(1, 1, 0, 1);
    let one = [start.clone(), swap([1, 2], true, 2, 9), swap([1, 3], false, 2, 9)];
    assert_eq!(judge(&one), Verdict::Ok);
    let both = [start.clone(), swap([1, 2], true, 2, 9), swap([1, 3], true, 2, 9)];
    assert!(judge(&both).is_violation());
    let none = [start, swap([1, 2], false, 2, 9), swap([1, 3], false, 2, 9)];
    assert!(judge(&none).is_violation());
}

#[test]
fn a_violation_names_the_key_and_the_call_that_fits_nowhere() {
    let history = [put(2, 5, 0, 1), put(1, 1, 0, 1), put(1, 2, 2, 3), get(1, Some(1), 4, 5)];
    let Verdict::Violation(unexplained) = judge(&history) else { panic!("a stale read") };
    assert_eq!(
        unexplained.to_string(),
        "key 1: no order explains call #3, p1 Get { key: 1 } -> Value(Some(1)) [4, 5]: \
         the longest order has 2 of 3 calls before it"
    );
}

#[test]
fn a_removed_key_is_absent() {
    let remove = KeyValueInput::Put { key: 1, value: None };
    let remove = call(remove, 2, 3, KeyValueOutput::Stored);
    let history = [put(1, 1, 0, 1), remove, get(1, None, 4, 5)];
    assert_eq!(judge(&history), Verdict::Ok);
}

#[test]
fn a_pending_call_may_have_happened_late_or_never() {
    let mut pending = put(1, 7, 2, 3);
    pending.answer = None;
    let before = [put(1, 1, 0, 1), pending.clone(), get(1, Some(1), 10, 11)];
    assert_eq!(judge(&before), Verdict::Ok);
    let after = [before.as_slice(), &[get(1, Some(7), 12, 13)]].concat();
    assert_eq!(judge(&after), Verdict::Ok);
    let undone = [after.as_slice(), &[get(1, Some(1), 14, 15)]].concat();
    assert!(judge(&undone).is_violation());
    pending.invoked = 20;
    assert!(judge(&[pending, get(1, Some(7), 12, 13)]).is_violation());
}

#[test]
fn equal_moments_are_concurrent() {
    assert_eq!(judge(&[put(1, 1, 0, 5), get(1, None, 5, 6)]), Verdict::Ok);
    assert!(judge(&[put(1, 1, 0, 5), get(1, None, 6, 6)]).is_violation());
}

/// Many concurrent writes of distinct values, then a read of none of them.
fn hard_history(writes: u64) -> Vec<Operation> {
    let writes = (1..=writes).map(|value| Operation::write(value, value, 0, Some(10)));
    writes.chain([Operation::read(0, None, 11, Some(12))]).collect()
}

/// HIS-4: neither a hard history nor a sound one is judged beyond the cap.
#[test]
fn a_search_beyond_its_cap_is_undecided_his_4() {
    let hard = hard_history(12);
    let undecided = Verdict::Undecided { steps_max: 1_000 };
    assert_eq!(check_register(&hard, 1_000), undecided);
    assert!(check_register(&hard, STEPS_MAX).is_violation());
    for steps_max in 0..12 {
        let sound = &hard[..12];
        assert_eq!(check_register(sound, steps_max), Verdict::Undecided { steps_max });
    }
    assert_eq!(check_register(&hard[..12], 12), Verdict::Ok);
}

#[test]
fn a_violation_of_one_key_counts_before_an_undecided_search_of_another() {
    let hard = (0..12).map(|value| put(1, value, 0, 10)).chain([get(1, None, 11, 12)]);
    let stale = [put(2, 1, 0, 1), get(2, None, 2, 3)];
    let hard: Vec<_> = hard.collect();
    let both = [hard.as_slice(), &stale].concat();
    let undecided = Verdict::Undecided { steps_max: 500 };
    assert_eq!(check_per_key(&Map::new(), &hard, 500), undecided);
    assert!(check_per_key(&Map::new(), &both, 500).is_violation());
}

#[test]
#[should_panic(expected = "returned before it was invoked")]
fn an_unsound_record_is_refused() {
    let _verdict = check_register(&[Operation::write(1, 1, 5, Some(4))], STEPS_MAX);
}

#[test]
#[should_panic(expected = "HIS-3: output differs")]
fn an_object_that_is_not_deterministic_is_never_called_linearizable_his_3() {
    struct Moody(std::cell::Cell<u8>);
    impl Model for Moody {
        type State = ();
        type Input = ();
        type Output = u8;
        fn initial(&self) {}
        fn apply(&self, (): &mut (), (): &()) -> u8 {
            self.0.replace(self.0.get() + 1)
        }
    }
    let calls =
        [Call { process: 1, input: (), invoked: 0, answer: Some(Return { at: 1, output: 0 }) }];
    let _verdict = check(&Moody(std::cell::Cell::new(0)), &calls, STEPS_MAX);
}

/// A random concurrent execution of a real map of two keys, some outputs falsified.
fn random_map_history(prng: &mut Prng) -> Vec<CallOf<Map>> {
    let map = Map::new();
    let mut state = map.initial();
    let mut history = Vec::new();
    let mut now = 10;
    for _ in 0..5 + prng.below(5) {
        now += prng.below(4);
        let mut draw = |bound: u8| u8::try_from(prng.below(u64::from(bound))).expect("below 256");
        let (key, value, expected) = (draw(2), Some(draw(3)), Some(draw(3)));
        let input = match draw(3) {
            0 => KeyValueInput::Get { key },
            1 => KeyValueInput::Put { key, value },
            _ => KeyValueInput::CompareAndSwap { key, expected, value },
        };
        let mut output = map.apply(&mut state, &input);
        if prng.chance(60) {
            output = match output {
                KeyValueOutput::Value(_) => KeyValueOutput::Value(Some(1)),
                KeyValueOutput::Stored => KeyValueOutput::Stored,
                KeyValueOutput::Swapped(swapped) => KeyValueOutput::Swapped(!swapped),
            };
        }
        let answer = Return { at: now + prng.below(6), output };
        let answer = (!prng.chance(100)).then_some(answer);
        history.push(Call { process: 0, input, invoked: now - prng.below(6), answer });
    }
    history
}

#[test]
fn a_map_judged_whole_and_key_by_key_gets_one_verdict() {
    let mut prng = Prng::from_seed(21);
    let verdicts: Vec<Verdict> =
        (0..4_000).map(|_| judge(&random_map_history(&mut prng))).collect();
    assert!(verdicts.iter().filter(|verdict| verdict.is_ok()).count() > 500);
    assert!(verdicts.iter().filter(|verdict| verdict.is_violation()).count() > 500);
}
