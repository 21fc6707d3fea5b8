//! The header of a configuration: all that the system signs with its one key, and what it binds.
//!
//! TDSC'12 section V.A (a configuration is signed under a well-known key); settled points 1, 33.
//! The header names the members by their Merkle root, so a light client checks one member with a
//! path, and everybody checks a header with 48 bytes that never change.
//!
//! Invariants: MEM-1, MEM-9.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{Domain, hash_of, merkle};
use quorate_machine::{Plant, planted};
use quorate_threshold as threshold;
use quorate_threshold::{
    CombineFailure, Commitment, GroupKey, KeyShare, PartialSignature, ShareIndex, ThresholdScheme,
};
use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{
    Configuration, Digest, Epoch, MemberRecord, NodeId, PublicKey, Resilience, SystemId, UnixTime,
};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer, encode};

use crate::codec::{FORMAT, read_format, read_signature, write_signature};
use crate::handover::CommitmentBytes;
use crate::rejected::Rejected;

const GROUP: Limit = Limit::new("membership group", REPLICAS_MAX);

/// Where a configuration comes from; with the configuration, all that a header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lineage {
    /// Hash of the header of the epoch before; zero at genesis.
    pub previous: Digest,
    /// Which attempt at a membership group this is, from 0.
    pub attempt: u32,
    /// The randomness of the epoch, from which ids and the group follow.
    pub randomness: Digest,
    /// Digest of the public side of the sharing of the system's key; see [`commitment_digest`].
    pub commitments: Digest,
}

/// What the system signs about an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigurationHeader {
    /// The system.
    pub system: SystemId,
    /// The epoch.
    pub epoch: Epoch,
    /// The epoch in which the ring was made on which objects lie.
    pub ring_epoch: Epoch,
    /// Where the configuration comes from.
    pub lineage: Lineage,
    /// Bad servers tolerated in each storage group.
    pub storage: Resilience,
    /// Bad servers tolerated in the membership group.
    pub membership: Resilience,
    /// Key of the trusted authority.
    pub authority_key: PublicKey,
    /// When the configuration was made.
    pub created: UnixTime,
    /// The membership group, in the order of share indices.
    pub membership_group: Vec<NodeId>,
    /// Members, active and inactive.
    pub member_count: u32,
    /// Merkle root over the members' records in ascending order of id.
    pub member_root: Digest,
}

/// The digest of a commitment, as a header names it: a Merkle root over its points.
#[must_use]
pub fn commitment_digest(commitment: &Commitment) -> Digest {
    CommitmentBytes::of(commitment).digest()
}

pub(crate) fn member_leaves(members: &[Arc<MemberRecord>]) -> Vec<Digest> {
    members.iter().map(|member| merkle::leaf(&encode(member))).collect()
}

impl ConfigurationHeader {
    /// MEM-9: the header of a configuration; the same for the same arguments.
    ///
    /// # Panics
    /// If the configuration has more members than its encoding can have.
    #[must_use]
    pub fn of(configuration: &Configuration, lineage: Lineage) -> Self {
        let member_count = u32::try_from(configuration.members.len());
        Self {
            system: configuration.system,
            epoch: configuration.epoch,
            ring_epoch: configuration.ring_epoch,
            lineage,
            storage: configuration.storage,
            membership: configuration.membership,
            authority_key: configuration.authority_key,
            created: configuration.created,
            membership_group: configuration.membership_group.clone(),
            member_count: member_count.expect("MEM-9: at most 2^20 members"),
            member_root: merkle::root(&member_leaves(&configuration.members)),
        }
    }

    /// Servers that can be silent in any group, be it of the storage or of the membership service.
    #[must_use]
    pub fn bearable(&self) -> usize {
        self.storage.f().min(self.membership.f())
    }

    /// What the system signs, and how others name this configuration.
    #[must_use]
    pub fn hash(&self) -> Digest {
        hash_of(Domain::ConfigurationHeader, self)
    }

    /// The partial signature of one member of the group that holds the shares.
    ///
    /// Requires: the log has decided on this header, and on no other of its epoch.
    #[must_use]
    pub fn sign_partial(&self, share: &KeyShare, scheme: &dyn ThresholdScheme) -> PartialSignature {
        scheme.sign_partial(share, threshold::Domain::Configuration, self.hash().as_bytes())
    }

