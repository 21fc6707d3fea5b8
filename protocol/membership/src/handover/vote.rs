//! What members and recipients say about the course of a handover.

use quorate_crypto::Domain;
use quorate_threshold::{PARTIAL_SIGNATURE_BYTES, PartialSignature, Rejected};
use quorate_types::{Digest, Epoch, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Reader, Writer};

use super::word::Said;

/// Why a member wants the epoch to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndReason {
    /// It has lasted as long as an epoch lasts.
    Time,
    /// As many changes wait as an epoch takes.
    Changes,
    /// So many of some neighbourhood of the ring are suspected that one more may be too many.
    WindowAtRisk,
}

/// A member's vote that an epoch ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndVote {
    /// The system.
    pub system: SystemId,
    /// The epoch that ends.
    pub epoch: Epoch,
    /// Why.
    pub reason: EndReason,
}

/// A member's vote that an attempt at a handover ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbortVote {
    /// The system.
    pub system: SystemId,
    /// The epoch that ends.
    pub epoch: Epoch,
    /// The attempt.
    pub attempt: u32,
}

/// A recipient's word that it holds its share of the next epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// The attempt: binds system, epoch, attempt and group.
    pub session: Digest,
    /// The dealings that were put together, [`super::dealing::choice_digest`].
    pub choice: Digest,
    /// The public side of what came out, [`crate::header::commitment_digest`].
    pub commitments: Digest,
    /// Partial signature on the session with the new share, under a domain that nothing else uses.
    pub proof: ShareProof,
}

/// A partial signature as it travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShareProof([u8; PARTIAL_SIGNATURE_BYTES]);

impl ShareProof {
    /// The bytes of a partial signature.
    #[must_use]
    pub fn new(partial: &PartialSignature) -> Self {
        Self(partial.encode())
    }

    /// The partial signature, unchecked: verifying it checks the point.
    ///
    /// # Errors
    /// [`Rejected::IndexZero`], [`Rejected::IndexTooLarge`].
    pub fn partial(&self) -> Result<PartialSignature, Rejected> {
        PartialSignature::decode(&self.0)
    }
}

impl Said for EndVote {
    const DOMAIN: Domain = Domain::EndVote;
}

impl Said for AbortVote {
    const DOMAIN: Domain = Domain::AbortVote;
}

impl Said for Completion {
    const DOMAIN: Domain = Domain::Completion;
}

quorate_wire::fields!(EndVote { system, epoch, reason });
quorate_wire::fields!(AbortVote { system, epoch, attempt });
quorate_wire::fields!(Completion { session, choice, commitments, proof });

impl Encode for EndReason {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(match self {
            Self::Time => 1,
            Self::Changes => 2,
            Self::WindowAtRisk => 3,
        });
    }
}

impl Decode for EndReason {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Time),
            2 => Ok(Self::Changes),
            3 => Ok(Self::WindowAtRisk),
            tag => Err(DecodeError::UnknownTag { of: "EndReason", tag }),
        }
    }
}

impl Encode for ShareProof {
    fn encode(&self, writer: &mut Writer) {
        writer.raw(&self.0);
    }
}

impl Decode for ShareProof {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }
}
