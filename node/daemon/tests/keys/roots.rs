//! An identity gets another root, with crashes at every call of the disk and every kind of loss:
//! what is named is held, the old tree is gone before the new one signs, and nothing of either is
//! left where it should not be.
//!
//! Checks KEY-1, KEY-2, KEY-4 and KEY-5 after each of them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use quorate_crypto::real::RealVerifier;
use quorate_daemon::keys::{KeysError, KeysFault, ServerIdentity};
use quorate_kes::{Blake3Tree, Seed};
use quorate_membership::{EpochKeyCertificate, Identity, IdentitySigner, RootRule};
use quorate_types::{Epoch, IdentityKey, IdentityRoot};

use crate::disk::{Fault, FaultyMedium, Survivors};
use crate::server::{
    self, HEIGHT, Keys, ROOT, SURVIVORS, SYSTEM, Seeds, fresh, made, of, open, seeds,
};

/// The epoch for which the new root is named: its tree begins there.
const NAMED: u64 = 2;
/// The epoch whose key it certifies first.
const LAST: u64 = 3;

fn key() -> IdentityKey {
    server::identity().identity_key()
}

/// The seed of the new tree, drawn anew in each life of a process.
fn new_seed(life: u8) -> [u8; 32] {
    [0x70 | life; 32]
}

fn successor(life: u8) -> ServerIdentity {
    let of = (key(), Epoch::new(NAMED), HEIGHT);
    Identity::generate_short_successor(Blake3Tree, Seed::new(new_seed(life)), of)
}

static OLD_SEEDS: LazyLock<Seeds> = LazyLock::new(|| seeds(ROOT));
static NEW_SEEDS: LazyLock<[Seeds; 3]> =
    LazyLock::new(|| [1, 2, 3].map(|life| seeds(new_seed(life))));

/// What the system has seen of the server: a certificate for each epoch, and so its root; and for
/// which epoch it certifies its key now, which it keeps elsewhere and before it goes on.
#[derive(Clone, Default)]
struct Seen(BTreeMap<u64, EpochKeyCertificate>, u64);

impl Seen {
    /// The root in the record of the epoch before: what the last certificate up to it named.
    fn root_for(&self, epoch: u64) -> IdentityRoot {
        let before = self.0.range(..epoch).rev();
        let mut named = before.filter_map(|(_, shown)| shown.statement.successor);
        named.next().unwrap_or_else(|| key().first_root())
    }

    /// KEY-2: one statement about an epoch; MEM-18: by the root in the record.
    fn show(&mut self, certificate: &EpochKeyCertificate) {
        let epoch = certificate.statement.epoch.get();
        let root = self.root_for(epoch);
        assert!(certificate.is_valid(root, &RealVerifier), "MEM-18: epoch {epoch}");
        let before = self.0.entry(epoch).or_insert_with(|| certificate.clone());
        assert_eq!(before.statement, certificate.statement, "KEY-2: epoch {epoch}");
    }
}

/// A life of the server through these epochs: another tree is made as soon as epoch 0 has its key.
fn live(disk: &FaultyMedium, life: u8, seen: &mut Seen) -> Result<(), KeysError> {
    let keys = open(disk)?;
    for epoch in seen.1..=LAST {
        seen.1 = epoch;
        let root = seen.root_for(epoch);
        keys.take_root(root)?;
        let certified = keys.certify(of(epoch), &fresh(life, epoch))?;
        what_is_shown_is_held(&keys, &certified.certificate)?;
        nothing_is_left(disk, (epoch, root));
        seen.show(&certified.certificate);
        if epoch == NAMED - 1 {
            keys.prepare_root(SYSTEM, successor(life))?;
        }
        if epoch > 0 {
            keys.erase_epoch(Epoch::new(epoch - 1))?;
        }
    }
    Ok(())
}

/// KEY-4: whoever is told of another root can be shown it.
fn what_is_shown_is_held(keys: &Keys, shown: &EpochKeyCertificate) -> Result<(), KeysError> {
    let Some(named) = shown.statement.successor else { return Ok(()) };
    assert_eq!(keys.next_root()?, Some(named), "KEY-4");
    let proof = keys.root_proof()?.expect("KEY-4: what is named can be proved");
    let (proved, check) = proof.check((SYSTEM, key()), shown.statement.epoch).expect("it fits");
    assert_eq!(proved, named);
    assert!(quorate_crypto::Verifier::is_valid(&RealVerifier, &check));
    Ok(())
}

