//! A key signs in one period, forgets those before, and comes back from its file.
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::string::ToString;
use std::vec::Vec;

use expect_test::expect_file;
use proptest::prelude::*;
use quorate_crypto::Verifier;
use quorate_crypto::ideal::{IdealRegistry, IdealSigner};
use quorate_crypto::real::RealVerifier;
use quorate_types::Digest;
use quorate_wire::{Encode, Writer, decode, encode, vector};

use super::{Exhausted, SecretKey};
use crate::period::{Period, periods};
use crate::signature::Signature;
use crate::tree::{Blake3Tree, IdealTree, Seed, Tree};

const DEPTH: usize = 5;
const DIGEST: Digest = Digest::new([9; 32]);

fn registry() -> IdealRegistry {
    IdealRegistry::new([7; 32])
}

fn seed() -> Seed {
    Seed::new([3; 32])
}

fn key() -> SecretKey<IdealTree, DEPTH> {
    SecretKey::generate(IdealTree(registry()), seed())
}

/// The key in each of its periods.
fn each_period(mut act: impl FnMut(&SecretKey<IdealTree, DEPTH>)) {
    let mut key = key();
    act(&key);
    while key.evolve().is_ok() {
        act(&key);
    }
}

#[test]
fn a_signature_is_one_of_its_period_alone_kes_1() {
    let root = key().root();
    each_period(|key| {
        let signature = key.sign(&DIGEST);
        for period in (0..periods(DEPTH) * 2).map(Period::new) {
            let check = signature.check::<IdealTree>(&root, period, DIGEST);
            assert_eq!(check.is_some(), period == key.period(), "KES-1: {period}");
            assert!(check.is_none_or(|check| registry().is_valid(&check)));
        }
        let other = signature.check::<IdealTree>(&root, key.period(), Digest::ZERO);
        assert!(!registry().is_valid(&other.expect("the leaf is the right one")));
    });
}

/// Every seed of the tree with the first and the last period that follow from it.
fn seeds() -> Vec<(Seed, u32, u32)> {
    let mut all = std::vec![(seed(), 0, periods(DEPTH) - 1)];
    let mut next = 0;
    while let Some((seed, first, last)) = all.get(next) {
        let (first, last, middle) = (*first, *last, (first + last) / 2);
        if first < last {
            let (left, right) = Blake3Tree::split(seed);
            all.extend([(left, first, middle), (right, middle + 1, last)]);
        }
        next += 1;
    }
    all
}

#[test]
fn nothing_of_a_period_that_is_over_is_left_in_the_key_kes_2() {
    let seeds = seeds();
    each_period(|key| {
        let bytes = key.to_bytes();
        let holds = |seed: &Seed| bytes.windows(Seed::BYTES).any(|at| at == seed.as_bytes());
        for (seed, first, last) in &seeds {
            let is_over = *first < key.period().get();
            assert!(!(is_over && holds(seed)), "KES-2: {first} to {last} in {}", key.period());
        }
        assert!(seeds.iter().any(|(seed, ..)| holds(seed)), "the search finds what is there");
    });
}

/// Counts the leaves that are made.
#[derive(Clone)]
struct Counting(Rc<Cell<usize>>);

impl Tree for Counting {
    type Leaf = IdealSigner;

    fn leaf(&self, seed: &Seed) -> IdealSigner {
        self.0.set(self.0.get() + 1);
        registry().signer(seed.as_bytes())
    }

    fn split(seed: &Seed) -> (Seed, Seed) {
        Blake3Tree::split(seed)
    }

    fn join(left: &Digest, right: &Digest) -> Digest {
        Blake3Tree::join(left, right)
    }
}

#[test]
fn no_period_waits_for_a_subtree_kes_3() {
    let count = Rc::new(Cell::new(0));
    let mut key: SecretKey<_, 12> = SecretKey::generate(Counting(Rc::clone(&count)), seed());
    let mut by_leaves: BTreeMap<usize, u32> = BTreeMap::new();
    loop {
        count.set(0);
        if key.evolve().is_err() {
            break;
        }
        *by_leaves.entry(count.get()).or_default() += 1;
    }
    let (most, _) = by_leaves.last_key_value().expect("it has periods");
    assert!(*most <= 12 + 1, "KES-3: the leaf that is left, and one per level: {by_leaves:?}");
    assert_eq!(by_leaves.values().sum::<u32>(), periods(12) - 1);
}

#[test]
fn no_period_waits_for_a_key_that_is_read_again_kes_3() {
    let count = Rc::new(Cell::new(0));
    let tree = || Counting(Rc::clone(&count));
    let mut key: SecretKey<_, 8> = SecretKey::generate(tree(), seed());
    loop {
        let bytes = key.to_bytes();
        assert!(bytes.len() <= SecretKey::<Counting, 8>::BYTES_MAX);
        count.set(0);
        key = SecretKey::from_bytes(tree(), &bytes).unwrap();
        assert_eq!(count.get(), 1, "KES-3: the leaf whose path is checked, in {}", key.period());
        if key.evolve().is_err() {
            break;
        }
        assert!(count.get() <= 2 + 8, "KES-3: {}", key.period());
    }
    assert_eq!(key.period().get() + 1, periods(8));
}

