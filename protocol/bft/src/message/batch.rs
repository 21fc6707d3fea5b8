//! Batches: the links of a lane.
//!
//! Settled points 13: the digest of a batch is a hash of lane, position, predecessor and body, so
//! links are checked without bodies, and a walk along predecessors names one chain.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{Domain, Rejected, SignatureCheck, Signer, hash_of};
use quorate_types::{Digest, Epoch, GroupConfiguration, LaneSeq, ReplicaId, Signature};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::{Bundle, member_check, statement};
use crate::limits::{
    ANNOUNCEMENT_BYTES_MAX, BATCH_ANNOUNCEMENTS_MAX, BATCH_BUNDLES_MAX, BATCH_BYTES_MAX,
};

const ANNOUNCEMENTS: Limit = Limit::new("batch announcements", BATCH_ANNOUNCEMENTS_MAX);
const ANNOUNCEMENT: Limit = Limit::new("announcement bytes", ANNOUNCEMENT_BYTES_MAX);
const BUNDLES: Limit = Limit::new("batch bundles", BATCH_BUNDLES_MAX);

/// Bytes of an announcement in a batch beside the operation.
const ANNOUNCEMENT_FIXED_BYTES: usize = 4;

/// Names a batch: its place in its lane and what it holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BatchHeader {
    /// The epoch of the lane.
    pub epoch: Epoch,
    /// The replica that owns the lane.
    pub lane: ReplicaId,
    /// The position in the lane, from 1.
    pub seq: LaneSeq,
    /// Digest of the batch before it, or of the lane's origin.
    pub previous: Digest,
    /// Digest of the contents.
    pub body: Digest,
}

quorate_wire::fields!(BatchHeader { epoch, lane, seq, previous, body });

/// A header with the owner's signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SignedHeader {
    /// Names the batch.
    pub header: BatchHeader,
    /// The lane owner's signature.
    pub signature: Signature,
}

quorate_wire::fields!(SignedHeader { header, signature });

/// An operation that a member of the group asks for in its own name: no session covers it, only
/// the owner's signature on the batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Announcement {
    /// The operation in the service's encoding.
    pub operation: Vec<u8>,
}

/// What a batch holds, in the order of execution.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Contents {
    /// What the lane's owner asks for itself.
    pub announcements: Vec<Announcement>,
    /// What its clients ask for.
    pub bundles: Vec<Arc<Bundle>>,
}

/// What a lane's owner and its clients ask for, at one position of its lane.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Names the batch.
    pub header: SignedHeader,
    /// What it holds.
    pub contents: Contents,
}

/// What the first batch of a lane names as its predecessor.
#[must_use]
pub fn lane_origin(epoch: Epoch, lane: ReplicaId) -> Digest {
    hash_of(Domain::LaneOrigin, &(epoch, lane))
}

/// The digest of the batch with this place and body.
#[must_use]
pub fn link_digest(header: &BatchHeader) -> Digest {
    hash_of(Domain::BatchLink, header)
}

impl Announcement {
    /// Bytes that the announcement takes in a batch.
    #[must_use]
    pub const fn size_bytes(&self) -> usize {
        ANNOUNCEMENT_FIXED_BYTES + self.operation.len()
    }
}

impl Contents {
    /// These bundles, and no announcement.
    #[must_use]
    pub const fn of_clients(bundles: Vec<Arc<Bundle>>) -> Self {
        Self { announcements: Vec::new(), bundles }
    }

    /// Is nothing asked for?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.announcements.is_empty() && self.bundles.is_empty()
    }

    /// Bytes that the contents take in a batch, at least.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let announced: usize = self.announcements.iter().map(Announcement::size_bytes).sum();
        announced + self.bundles.iter().map(|bundle| bundle.size_bytes()).sum::<usize>()
    }
}

impl SignedHeader {
    /// The digest of the batch.
    #[must_use]
    pub fn digest(&self) -> Digest {
        link_digest(&self.header)
    }

    /// Lists the owner's signature.
    ///
    /// # Errors
    /// [`Rejected`] for another epoch or a lane that does not exist.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        if self.header.epoch != group.epoch {
            return Err(Rejected::WrongEpoch);
        }
        let digest = statement(Domain::Batch, group, &self.digest());
        checks.push(member_check(group, self.header.lane, (digest, self.signature))?);
        Ok(())
    }
}

impl Batch {
    /// Makes the batch that follows `tip` in a lane.
    #[must_use]
    pub fn sign(
        group: &GroupConfiguration,
        (lane, seq, previous): (ReplicaId, LaneSeq, Digest),
        contents: Contents,
        signer: &dyn Signer,
    ) -> Self {
        let body = hash_of(Domain::BatchBody, &contents);
        let header = BatchHeader { epoch: group.epoch, lane, seq, previous, body };
        let digest = statement(Domain::Batch, group, &link_digest(&header));
        let header = SignedHeader { header, signature: signer.sign(&digest) };
        Self { header, contents }
    }

    /// The digest of the batch.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.header.digest()
    }

    /// Lists the signatures of the owner and of every client in it.
    ///
    /// # Errors
    /// [`Rejected`]: a pure function of the bytes and the configuration (settled points 18).
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        self.header.checks(group, checks)?;
        let Contents { announcements, bundles } = &self.contents;
        let is_long = |one: &Announcement| one.operation.len() > ANNOUNCEMENT_BYTES_MAX;
        let is_crowded = announcements.len() > BATCH_ANNOUNCEMENTS_MAX;
        if self.contents.is_empty() || is_crowded || announcements.iter().any(is_long) {
            return Err(Rejected::WrongLength);
        }
        if self.contents.size_bytes() > BATCH_BYTES_MAX {
            return Err(Rejected::WrongLength);
        }
        if hash_of(Domain::BatchBody, &self.contents) != self.header.header.body {
            return Err(Rejected::Inconsistent);
        }
        bundles.iter().try_for_each(|bundle| bundle.checks(group, checks))
    }
}

impl Encode for Announcement {
    fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.operation);
    }
}

impl Decode for Announcement {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { operation: reader.bytes(ANNOUNCEMENT)? })
    }
}

impl Encode for Contents {
    fn encode(&self, writer: &mut Writer) {
        writer.sequence(&self.announcements);
        writer.sequence(&self.bundles);
    }
}

impl Decode for Contents {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let announcements = reader.sequence(ANNOUNCEMENTS)?;
        Ok(Self { announcements, bundles: reader.sequence(BUNDLES)? })
    }
}

quorate_wire::fields!(Batch { header, contents });
