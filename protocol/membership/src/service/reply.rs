//! What the membership service answers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use quorate_types::{Epoch, MemberRecord, Resilience};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::change::PendingChange;
use super::findings::FindingsPage;
use super::handover::HandoverRefusal;
use super::monitoring::MonitoringRefusal;
use super::operation::PendingPlace;
use super::table::{CouncilRecord, KeyRecord};
use crate::limits::PENDING_PAGE_MAX;
use crate::monitor::Conviction;
use crate::page::ConfigurationPage;
use crate::rotation::Rotation;

/// Why a certificate of the authority changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It is for another system.
    Foreign,
    /// Its first epoch has not begun.
    NotYetValid,
    /// Its last epoch has passed.
    Expired,
    /// A certificate about the server with this or a higher number was executed.
    Replayed {
        /// The highest number executed.
        highest: u64,
    },
    /// The server was removed; it may not come back under this key before the epoch has passed.
    Removed {
        /// The last epoch of the removal.
        last_epoch: Epoch,
    },
    /// The authority did not sign it.
    BadSignature,
    /// The address or the failure domain of the server is malformed.
    BadServer,
    /// No record of another server can be kept.
    Full,
    /// Too few active servers would be left, all recorded changes counted.
    TooFewServers,
    /// The system is making its key: its servers can change once it has one.
    Founding,
    /// No group of this size can be run.
    TooLarge,
    /// The keys that are to sign for the authority are no council.
    NoCouncil,
    /// No group of this size can be drawn by this rule, all recorded changes counted.
    NoGroup,
    /// Too many of its neighbours on the ring have gone or are to be removed, and the certificate
    /// may not exceed the cap.
    NeighboursGone,
}

/// What a certificate about a server has to be like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// What is kept of the server's identity key; nothing: it was never heard of.
    pub known: Option<KeyRecord>,
    /// Who has to sign.
    pub signed_by: CouncilRecord,
}

impl Terms {
    /// The lowest number that a certificate about the server can have.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        let highest = self.known.and_then(|known| known.highest_sequence);
        highest.map_or(1, |highest| highest.saturating_add(1))
    }
}

quorate_wire::fields!(Terms { known, signed_by });

/// Of what size a membership group is, how it is drawn, and what a certificate about that has to be
/// like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupTerms {
    /// Bad members that it tolerates, if there are servers enough for it.
    pub membership: Resilience,
    /// Highest number of a certificate about the size that was executed.
    pub highest_resize: Option<u64>,
    /// How it is drawn.
    pub rotation: Rotation,
    /// Highest number of a certificate about that which was executed.
    pub highest_rotation: Option<u64>,
    /// Who has to sign.
    pub signed_by: CouncilRecord,
}

quorate_wire::fields!(GroupTerms {
    membership,
    highest_resize,
    rotation,
    highest_rotation,
    signed_by
});

impl GroupTerms {
    /// The lowest number that a certificate about the size can have.
    #[must_use]
    pub fn next_resize(&self) -> u64 {
        self.highest_resize.map_or(1, |highest| highest.saturating_add(1))
    }

    /// The lowest number that a certificate about how it is drawn can have.
    #[must_use]
    pub fn next_rotation(&self) -> u64 {
        self.highest_rotation.map_or(1, |highest| highest.saturating_add(1))
    }
}

/// Some recorded changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingPage {
    /// Where the page begins.
    pub from: PendingPlace,
    /// Whether the changes are fixed: these take effect, and no other does.
    pub is_frozen: bool,
    /// Bad members that the membership group will tolerate, if its size changes.
    pub membership: Option<Resilience>,
    /// Up to [`PENDING_PAGE_MAX`] changes in ascending order of identity key; fewer: the last page.
    pub changes: Vec<PendingChange>,
}

/// One answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MembershipReply {
    /// The change is recorded; it takes effect after this epoch, which is the next one if the
    /// changes of the present one are fixed already.
    Recorded(Epoch),
    /// The certificate changes nothing.
    Refused(Refusal),
    /// A page of the configuration.
    Configuration(Box<ConfigurationPage>),
    /// Recorded changes.
    Pending(PendingPage),
    /// The record of a server, if there is one.
    Member(Option<Box<MemberRecord>>),
    /// The bytes are no operation.
    Malformed,
    /// The configuration of this epoch is decided, and the system's signature on it is awaited.
    Awaited(Epoch),
    /// The step of the end of the epoch counts.
    Advanced,
    /// The step of the end of the epoch changes nothing.
    Unmoved(HandoverRefusal),
    /// Another council speaks for the authority, from the execution on, which was in this epoch.
    Appointed(Epoch),
    /// What a certificate about a server has to be like.
    Terms(Terms),
    /// Of what size a membership group is, and how it is drawn.
    Group(GroupTerms),
    /// What was said of a server counts, and nothing follows from it yet.
    Heard,
    /// What was said of a server changes nothing.
    Unheard(MonitoringRefusal),
    /// What was found of servers.
    Findings(FindingsPage),
    /// The proof that a server lied, if there is one.
    Conviction(Option<Box<Conviction>>),
}

