//! Why something that is said of a server changes nothing.

use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use crate::monitor::{Unfounded, Unproven};

/// A reason against a statement, a rebuttal or an accusation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MonitoringRefusal {
    /// Nothing is heard: the epoch is over, or the system has no key yet.
    NotNow,
    /// There is no such server, or it was removed.
    Unknown,
    /// It is of another system, of another epoch, or about another eviction.
    OtherSubject,
    /// Whoever says it is no member of the group of the epoch.
    Stranger,
    /// It follows from the server's state already, or cannot change it.
    NothingToSay,
    /// What the server will be in the next epoch is fixed.
    Fixed,
    /// It was made before what was last decided about the server, or long ago.
    Old,
    /// It names a slot that is not there yet.
    FromTheFuture,
    /// It was said before.
    Repeated,
    /// The server was proved to lie, and comes back under another identity alone.
    Convicted,
    /// The member has spoken about too many servers, or too many are proved to lie.
    Full,
    /// A signature does not fit.
    BadSignature,
    /// What is shown proves nothing.
    Unfounded,
}

impl MonitoringRefusal {
    /// Every reason, in the order of tags, which begin with 1.
    pub const ALL: [Self; 13] = [
        Self::NotNow,
        Self::Unknown,
        Self::OtherSubject,
        Self::Stranger,
        Self::NothingToSay,
        Self::Fixed,
        Self::Old,
        Self::FromTheFuture,
        Self::Repeated,
        Self::Convicted,
        Self::Full,
        Self::BadSignature,
        Self::Unfounded,
    ];

    pub(super) const fn of_statement(unproven: Unproven) -> Self {
        match unproven {
            Unproven::WrongSystem | Unproven::WrongEpoch => Self::OtherSubject,
            Unproven::NotInGroup => Self::Stranger,
            Unproven::Outdated { .. } | Unproven::Stale { .. } => Self::Old,
            Unproven::FromTheFuture => Self::FromTheFuture,
            Unproven::BadSignature => Self::BadSignature,
        }
    }

    pub(super) const fn of_evidence(unfounded: Unfounded) -> Self {
        match unfounded {
            Unfounded::BadSignature => Self::BadSignature,
            Unfounded::WrongSystem | Unfounded::WrongEpoch | Unfounded::WrongIdentity => {
                Self::OtherSubject
            }
            Unfounded::Malformed
            | Unfounded::DifferentDecisions
            | Unfounded::NoConflict
            | Unfounded::NoKey
            | Unfounded::WrongAttempt
            | Unfounded::NotCheated => Self::Unfounded,
        }
    }
}

impl Encode for MonitoringRefusal {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(*self as u8 + 1);
    }
}

impl Decode for MonitoringRefusal {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let tag = reader.tag()?;
        let refusal = usize::from(tag).checked_sub(1).and_then(|place| Self::ALL.get(place));
        refusal.copied().ok_or(DecodeError::UnknownTag { of: "MonitoringRefusal", tag })
    }
}
