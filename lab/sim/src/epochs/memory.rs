//! What was computed once is not computed again: in a run, and in the runs after it.
//!
//! Pairings are a thousand times dearer than all else in a run. Many servers check the same
//! signatures, and the runs of an enumeration differ in little, so that nearly all that one of them
//! computes was computed in another. Answers are functions of their questions alone, so a run is
//! the same whether they are remembered or not.
//!
//! A key has one signature on a message. Whoever sees a share sign, a signature verify or partial
//! signatures combine knows it from then on, and it is right without another pairing, whoever
//! shows it: a partial signature that a share made, and what enough of those make. Any other bytes
//! are checked as production checks them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use quorate_crypto::real::RealVerifier;
use quorate_crypto::{Domain, SignatureCheck, Verifier, hash};
use quorate_threshold::{
    Bls12381, CombineFailure, Combined, Domain as Purpose, EncryptionKey, GroupKey, KeyShare,
    PUBLIC_KEY_BYTES, PartialSignature, PublicKey, Rejected, ShareIndex, Signature,
    ThresholdScheme,
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

    /// The answer, if the question was asked before.
    fn known(&self, question: &[&[u8]]) -> Option<V> {
        self.lock().get(&named(question)).cloned()
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

/// The one signature of a key on a message for a purpose.
static MADE: Memory<Signature> = Memory::new();
static PUBLIC: Memory<PublicKey> = Memory::new();
static SIGNED: Memory<PartialSignature> = Memory::new();
static VERIFIED: Memory<Result<(), Rejected>> = Memory::new();
static WRONG: Memory<BTreeSet<ShareIndex>> = Memory::new();
static COMBINED: Memory<Result<Combined, CombineFailure>> = Memory::new();
static PROVED: Memory<Result<EncryptionKey, Rejected>> = Memory::new();
static VALID: Memory<bool> = Memory::new();

/// Is this the signature of a key, as somebody has found before?
fn is_known(key: &PublicKey, domain: Purpose, message: &[u8], signature: &Signature) -> bool {
    MADE.known(&[key.as_bytes(), &[domain as u8], message]).is_some_and(|made| made == *signature)
}

/// This is the signature of a key.
fn note(key: &PublicKey, domain: Purpose, message: &[u8], signature: &Signature) {
    let made = MADE.recall(&[key.as_bytes(), &[domain as u8], message], || *signature);
    assert_eq!(made, *signature, "a key has one signature on a message");
}

/// Is this what a share of the group signed?
fn is_known_partial(
    group: &GroupKey,
    domain: Purpose,
    message: &[u8],
    partial: &PartialSignature,
) -> bool {
    let key = group.public_share(partial.index());
    key.is_ok_and(|key| is_known(&key, domain, message, partial.signature()))
}

/// What these combine to, if all of them are known to be right, and it is known what they make.
fn known_sum(
    group: &GroupKey,
    domain: Purpose,
    message: &[u8],
    partials: &[PartialSignature],
) -> Option<Combined> {
    let key = group.public_key();
    let signature = MADE.known(&[key.as_bytes(), &[domain as u8], message])?;
    let indices: BTreeSet<_> = partials.iter().map(PartialSignature::index).collect();
    let is_one_each = indices.len() == partials.len();
    let is_enough = indices.len() >= group.parameters().threshold();
    let is_right = is_one_each
        && is_enough
        && partials.iter().all(|partial| is_known_partial(group, domain, message, partial));
    is_right.then(|| Combined { signature, bad: Vec::new() })
}

/// The real scheme, which does each thing once.
#[derive(Clone, Copy, Debug)]
pub(super) struct RememberedScheme;

impl ThresholdScheme for RememberedScheme {
    fn sign_partial(&self, share: &KeyShare, domain: Purpose, message: &[u8]) -> PartialSignature {
        let question = [&share.encode()[..], &[domain as u8], message];
        SIGNED.recall(&question, || {
            let partial = Bls12381.sign_partial(share, domain, message);
            let key = PUBLIC.recall(&[&share.encode()[..]], || share.public_share());
            note(&key, domain, message, partial.signature());
            partial
        })
    }

    fn verify(
        &self,
        key: &PublicKey,
        domain: Purpose,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), Rejected> {
        if is_known(key, domain, message, signature) {
            return Ok(());
        }
        let question = [key.as_bytes(), &[domain as u8][..], message, signature.as_bytes()];
        VERIFIED.recall(&question, || {
            Bls12381.verify(key, domain, message, signature)?;
            note(key, domain, message, signature);
            Ok(())
        })
    }

    fn wrong_partials(
        &self,
        group: &GroupKey,
        domain: Purpose,
        message: &[u8],
        partials: &[PartialSignature],
    ) -> BTreeSet<ShareIndex> {
        if partials.iter().all(|partial| is_known_partial(group, domain, message, partial)) {
            return BTreeSet::new();
        }
        let said = partials.iter().flat_map(PartialSignature::encode).collect::<Vec<_>>();
        let question = [&group_bytes(group)[..], &[domain as u8], message, &said];
        WRONG.recall(&question, || Bls12381.wrong_partials(group, domain, message, partials))
    }

    fn combine(
        &self,
        group: &GroupKey,
        domain: Purpose,
        message: &[u8],
        partials: &[PartialSignature],
    ) -> Result<Combined, CombineFailure> {
        if let Some(combined) = known_sum(group, domain, message, partials) {
            return Ok(combined);
        }
        let said = partials.iter().flat_map(PartialSignature::encode).collect::<Vec<_>>();
        let question = [&group_bytes(group)[..], &[domain as u8], message, &said];
        COMBINED.recall(&question, || {
            let combined = Bls12381.combine(group, domain, message, partials)?;
            note(&group.public_key(), domain, message, &combined.signature);
            Ok(combined)
        })
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