/// KEY-1 and KEY-5: no leaf up to this epoch, and no leaf of a tree that was replaced; and the leaf
/// of the proof never, whichever life drew the tree.
fn nothing_is_left(disk: &FaultyMedium, (epoch, root): (u64, IdentityRoot)) {
    let is_replaced = root != key().first_root();
    for (first, seed) in OLD_SEEDS.iter() {
        let is_over = *first <= epoch || is_replaced;
        assert!(!(is_over && disk.holds(seed)), "KEY-1, KEY-5: the old tree in {epoch}");
    }
    for (first, seed) in NEW_SEEDS.iter().flatten() {
        let is_over = *first == 0 || (is_replaced && NAMED + first <= epoch);
        assert!(!(is_over && disk.holds(seed)), "KEY-1: leaf {first} of the new tree");
    }
}

fn assert_changed(disk: &FaultyMedium, seen: &Seen) {
    let named: Vec<_> = seen.0.values().filter(|it| it.statement.successor.is_some()).collect();
    assert_eq!(named.len(), 1, "one statement named the root");
    let root = named[0].statement.successor.expect("it is named");
    assert_eq!(seen.0[&LAST].root(), Some(root));
    let keys = open(disk).expect("a disk that works");
    assert_eq!(keys.identity_key().expect("readable"), key(), "the name stays");
    assert_eq!(keys.next_root().expect("readable"), None);
    assert!(keys.root_proof().expect("readable").is_none());
}

#[test]
fn key_4_and_5_a_crash_at_any_call_names_no_root_that_is_not_held_and_leaves_no_old_leaf() {
    let mut interrupted = 0;
    for call in 1.. {
        let (disk, mut seen) = (made(), Seen::default());
        disk.arm(call, Fault::Crash);
        let is_over = live(&disk, 1, &mut seen).is_ok();
        for at in [call, call + 1 + call / 5] {
            let survivors = SURVIVORS[usize::try_from(at).expect("few calls") % 5];
            let (disk, mut seen) = (disk.fork(), seen.clone());
            disk.power_cut(survivors);
            live_on(&disk, 2, &mut seen);
            assert_changed(&disk, &seen);
        }
        interrupted += 1;
        if is_over {
            break;
        }
    }
    assert!(interrupted > 150, "{interrupted} calls were interrupted");
}

/// A later life: a tree that was not kept before the crash is made again.
fn live_on(disk: &FaultyMedium, life: u8, seen: &mut Seen) {
    let keys = open(disk).expect("it goes on where it was");
    let is_certified = || keys.certified(Epoch::new(NAMED)).expect("readable").is_some();
    if seen.1 == NAMED && !is_certified() {
        keys.prepare_root(SYSTEM, successor(life)).expect("it goes on where it was");
    }
    drop(keys);
    live(disk, life, seen).expect("it goes on where it was");
}

#[test]
fn key_4_a_second_crash_while_it_goes_on_changes_nothing_either() {
    let mut pairs = 0;
    for first in (1..400).step_by(29) {
        let (disk, mut seen) = (made(), Seen::default());
        disk.arm(first, Fault::Crash);
        if live(&disk, 1, &mut seen).is_ok() {
            break;
        }
        disk.power_cut(Survivors::Random(first));
        for second in (1..60).step_by(9) {
            let (disk, mut seen) = (disk.fork(), seen.clone());
            disk.arm(second, Fault::Crash);
            drop(live(&disk, 2, &mut seen));
            disk.power_cut(Survivors::Random(second));
            live_on(&disk, 3, &mut seen);
            assert_changed(&disk, &seen);
            pairs += 1;
        }
    }
    assert!(pairs > 40, "{pairs} pairs of crashes");
}

fn fault(failed: Result<(), KeysError>) -> KeysFault {
    match failed.expect_err("it is refused") {
        KeysError::Keys { fault, .. } => fault,
        error @ (KeysError::File(_) | _) => unreachable!("{error}"),
    }
}

