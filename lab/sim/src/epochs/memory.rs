//! What was computed once is not computed again: in a run, and in the runs after it.
//!
//! Pairings are a thousand times dearer than all else in a run. Many servers check the same
//! signatures, and the runs of an enumeration differ in little, so that nearly all that one of them
//! computes was computed in another. Answers are functions of their questions alone, so a run is
//! the same whether they are remembered or not.

use std::collections::BTreeMap;
use std::sync::Mutex;

use quorate_crypto::real::RealVerifier;
use quorate_crypto::{Domain, SignatureCheck, Verifier, hash};
use quorate_threshold::{
    Bls12381, CombineFailure, Combined, Domain as Purpose, EncryptionKey, GroupKey, KeyShare,
    PUBLIC_KEY_BYTES, PartialSignature, PublicKey, Rejected, Signature, ThresholdScheme,
};
use quorate_types::Digest;

#[cfg(test)]
mod tests;

/// Answers that a memory holds, at most some hundred bytes each; then it begins anew.
const ANSWERS_MAX: usize = 65_536;

/// Answers by the digests of their questions.
#[derive(Debug)]
struct Memory<V>(Mutex<BTreeMap<Digest, V>>);

impl<V: Clone> Memory<V> {
    const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The answer to a question of these parts. While it is computed nobody waits, so two threads
    /// may compute the same.
    fn recall(&self, question: &[&[u8]], answer: impl FnOnce() -> V) -> V {
        let question = named(question);
        if let Some(known) = self.lock().get(&question) {
            return known.clone();
        }
        let answer = answer();
        let mut known = self.lock();
        if known.len() >= ANSWERS_MAX {
            known.clear();
        }
        known.insert(question, answer.clone());
        answer
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, V>> {
        self.0.lock().expect("nothing fails while it is locked")
    }
}

/// No two questions have one name: each part stands behind its length.
fn named(question: &[&[u8]]) -> Digest {
    let lengths = question.iter().map(|part| part.len().to_be_bytes());
    let parts = question.iter().zip(lengths);
    let bytes: Vec<u8> = parts.flat_map(|(part, length)| [&length[..], part].concat()).collect();
    hash(Domain::Derivation, &bytes)
}

/// The commitment of a group, with the number of its shares before it.
fn group_bytes(group: &GroupKey) -> Vec<u8> {
    let count = group.parameters().share_count().to_be_bytes();
    [&count[..], &group.commitment().encode()].concat()
}

static SIGNED: Memory<PartialSignature> = Memory::new();
static VERIFIED: Memory<Result<(), Rejected>> = Memory::new();
static PARTIALS: Memory<Result<(), Rejected>> = Memory::new();
static COMBINED: Memory<Result<Combined, CombineFailure>> = Memory::new();
static PROVED: Memory<Result<EncryptionKey, Rejected>> = Memory::new();
static VALID: Memory<bool> = Memory::new();

/// The real scheme, which does each thing once.
#[derive(Clone, Copy, Debug)]
pub(super) struct RememberedScheme;

impl ThresholdScheme for RememberedScheme {
    fn sign_partial(&self, share: &KeyShare, domain: Purpose, message: &[u8]) -> PartialSignature {
        let question = [&share.encode()[..], &[domain as u8], message];
        SIGNED.recall(&question, || Bls12381.sign_partial(share, domain, message))
    }

    fn verify(
        &self,
        key: &PublicKey,
        domain: Purpose,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), Rejected> {
        let question = [key.as_bytes(), &[domain as u8][..], message, signature.as_bytes()];
        VERIFIED.recall(&question, || Bls12381.verify(key, domain, message, signature))
    }

    fn verify_partial(
        &self,
        group: &GroupKey,
        domain: Purpose,
        message: &[u8],
        partial: &PartialSignature,
    ) -> Result<(), Rejected> {
        let question = [&group_bytes(group)[..], &[domain as u8], message, &partial.encode()];
        PARTIALS.recall(&question, || Bls12381.verify_partial(group, domain, message, partial))
    }

    fn combine(
        &self,
        group: &GroupKey,
        domain: Purpose,
        message: &[u8],
        partials: &[PartialSignature],
    ) -> Result<Combined, CombineFailure> {
        let said = partials.iter().flat_map(PartialSignature::encode).collect::<Vec<_>>();
        let question = [&group_bytes(group)[..], &[domain as u8], message, &said];
        COMBINED.recall(&question, || Bls12381.combine(group, domain, message, partials))
    }

    fn decode_proved(
        &self,
        key: &[u8; PUBLIC_KEY_BYTES],
        statement: &[u8],
        proof: &Signature,
    ) -> Result<EncryptionKey, Rejected> {
        let question = [&key[..], statement, proof.as_bytes()];
        PROVED.recall(&question, || Bls12381.decode_proved(key, statement, proof))
    }
}

/// The real verifier, which checks each signature once.
#[derive(Clone, Copy, Debug)]
pub(super) struct RememberedVerifier;

impl Verifier for RememberedVerifier {
    fn is_valid(&self, check: &SignatureCheck) -> bool {
        let SignatureCheck { key, digest, signature } = check;
        let question = [&key.as_bytes()[..], digest.as_bytes(), signature.as_bytes()];
        VALID.recall(&question, || RealVerifier.is_valid(check))
    }

    fn are_valid(&self, checks: &[SignatureCheck]) -> bool {
        checks.iter().all(|check| self.is_valid(check))
    }
}
