//! Crashes of a server's keys at every call of the disk, with every kind of loss: the same
//! statement comes out again, no leaf signs two, and nothing old is left anywhere.
//!
//! Checks KEY-1, KEY-2 and KEY-3 after each of them.

use std::collections::BTreeMap;

use quorate_crypto::Signer;
use quorate_crypto::real::{RealSigner, RealVerifier};
use quorate_daemon::keys::{EpochSeeds, KeySeed, KeysError, KeysFault};
use quorate_membership::{EpochKeyCertificate, EpochKeyStatement, IdentitySigner};
use quorate_types::Epoch;

use crate::disk::{Fault, FaultyMedium, Survivors};
use crate::server::{self, LAST, SURVIVORS, fresh, made, of, open};

/// What others have seen of a server: a statement for each epoch.
#[derive(Clone, Default)]
struct Seen(BTreeMap<u64, EpochKeyStatement>);

impl Seen {
    /// KEY-2: whatever is shown about an epoch is what was shown before.
    fn show(&mut self, certificate: &EpochKeyCertificate) {
        let root = certificate.statement.identity_key.first_root();
        assert!(certificate.is_valid(root, &RealVerifier), "MEM-12: the leaf of the epoch signed");
        let said = certificate.statement;
        let before = self.0.entry(said.epoch.get()).or_insert(said);
        assert_eq!(*before, said, "KEY-2: one statement about an epoch");
    }
}

/// A life of the server: certifies the keys of these epochs, erases those of the one before, and
/// checks after each step that what should be gone is.
fn live(disk: &FaultyMedium, life: u8, epochs: &[u64], seen: &mut Seen) -> Result<(), KeysError> {
    let keys = open(disk)?;
    // It knows in which epoch it is, and asks for no earlier one.
    let now = seen.0.keys().next_back().copied().unwrap_or_default();
    for epoch in epochs.iter().filter(|epoch| **epoch >= now) {
        let certified = keys.certify(of(*epoch), &fresh(life, *epoch))?;
        no_leaf_up_to(disk, *epoch);
        seen.show(&certified.certificate);
        let public = RealSigner::from_seed(&certified.seed).public_key();
        assert_eq!(public, certified.certificate.statement.epoch_key);
        if *epoch > 0 {
            keys.erase_epoch(Epoch::new(epoch - 1))?;
        }
    }
    Ok(())
}

/// KEY-1: no file holds a seed from which a leaf up to this epoch follows.
fn no_leaf_up_to(disk: &FaultyMedium, epoch: u64) {
    for (first, seed) in server::seeds(server::ROOT) {
        assert!(first > epoch || !disk.holds(&seed), "KEY-1: a leaf up to {epoch}");
    }
}

#[test]
fn the_share_of_the_attempt_that_failed_goes_and_that_of_the_next_one_stays() {
    let (disk, epoch) = (made(), Epoch::new(1));
    let keys = open(&disk).expect("it was made");
    let (failed, next) = ([[1; 32], [7; 32]].concat(), [[2; 32], [8; 32]].concat());
    keys.put_share(epoch, &failed).expect("kept");
    keys.put_share(epoch, &next).expect("kept in its place");
    let seed = keys.dealing_seed(epoch, &KeySeed::new([3; 32])).expect("a new one");
    keys.abandon_share(epoch, &[1; 32]).expect("heard of late");
    let kept = keys.share(epoch).expect("readable");
    assert_eq!(kept.as_deref(), Some(&next), "it is counted in a completion");
    keys.abandon_share(epoch, &[2; 32]).expect("that one fails too");
    assert_eq!(keys.share(epoch).expect("readable"), None);
    assert!(!disk.holds(&next[32..]) && !disk.holds(&failed[32..]), "KEY-3");
    let again = keys.dealing_seed(epoch, &KeySeed::new([4; 32])).expect("it is there");
    assert_eq!(again, seed, "another one would have the server deal twice");
}

#[test]
fn key_1_and_2_a_crash_at_any_call_changes_no_statement_and_leaves_no_leaf() {
    let mut interrupted = 0;
    for epochs in [&[0, 1, 2][..], &[1, 3]] {
        let last = *epochs.last().expect("some");
        for call in 1.. {
            let (disk, mut seen) = (made(), Seen::default());
            disk.arm(call, Fault::Crash);
            let is_over = live(&disk, 1, epochs, &mut seen).is_ok();
            for survivors in SURVIVORS {
                let (disk, mut seen) = (disk.fork(), seen.clone());
                disk.power_cut(survivors);
                live(&disk, 2, epochs, &mut seen).expect("it goes on where it was");
                no_leaf_up_to(&disk, last);
                assert_eq!(seen.0.len(), epochs.len());
                for epoch in epochs.iter().filter(|epoch| **epoch < last) {
                    only_seeds_of_later_epochs(&disk, *epoch);
                }
            }
            interrupted += u64::from(!is_over);
            if is_over {
                break;
            }
        }
    }
    assert!(interrupted > 100, "{interrupted} calls were interrupted");
}

