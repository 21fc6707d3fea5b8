//! The two judges of registers against each other, and the zone judge at scale.
//!
//! They share nothing but the record: one argues about zones, the other searches for an order.

mod generate;

use generate::Load;
use quorate_history::wgl::{self, STEPS_MAX};
use quorate_history::{Kind, Operation, Prng, register};

/// Random histories that both judges see.
const HISTORIES: usize = 40_000;

/// How often each verdict must occur, lest the agreement be vacuous.
const VERDICTS_MIN: usize = 1_000;

/// Operations of a history at scale.
const OPERATIONS: usize = 100_000;

/// HIS-1, HIS-2, HIS-3: what one judge asserts on its way the other one confirms.
#[test]
fn zones_and_search_agree_on_forty_thousand_histories_his_1_his_2_his_3() {
    let root = Prng::from_seed(1997);
    let mut shape = root.fork("shape");
    let mut mutation = root.fork("mutation");
    let mut tally = Tally::default();
    for number in 0..HISTORIES {
        let history = match number % 4 {
            0 => generate::execution(&mut shape, Load::small),
            1 | 2 => generate::mutated(&mut shape, &mut mutation),
            _ => generate::arbitrary(&mut shape),
        };
        tally.count(&history, number % 4);
    }
    assert!(tally.atomic >= VERDICTS_MIN, "{tally:?}");
    assert!(tally.violations >= VERDICTS_MIN, "{tally:?}");
    assert!(tally.clashes >= VERDICTS_MIN, "{tally:?}");
    assert!(tally.with_pending >= VERDICTS_MIN, "{tally:?}");
}

#[derive(Debug, Default)]
struct Tally {
    atomic: usize,
    violations: usize,
    clashes: usize,
    with_pending: usize,
}

impl Tally {
    fn count(&mut self, history: &[Operation], kind: usize) {
        let by_search = wgl::check_register(history, STEPS_MAX);
        assert!(by_search.is_ok() || by_search.is_violation(), "undecided: {history:?}");
        let by_zones = register::check(history);
        let agreed = by_zones.is_ok() == by_search.is_ok();
        assert!(agreed, "zones {by_zones:?}, search {by_search:?}: {history:?}");
        self.with_pending += usize::from(history.iter().any(|each| each.returned.is_none()));
        let Some(violation) = by_zones.violation() else {
            self.atomic += 1;
            return;
        };
        assert!(kind != 0, "a real execution was refused: {violation}: {history:?}");
        assert!(!violation.is_fault_of_record(), "{violation}");
        self.violations += 1;
        if let register::Violation::Clash { outer, inner } = violation {
            self.clashes += 1;
            assert_clash_alone_is_refused(history, [outer.value, inner.value]);
        }
    }
}

/// The operations on the two named values are no register by themselves (HIS-1).
fn assert_clash_alone_is_refused(history: &[Operation], values: [Option<u64>; 2]) {
    let is_named = |operation: &&Operation| match operation.kind {
        Kind::Write(value) => values.contains(&Some(value)),
        Kind::Read(result) => values.contains(&result),
    };
    let named: Vec<Operation> = history.iter().filter(is_named).copied().collect();
    assert!(wgl::check_register(&named, STEPS_MAX).is_violation(), "{values:?}: {history:?}");
}

#[test]
fn the_search_finds_the_order_of_thousands_of_calls_some_of_which_never_returned_his_3() {
    for seed in 0..8 {
        let load = Load { processes: 6, operations: 2_000, give_up: 3 };
        let mut history = generate::execution(&mut Prng::from_seed(seed), |_| load);
        assert!(history.iter().any(|operation| operation.returned.is_none()));
        assert_eq!(wgl::check_register(&history, STEPS_MAX), wgl::Verdict::Ok);
        falsify_one_read(&mut history, |values, now| values[now - 20]);
        assert!(!register::check(&history).is_ok());
        assert!(!wgl::check_register(&history, STEPS_MAX).is_ok());
    }
}

#[test]
fn a_hundred_thousand_operations_are_atomic() {
    for processes in [1, 8, 64] {
        let history = large(processes);
        assert!(history.len() >= OPERATIONS);
        assert_eq!(register::check(&history), register::Verdict::Ok);
    }
}

#[test]
fn one_stale_read_deep_inside_a_hundred_thousand_operations_is_named() {
    let mut history = large(8);
    let (position, stale) = falsify_one_read(&mut history, |values, now| values[now - 20]);
    let violation = register::check(&history).violation().expect("a stale read");
    let register::Violation::Clash { outer, inner } = &violation else { panic!("{violation}") };
    let named = [outer, inner].map(|zone| zone.value);
    assert!(named.contains(&Some(stale)), "{violation}");
    let by = [outer.first_returned, outer.last_invoked, inner.first_returned, inner.last_invoked];
    assert!(by.contains(&Some(history[position])), "{violation}");
}

#[test]
fn one_read_from_the_future_deep_inside_a_hundred_thousand_operations_is_named() {
    let mut history = large(8);
    let (position, _) = falsify_one_read(&mut history, |values, now| values[now + 20]);
    let violation = register::check(&history).violation().expect("a read from the future");
    let register::Violation::ReadBeforeWrite { read, .. } = violation else {
        panic!("{violation}")
    };
    assert_eq!(read, history[position]);
}

#[test]
fn one_inversion_of_two_reads_deep_inside_a_hundred_thousand_operations_is_found() {
    let mut history = large(1);
    let middle = history.len() / 2;
    let reads: Vec<usize> = (middle..history.len())
        .filter(|&position| matches!(history[position].kind, Kind::Read(_)))
        .collect();
    let differ = |pair: &&[usize]| history[pair[0]].kind != history[pair[1]].kind;
    let pair = reads.windows(2).find(differ).expect("the value changes");
    let (early, late) = (pair[0], pair[1]);
    (history[early].kind, history[late].kind) = (history[late].kind, history[early].kind);
    assert!(!register::check(&history).is_ok());
}

/// A real execution of one register by this many processes.
fn large(processes: u64) -> Vec<Operation> {
    let mut prng = Prng::from_seed(100_000 + processes);
    generate::execution(&mut prng, |_| Load { processes, operations: OPERATIONS, give_up: 1 })
}

/// Gives a read in the middle of the history the value that `choose` takes from the values written,
/// in the order of their invocation, and the number of the one that it had returned.
fn falsify_one_read(
    history: &mut [Operation],
    choose: impl Fn(&[u64], usize) -> u64,
) -> (usize, u64) {
    let mut writes: Vec<(u64, u64)> = history
        .iter()
        .filter_map(|operation| match operation.kind {
            Kind::Write(value) => Some((operation.invoked, value)),
            Kind::Read(_) => None,
        })
        .collect();
    writes.sort_unstable();
    let values: Vec<u64> = writes.into_iter().map(|(_, value)| value).collect();
    let middle = history.len() / 2;
    let result = |operation: &Operation| match (operation.kind, operation.returned) {
        (Kind::Read(Some(value)), Some(_)) => Some(value),
        (Kind::Read(_) | Kind::Write(_), _) => None,
    };
    let read = |position: usize| Some((position, result(&history[position])?));
    let (position, honest) = (middle..history.len()).find_map(read).expect("there are reads");
    let now = values.iter().position(|&value| value == honest).expect("it was written");
    let chosen = choose(&values, now);
    history[position].kind = Kind::Read(Some(chosen));
    (position, chosen)
}
