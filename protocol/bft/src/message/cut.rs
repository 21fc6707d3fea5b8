//! Cuts of the lanes, and the rows that prove them.
//!
//! Settled points 3, 13, 16, 19. A cut names for each lane the tip up to which batches are
//! ordered. It carries its own proof: the digests that link the parent's tip to the new tip and
//! on to the rows ahead of it, and the rows of at least a quorum. Whether a cut follows from its
//! parent is therefore a function of its bytes, the same at every replica.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

use quorate_crypto::{Domain, Rejected, SignatureCheck, Signer, hash_of};
use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{
    Digest, Epoch, GroupConfiguration, LaneSeq, ReplicaId, Signature, Slot, UnixTime,
};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::{SignedHeader, lane_origin, member_check, statement};
use crate::limits::{CUT_ROWS_PER_REPLICA_MAX, LANE_QUOTA_BATCHES, LANE_WINDOW_BATCHES};

const TIPS: Limit = Limit::new("tips", REPLICAS_MAX);
const ROWS: Limit = Limit::new("cut rows", REPLICAS_MAX * CUT_ROWS_PER_REPLICA_MAX);
const LINKS_MAX: usize = 48;
const LINKS: Limit = Limit::new("lane links", LINKS_MAX);
const _: () = assert!(LANE_QUOTA_BATCHES + LANE_WINDOW_BATCHES <= LINKS_MAX as u64, "links fit");

/// The end of a lane's prefix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tip {
    /// Position of the last batch; 0 where there is none yet.
    pub seq: LaneSeq,
    /// Digest of the last batch, or of the lane's origin.
    pub digest: Digest,
}

quorate_wire::fields!(Tip { seq, digest });

/// Which prefix of each lane a replica holds on its disk; a row of a cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AckVector {
    /// The replica.
    pub from: ReplicaId,
    /// Its wall clock when it spoke.
    pub clock: UnixTime,
    /// For each lane the last batch that it holds.
    pub tips: Vec<Tip>,
    /// Its signature.
    pub signature: Signature,
}

struct UnsignedVector<'a>(&'a AckVector);

impl Encode for UnsignedVector<'_> {
    fn encode(&self, writer: &mut Writer) {
        self.0.from.encode(writer);
        self.0.clock.encode(writer);
        writer.sequence(&self.0.tips);
    }
}

impl AckVector {
    /// Signs a vector.
    #[must_use]
    pub fn sign(
        group: &GroupConfiguration,
        (from, clock): (ReplicaId, UnixTime),
        tips: Vec<Tip>,
        signer: &dyn Signer,
    ) -> Self {
        let unsigned = Self { from, clock, tips, signature: Signature::new([0; 64]) };
        let digest = statement(Domain::AckVector, group, &UnsignedVector(&unsigned));
        Self { signature: signer.sign(&digest), ..unsigned }
    }

    /// Lists the signature.
    ///
    /// # Errors
    /// [`Rejected`] for a stranger or a wrong number of lanes.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        if self.tips.len() != group.members.len() {
            return Err(Rejected::WrongLength);
        }
        let digest = statement(Domain::AckVector, group, &UnsignedVector(self));
        checks.push(member_check(group, self.from, (digest, self.signature))?);
        Ok(())
    }
}

/// One slot of the total order: how far each lane is ordered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The epoch of the slot.
    pub epoch: Epoch,
    /// The slot.
    pub slot: Slot,
    /// Digest of the cut before it, or of what started the epoch.
    pub parent: Digest,
    /// For each lane the last batch that is proven and ordered.
    pub tips: Vec<Tip>,
    /// For each lane the digests of the batch bodies behind the parent's tip, as far as a row
    /// needs them.
    pub links: Vec<Vec<Digest>>,
    /// Vectors that prove the tips, in ascending order of replica.
    pub rows: Vec<Arc<AckVector>>,
    /// The batch behind the tip of its lane that this cut orders besides.
    pub inline: Option<SignedHeader>,
}

impl Cut {
    /// The cut before the first slot of an epoch; its digest is the configuration's
    /// `base_digest` and it is never sent.
    #[must_use]
    pub fn origin(group: &GroupConfiguration) -> Self {
        let origin = |lane| Tip { seq: LaneSeq::ZERO, digest: lane_origin(group.epoch, lane) };
        Self {
            epoch: group.epoch,
            slot: group.base_slot,
            parent: Digest::ZERO,
            tips: group.resilience.members().map(origin).collect(),
            links: Vec::new(),
            rows: Vec::new(),
            inline: None,
        }
    }

