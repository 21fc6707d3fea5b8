//! Why a configuration, a proof or a vouch is not believed: data about a peer.

use core::fmt;

/// A reason against what a peer sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejected {
    /// The threshold signature does not verify under the pinned key.
    ThresholdSignature(quorate_threshold::Rejected),
    /// A signature of a server does not fit.
    BadSignature,
    /// Only the first epoch has no predecessor.
    Predecessor,
    /// The membership group has the wrong size, or names a server twice.
    GroupShape,
    /// A server of the membership group is no active member.
    GroupMember,
    /// A server of the membership group, or a founder, has no key of the epoch.
    NoEpochKey,
    /// The members are not in ascending order of id.
    MemberOrder,
    /// The number of members is not the one in the header.
    MemberCount {
        /// Members that the header names.
        expected: usize,
        /// Members that came.
        got: usize,
    },
    /// The members do not have the root in the header.
    MemberRoot,
    /// Two members have one identity key.
    DuplicateIdentity,
    /// A delta is out of order, or names what is not there or has not changed.
    DeltaShape,
    /// There are too few active members for one storage group.
    TooFewActive {
        /// Members that are needed.
        needed: usize,
        /// Active members.
        got: usize,
    },
    /// The ring has too few servers or a later epoch, or somebody is there who has no place on it.
    Ring,
    /// It is about another system.
    WrongSystem,
    /// It is about another epoch.
    WrongEpoch,
    /// It is about another configuration of the epoch.
    WrongHeader,
    /// It answers another challenge.
    WrongNonce,
    /// It is by a server outside the membership group.
    NotInGroup,
    /// The member has been counted already, or is not in order.
    DuplicateMember,
    /// A proof has too few members.
    TooFewMembers {
        /// Members that are needed.
        needed: usize,
        /// Members that came.
        got: usize,
    },
    /// The lease would be over already.
    LeaseOver,
}

impl Rejected {
    /// The name under which it is counted.
    #[must_use]
    pub const fn mark(&self) -> &'static str {
        match self {
            Self::ThresholdSignature(_) => "membership: not signed under the pinned key",
            Self::BadSignature => "membership: bad signature",
            Self::Predecessor
            | Self::GroupShape
            | Self::GroupMember
            | Self::NoEpochKey
            | Self::MemberOrder
            | Self::MemberCount { .. }
            | Self::MemberRoot
            | Self::DuplicateIdentity
            | Self::DeltaShape
            | Self::TooFewActive { .. }
            | Self::Ring => "membership: malformed configuration",
            Self::WrongSystem => "membership: wrong system",
            Self::WrongEpoch => "membership: wrong epoch",
            Self::WrongHeader => "membership: wrong header",
            Self::WrongNonce => "membership: wrong nonce",
            Self::NotInGroup => "membership: vouch from outside the group",
            Self::DuplicateMember => "membership: duplicate vouch",
            Self::TooFewMembers { .. } => "membership: too few vouches",
            Self::LeaseOver => "membership: vouch after the end of the lease",
        }
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThresholdSignature(reason) => {
                write!(f, "not signed under the pinned key: {reason:?}")
            }
            Self::BadSignature => f.write_str("a signature does not fit"),
            Self::Predecessor => f.write_str("only the first epoch has no predecessor"),
            Self::GroupShape => f.write_str("the membership group is malformed"),
            Self::GroupMember => f.write_str("the membership group names an unknown server"),
            Self::NoEpochKey => f.write_str("a server that has to sign has no key of the epoch"),
            Self::MemberOrder => f.write_str("the members are out of order"),
            Self::MemberCount { expected, got } => {
                write!(f, "{got} members where the header names {expected}")
            }
            Self::MemberRoot => f.write_str("the members are not those of the header"),
            Self::DuplicateIdentity => f.write_str("two members have one identity key"),
            Self::DeltaShape => f.write_str("a delta names what is not there or has not changed"),
            Self::TooFewActive { needed, got } => write!(f, "{got} active of {needed} needed"),
            Self::Ring => f.write_str("the ring of the objects is malformed"),
            Self::WrongSystem => f.write_str("of another system"),
            Self::WrongEpoch => f.write_str("of another epoch"),
            Self::WrongHeader => f.write_str("of another configuration"),
            Self::WrongNonce => f.write_str("answers another challenge"),
            Self::NotInGroup => f.write_str("by a server outside the membership group"),
            Self::DuplicateMember => f.write_str("a member counts twice"),
            Self::TooFewMembers { needed, got } => write!(f, "{got} members of {needed} needed"),
            Self::LeaseOver => f.write_str("the lease is over"),
        }
    }
}

impl core::error::Error for Rejected {}
