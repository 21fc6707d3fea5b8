//! Partial signatures, and how any threshold of them make the one signature of the group.
//!
//! Boldyreva 2003: partial signatures interpolate in the exponent, without interaction,
//! to a signature that is unique. Hence it also serves as randomness.
//!
//! # Protocol
//! [`GroupKey::combine`] interpolates the first partials that suffice without looking at them, and
//! verifies the result: one pairing check when nobody lies. If it is wrong, every partial is
//! checked, the bad ones are named, and the good ones are interpolated.
//!
//! Errors of bad partials may cancel in the sum. Then the result is the true signature, for it
//! verifies and no other does; nobody is named, and nothing is lost.
//!
//! Who has to know that each partial is right asks [`GroupKey::wrong_partials`], where errors
//! cannot cancel: Bellare, Garay and Rabin 1998 (section 3, the test of random weights), with
//! weights that follow from all that is checked (Fiat and Shamir 1986).
//!
//! # Invariants
//! - THR-9: what combine returns verifies under the public key.
//! - THR-15: partials that are found right together are right one by one.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::domain::Domain;
use crate::group::GroupKey;
use crate::lagrange::weights_at_zero;
use crate::limits::PARTIALS_MAX;
use crate::parameters::ShareIndex;
use crate::point::SignaturePoint;
use crate::public::{Signature, exactly};
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::sizes::{INDEX_BYTES, PARTIAL_SIGNATURE_BYTES};

/// Names the derivation for BLAKE3.
const WEIGHT_DERIVATION: &str = "quorate 2026-11-24 threshold weight of a partial v1";

/// The signature of one share. Plain bytes beside an index; every use checks the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartialSignature {
    index: ShareIndex,
    signature: Signature,
}

impl PartialSignature {
    /// The partial signature of the share `index`, unchecked.
    #[must_use]
    pub const fn new(index: ShareIndex, signature: Signature) -> Self {
        Self { index, signature }
    }

    /// Reads what [`Self::encode`] wrote. Whether it is a point at all is seen where it is used.
    ///
    /// # Errors
    /// [`Rejected::WrongLength`], [`Rejected::IndexZero`], [`Rejected::IndexTooLarge`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejected> {
        let bytes: &[u8; PARTIAL_SIGNATURE_BYTES] = exactly(bytes)?;
        let (index, signature) = bytes.split_at(INDEX_BYTES);
        let index = ShareIndex::decode(*exactly(index)?)?;
        Ok(Self { index, signature: Signature::new(*exactly(signature)?) })
    }

    /// Index, big-endian, and compressed point.
    #[must_use]
    pub fn encode(&self) -> [u8; PARTIAL_SIGNATURE_BYTES] {
        let mut bytes = [0; PARTIAL_SIGNATURE_BYTES];
        let (index, signature) = bytes.split_at_mut(INDEX_BYTES);
        index.copy_from_slice(&self.index.encode());
        signature.copy_from_slice(self.signature.as_bytes());
        bytes
    }

    /// The index of the share that signed.
    #[must_use]
    pub const fn index(&self) -> ShareIndex {
        self.index
    }

    /// The point in G2.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }
}

/// A signature of the group, and who sent wrong partials on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Combined {
    /// Verified under the public key.
    pub signature: Signature,
    /// Indices under which a wrong partial was seen, in order. Empty when nobody was looked at.
    pub bad: Vec<ShareIndex>,
}

/// Why no signature came out, and who sent wrong partials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CombineFailure {
    /// [`Rejected::TooFewShares`] or [`Rejected::TooManyPartials`].
    pub reason: Rejected,
    /// Indices under which a wrong partial was seen, in order.
    pub bad: Vec<ShareIndex>,
}

impl GroupKey {
    /// Whether `partial` is the signature of its share on `message` for the purpose `domain`.
    ///
    /// # Errors
    /// [`Rejected::IndexTooLarge`], [`Rejected::PartialInvalid`], or what a point may be refused
    /// for.
    pub fn verify_partial(
        &self,
        domain: Domain,
        message: &[u8],
        partial: &PartialSignature,
    ) -> Result<(), Rejected> {
        let public_share = self.public_point(partial.index)?;
        let point = SignaturePoint::decode(partial.signature.as_bytes())?;
        if public_share.verifies(domain.tag(), message, &point) {
            Ok(())
        } else {
            Err(Rejected::PartialInvalid { index: partial.index })
        }
    }

    /// The indices of those `partials` that [`Self::verify_partial`] refuses: none, after one
    /// pairing check, if nobody lies; otherwise after one more for each.
    #[must_use]
    pub fn wrong_partials(
        &self,
        domain: Domain,
        message: &[u8],
        partials: &[PartialSignature],
    ) -> BTreeSet<ShareIndex> {
        let statement = Statement { group: self, domain, message };
        if partials.len() > 1 && statement.hold_together(partials) {
            return BTreeSet::new();
        }
        let is_wrong =
            |partial: &&PartialSignature| self.verify_partial(domain, message, partial).is_err();
        partials.iter().filter(is_wrong).map(PartialSignature::index).collect()
    }

