//! Why a step of the end of an epoch changes nothing.

use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::handover::{DepositRefused, WordRefused};

/// A reason against a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HandoverRefusal {
    /// The end of the epoch has not come so far, or is past it.
    NotNow,
    /// It is about another system, epoch, attempt or choice.
    OtherSubject,
    /// Too few servers say it.
    TooFew,
    /// The servers that say it are not in ascending order.
    Order,
    /// A server has no say in it.
    Stranger,
    /// A signature of a server does not fit.
    BadSignature,
    /// Nothing shows that the server can decrypt what is sealed for it.
    BadPossession,
    /// The first one counts, and it was there before.
    Repeated,
    /// Too few members of the group have deposited keys: it could not even keep the system's key.
    TooFewDeposits,
    /// It is not the system's signature on what is fixed.
    BadRandomness,
    /// The dealing is not one of the dealer's share for the next group.
    BadDealing,
    /// The choice of dealings has not enough yet.
    ChoiceOpen,
    /// The chosen dealings make no sharing: their points cancel.
    NoSharing,
    /// A server does not show that it holds its share.
    BadShare,
    /// The deposit names another root of the identity, and does not show it, or may not.
    BadSuccessor,
    /// The server is not on the shortlist of the epoch, nor in its group.
    NotListed,
    /// Servers that are not asked for keys have named as many roots in this epoch as may, or as may
    /// before those whose trees are about to end.
    TooManyRoots,
}

impl HandoverRefusal {
    /// Every reason, in the order of tags, which begin with 1.
    pub const ALL: [Self; 17] = [
        Self::NotNow,
        Self::OtherSubject,
        Self::TooFew,
        Self::Order,
        Self::Stranger,
        Self::BadSignature,
        Self::BadPossession,
        Self::Repeated,
        Self::TooFewDeposits,
        Self::BadRandomness,
        Self::BadDealing,
        Self::ChoiceOpen,
        Self::NoSharing,
        Self::BadShare,
        Self::BadSuccessor,
        Self::NotListed,
        Self::TooManyRoots,
    ];

    pub(super) const fn of_words(refused: WordRefused) -> Self {
        match refused {
            WordRefused::TooFew { .. } => Self::TooFew,
            WordRefused::Order => Self::Order,
            WordRefused::Stranger => Self::Stranger,
            WordRefused::BadSignature => Self::BadSignature,
        }
    }

    pub(super) const fn of_deposit(refused: DepositRefused) -> Self {
        match refused {
            DepositRefused::OtherSystem | DepositRefused::OtherEpoch => Self::OtherSubject,
            DepositRefused::BadSignature => Self::BadSignature,
            DepositRefused::Possession(_) => Self::BadPossession,
            DepositRefused::Successor => Self::BadSuccessor,
        }
    }
}

impl Encode for HandoverRefusal {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(*self as u8 + 1);
    }
}

impl Decode for HandoverRefusal {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tag = reader.tag()?;
        let refusal = usize::from(tag).checked_sub(1).and_then(|place| Self::ALL.get(place));
        refusal.copied().ok_or(DecodeError::UnknownTag { of: "HandoverRefusal", tag })
    }
}