    /// Puts partial signatures together; also returns who sent wrong ones.
    ///
    /// # Errors
    /// [`CombineFailure`] if there are too few good ones.
    pub fn certify(
        self,
        group: &GroupKey,
        partials: &[PartialSignature],
        scheme: &dyn ThresholdScheme,
    ) -> Result<(CertifiedHeader, Vec<ShareIndex>), CombineFailure> {
        let domain = threshold::Domain::Configuration;
        let combined = scheme.combine(group, domain, self.hash().as_bytes(), partials)?;
        Ok((CertifiedHeader { header: self, signature: combined.signature }, combined.bad))
    }

    /// Rules that need no member record.
    fn check_shape(&self) -> Result<(), Rejected> {
        if self.ring_epoch > self.epoch {
            return Err(Rejected::Ring);
        }
        if (self.epoch == Epoch::ZERO) != (self.lineage.previous == Digest::ZERO) {
            return Err(Rejected::Predecessor);
        }
        let distinct: BTreeSet<_> = self.membership_group.iter().collect();
        let is_group = distinct.len() == self.membership_group.len()
            && distinct.len() == self.membership.replicas();
        if !is_group {
            return Err(Rejected::GroupShape);
        }
        let (needed, got) = (self.storage.replicas(), self.member_count as usize);
        if got < needed {
            return Err(Rejected::TooFewActive { needed, got });
        }
        Ok(())
    }
}

/// A header with the signature of the system; believed once [`Self::verify`] says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertifiedHeader {
    /// What is said.
    pub header: ConfigurationHeader,
    /// The system's signature on the hash of the header.
    pub signature: threshold::Signature,
}

impl CertifiedHeader {
    /// Checks the signature under the system's one key, and the rules of a header.
    ///
    /// # Errors
    /// [`Rejected`] says why it is not believed.
    pub fn verify(
        &self,
        system_key: &threshold::PublicKey,
        scheme: &dyn ThresholdScheme,
    ) -> Result<VerifiedHeader, Rejected> {
        self.header.check_shape()?;
        let hash = self.header.hash();
        let domain = threshold::Domain::Configuration;
        if !planted(Plant::HeaderNotVerified) {
            scheme
                .verify(system_key, domain, hash.as_bytes(), &self.signature)
                .map_err(Rejected::ThresholdSignature)?;
        }
        Ok(VerifiedHeader { certified: self.clone(), hash, system_key: *system_key })
    }
}

/// MEM-1: a header that the system signed; only [`CertifiedHeader::verify`] makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifiedHeader {
    certified: CertifiedHeader,
    hash: Digest,
    system_key: threshold::PublicKey,
}

impl VerifiedHeader {
    /// What is said.
    #[must_use]
    pub const fn header(&self) -> &ConfigurationHeader {
        &self.certified.header
    }

    /// The header as it goes over links.
    #[must_use]
    pub const fn certified(&self) -> &CertifiedHeader {
        &self.certified
    }

    /// The name of the configuration.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// The key under which it was verified.
    #[must_use]
    pub const fn system_key(&self) -> &threshold::PublicKey {
        &self.system_key
    }
}

quorate_wire::fields!(Lineage { previous, attempt, randomness, commitments });

impl Encode for ConfigurationHeader {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(FORMAT);
        self.system.encode(writer);
        self.epoch.encode(writer);
        self.ring_epoch.encode(writer);
        self.lineage.encode(writer);
        self.storage.encode(writer);
        self.membership.encode(writer);
        self.authority_key.encode(writer);
        self.created.encode(writer);
        writer.sequence(&self.membership_group);
        self.member_count.encode(writer);
        self.member_root.encode(writer);
    }
}

impl Decode for ConfigurationHeader {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_format(reader, "ConfigurationHeader")?;
        Ok(Self {
            system: Decode::decode(reader)?,
            epoch: Decode::decode(reader)?,
            ring_epoch: Decode::decode(reader)?,
            lineage: Decode::decode(reader)?,
            storage: Decode::decode(reader)?,
            membership: Decode::decode(reader)?,
            authority_key: Decode::decode(reader)?,
            created: Decode::decode(reader)?,
            membership_group: reader.sequence(GROUP)?,
            member_count: Decode::decode(reader)?,
            member_root: Decode::decode(reader)?,
        })
    }
}

impl Encode for CertifiedHeader {
    fn encode(&self, writer: &mut Writer) {
        self.header.encode(writer);
        write_signature(writer, &self.signature);
    }
}

impl Decode for CertifiedHeader {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { header: Decode::decode(reader)?, signature: read_signature(reader)? })
    }
}

#[cfg(test)]
mod tests;
