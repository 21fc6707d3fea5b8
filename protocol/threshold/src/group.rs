//! What everyone knows about a sharing: its commitment, its key, the public share of each index.
//!
//! Computed once for each epoch, so that checking a partial signature costs one pairing check.

use alloc::vec::Vec;

use crate::commitment::Commitment;
use crate::parameters::{Parameters, ShareIndex};
use crate::point::KeyPoint;
use crate::public::PublicKey;
use crate::rejected::Rejected;
use crate::share::KeyShare;

/// The public side of a sharing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKey {
    commitment: Commitment,
    public_shares: Vec<KeyPoint>,
}

impl GroupKey {
    /// The public side of the sharing that `commitment` commits to.
    ///
    /// # Errors
    /// [`Rejected::ScalarZero`] if the share of an index is zero, which would sign everything.
    pub fn new(commitment: Commitment) -> Result<Self, Rejected> {
        let indices = commitment.parameters().indices();
        let public_shares: Vec<_> = indices.map(|index| commitment.evaluate(index)).collect();
        if public_shares.iter().any(KeyPoint::is_identity) {
            return Err(Rejected::ScalarZero);
        }
        Ok(Self { commitment, public_shares })
    }

    /// The commitment; its encoding is what a configuration binds.
    #[must_use]
    pub const fn commitment(&self) -> &Commitment {
        &self.commitment
    }

    /// The size of the sharing.
    #[must_use]
    pub const fn parameters(&self) -> Parameters {
        self.commitment.parameters()
    }

    /// The key under which signatures of the group verify, the same in every epoch.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.commitment.public_key()
    }

    /// The key under which partial signatures of `index` verify.
    ///
    /// # Errors
    /// [`Rejected::IndexTooLarge`].
    pub fn public_share(&self, index: ShareIndex) -> Result<PublicKey, Rejected> {
        self.public_point(index).map(PublicKey::of)
    }

    /// Whether `share` belongs to this sharing; a share of an earlier epoch does not.
    ///
    /// # Errors
    /// [`Rejected::IndexTooLarge`], [`Rejected::ShareMismatch`].
    pub fn check_share(&self, share: &KeyShare) -> Result<(), Rejected> {
        if *self.public_point(share.index())? != share.public_point() {
            return Err(Rejected::ShareMismatch { index: share.index() });
        }
        Ok(())
    }

    pub(crate) fn public_point(&self, index: ShareIndex) -> Result<&KeyPoint, Rejected> {
        self.parameters().check_index(index)?;
        let place = usize::from(index.get()) - 1;
        Ok(self.public_shares.get(place).expect("one public share for each index"))
    }
}
