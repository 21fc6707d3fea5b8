//! From the chosen dealings to one sharing: its public side for all, its own share for each member.
//!
//! Wong, Wang and Wing 2002 (redistribution); Herzberg et al. 1995/1997 for the aim,
//! that shares of different epochs are useless together.
//!
//! # Protocol
//! The log fixes the chosen dealings once and for all. Everyone builds the same [`Sharing`] from
//! them; a member then adds up its subshares of these dealings and no others. A bad subshare names
//! its dealer and never removes a dealing from the choice (settled point 5).
//!
//! # Invariants
//! - THR-6: resharing keeps the public key.
//! - THR-7: an assembled share belongs to the public share of its index.
//! - THR-10: dealings of different sessions are never put together.

use alloc::vec::Vec;
use core::borrow::Borrow;

use crate::commitment::Commitment;
use crate::dealing::{CheckedDealing, Subshare};
use crate::group::GroupKey;
use crate::lagrange::{first_duplicate, weights_at_zero};
use crate::limits::SHARE_COUNT_MAX;
use crate::parameters::ShareIndex;
use crate::rejected::Rejected;
use crate::scalar::Scalar;
use crate::share::KeyShare;

/// The sharing that a fixed choice of dealings makes.
#[derive(Debug)]
pub struct Sharing {
    chosen: Vec<Chosen>,
    group_key: GroupKey,
}

/// A dealing and the weight with which it counts.
#[derive(Debug)]
struct Chosen {
    dealing: CheckedDealing,
    weight: Scalar,
}

impl Sharing {
    /// The sum of dealings of new secrets: nobody knows the key unless all dealers tell.
    ///
    /// A single dealing is a trusted dealer's. Of several, each must be acknowledged by a threshold
    /// of correct members that checked their subshares: that shows that its dealer knows what it
    /// dealt, and did not choose its constant term to cancel those of others.
    ///
    /// # Errors
    /// [`Rejected::WrongDealingCount`], [`Rejected::DuplicateIndex`], [`Rejected::WrongSession`],
    /// [`Rejected::WrongDegree`], [`Rejected::WrongShareCount`], [`Rejected::Identity`],
    /// [`Rejected::ScalarZero`].
    pub fn fresh(dealings: Vec<CheckedDealing>) -> Result<Self, Rejected> {
        let dealers = dealers_of(&dealings);
        if dealers.is_empty() || dealers.len() > usize::from(SHARE_COUNT_MAX) {
            return Err(Rejected::WrongDealingCount { expected: 1, got: dealers.len() });
        }
        if let Some(index) = first_duplicate(&dealers) {
            return Err(Rejected::DuplicateIndex { index });
        }
        let weights = dealers.iter().map(|_dealer| Scalar::from_u16(1)).collect();
        Self::of(dealings, weights)
    }

    /// The sharing of the secret of `old` among a new committee, from exactly as many dealings as
    /// shares of `old` sign. Anyone can build it and see that the public key is the same.
    ///
    /// # Errors
    /// Those of [`Self::fresh`], and [`Rejected::ConstantTermMismatch`].
    pub fn reshared(old: &GroupKey, dealings: Vec<CheckedDealing>) -> Result<Self, Rejected> {
        let expected = old.parameters().threshold();
        if dealings.len() != expected {
            return Err(Rejected::WrongDealingCount { expected, got: dealings.len() });
        }
        dealings.iter().try_for_each(|dealing| dealing.check_constant_term(old))?;
        let weights = weights_at_zero(&dealers_of(&dealings))?;
        let sharing = Self::of(dealings, weights)?;

        // Each constant term is a public share of `old`, so this is Lagrange's identity.
        let kept = sharing.group_key.public_key() == old.public_key();
        assert!(kept, "THR-6: the public key changed");
        Ok(sharing)
    }

    /// Requires distinct dealers, at least one, and one weight for each.
    fn of(dealings: Vec<CheckedDealing>, weights: Vec<Scalar>) -> Result<Self, Rejected> {
        check_alike(&dealings)?;

        assert!(dealings.len() == weights.len(), "a weight for each dealing");
        let join = |(dealing, weight)| Chosen { dealing, weight };
        let chosen: Vec<_> = dealings.into_iter().zip(weights).map(join).collect();
        let sessions = chosen.iter().map(|chosen| chosen.dealing.dealing().session());
        let one_session = sessions.is_sorted_by(|left, right| left == right);
        assert!(one_session, "THR-10: dealings of different sessions");

        let terms: Vec<_> = chosen
            .iter()
            .map(|Chosen { dealing, weight }| (dealing.dealing().commitment(), weight))
            .collect();
        let group_key = GroupKey::new(Commitment::weighted_sum(&terms)?)?;
        Ok(Self { chosen, group_key })
    }

    /// The public side.
    #[must_use]
    pub const fn group_key(&self) -> &GroupKey {
        &self.group_key
    }

    /// The key share of `recipient`, from its subshares; those of other dealings are ignored.
    ///
    /// # Errors
    /// [`Rejected::TooFewShares`] if the subshare of a chosen dealing is missing, and what
    /// [`CheckedDealing::check_subshare`] refuses: that dealer cheated, and repair is due.
    pub fn assemble_share(
        &self,
        recipient: ShareIndex,
        subshares: &[impl Borrow<Subshare>],
    ) -> Result<KeyShare, Rejected> {
        let mut secret = Scalar::from_u16(0);
        for (place, Chosen { dealing, weight }) in self.chosen.iter().enumerate() {
            let dealer = dealing.dealing().dealer();
            let mut subshares = subshares.iter().map(Borrow::borrow);
            let Some(subshare) = subshares.find(|subshare| subshare.dealer() == dealer) else {
                return Err(Rejected::TooFewShares { needed: self.chosen.len(), got: place });
            };
            dealing.check_subshare(recipient, subshare)?;
            secret = secret.add(&subshare.value().mul(weight));
        }
        let share = KeyShare::new(recipient, secret)?;

        assert!(self.group_key.check_share(&share).is_ok(), "THR-7: a share off the polynomial");
        Ok(share)
    }
}

fn dealers_of(dealings: &[CheckedDealing]) -> Vec<ShareIndex> {
    dealings.iter().map(|dealing| dealing.dealing().dealer()).collect()
}

/// Whether all dealings are of the session and size of the first.
fn check_alike(dealings: &[CheckedDealing]) -> Result<(), Rejected> {
    let Some((first, others)) = dealings.split_first() else {
        return Err(Rejected::WrongDealingCount { expected: 1, got: 0 });
    };
    let session = first.dealing().session();
    let parameters = first.dealing().commitment().parameters();
    for other in others {
        other.dealing().clone().check_fresh(session, parameters)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
