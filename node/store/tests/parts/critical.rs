//! Tiny critical state.

use quorate_store::critical::{CRITICAL_VALUE_BYTES_MAX, CriticalState};
use quorate_store::error::StoreError;

use crate::scratch::{Scratch, copy};

#[test]
fn values_survive_a_crash_of_the_process_right_after_they_were_put() {
    let scratch = Scratch::new();
    let path = scratch.join("critical");
    let state = CriticalState::open(&path).expect("created");
    assert_eq!(state.get("view").expect("readable"), None);
    state.put_all(&[("view", b"7"), ("epoch", b"1")]).expect("stored");
    state.put_all(&[("view", b"8"), ("view", b"9")]).expect("stored");
    let crashed = scratch.join("crashed");
    copy(&path, &crashed);

    let state = CriticalState::open(&crashed).expect("reopened");
    assert_eq!(state.get("view").expect("readable").as_deref(), Some(&b"9"[..]), "STO-7");
    assert_eq!(state.get("epoch").expect("readable").as_deref(), Some(&b"1"[..]), "STO-7");
}

#[test]
fn an_unfinished_creation_is_started_over() {
    let scratch = Scratch::new();
    std::fs::write(scratch.join("critical.tmp"), "half").expect("written");
    let state = CriticalState::open(&scratch.join("critical")).expect("created");
    state.put_all(&[("view", b"1")]).expect("stored");
    assert!(!scratch.join("critical.tmp").exists());
}

#[test]
fn a_file_that_is_no_database_is_corruption() {
    let scratch = Scratch::new();
    let path = scratch.join("critical");
    std::fs::write(&path, vec![7; 20_000]).expect("written");
    let error = CriticalState::open(&path).expect_err("garbage");
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[test]
fn a_file_in_use_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.join("critical");
    let _first = CriticalState::open(&path).expect("created");
    let error = CriticalState::open(&path).expect_err("in use");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
}

#[test]
fn a_value_beyond_the_limit_is_refused_and_changes_nothing() {
    let scratch = Scratch::new();
    let state = CriticalState::open(&scratch.join("critical")).expect("created");
    let large = vec![0; CRITICAL_VALUE_BYTES_MAX + 1];
    let error = state.put_all(&[("small", b"1"), ("large", &large)]).expect_err("too large");
    assert!(matches!(error, StoreError::TooLarge { .. }));
    assert_eq!(state.get("small").expect("readable"), None, "STO-7");
}
