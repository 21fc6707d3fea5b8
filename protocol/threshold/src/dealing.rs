//! One dealer hands out one secret: a public commitment, and a subshare for each recipient.
//!
//! Feldman 1987 for a new secret; Desmedt and Jajodia 1997, and Wong, Wang and Wing 2002, for a
//! dealer that deals out its share of an existing secret to a committee of another size.
//!
//! # Protocol
//! The dealer sends its [`Dealing`] to all and to each recipient its [`Subshare`], encrypted.
//! A recipient checks the dealing first ([`Dealing::check_fresh`], [`Dealing::check_reshared`]),
//! then its subshare ([`CheckedDealing::check_subshare`]), and only then acknowledges.
//!
//! # Invariants
//! - THR-11: a subshare that others help to repair is the one that the commitment promises.
//!
//! Also THR-3, THR-4. The rest of the handover: [`crate::sharing`].

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::commitment::Commitment;
use crate::group::GroupKey;
use crate::lagrange::weights_at;
use crate::parameters::{Parameters, ShareIndex};
use crate::point::KeyPoint;
use crate::polynomial::Polynomial;
use crate::public::exactly;
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::seed::{Derivation, Origin, Seed, Session};
use crate::share::KeyShare;
use crate::sizes::{INDEX_BYTES, SUBSHARE_BYTES};

/// What a dealer needs besides the secret: deals the same whenever asked the same.
#[derive(Debug)]
pub struct Dealer<'seed> {
    /// Secret uniform bytes of this dealer, fresh for each epoch.
    pub seed: &'seed Seed,
    /// The attempt that the dealing belongs to. Two dealings of one seed have two sessions.
    pub session: Session,
    /// The size of the sharing dealt to; its recipients have the indices from 1.
    pub parameters: Parameters,
}

impl Dealer<'_> {
    /// Deals a new secret, which the seed decides, as dealer `dealer`.
    #[must_use]
    pub fn deal_fresh(&self, dealer: ShareIndex) -> Dealt {
        let polynomial = Polynomial::derive(&self.derivation(Origin::Fresh, dealer), None);
        self.deal(dealer, &polynomial)
    }

    /// Deals `share`, a share of the secret of the old committee, to the new one.
    #[must_use]
    pub fn deal_again(&self, share: &KeyShare) -> Dealt {
        let derivation = self.derivation(Origin::Reshared, share.index());
        let polynomial = Polynomial::derive(&derivation, Some(share.secret()));
        self.deal(share.index(), &polynomial)
    }

    pub(crate) const fn derivation(&self, origin: Origin, dealer: ShareIndex) -> Derivation<'_> {
        let Self { seed, session, parameters } = *self;
        Derivation { origin, seed, session, dealer, parameters }
    }

    fn deal(&self, dealer: ShareIndex, polynomial: &Polynomial) -> Dealt {
        let commitment = Commitment::to(polynomial, self.parameters);
        let subshare = |recipient| Subshare::new(dealer, recipient, polynomial.evaluate(recipient));
        let subshares = self.parameters.indices().map(subshare).collect();
        Dealt { dealing: Dealing::new(self.session, dealer, commitment), subshares }
    }
}

/// All that a dealer hands out. Its polynomial is erased already.
#[derive(Debug)]
pub struct Dealt {
    /// For everyone.
    pub dealing: Dealing,
    /// Secret: one for each recipient, in the order of indices.
    pub subshares: Vec<Subshare>,
}

/// The public part of a dealing, as it came: its points are good, all else is unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dealing {
    session: Session,
    dealer: ShareIndex,
    commitment: Commitment,
}

impl Dealing {
    /// The dealing of `dealer` in `session`.
    #[must_use]
    pub const fn new(session: Session, dealer: ShareIndex, commitment: Commitment) -> Self {
        Self { session, dealer, commitment }
    }

    /// The attempt that it claims.
    #[must_use]
    pub const fn session(&self) -> Session {
        self.session
    }

    /// Who dealt.
    #[must_use]
    pub const fn dealer(&self) -> ShareIndex {
        self.dealer
    }

    /// What it commits to.
    #[must_use]
    pub const fn commitment(&self) -> &Commitment {
        &self.commitment
    }

    /// Checks a dealing of a new secret.
    ///
    /// # Errors
    /// [`Rejected::WrongSession`], [`Rejected::WrongDegree`], [`Rejected::WrongShareCount`].
    pub fn check_fresh(
        self,
        session: Session,
        parameters: Parameters,
    ) -> Result<CheckedDealing, Rejected> {
        if self.session != session {
            return Err(Rejected::WrongSession { dealer: self.dealer });
        }
        let committed = self.commitment.parameters();
        let (expected, got) = (parameters.threshold(), committed.threshold());
        if expected != got {
            return Err(Rejected::WrongDegree { expected, got });
        }
        let (expected, got) = (parameters.share_count(), committed.share_count());
        if expected != got {
            return Err(Rejected::WrongShareCount { expected, got });
        }
        Ok(CheckedDealing(self))
    }

    /// Checks a dealing of a share of `old` to a sharing of `parameters`.
    ///
    /// # Errors
    /// Those of [`Self::check_fresh`], [`Rejected::IndexTooLarge`] for a dealer outside `old`, and
    /// [`Rejected::ConstantTermMismatch`].
    pub fn check_reshared(
        self,
        session: Session,
        parameters: Parameters,
        old: &GroupKey,
    ) -> Result<CheckedDealing, Rejected> {
        let checked = self.check_fresh(session, parameters)?;
        checked.check_constant_term(old)?;
        Ok(checked)
    }
}

