//! The judges fire at what they are for, and an idle round is meaningless.

use quorate_dht::{Body, ContentKind};
use quorate_history::Kind;

use super::{Demands, Effects, Fault, judge, shortcomings, violations};
use crate::recorder::{Content, History, KvInput, KvOutput, Recorder};

const NOTHING: Demands =
    Demands { acknowledged: 0, registers: 0, key_value: 0, contents: 0, effects: NO_EFFECTS };
const NO_EFFECTS: Effects = Effects {
    kills: 0,
    pauses: 0,
    cuts: 0,
    half_closes: 0,
    stalls: 0,
    delays: 0,
    lies: 0,
    packets_lost: 0,
};

fn write(recorder: &Recorder, value: u64) {
    let ticket = recorder.invoke_register(1, 0, Kind::Write(value));
    recorder.return_register(ticket, None);
}

fn read(recorder: &Recorder, value: Option<u64>) {
    let ticket = recorder.invoke_register(2, 0, Kind::Read(None));
    recorder.return_register(ticket, Some(value));
}

fn call(recorder: &Recorder, input: KvInput, output: KvOutput) {
    let ticket = recorder.invoke_key_value(1, input);
    recorder.return_key_value(ticket, output);
}

fn put(value: u64) -> KvInput {
    KvInput::Put { key: String::from("key"), value: Some(value) }
}

fn get() -> KvInput {
    KvInput::Get { key: String::from("key") }
}

fn content() -> Content {
    let key = ContentKind::Chunk.key_of(&Body::new(vec![1]));
    Content { key, seed: 1, reads: 0, is_read_at_the_end: true }
}

fn broken(history: &History) -> usize {
    violations(history).iter().filter(|fault| matches!(fault, Fault::Broken(_))).count()
}

#[test]
fn a_history_in_order_is_no_violation() {
    let recorder = Recorder::default();
    write(&recorder, 1);
    write(&recorder, 2);
    read(&recorder, Some(2));
    call(&recorder, put(1), KvOutput::Stored);
    call(&recorder, get(), KvOutput::Value(Some(1)));
    recorder.history().contents.push(content());
    let history = recorder.history();
    assert_eq!(violations(&history), []);
    assert_eq!(history.acknowledged(), 6);
}

#[test]
fn a_stale_read_a_lost_put_a_lost_content_and_an_unknown_answer_are_each_found() {
    let recorder = Recorder::default();
    write(&recorder, 1);
    write(&recorder, 2);
    read(&recorder, Some(1));
    assert_eq!(broken(&recorder.history()), 1);
    call(&recorder, put(1), KvOutput::Stored);
    call(&recorder, get(), KvOutput::Value(None));
    assert_eq!(broken(&recorder.history()), 2);
    recorder.history().contents.push(Content { is_read_at_the_end: false, ..content() });
    assert_eq!(broken(&recorder.history()), 3);
    recorder.history().impossible.push(String::from("nonsense"));
    assert_eq!(broken(&recorder.history()), 4);
}

#[test]
fn a_write_without_outcome_may_have_happened_or_not() {
    for read_value in [Some(1), Some(2)] {
        let recorder = Recorder::default();
        write(&recorder, 1);
        let _pending = recorder.invoke_register(1, 0, Kind::Write(2));
        read(&recorder, read_value);
        assert_eq!(broken(&recorder.history()), 0);
    }
}

#[test]
fn a_round_in_which_too_little_happened_is_meaningless() {
    let history = History::default();
    assert!(judge(&history, NO_EFFECTS, &NOTHING).is_ok());
    let demands = [
        Demands { acknowledged: 1, ..NOTHING },
        Demands { registers: 2, ..NOTHING },
        Demands { key_value: 1, ..NOTHING },
        Demands { contents: 1, ..NOTHING },
        Demands { effects: Effects { kills: 1, ..NO_EFFECTS }, ..NOTHING },
        Demands { effects: Effects { lies: 1, ..NO_EFFECTS }, ..NOTHING },
        Demands { effects: Effects { packets_lost: 1, ..NO_EFFECTS }, ..NOTHING },
    ];
    for demands in demands {
        assert!(!shortcomings(&history, &NO_EFFECTS, &demands).is_empty(), "{demands:?}");
        let error = judge(&history, NO_EFFECTS, &demands).unwrap_err();
        assert!(error.starts_with("meaningless: "), "{error}");
    }
}

/// Seed 90282189835639594 of the unattended run, in its hour of 2026-11-22.
#[test]
fn a_content_that_was_stored_twice_is_lost_only_if_it_cannot_be_read() {
    let recorder = Recorder::default();
    let stored = Content { is_read_at_the_end: false, ..content() };
    recorder.history().contents.extend([stored.clone(), stored.clone()]);
    let history = recorder.history().clone();
    assert_eq!(broken(&history), 2, "nobody has read it");
    recorder.history().read(stored.key, true);
    let history = recorder.history().clone();
    assert_eq!(broken(&history), 0);
    assert_eq!(history.contents.iter().map(|content| content.reads).sum::<u64>(), 1);
}
