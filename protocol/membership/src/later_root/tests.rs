//! When an identity gets another root, and what shows that a server holds it.
use quorate_crypto::Verifier;
use quorate_types::{Epoch, IdentityKey, SystemId};

use super::{RootProof, RootRule};
use crate::identity::{IDENTITY_EPOCHS, IdentitySigner};
use crate::limits::{ROOT_EPOCHS_DEFAULT, ROOT_EPOCHS_MAX};
use crate::testing::{identity, identity_in, registry, successor};

const SYSTEM: SystemId = SystemId::new([1; 32]);
const FIRST: Epoch = Epoch::new(5);

#[test]
fn mem_18_a_proof_is_about_one_system_one_identity_and_one_root() {
    let mut heir = successor(1, b'h', FIRST);
    let (key, root) = (heir.identity_key(), heir.root());
    let proof = RootProof::give(SYSTEM, &mut heir).unwrap();
    let shows = |system, key| {
        let (shown, check) = proof.check((system, key), FIRST).unwrap();
        assert_eq!(shown, root, "the path leads to it whoever it is for");
        registry().is_valid(&check)
    };
    assert_eq!(key, identity(1).identity_key(), "the name stays");
    assert_ne!(root, key.first_root());
    assert!(shows(SYSTEM, key));
    assert!(!shows(SystemId::new([2; 32]), key), "MEM-18");
    assert!(!shows(SYSTEM, identity(2).identity_key()), "MEM-18");
}

#[test]
fn a_root_that_could_not_certify_the_next_key_is_not_shown() {
    let mut heir = successor(1, b'h', FIRST);
    let key = heir.identity_key();
    let proof = RootProof::give(SYSTEM, &mut heir).unwrap();
    let last = FIRST.get() + u64::from(IDENTITY_EPOCHS) - 2;
    let table = [(4, false), (5, true), (6, true), (last, true), (last + 1, false)];
    for (epoch, is_shown) in table {
        let checked = proof.check((SYSTEM, key), Epoch::new(epoch));
        assert_eq!(checked.is_some(), is_shown, "named for epoch {epoch}");
    }
}

#[test]
fn the_leaf_of_the_proof_is_gone_when_the_proof_is_there() {
    let mut heir = successor(1, b'h', FIRST);
    RootProof::give(SYSTEM, &mut heir).unwrap();
    assert_eq!((heir.epoch(), heir.period()), (FIRST.next(), 1));
}

#[test]
#[should_panic(expected = "MEM-18")]
fn mem_18_no_other_leaf_signs_a_proof() {
    let mut heir = successor(1, b'h', FIRST);
    heir.evolve().unwrap();
    drop(RootProof::give(SYSTEM, &mut heir));
}

#[test]
fn roots_are_replaced_in_the_last_quarter_of_their_trees_each_at_its_own_time() {
    let rule = RootRule::default();
    assert_eq!(rule.epochs, ROOT_EPOCHS_DEFAULT);
    let of = |high: u8, low: u8| {
        let mut key = [0; 32];
        (key[0], key[1]) = (high, low);
        rule.epochs_of(IdentityKey::new(key))
    };
    assert_eq!([of(0, 0), of(1, 255), of(2, 0), of(255, 255)], [3072, 3583, 3072, 3583]);
    let longest = RootRule { epochs: ROOT_EPOCHS_MAX };
    let latest = longest.epochs_of(IdentityKey::new([255; 32]));
    assert!(latest + 64 <= IDENTITY_EPOCHS, "{latest}: there is time to ask again");
}

#[test]
fn a_short_rule_is_one_without_spread() {
    let rule = RootRule { epochs: 3 };
    let due: alloc::vec::Vec<_> =
        (0..6).filter(|epoch| rule.is_due(&identity_in(1, Epoch::new(*epoch)))).collect();
    assert_eq!(due, [3, 4, 5]);
}