/// KEY-3: the seeds of an epoch that was erased are nowhere, whichever life drew them.
fn only_seeds_of_later_epochs(disk: &FaultyMedium, epoch: u64) {
    let is_followed = |seeds: &EpochSeeds| {
        disk.holds(seeds.signing.as_slice()) || disk.holds(seeds.decryption.as_slice())
    };
    // Keys are erased with the next epoch; where an epoch is left out, nobody asks for that.
    let keys = open(disk).expect("a disk that works");
    keys.erase_epoch(Epoch::new(epoch)).expect("a disk that works");
    assert!(!(1..=2).any(|life| is_followed(&fresh(life, epoch))), "KEY-3: epoch {epoch}");
}

#[test]
fn key_2_a_second_crash_while_it_goes_on_changes_nothing_either() {
    for first in (1..60).step_by(2) {
        let (disk, mut seen) = (made(), Seen::default());
        disk.arm(first, Fault::Crash);
        if live(&disk, 1, &[0, 1], &mut seen).is_ok() {
            break;
        }
        disk.power_cut(Survivors::Random(first));
        for second in (1..80).step_by(5) {
            let (disk, mut seen) = (disk.fork(), seen.clone());
            disk.arm(second, Fault::Crash);
            let is_over = live(&disk, 2, &[0, 1], &mut seen).is_ok();
            disk.power_cut(Survivors::Random(second));
            live(&disk, 3, &[0, 1], &mut seen).expect("it goes on where it was");
            no_leaf_up_to(&disk, 1);
            if is_over {
                break;
            }
        }
    }
}

#[test]
fn a_killed_process_leaves_nothing_that_only_the_page_cache_holds() {
    for call in 1.. {
        let (disk, mut seen) = (made(), Seen::default());
        disk.arm(call, Fault::Crash);
        let is_over = live(&disk, 1, &[0, 1], &mut seen).is_ok();
        disk.restart();
        live(&disk, 2, &[0, 1], &mut seen).expect("it goes on where it was");
        disk.power_cut(Survivors::None);
        live(&disk, 3, &[0, 1], &mut seen).expect("it goes on where it was");
        if is_over {
            break;
        }
    }
}

#[test]
fn what_was_certified_is_there_and_what_was_passed_over_never_comes() {
    let disk = made();
    let keys = open(&disk).expect("a disk that works");
    let second = keys.certify(of(2), &fresh(1, 2)).expect("it was away in 0 and 1");
    let again = keys.certify(of(2), &fresh(2, 2)).expect("it is there");
    assert_eq!(again.certificate, second.certificate);
    assert_eq!(keys.identity_key().expect("readable"), server::identity().identity_key());
    assert_eq!(keys.epochs().expect("readable"), [Epoch::new(2)]);
    let fault = |epoch| match keys.certify(of(epoch), &fresh(1, epoch)).expect_err("it is over") {
        KeysError::Keys { fault, .. } => fault,
        error @ (KeysError::File(_) | _) => panic!("{error}"),
    };
    let next = Epoch::new(3);
    assert_eq!(fault(1), KeysFault::Over { epoch: Epoch::new(1), next });
    keys.certify(of(LAST), &fresh(1, LAST)).expect("the last leaf");
    assert_eq!(fault(LAST + 1), KeysFault::Ended);
    assert!(keys.certify(of(LAST), &fresh(2, LAST)).is_ok(), "the last certificate stays");
    no_leaf_up_to(&disk, LAST);
}

#[test]
fn key_3_what_opens_dealings_is_erased_before_the_key_that_signs() {
    let disk = made();
    let keys = open(&disk).expect("a disk that works");
    keys.certify(of(0), &fresh(1, 0)).expect("a disk that works");
    let seed = keys.decryption_seed(Epoch::ZERO).expect("readable").expect("it is there");
    assert_eq!(seed, fresh(1, 0).decryption);
    keys.erase_decryption(Epoch::ZERO).expect("a disk that works");
    assert!(!disk.holds(fresh(1, 0).decryption.as_slice()), "KEY-3");
    assert_eq!(keys.decryption_seed(Epoch::ZERO).expect("readable"), None);
    assert!(keys.certified(Epoch::ZERO).expect("readable").is_some(), "it still signs");
}

#[test]
fn keys_that_are_damaged_are_named_and_never_made_anew() {
    let disk = made();
    open(&disk).expect("keys").certify(of(0), &fresh(1, 0)).expect("a disk that works");
    for (name, of_epoch) in [("identity-1.key", 1), ("epoch-0.key", 0)] {
        let disk = disk.fork();
        disk.damage(name, 20, &[0xee; 4]);
        let failed = open(&disk).and_then(|keys| keys.certify(of(of_epoch), &fresh(2, of_epoch)));
        let error = failed.expect_err("it is damaged").explain();
        assert_eq!((error.code, error.place.as_str()), ("key-damaged", name));
    }
}