#[test]
fn key_5_a_disk_that_was_rolled_back_to_before_the_change_certifies_nothing() {
    let (disk, mut seen) = (made(), Seen::default());
    let keys = open(&disk).expect("keys");
    keys.certify(of(0), &fresh(1, 0)).expect("a disk that works");
    let snapshot = disk.fork();
    drop(keys);
    live(&disk, 1, &mut seen).expect("a disk that works");
    let root = seen.root_for(LAST);
    let rolled_back = open(&snapshot).expect("they are keys");
    assert_eq!(fault(rolled_back.take_root(root)), KeysFault::OtherRoot(root));
    // What it certifies nevertheless, by the leaves that came back, nobody believes any more.
    let certified = rolled_back.certify(of(3), &fresh(2, 3)).expect("the old tree has that leaf");
    assert!(certified.certificate.is_valid(key().first_root(), &RealVerifier));
    assert!(!certified.certificate.is_valid(root, &RealVerifier), "MEM-18");
}

#[test]
fn a_tree_of_somebody_else_is_not_kept_and_a_second_one_neither() {
    let disk = made();
    let keys = open(&disk).expect("keys");
    let seed = Seed::new([9; 32]);
    let of_another = (IdentityKey::new([1; 32]), Epoch::new(1), HEIGHT);
    let foreign = Identity::generate_short_successor(Blake3Tree, seed, of_another);
    assert_eq!(fault(keys.prepare_root(SYSTEM, foreign)), KeysFault::OtherKey);
    assert_eq!(keys.next_root().expect("readable"), None);
    keys.prepare_root(SYSTEM, successor(1)).expect("a disk that works");
    keys.prepare_root(SYSTEM, successor(2)).expect("there is one");
    assert_eq!(keys.next_root().expect("readable"), Some(successor(1).root()));
}

#[test]
fn a_tree_that_ended_before_it_was_replaced_says_so_and_one_that_waits_goes_on() {
    let disk = made();
    let keys = open(&disk).expect("keys");
    let root = key().first_root();
    keys.certify(of(2), &fresh(1, 2)).expect("a disk that works");
    keys.prepare_root(SYSTEM, successor(1)).expect("a disk that works");
    let last = keys.certify(of(3), &fresh(1, 3)).expect("the last leaf").certificate;
    keys.take_root(root).expect("it is the one that it has had");
    assert_eq!(keys.root_state().expect("readable"), None);
    let ended = keys.certify(of(4), &fresh(1, 4)).map(drop);
    assert_eq!(fault(ended), KeysFault::Ended, "the system did not take the other root");
    keys.take_root(last.statement.successor.expect("it was named")).expect("the other root");
    keys.certify(of(4), &fresh(1, 4)).expect("the tree that waited");
}

#[test]
fn when_it_is_time_for_another_root_is_told_until_a_tree_waits() {
    let disk = made();
    let keys = open(&disk).expect("keys");
    let needs = || {
        let state = keys.root_state().expect("readable").expect("it has not ended");
        (state.next.get(), state.remaining, state.needs_root(RootRule { epochs: 2 }))
    };
    assert_eq!(needs(), (0, 3, false));
    keys.certify(of(1), &fresh(1, 1)).expect("a disk that works");
    assert_eq!(needs(), (2, 1, true));
    keys.prepare_root(SYSTEM, successor(1)).expect("a disk that works");
    assert_eq!(needs(), (2, 1, false));
}

#[test]
fn a_tree_that_is_damaged_after_it_was_named_is_not_made_anew() {
    let disk = made();
    let keys = open(&disk).expect("keys");
    keys.certify(of(1), &fresh(1, 1)).expect("a disk that works");
    keys.prepare_root(SYSTEM, successor(1)).expect("a disk that works");
    let unnamed = disk.fork();
    keys.certify(of(2), &fresh(1, 2)).expect("a disk that works");
    for (disk, is_named) in [(unnamed, false), (disk, true)] {
        disk.damage("successor-3.key", 40, &[0xee; 4]);
        match (open(&disk), is_named) {
            (Ok(keys), false) => assert_eq!(keys.next_root().expect("readable"), None),
            (Err(error), true) => assert_eq!(error.explain().code, "key-damaged"),
            (opened, _) => unreachable!("{is_named}: {opened:?}"),
        }
    }
}
