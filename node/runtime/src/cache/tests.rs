//! The cache answers what it knows, knows only good checks, and stays small.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quorate_crypto::ideal::IdealRegistry;
use quorate_crypto::{SignatureCheck, Signer, Verifier};
use quorate_types::Digest;

use super::CachingVerifier;

/// Counts how many checks reach the scheme.
#[derive(Debug)]
struct Counting {
    registry: IdealRegistry,
    asked: AtomicUsize,
}

impl Verifier for Counting {
    fn is_valid(&self, check: &SignatureCheck) -> bool {
        self.are_valid(&[*check])
    }

    fn are_valid(&self, checks: &[SignatureCheck]) -> bool {
        self.asked.fetch_add(checks.len(), Ordering::Relaxed);
        self.registry.are_valid(checks)
    }
}

fn counting() -> Arc<Counting> {
    Arc::new(Counting { registry: IdealRegistry::new([1; 32]), asked: AtomicUsize::new(0) })
}

fn good(counting: &Counting, number: u8) -> SignatureCheck {
    let signer = counting.registry.signer(&[9; 32]);
    let digest = Digest::new([number; 32]);
    SignatureCheck { key: signer.public_key(), digest, signature: signer.sign(&digest) }
}

fn bad(counting: &Counting, number: u8) -> SignatureCheck {
    SignatureCheck { digest: Digest::ZERO, ..good(counting, number) }
}

#[test]
fn a_good_signature_is_checked_once() {
    let counting = counting();
    let cache = CachingVerifier::new(counting.clone());
    let checks = [good(&counting, 1), good(&counting, 2), good(&counting, 1)];
    assert_eq!(cache.unknown_count(&checks), 3);
    assert!(cache.are_valid(&checks));
    assert_eq!(counting.asked.load(Ordering::Relaxed), 2, "one of them stands there twice");
    assert!(cache.are_valid(&checks) && cache.is_valid(&checks[0]));
    assert_eq!(counting.asked.load(Ordering::Relaxed), 2);
    assert_eq!(cache.unknown_count(&checks), 0);
    assert_eq!(cache.counts(), (5, 2));
}

#[test]
fn a_bad_signature_is_never_known_nor_are_those_of_a_failed_batch() {
    // RUN-8.
    let counting = counting();
    let cache = CachingVerifier::new(counting.clone());
    let mixed = [good(&counting, 1), bad(&counting, 2)];
    assert!(!cache.are_valid(&mixed));
    assert_eq!(cache.unknown_count(&mixed), 2);
    assert!(cache.is_valid(&mixed[0]));
    assert!(!cache.is_valid(&mixed[1]));
    assert!(!cache.are_valid(&mixed), "a known good one does not help a bad one");
    assert_eq!(cache.unknown_count(&mixed), 1);
}

#[test]
fn a_signature_is_known_under_its_own_key_and_digest_only() {
    let counting = counting();
    let cache = CachingVerifier::new(counting.clone());
    let check = good(&counting, 1);
    assert!(cache.is_valid(&check));
    let other = counting.registry.signer(&[8; 32]).public_key();
    assert!(!cache.is_valid(&SignatureCheck { key: other, ..check }));
    assert!(!cache.is_valid(&SignatureCheck { digest: Digest::ZERO, ..check }));
}

#[test]
fn the_cache_is_bounded_and_keeps_what_is_used() {
    // RUN-7.
    let counting = counting();
    let cache = CachingVerifier::with_size(counting.clone(), 8);
    let used = good(&counting, 0);
    for number in 0..=255 {
        assert!(cache.is_valid(&good(&counting, number)));
        assert!(cache.is_valid(&used));
    }
    assert_eq!(counting.asked.load(Ordering::Relaxed), 256, "the used one was never forgotten");
    let known = (0..=255).filter(|number| cache.unknown_count(&[good(&counting, *number)]) == 0);
    assert!(known.count() <= 8);
}
