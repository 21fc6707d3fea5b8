//! How far everybody is, and how whoever is behind gets what it lacks.
//!
//! Requests and status are believed no further than their link; every answer proves itself.

use alloc::vec::Vec;

use quorate_crypto::{Rejected, SignatureCheck};
use quorate_state::limits::KEY_BYTES_MAX;
use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{Digest, GroupConfiguration, LaneSeq, Slot, View};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::{CheckpointCertificate, CommitCertificate, HashedCut};
use crate::limits::{FETCH_BATCHES_MAX, FETCH_SLOTS_MAX};

const BATCHES: Limit = Limit::new("fetched batches", FETCH_BATCHES_MAX);
const SLOTS: Limit = Limit::new("fetched slots", FETCH_SLOTS_MAX);
const LANES: Limit = Limit::new("lanes", REPLICAS_MAX);
const CURSOR: Limit = Limit::new("state cursor bytes", KEY_BYTES_MAX);

/// How far a replica is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// The view that it entered.
    pub view: View,
    /// Has it the start of that view?
    pub is_active: bool,
    /// The highest slot that it knows decided.
    pub committed: Slot,
    /// The highest slot that it executed.
    pub executed: Slot,
    /// The slot of its stable checkpoint.
    pub stable: Slot,
    /// The lowest slot that it can serve.
    pub floor: Slot,
    /// For each lane the position up to which it holds batches.
    pub acknowledged: Vec<LaneSeq>,
}

/// Asks for batches by their digests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchBatches {
    /// Which batches.
    pub digests: Vec<Digest>,
}

/// Asks for the proposal that a vote named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchProposal {
    /// The slot.
    pub slot: Slot,
    /// Digest of the cut.
    pub digest: Digest,
}

quorate_wire::fields!(FetchProposal { slot, digest });

/// Asks for the decided slots above one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchSlots {
    /// The highest slot that the asker knows decided.
    pub above: Slot,
}

quorate_wire::fields!(FetchSlots { above });

/// Decided cuts in ascending order, each the parent of the next, under one certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slots {
    /// The cuts.
    pub cuts: Vec<HashedCut>,
    /// The votes on the last of them.
    pub certificate: CommitCertificate,
}

/// Asks for a part of the state at a stable checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchState {
    /// The lowest checkpoint that helps.
    pub slot_min: Slot,
    /// The key behind which the part begins; nothing for the first part.
    pub after: Option<Vec<u8>>,
}

/// A part of the state, to be checked against the certificate's root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateChunk {
    /// The checkpoint.
    pub certificate: CheckpointCertificate,
    /// The cut of its slot.
    pub cut: HashedCut,
    /// The entries with their proof.
    pub chunk: quorate_state::Chunk,
}

quorate_wire::fields!(StateChunk { certificate, cut, chunk });

impl Slots {
    /// Lists the signatures of the certificate.
    ///
    /// # Errors
    /// [`Rejected`] unless the cuts form a chain that ends in what the certificate names.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        let last = self.cuts.last().ok_or(Rejected::WrongLength)?;
        if last.digest() != self.certificate.digest || last.slot != self.certificate.slot {
            return Err(Rejected::Inconsistent);
        }
        self.cuts.iter().try_for_each(|cut| cut.check_shape(group))?;
        let is_link = |pair: &[HashedCut]| {
            pair[1].parent == pair[0].digest() && pair[1].slot == pair[0].slot.next()
        };
        if !self.cuts.windows(2).all(is_link) {
            return Err(Rejected::Inconsistent);
        }
        self.certificate.checks(group, checks)
    }
}

impl Encode for Status {
    fn encode(&self, writer: &mut Writer) {
        self.view.encode(writer);
        self.is_active.encode(writer);
        self.committed.encode(writer);
        self.executed.encode(writer);
        self.stable.encode(writer);
        self.floor.encode(writer);
        writer.sequence(&self.acknowledged);
    }
}

impl Decode for Status {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            view: Decode::decode(reader)?,
            is_active: Decode::decode(reader)?,
            committed: Decode::decode(reader)?,
            executed: Decode::decode(reader)?,
            stable: Decode::decode(reader)?,
            floor: Decode::decode(reader)?,
            acknowledged: reader.sequence(LANES)?,
        })
    }
}

impl Encode for FetchBatches {
    fn encode(&self, writer: &mut Writer) {
        writer.sequence(&self.digests);
    }
}

impl Decode for FetchBatches {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.sequence(BATCHES).map(|digests| Self { digests })
    }
}

impl Encode for Slots {
    fn encode(&self, writer: &mut Writer) {
        writer.sequence(&self.cuts);
        self.certificate.encode(writer);
    }
}

impl Decode for Slots {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { cuts: reader.sequence(SLOTS)?, certificate: Decode::decode(reader)? })
    }
}

impl Encode for FetchState {
    fn encode(&self, writer: &mut Writer) {
        self.slot_min.encode(writer);
        self.after.is_some().encode(writer);
        if let Some(after) = &self.after {
            writer.bytes(after);
        }
    }
}

impl Decode for FetchState {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            slot_min: Decode::decode(reader)?,
            after: bool::decode(reader)?.then(|| reader.bytes(CURSOR)).transpose()?,
        })
    }
}
