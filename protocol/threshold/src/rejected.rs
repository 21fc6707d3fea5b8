//! Why input of a peer is refused: data for the caller to count and trace, never a panic.

use crate::parameters::ShareIndex;

/// Every reason for which this crate refuses bytes, dealings, shares or signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The input has the wrong number of bytes.
    WrongLength {
        /// Bytes that the format has.
        expected: usize,
        /// Bytes that came.
        got: usize,
    },
    /// The bytes are no canonical compressed point.
    BadPointEncoding,
    /// The coordinate belongs to no point of the curve.
    NotOnCurve,
    /// The point is on the curve, but outside the subgroup of prime order.
    NotInSubgroup,
    /// The point is the identity, which no key, commitment or signature may be.
    Identity,
    /// The scalar is not below the group order.
    ScalarOutOfRange,
    /// The scalar of a share is zero.
    ScalarZero,
    /// An index is zero, the place of the secret itself.
    IndexZero,
    /// An index lies above the number of shares.
    IndexTooLarge {
        /// The index that came.
        index: u16,
        /// The largest index allowed.
        max: u16,
    },
    /// An index occurs twice where each counts once.
    DuplicateIndex {
        /// The repeated index.
        index: ShareIndex,
    },
    /// `1 <= threshold <= share_count <= SHARE_COUNT_MAX` does not hold.
    BadParameters {
        /// Shares that sign.
        threshold: u16,
        /// Shares in all.
        share_count: u16,
    },
    /// A commitment has the wrong number of points; the degree is one less.
    WrongDegree {
        /// Points expected: the threshold.
        expected: usize,
        /// Points that came.
        got: usize,
    },
    /// The number of shares of a dealing is not the one that was agreed.
    WrongShareCount {
        /// Shares agreed.
        expected: u16,
        /// Shares of this dealing.
        got: u16,
    },
    /// The constant term of a resharing is not the public share of its dealer.
    ConstantTermMismatch {
        /// The dealer.
        dealer: ShareIndex,
    },
    /// A dealing belongs to another session: another epoch, attempt or group.
    WrongSession {
        /// The dealer.
        dealer: ShareIndex,
    },
    /// A subshare does not lie on the polynomial that its dealer committed to.
    SubshareMismatch {
        /// Who dealt it.
        dealer: ShareIndex,
        /// Whom it is for.
        recipient: ShareIndex,
    },
    /// A subshare is from a dealer, or for a recipient, other than the one asked for.
    WrongSubshare {
        /// Who dealt it.
        dealer: ShareIndex,
        /// Whom it is for.
        recipient: ShareIndex,
    },
    /// A dealer has not proved that it made the ephemeral point with which it sealed.
    EphemeralUnproved {
        /// The dealer.
        dealer: ShareIndex,
    },
    /// The number of dealings is not the one that makes up a sharing.
    WrongDealingCount {
        /// Dealings needed.
        expected: usize,
        /// Dealings that came.
        got: usize,
    },
    /// A share does not belong to the public share of its index.
    ShareMismatch {
        /// The index of the share.
        index: ShareIndex,
    },
    /// Fewer usable shares than the threshold.
    TooFewShares {
        /// The threshold.
        needed: usize,
        /// Usable shares with distinct indices.
        got: usize,
    },
    /// More partial signatures than one call looks at.
    TooManyPartials {
        /// The bound.
        max: usize,
        /// Partial signatures that came.
        got: usize,
    },
    /// A partial signature is not valid under the public share of its index.
    PartialInvalid {
        /// The index.
        index: ShareIndex,
    },
    /// A signature is not valid under the public key.
    SignatureInvalid,
}
