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
use crate::limits::{BATCH_BUNDLES_MAX, BATCH_BYTES_MAX};

const BUNDLES: Limit = Limit::new("batch bundles", BATCH_BUNDLES_MAX);

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
    /// Digest of the bundles.
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

/// Bundles of a lane owner's clients, at one position of its lane.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Names the batch.
    pub header: SignedHeader,
    /// What it holds, in the order of execution.
    pub bundles: Vec<Arc<Bundle>>,
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

struct Body<'a>(&'a [Arc<Bundle>]);

impl Encode for Body<'_> {
    fn encode(&self, writer: &mut Writer) {
        writer.sequence(self.0);
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
        bundles: Vec<Arc<Bundle>>,
        signer: &dyn Signer,
    ) -> Self {
        let body = hash_of(Domain::BatchBody, &Body(&bundles));
        let header = BatchHeader { epoch: group.epoch, lane, seq, previous, body };
        let digest = statement(Domain::Batch, group, &link_digest(&header));
        let header = SignedHeader { header, signature: signer.sign(&digest) };
        Self { header, bundles }
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
        let size: usize = self.bundles.iter().map(|bundle| bundle.size_bytes()).sum();
        if self.bundles.is_empty() || size > BATCH_BYTES_MAX {
            return Err(Rejected::WrongLength);
        }
        if hash_of(Domain::BatchBody, &Body(&self.bundles)) != self.header.header.body {
            return Err(Rejected::Inconsistent);
        }
        self.bundles.iter().try_for_each(|bundle| bundle.checks(group, checks))
    }
}

impl Encode for Batch {
    fn encode(&self, writer: &mut Writer) {
        self.header.encode(writer);
        writer.sequence(&self.bundles);
    }
}

impl Decode for Batch {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { header: Decode::decode(reader)?, bundles: reader.sequence(BUNDLES)? })
    }
}
