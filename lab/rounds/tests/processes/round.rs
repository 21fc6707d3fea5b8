//! One round with a liar, killed and paused servers, and broken links; and that its judges live.

use quorate_history::Kind;
use quorate_rounds::judge::{Fault, violations};
use quorate_rounds::recorder::{History, KvInput, KvOutput};
use quorate_rounds::round;

/// Faults of processes in the gate's round; twice as many of links.
const FAULTS: usize = 8;

#[test]
fn a_cluster_with_a_liar_keeps_its_promises_while_servers_and_links_fail() {
    let seed = round::seed().expect("a seed");
    let (_, history) = round::run(seed, FAULTS).unwrap_or_else(|error| panic!("{error}"));
    every_judge_finds_a_lie_that_is_planted_in(&history);
}

/// What a lie is called, and how it is told.
type Lie = (&'static str, fn(&mut History));

/// The same history with one answer changed must be found out, for each judge.
fn every_judge_finds_a_lie_that_is_planted_in(history: &History) {
    assert_eq!(violations(history), []);
    let lies: [Lie; 4] = [
        ("an old value of an object", old_value),
        ("a value of an object that nobody wrote", foreign_value),
        ("a key that was written and is absent", absent_key),
        ("a content that is lost", lost_content),
    ];
    for (name, lie) in lies {
        let mut twisted = history.clone();
        lie(&mut twisted);
        let is_found = |fault: &Fault| matches!(fault, Fault::Broken(_));
        assert!(violations(&twisted).iter().any(is_found), "nobody noticed {name}");
    }
}

/// The last read gives a value that was overwritten before another that was read.
fn old_value(history: &mut History) {
    let (object, last) = *history.registers.last().expect("objects were read at the end");
    let ours = history.registers.iter().filter(|(other, _)| *other == object);
    let mut values = ours.filter_map(|(_, one)| match (one.kind, one.returned) {
        (Kind::Write(value), Some(_)) => Some(value),
        (Kind::Write(_) | Kind::Read(_), _) => None,
    });
    let first = values.next().expect("every object was written");
    assert_ne!(last.kind, Kind::Read(Some(first)), "the object was written once only");
    history.registers.last_mut().expect("as above").1.kind = Kind::Read(Some(first));
}

fn foreign_value(history: &mut History) {
    let last = history.registers.last_mut().expect("objects were read at the end");
    last.1.kind = Kind::Read(Some(u64::MAX));
}

fn absent_key(history: &mut History) {
    let mut calls = history.key_value.iter_mut().rev();
    let read = calls.find_map(|call| match (&call.input, &mut call.answer) {
        (KvInput::Get { .. }, Some(answer)) => match &mut answer.output {
            KvOutput::Value(value @ Some(_)) => Some(value),
            KvOutput::Value(None) | KvOutput::Stored | KvOutput::Swapped(_) => None,
        },
        _ => None,
    });
    *read.expect("a key was read at the end") = None;
}

fn lost_content(history: &mut History) {
    history.contents.first_mut().expect("contents were stored").is_read_at_the_end = false;
}