const PENDING: Limit = Limit::new("pending changes", PENDING_PAGE_MAX);

impl Encode for PendingPage {
    fn encode(&self, writer: &mut Writer) {
        self.from.encode(writer);
        self.is_frozen.encode(writer);
        self.membership.encode(writer);
        writer.sequence(&self.changes);
    }
}

impl Decode for PendingPage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            from: Decode::decode(reader)?,
            is_frozen: Decode::decode(reader)?,
            membership: Decode::decode(reader)?,
            changes: reader.sequence(PENDING)?,
        })
    }
}

impl Encode for Refusal {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Foreign => writer.tag(1),
            Self::NotYetValid => writer.tag(2),
            Self::Expired => writer.tag(3),
            Self::Replayed { highest } => {
                writer.tag(4);
                highest.encode(writer);
            }
            Self::Removed { last_epoch } => {
                writer.tag(5);
                last_epoch.encode(writer);
            }
            Self::BadSignature => writer.tag(6),
            Self::BadServer => writer.tag(7),
            Self::Full => writer.tag(8),
            Self::TooFewServers => writer.tag(9),
            Self::Founding => writer.tag(10),
            Self::TooLarge => writer.tag(11),
            Self::NoCouncil => writer.tag(12),
            Self::NoGroup => writer.tag(13),
            Self::NeighboursGone => writer.tag(14),
        }
    }
}

impl Decode for Refusal {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Foreign),
            2 => Ok(Self::NotYetValid),
            3 => Ok(Self::Expired),
            4 => Ok(Self::Replayed { highest: Decode::decode(reader)? }),
            5 => Ok(Self::Removed { last_epoch: Decode::decode(reader)? }),
            6 => Ok(Self::BadSignature),
            7 => Ok(Self::BadServer),
            8 => Ok(Self::Full),
            9 => Ok(Self::TooFewServers),
            10 => Ok(Self::Founding),
            11 => Ok(Self::TooLarge),
            12 => Ok(Self::NoCouncil),
            13 => Ok(Self::NoGroup),
            14 => Ok(Self::NeighboursGone),
            tag => Err(DecodeError::UnknownTag { of: "Refusal", tag }),
        }
    }
}

impl Encode for MembershipReply {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Recorded(epoch) => {
                writer.tag(1);
                epoch.encode(writer);
            }
            Self::Refused(refusal) => {
                writer.tag(2);
                refusal.encode(writer);
            }
            Self::Configuration(page) => {
                writer.tag(3);
                page.encode(writer);
            }
            Self::Pending(page) => {
                writer.tag(4);
                page.encode(writer);
            }
            Self::Member(member) => {
                writer.tag(5);
                member.encode(writer);
            }
            Self::Malformed => writer.tag(6),
            Self::Awaited(epoch) => {
                writer.tag(7);
                epoch.encode(writer);
            }
            Self::Advanced => writer.tag(8),
            Self::Unmoved(refusal) => {
                writer.tag(9);
                refusal.encode(writer);
            }
            Self::Appointed(epoch) => {
                writer.tag(10);
                epoch.encode(writer);
            }
            Self::Terms(terms) => {
                writer.tag(11);
                terms.encode(writer);
            }
            Self::Group(terms) => {
                writer.tag(12);
                terms.encode(writer);
            }
            Self::Heard => writer.tag(13),
            Self::Unheard(refusal) => {
                writer.tag(14);
                refusal.encode(writer);
            }
            Self::Findings(page) => {
                writer.tag(15);
                page.encode(writer);
            }
            Self::Conviction(proof) => {
                writer.tag(16);
                proof.encode(writer);
            }
        }
    }
}

impl Decode for MembershipReply {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Decode::decode(reader).map(Self::Recorded),
            2 => Decode::decode(reader).map(Self::Refused),
            3 => Decode::decode(reader).map(Self::Configuration),
            4 => Decode::decode(reader).map(Self::Pending),
            5 => Decode::decode(reader).map(Self::Member),
            6 => Ok(Self::Malformed),
            7 => Decode::decode(reader).map(Self::Awaited),
            8 => Ok(Self::Advanced),
            9 => Decode::decode(reader).map(Self::Unmoved),
            10 => Decode::decode(reader).map(Self::Appointed),
            11 => Decode::decode(reader).map(Self::Terms),
            12 => Decode::decode(reader).map(Self::Group),
            13 => Ok(Self::Heard),
            14 => Decode::decode(reader).map(Self::Unheard),
            15 => Decode::decode(reader).map(Self::Findings),
            16 => Decode::decode(reader).map(Self::Conviction),
            tag => Err(DecodeError::UnknownTag { of: "MembershipReply", tag }),
        }
    }
}