/// A dealing of the right session and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedDealing(Dealing);

impl CheckedDealing {
    /// The dealing.
    #[must_use]
    pub const fn dealing(&self) -> &Dealing {
        &self.0
    }

    /// Whether `subshare` is what this dealer owes `recipient`.
    ///
    /// # Errors
    /// [`Rejected::IndexTooLarge`], [`Rejected::WrongSubshare`], [`Rejected::SubshareMismatch`].
    pub fn check_subshare(
        &self,
        recipient: ShareIndex,
        subshare: &Subshare,
    ) -> Result<(), Rejected> {
        self.0.commitment.parameters().check_index(recipient)?;
        let Subshare { dealer, recipient: named, ref value } = *subshare;
        if dealer != self.0.dealer || named != recipient {
            return Err(Rejected::WrongSubshare { dealer, recipient: named });
        }
        if KeyPoint::of(value) != self.0.commitment.evaluate(recipient) {
            return Err(Rejected::SubshareMismatch { dealer, recipient });
        }
        Ok(())
    }

    /// What the dealer owes `recipient`, from what it dealt to as many others as shares sign: once
    /// it is proved that it cheated the recipient, they say what they got.
    ///
    /// # Errors
    /// [`Rejected::TooFewShares`], [`Rejected::DuplicateIndex`], and what
    /// [`Self::check_subshare`] refuses: that helper lied, and another is asked.
    pub fn repair(
        &self,
        recipient: ShareIndex,
        helpers: &[Subshare],
    ) -> Result<Subshare, Rejected> {
        let parameters = self.0.commitment.parameters();
        parameters.check_index(recipient)?;
        let needed = parameters.threshold();
        let Some(helpers) = helpers.get(..needed) else {
            return Err(Rejected::TooFewShares { needed, got: helpers.len() });
        };
        helpers.iter().try_for_each(|helper| self.check_subshare(helper.recipient, helper))?;
        let indices: Vec<_> = helpers.iter().map(Subshare::recipient).collect();
        let weights = weights_at(recipient.get(), &indices)?;
        let terms = helpers.iter().zip(&weights).map(|(helper, weight)| helper.value.mul(weight));
        let value = terms.fold(Scalar::from_u16(0), |sum, term| sum.add(&term));
        let repaired = Subshare::new(self.0.dealer, recipient, value);

        let is_owed = self.check_subshare(recipient, &repaired).is_ok();
        assert!(is_owed, "THR-11: a repaired subshare off the polynomial");
        Ok(repaired)
    }

    /// Whether the dealer dealt the share of `old` that it holds, and no other secret.
    pub(crate) fn check_constant_term(&self, old: &GroupKey) -> Result<(), Rejected> {
        let dealer = self.0.dealer;
        if old.public_point(dealer)? != self.0.commitment.constant_term() {
            return Err(Rejected::ConstantTermMismatch { dealer });
        }
        Ok(())
    }
}

/// The secret part of a dealing for one recipient; erased when dropped.
pub struct Subshare {
    dealer: ShareIndex,
    recipient: ShareIndex,
    value: Scalar,
}

impl Subshare {
    /// Reads what [`Self::encode`] wrote. Zero is an allowed value: the sum of all counts.
    ///
    /// # Errors
    /// [`Rejected::WrongLength`], [`Rejected::IndexZero`], [`Rejected::IndexTooLarge`],
    /// [`Rejected::ScalarOutOfRange`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejected> {
        let bytes: &[u8; SUBSHARE_BYTES] = exactly(bytes)?;
        let (dealer, rest) = bytes.split_at(INDEX_BYTES);
        let (recipient, value) = rest.split_at(INDEX_BYTES);
        let dealer = ShareIndex::decode(*exactly(dealer)?)?;
        let recipient = ShareIndex::decode(*exactly(recipient)?)?;
        Ok(Self { dealer, recipient, value: Scalar::decode(exactly(value)?)? })
    }

    /// Dealer, recipient and scalar, big-endian; secret, erased when dropped.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<[u8; SUBSHARE_BYTES]> {
        let mut bytes = Zeroizing::new([0; SUBSHARE_BYTES]);
        let (dealer, rest) = bytes.split_at_mut(INDEX_BYTES);
        let (recipient, value) = rest.split_at_mut(INDEX_BYTES);
        dealer.copy_from_slice(&self.dealer.encode());
        recipient.copy_from_slice(&self.recipient.encode());
        value.copy_from_slice(self.value.encode().as_ref());
        bytes
    }

    /// Who dealt it.
    #[must_use]
    pub const fn dealer(&self) -> ShareIndex {
        self.dealer
    }

    /// Whom it is for.
    #[must_use]
    pub const fn recipient(&self) -> ShareIndex {
        self.recipient
    }

    pub(crate) const fn new(dealer: ShareIndex, recipient: ShareIndex, value: Scalar) -> Self {
        Self { dealer, recipient, value }
    }

    pub(crate) const fn value(&self) -> &Scalar {
        &self.value
    }
}

impl fmt::Debug for Subshare {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Subshare({} to {}, redacted)", self.dealer, self.recipient)
    }
}

#[cfg(test)]
mod tests;
