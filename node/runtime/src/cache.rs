//! Remembers signatures that were found good, so that what comes again costs no second check.
//!
//! Rows of certificates, headers and batches arrive from many peers and in many messages; each
//! brings the same signatures. Only good ones are remembered: a bad one is checked each time, at
//! the cost of whoever sends it.
//!
//! # Invariants
//! - RUN-7: at most [`KNOWN_CHECKS_MAX`] checks are remembered.
//! - RUN-8: only a check that the verifier behind the cache accepted is remembered.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_crypto::{SignatureCheck, Verifier};

use crate::limits::KNOWN_CHECKS_MAX;

/// A BLAKE3 hash of key, digest and signature: no two checks share one.
type Fingerprint = [u8; 32];

/// A verifier that asks another one only about what it does not know. Any number of threads and
/// machines share one.
#[derive(Debug)]
pub struct CachingVerifier {
    inner: Arc<dyn Verifier>,
    known: Mutex<Generations>,
    generation_max: usize,
    hits: AtomicU64,
    checked: AtomicU64,
}

/// Two generations: what is used moves to the young one; when that is full, the old one is
/// forgotten and the young one grows old.
#[derive(Debug, Default)]
struct Generations {
    young: HashSet<Fingerprint>,
    old: HashSet<Fingerprint>,
}

impl Generations {
    fn contains(&self, fingerprint: &Fingerprint) -> bool {
        self.young.contains(fingerprint) || self.old.contains(fingerprint)
    }

    fn touch(&mut self, fingerprint: Fingerprint, generation_max: usize) {
        if self.young.contains(&fingerprint) {
            return;
        }
        if self.young.len() >= generation_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(fingerprint);
        let count = self.young.len() + self.old.len();
        assert!(count <= 2 * generation_max, "RUN-7: {count} checks are remembered");
    }
}

fn fingerprint(check: &SignatureCheck) -> Fingerprint {
    let mut hasher = blake3::Hasher::new();
    hasher.update(check.key.as_bytes());
    hasher.update(check.digest.as_bytes());
    hasher.update(check.signature.as_bytes());
    *hasher.finalize().as_bytes()
}

impl CachingVerifier {
    /// An empty cache of the default size in front of a verifier.
    #[must_use]
    pub fn new(inner: Arc<dyn Verifier>) -> Self {
        Self::with_size(inner, KNOWN_CHECKS_MAX)
    }

    /// An empty cache of `checks_max` checks, at least 2 and at most [`KNOWN_CHECKS_MAX`].
    #[must_use]
    pub fn with_size(inner: Arc<dyn Verifier>, checks_max: usize) -> Self {
        Self {
            inner,
            known: Mutex::default(),
            generation_max: checks_max.clamp(2, KNOWN_CHECKS_MAX) / 2,
            hits: AtomicU64::new(0),
            checked: AtomicU64::new(0),
        }
    }

    /// How many of these checks would have to be made.
    #[must_use]
    pub fn unknown_count(&self, checks: &[SignatureCheck]) -> usize {
        if checks.is_empty() {
            return 0;
        }
        let fingerprints: Vec<_> = checks.iter().map(fingerprint).collect();
        let known = self.known();
        fingerprints.iter().filter(|one| !known.contains(one)).count()
    }

    /// Checks that the cache answered, and checks that were made.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.checked.load(Ordering::Relaxed))
    }

    fn known(&self) -> MutexGuard<'_, Generations> {
        // A set of fingerprints is right after any panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The checks that have to be made, each once, with their fingerprints.
    fn unknown(&self, checks: &[SignatureCheck]) -> Vec<(Fingerprint, SignatureCheck)> {
        let mut all: Vec<_> = checks.iter().map(|check| (fingerprint(check), *check)).collect();
        all.sort_unstable_by_key(|(fingerprint, _)| *fingerprint);
        all.dedup_by_key(|(fingerprint, _)| *fingerprint);
        let mut known = self.known();
        all.retain(|(fingerprint, _)| {
            let is_known = known.contains(fingerprint);
            if is_known {
                known.touch(*fingerprint, self.generation_max);
            }
            !is_known
        });
        all
    }

    fn remember(&self, checks: &[(Fingerprint, SignatureCheck)]) {
        let mut known = self.known();
        for (fingerprint, _) in checks {
            known.touch(*fingerprint, self.generation_max);
        }
    }
}

impl Verifier for CachingVerifier {
    fn is_valid(&self, check: &SignatureCheck) -> bool {
        self.are_valid(std::slice::from_ref(check))
    }

    fn are_valid(&self, checks: &[SignatureCheck]) -> bool {
        if checks.is_empty() {
            return true;
        }
        let unknown = self.unknown(checks);
        self.hits.fetch_add((checks.len() - unknown.len()) as u64, Ordering::Relaxed);
        if unknown.is_empty() {
            return true;
        }
        self.checked.fetch_add(unknown.len() as u64, Ordering::Relaxed);
        let to_check: Vec<_> = unknown.iter().map(|(_, check)| *check).collect();
        let all_good = self.inner.are_valid(&to_check);
        if all_good {
            // RUN-8: the verifier has just accepted each of them.
            self.remember(&unknown);
        }
        all_good
    }
}

#[cfg(test)]
mod tests;
