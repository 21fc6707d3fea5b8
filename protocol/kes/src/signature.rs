//! A signature: of the leaf, with the way from the leaf to the root.

use alloc::boxed::Box;

use quorate_crypto::SignatureCheck;
use quorate_types::{Digest, PublicKey};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::period::{Period, periods};
use crate::tree::Tree;

/// A signature of one period under a root.
///
/// `96 + 32 * DEPTH` bytes: signature and key of the leaf, siblings from the leaf upwards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature<const DEPTH: usize> {
    pub(crate) by_leaf: quorate_types::Signature,
    pub(crate) leaf: PublicKey,
    pub(crate) siblings: Box<[Digest; DEPTH]>,
}

impl<const DEPTH: usize> Signature<DEPTH> {
    /// Length in bytes.
    pub const BYTES: usize = 96 + 32 * DEPTH;

    /// What is left to check for this to be a signature of the holder of the root in this period:
    /// one signature of the leaf. `None` if the leaf is not the one of the period under the root
    /// (KES-1), or the tree has no such period.
    #[must_use]
    pub fn check<T: Tree>(
        &self,
        root: &PublicKey,
        period: Period,
        digest: Digest,
    ) -> Option<SignatureCheck> {
        (self.root::<T>(period)? == *root).then_some(self.check_of_leaf(digest))
    }

    /// The root that this leads to if its leaf is the one of the period. `None` if no tree has such
    /// a period.
    #[must_use]
    pub fn root<T: Tree>(&self, period: Period) -> Option<PublicKey> {
        let leaf = Digest::new(*self.leaf.as_bytes());
        let root = climb::<T>(leaf, period, self.siblings.iter());
        (period.get() < periods(DEPTH)).then(|| PublicKey::new(*root.as_bytes()))
    }

    /// The signature of the leaf, for whoever knows already that the leaf is the right one.
    #[must_use]
    pub const fn check_of_leaf(&self, digest: Digest) -> SignatureCheck {
        SignatureCheck { key: self.leaf, digest, signature: self.by_leaf }
    }
}

/// The node above a leaf at the height of as many siblings as there are.
pub(crate) fn climb<'a, T: Tree>(
    leaf: Digest,
    period: Period,
    siblings: impl Iterator<Item = &'a Digest>,
) -> Digest {
    siblings.enumerate().fold(leaf, |node, (height, sibling)| {
        if period.is_right_at(height) { T::join(sibling, &node) } else { T::join(&node, sibling) }
    })
}

impl<const DEPTH: usize> Encode for Signature<DEPTH> {
    fn encode(&self, writer: &mut Writer) {
        self.by_leaf.encode(writer);
        self.leaf.encode(writer);
        self.siblings.iter().for_each(|sibling| sibling.encode(writer));
    }
}

impl<const DEPTH: usize> Decode for Signature<DEPTH> {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (by_leaf, leaf) = (Decode::decode(reader)?, Decode::decode(reader)?);
        let mut siblings = Box::new([Digest::ZERO; DEPTH]);
        for sibling in siblings.iter_mut() {
            *sibling = Decode::decode(reader)?;
        }
        Ok(Self { by_leaf, leaf, siblings })
    }
}
