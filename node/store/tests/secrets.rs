//! Crashes of a directory of secrets at every call that it makes, with every kind of loss.
//!
//! Checks STO-14 (what was put is there, what was not finished is not taken for it) and STO-15
//! (what was erased is nowhere, and its name does not come back).

use quorate_store::keys::KeyError;
use quorate_store::secrets::{Found, Secrets};

use support::{Fault, FaultyMedium, Survivors};

#[expect(dead_code, reason = "shared with the tests of the log")]
mod support;

/// Over several sectors, so that it can be torn; no part of it is like another.
fn secret(seed: u64) -> Vec<u8> {
    (0..180).flat_map(|index| support::mix(seed, index).to_be_bytes()).collect()
}

/// A part of a secret by which it is found: of its first, a middle or its last sector.
fn parts(secret: &[u8]) -> [&[u8]; 3] {
    [&secret[..32], &secret[700..732], &secret[1400..1432]]
}

fn open(disk: &FaultyMedium) -> Secrets<FaultyMedium> {
    Secrets::open(disk.clone()).expect("a disk that works")
}

/// What a machine does: a secret comes, another follows, the first goes.
fn work(secrets: &Secrets<FaultyMedium>) -> Result<(), KeyError> {
    secrets.put("old", &secret(1))?;
    secrets.put("new", &secret(2))?;
    secrets.erase("old")
}

/// Runs the work until the call at which the power fails; false if it never did.
fn crashed(call: u64) -> (FaultyMedium, bool) {
    let disk = FaultyMedium::default();
    let secrets = open(&disk);
    disk.arm(call, Fault::Crash);
    let has_failed = work(&secrets).is_err();
    (disk, has_failed)
}

#[test]
fn sto_14_after_a_crash_anywhere_a_secret_is_whole_or_known_not_to_be() {
    let mut states = [0; 3];
    for call in 1.. {
        let (disk, has_failed) = crashed(call);
        for survivors in Survivors::TABLE {
            let disk = disk.fork();
            disk.power_cut(survivors);
            let secrets = open(&disk);
            let is_second_begun = secrets.names().expect("names").contains(&"new".to_owned());
            match secrets.get("old").expect("it can be read") {
                Found::Whole(found) => {
                    assert_eq!(*found, secret(1), "STO-14: call {call}");
                    states[0] += 1;
                }
                Found::Unfinished => states[1] += 1,
                Found::Absent => states[2] += usize::from(is_second_begun),
            }
            if let Some(found) = secrets.get("new").expect("it can be read").whole() {
                assert_eq!(*found, secret(2), "STO-14: call {call}");
            }
            // Whatever was found, the same work leads to the same end.
            work(&secrets).expect("a disk that works");
            assert_eq!(secrets.names().expect("names"), ["new"]);
            assert_eq!(*secrets.get("new").expect("readable").whole().expect("whole"), secret(2));
            assert!(!parts(&secret(1)).iter().any(|part| disk.holds(part)), "STO-15: {call}");
        }
        if !has_failed {
            break;
        }
    }
    assert!(states.iter().all(|count| *count > 0), "every outcome was seen: {states:?}");
}

#[test]
fn sto_15_what_was_erased_is_nowhere_and_stays_away() {
    let disk = FaultyMedium::default();
    let secrets = open(&disk);
    secrets.put("old", &secret(1)).expect("a disk that works");
    assert!(parts(&secret(1)).iter().all(|part| disk.holds(part)), "the search finds it");
    secrets.erase("old").expect("a disk that works");
    for survivors in Survivors::TABLE {
        let disk = disk.fork();
        disk.power_cut(survivors);
        assert!(!parts(&secret(1)).iter().any(|part| disk.holds(part)), "STO-15");
        assert!(matches!(open(&disk).get("old"), Ok(Found::Absent)), "STO-15");
    }
    assert!(matches!(secrets.erase("old"), Ok(())), "what is gone can be erased again");
}

#[test]
fn sto_14_what_a_killed_process_had_written_is_durable_before_it_is_believed() {
    for call in 1.. {
        let (disk, has_failed) = crashed(call);
        // The process is gone, the page cache lives on.
        disk.restart();
        let found = open(&disk).get("old").expect("it can be read").whole();
        disk.power_cut(Survivors::None);
        let kept = open(&disk).get("old").expect("it can be read").whole();
        assert_eq!(found, kept, "STO-14: call {call}");
        if !has_failed {
            break;
        }
    }
}

#[test]
fn a_disk_that_fails_is_reported_and_nothing_is_taken_for_done() {
    for fault in [Fault::Broken, Fault::Full] {
        for call in 1.. {
            let disk = FaultyMedium::default();
            let secrets = open(&disk);
            disk.arm(call, fault);
            if work(&secrets).is_ok() {
                assert!(call > 10, "every call was tried");
                break;
            }
            disk.power_cut(Survivors::None);
            let secrets = open(&disk);
            work(&secrets).expect("a disk that works again");
            assert_eq!(secrets.names().expect("names"), ["new"]);
        }
    }
}