    /// The signature of the group on `message` for the purpose `domain`, if enough `partials` are
    /// right, whatever the others are.
    ///
    /// The order decides which are tried first. Copies count once; different partials under one
    /// index are each considered, so nobody can displace the partial of another. Each that is
    /// looked at costs a pairing check once the first try fails, so a caller that knows the sender
    /// passes on one partial for each.
    ///
    /// # Errors
    /// [`CombineFailure`]: too few good partials, or more partials than the bound.
    pub fn combine(
        &self,
        domain: Domain,
        message: &[u8],
        partials: &[PartialSignature],
    ) -> Result<Combined, CombineFailure> {
        if partials.len() > PARTIALS_MAX {
            let reason = Rejected::TooManyPartials { max: PARTIALS_MAX, got: partials.len() };
            return Err(CombineFailure { reason, bad: Vec::new() });
        }
        let statement = Statement { group: self, domain, message };
        let mut candidates = statement.candidates(partials);
        if let Some(signature) = statement.try_unchecked(&candidates) {
            return Ok(candidates.conclude(signature));
        }

        let good = statement.sort_out(&mut candidates);
        let needed = self.parameters().threshold();
        if good.len() < needed {
            let reason = Rejected::TooFewShares { needed, got: good.len() };
            return Err(CombineFailure { reason, bad: candidates.bad.into_iter().collect() });
        }
        let good: Vec<_> = good.into_iter().take(needed).collect();
        let point = interpolate(&good);
        assert!(statement.holds(&point), "THR-9: good partials make no good signature");
        Ok(candidates.conclude(point))
    }
}

/// What is signed, and by whom.
struct Statement<'input> {
    group: &'input GroupKey,
    domain: Domain,
    message: &'input [u8],
}

/// Partials that decode, in the order in which they came, and the indices of those that do not.
struct Candidates {
    points: Vec<(ShareIndex, SignaturePoint)>,
    bad: BTreeSet<ShareIndex>,
}

impl Candidates {
    fn conclude(self, point: SignaturePoint) -> Combined {
        let signature = Signature::of(&point);
        Combined { signature, bad: self.bad.into_iter().collect() }
    }
}

impl Statement<'_> {
    fn candidates(&self, partials: &[PartialSignature]) -> Candidates {
        let mut candidates = Candidates { points: Vec::new(), bad: BTreeSet::new() };
        let mut seen = BTreeSet::new();
        for partial in partials.iter().filter(|partial| seen.insert(**partial)) {
            let known = self.group.parameters().check_index(partial.index);
            let point = SignaturePoint::decode(partial.signature.as_bytes());
            match known.and(point) {
                Ok(point) => candidates.points.push((partial.index, point)),
                Err(_refused) => {
                    candidates.bad.insert(partial.index);
                }
            }
        }
        candidates
    }

    /// Interpolates the first partials of distinct indices; the result if it verifies.
    fn try_unchecked(&self, candidates: &Candidates) -> Option<SignaturePoint> {
        let needed = self.group.parameters().threshold();
        let mut indices = BTreeSet::new();
        let distinct = candidates.points.iter().filter(|(index, _point)| indices.insert(*index));
        let first: Vec<_> = distinct.take(needed).copied().collect();
        if first.len() < needed {
            return None;
        }
        let point = interpolate(&first);
        self.holds(&point).then_some(point)
    }

    /// Checks every candidate: the good partial of each index, and the indices of bad ones noted.
    fn sort_out(&self, candidates: &mut Candidates) -> BTreeMap<ShareIndex, SignaturePoint> {
        let mut good = BTreeMap::new();
        for (index, point) in &candidates.points {
            let public_share =
                self.group.public_point(*index).expect("candidates are of known index");
            if public_share.verifies(self.domain.tag(), self.message, point) {
                good.insert(*index, *point);
            } else {
                candidates.bad.insert(*index);
            }
        }
        good
    }

    // THR-15: errors cancel only for weights that are known before the errors are chosen.
    /// Is the weighted sum of the partials the signature of the weighted sum of their shares?
    fn hold_together(&self, partials: &[PartialSignature]) -> bool {
        let weighted = partials.iter().zip(self.weights(partials)).map(|(partial, weight)| {
            let public_share = self.group.public_point(partial.index).ok()?;
            let point = SignaturePoint::decode(partial.signature.as_bytes()).ok()?;
            Some((public_share.mul(&weight), point.mul(&weight)))
        });
        let Some(weighted) = weighted.collect::<Option<Vec<_>>>() else { return false };
        let sum = weighted.into_iter().reduce(|sum, term| (sum.0.add(&term.0), sum.1.add(&term.1)));
        sum.is_some_and(|(key, sum)| key.verifies(self.domain.tag(), self.message, &sum))
    }

    /// One weight for each partial, which nobody knows who has not fixed all of them.
    fn weights(&self, partials: &[PartialSignature]) -> impl Iterator<Item = Scalar> {
        let mut hasher = blake3::Hasher::new_derive_key(WEIGHT_DERIVATION);
        hasher.update(&self.group.parameters().encode());
        hasher.update(&self.group.commitment().encode());
        hasher.update(blake3::hash(self.domain.tag()).as_bytes());
        hasher.update(blake3::hash(self.message).as_bytes());
        partials.iter().for_each(|partial| {
            hasher.update(&partial.encode());
        });
        (0..partials.len() as u64).map(move |place| {
            let mut of_place = hasher.clone();
            of_place.update(&place.to_be_bytes());
            Scalar::from_hash(&of_place)
        })
    }

    fn holds(&self, signature: &SignaturePoint) -> bool {
        let key = self.group.commitment().constant_term();
        key.verifies(self.domain.tag(), self.message, signature)
    }
}

/// The value at zero of the polynomial through points of distinct indices, at least one.
fn interpolate(points: &[(ShareIndex, SignaturePoint)]) -> SignaturePoint {
    let indices: Vec<_> = points.iter().map(|(index, _point)| *index).collect();
    let weights = weights_at_zero(&indices).expect("the indices are distinct");
    let weighted = points.iter().zip(&weights).map(|((_index, point), weight)| point.mul(weight));
    weighted.reduce(|sum, point| sum.add(&point)).expect("there is at least one point")
}

#[cfg(test)]
mod tests;