#[test]
fn the_last_period_is_the_last_and_the_key_still_signs() {
    let mut key = key();
    let root = key.root();
    for left in (0..periods(DEPTH) - 1).rev() {
        key.evolve().unwrap();
        assert_eq!(key.remaining(), left);
    }
    assert_eq!((key.evolve(), key.evolve()), (Err(Exhausted), Err(Exhausted)));
    let last = Period::new(periods(DEPTH) - 1);
    assert_eq!(key.period(), last);
    assert!(key.sign(&DIGEST).check::<IdealTree>(&root, last, DIGEST).is_some());
}

#[test]
fn a_key_comes_back_from_its_file_in_every_period_and_goes_on_alike() {
    each_period(|key| {
        let bytes = key.to_bytes();
        let read = SecretKey::<_, DEPTH>::from_bytes(IdealTree(registry()), &bytes);
        let mut read = read.unwrap();
        assert_eq!(read.to_bytes(), bytes);
        assert_eq!(read.sign(&DIGEST), key.sign(&DIGEST));
        let root = key.root();
        while read.evolve().is_ok() {
            let signature = read.sign(&DIGEST);
            assert!(signature.check::<IdealTree>(&root, read.period(), DIGEST).is_some());
        }
    });
}

#[test]
fn a_file_that_was_cut_or_changed_is_refused_kes_4() {
    let mut key = key();
    (0..11).for_each(|_| key.evolve().unwrap());
    let bytes = key.to_bytes();
    let read = |bytes: &[u8]| SecretKey::<_, DEPTH>::from_bytes(IdealTree(registry()), bytes);
    assert!(read(&bytes).is_ok());
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err(), "KES-4: cut at {end}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&flipped).is_err(), "KES-4: bit {bit}");
    }
}

#[test]
fn a_short_key_is_checked_like_any_and_ends_sooner() {
    for height in 1..=DEPTH {
        let mut key = short(height);
        let root = key.root();
        loop {
            let read = SecretKey::from_bytes(IdealTree(registry()), &key.to_bytes());
            let read: SecretKey<_, DEPTH> = read.unwrap();
            assert_eq!((read.root(), read.remaining()), (root, key.remaining()));
            let signature = read.sign(&DIGEST);
            for period in (0..periods(DEPTH)).map(Period::new) {
                let check = signature.check::<IdealTree>(&root, period, DIGEST);
                assert_eq!(check.is_some(), period == key.period(), "KES-1: {period}");
            }
            if key.evolve().is_err() {
                break;
            }
        }
        assert_eq!(key.period().get() + 1, periods(height));
    }
    assert_eq!(short(DEPTH).root(), key().root(), "as tall as the tree it is whole");
}

fn short(height: usize) -> SecretKey<IdealTree, DEPTH> {
    SecretKey::generate_short(IdealTree(registry()), seed(), height)
}

#[test]
fn an_identity_of_production_lives_through_all_its_periods() {
    let mut key: SecretKey<_, 12> = SecretKey::generate(Blake3Tree, seed());
    let root = key.root();
    for period in (0..periods(12)).map(Period::new) {
        if period.get().is_multiple_of(371) || period.get().count_ones() == 1 {
            let signature = key.sign(&DIGEST);
            let check = signature.check::<Blake3Tree>(&root, period, DIGEST).unwrap();
            assert!(RealVerifier.is_valid(&check));
            assert_eq!(encode(&signature).len(), Signature::<12>::BYTES);
        }
        assert_eq!(key.evolve().is_ok(), period.get() + 1 < periods(12));
    }
}

#[test]
fn an_identity_of_production_has_its_golden_bytes() {
    let mut key: SecretKey<_, 12> = SecretKey::generate(Blake3Tree, seed());
    let mut vectors = vector("root", &key.root());
    for _ in 0..3 {
        vectors.push_str(&vector(&key.period().to_string(), &key.sign(&DIGEST)));
        key.evolve().unwrap();
    }
    vectors.push_str(&vector("secret_key", &SecretBytes(key.to_bytes().to_vec())));
    expect_file!["golden/identity.txt"].assert_eq(&vectors);
}

/// Bytes that are their own encoding.
struct SecretBytes(Vec<u8>);

impl Encode for SecretBytes {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_changed_signature_is_none(bit in 0..Signature::<DEPTH>::BYTES * 8, skip in 0u32..32) {
        let mut key = key();
        (0..skip).for_each(|_| key.evolve().unwrap());
        let mut bytes = encode(&key.sign(&DIGEST));
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed: Signature<DEPTH> = decode(&bytes).unwrap();
        prop_assert_eq!(encode(&changed), bytes);
        let check = changed.check::<IdealTree>(&key.root(), key.period(), DIGEST);
        prop_assert!(check.is_none_or(|check| !registry().is_valid(&check)));
    }
}