    /// Up to where a lane is ordered when this cut is executed.
    #[must_use]
    pub fn frontier_of(&self, lane: ReplicaId) -> Tip {
        match &self.inline {
            Some(inline) if inline.header.lane == lane => {
                Tip { seq: inline.header.seq, digest: inline.digest() }
            }
            _ => self.tips[lane.index()],
        }
    }

    /// Up to where each lane is ordered when this cut is executed.
    #[must_use]
    pub fn frontier(&self) -> Vec<Tip> {
        let lanes = 0..u16::try_from(self.tips.len()).expect("at most 64 lanes");
        lanes.map(|lane| self.frontier_of(ReplicaId::new(lane))).collect()
    }

    /// Lists the signatures of the rows and of the inline header.
    ///
    /// # Errors
    /// [`Rejected`] if the cut is of another epoch or has the wrong shape.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        self.check_shape(group)?;
        self.rows.iter().try_for_each(|row| row.checks(group, checks))?;
        self.inline.iter().try_for_each(|inline| inline.checks(group, checks))
    }

    /// Checks the lengths of the lists; enough for a cut that a certificate vouches for.
    ///
    /// # Errors
    /// [`Rejected`] if the cut is of another epoch or has the wrong shape.
    pub fn check_shape(&self, group: &GroupConfiguration) -> Result<(), Rejected> {
        if self.epoch != group.epoch {
            return Err(Rejected::WrongEpoch);
        }
        let lanes = group.members.len();
        let row_count_max = CUT_ROWS_PER_REPLICA_MAX * lanes;
        if self.tips.len() != lanes || self.links.len() != lanes || self.rows.len() > row_count_max
        {
            return Err(Rejected::WrongLength);
        }
        let is_lane = |inline: &SignedHeader| group.resilience.contains(inline.header.lane);
        if !self.inline.as_ref().is_none_or(is_lane) {
            return Err(Rejected::UnknownSigner);
        }
        Ok(())
    }
}

impl Encode for AckVector {
    fn encode(&self, writer: &mut Writer) {
        UnsignedVector(self).encode(writer);
        self.signature.encode(writer);
    }
}

impl Decode for AckVector {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            from: Decode::decode(reader)?,
            clock: Decode::decode(reader)?,
            tips: reader.sequence(TIPS)?,
            signature: Decode::decode(reader)?,
        })
    }
}

impl Encode for Cut {
    fn encode(&self, writer: &mut Writer) {
        self.epoch.encode(writer);
        self.slot.encode(writer);
        self.parent.encode(writer);
        writer.sequence(&self.tips);
        writer.count(self.links.len());
        self.links.iter().for_each(|links| writer.sequence(links));
        writer.sequence(&self.rows);
        self.inline.encode(writer);
    }
}

impl Decode for Cut {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: Decode::decode(reader)?,
            slot: Decode::decode(reader)?,
            parent: Decode::decode(reader)?,
            tips: reader.sequence(TIPS)?,
            links: {
                let lane_count = reader.count(TIPS)?;
                (0..lane_count).map(|_| reader.sequence(LINKS)).collect::<Result<_, _>>()?
            },
            rows: reader.sequence(ROWS)?,
            inline: Decode::decode(reader)?,
        })
    }
}

/// A cut with its digest, computed once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HashedCut {
    cut: Arc<Cut>,
    digest: Digest,
}

impl HashedCut {
    /// Computes the digest.
    #[must_use]
    pub fn new(cut: Cut) -> Self {
        let digest = hash_of(Domain::Cut, &cut);
        Self { cut: Arc::new(cut), digest }
    }

    /// The origin of an epoch under the digest that the configuration gives it.
    #[must_use]
    pub fn origin(group: &GroupConfiguration) -> Self {
        Self { cut: Arc::new(Cut::origin(group)), digest: group.base_digest }
    }

    /// `D(cut)`: covers everything in the cut, and no view.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

impl Deref for HashedCut {
    type Target = Cut;

    fn deref(&self) -> &Cut {
        &self.cut
    }
}

impl Encode for HashedCut {
    fn encode(&self, writer: &mut Writer) {
        self.cut.encode(writer);
    }
}

impl Decode for HashedCut {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Cut::decode(reader).map(Self::new)
    }
}
