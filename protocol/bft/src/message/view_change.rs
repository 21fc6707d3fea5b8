//! Moving to another leader: wishes, what each replica carries over, and the new view.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::{Certificate, Domain, Rejected, SignatureCheck, Signer, hash_of};
use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{Digest, GroupConfiguration, ReplicaId, ReplicaSet, Signature, Slot, View};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use super::{
    CheckpointCertificate, CommitCertificate, HashedCut, PrepareCertificate, member_check,
    statement,
};
use crate::limits::SLOTS_IN_FLIGHT_MAX;

#[expect(clippy::cast_possible_truncation, reason = "a constant of 8")]
const PREPARED: Limit = Limit::new("prepared slots", SLOTS_IN_FLIGHT_MAX as usize);
const CHANGES: Limit = Limit::new("view changes", REPLICAS_MAX);

/// A replica wishes for the leader of a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewLeader {
    /// The view.
    pub view: View,
    /// Who wishes.
    pub from: ReplicaId,
    /// The signature.
    pub signature: Signature,
}

quorate_wire::fields!(NewLeader { view, from, signature });

/// The wishes of a quorum for one view: whoever holds them enters it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewLeaderProof {
    /// The view.
    pub view: View,
    /// The signatures of a quorum.
    pub certificate: Certificate,
}

quorate_wire::fields!(NewLeaderProof { view, certificate });

/// The highest slot that a replica can prove decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Base {
    /// The start of the epoch.
    Start,
    /// By the votes of a quorum.
    Committed {
        /// The decided cut.
        cut: HashedCut,
        /// The votes.
        certificate: CommitCertificate,
    },
    /// By a stable checkpoint.
    Checkpoint {
        /// The cut of the checkpoint's slot.
        cut: HashedCut,
        /// The statements.
        certificate: CheckpointCertificate,
    },
}

/// A cut that a quorum accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepared {
    /// The cut.
    pub cut: HashedCut,
    /// The votes of the highest view in which it was prepared here.
    pub certificate: PrepareCertificate,
}

quorate_wire::fields!(Prepared { cut, certificate });

/// What a replica carries into a view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewChange {
    /// The view that it enters.
    pub view: View,
    /// The highest slot that it can prove decided.
    pub base: Base,
    /// What was prepared above it, in ascending order of slot.
    pub prepared: Vec<Prepared>,
    /// Who enters.
    pub from: ReplicaId,
    /// The signature.
    pub signature: Signature,
}

/// The leader's start of a view. What is proposed again follows from the view changes in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewView {
    /// The view.
    pub view: View,
    /// View changes of a quorum, in ascending order of replica.
    pub changes: Vec<Arc<ViewChange>>,
    /// The leader's signature.
    pub signature: Signature,
}

impl NewLeader {
    /// Signs a wish.
    #[must_use]
    pub fn sign(
        group: &GroupConfiguration,
        view: View,
        (from, signer): (ReplicaId, &dyn Signer),
    ) -> Self {
        let signature = signer.sign(&statement(Domain::NewLeader, group, &view));
        Self { view, from, signature }
    }

    /// Lists the signature.
    ///
    /// # Errors
    /// [`Rejected`] for a stranger.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        let digest = statement(Domain::NewLeader, group, &self.view);
        checks.push(member_check(group, self.from, (digest, self.signature))?);
        Ok(())
    }
}

impl NewLeaderProof {
    /// Lists the signatures.
    ///
    /// # Errors
    /// [`Rejected`] unless a quorum of members signed.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        let digest = statement(Domain::NewLeader, group, &self.view);
        self.certificate.checks(digest, (group, group.resilience.quorum()), checks)
    }
}

impl Base {
    /// The decided slot and the digest of its cut.
    #[must_use]
    pub fn slot_and_digest(&self, group: &GroupConfiguration) -> (Slot, Digest) {
        match self {
            Self::Start => (group.base_slot, group.base_digest),
            Self::Committed { cut, .. } | Self::Checkpoint { cut, .. } => (cut.slot, cut.digest()),
        }
    }

    fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        let (cut, slot, digest) = match self {
            Self::Start => return Ok(()),
            Self::Committed { cut, certificate } => {
                certificate.checks(group, checks)?;
                (cut, certificate.slot, certificate.digest)
            }
            Self::Checkpoint { cut, certificate } => {
                certificate.checks(group, checks)?;
                (cut, certificate.statement.slot, certificate.statement.cut)
            }
        };
        cut.check_shape(group)?;
        if cut.slot != slot || cut.digest() != digest {
            return Err(Rejected::Inconsistent);
        }
        Ok(())
    }
}

impl Prepared {
    fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        self.cut.check_shape(group)?;
        let certificate = &self.certificate;
        if certificate.slot != self.cut.slot || certificate.digest != self.cut.digest() {
            return Err(Rejected::Inconsistent);
        }
        certificate.checks(group, checks)
    }
}

struct UnsignedChange<'a>(&'a ViewChange);

impl Encode for UnsignedChange<'_> {
    fn encode(&self, writer: &mut Writer) {
        self.0.view.encode(writer);
        self.0.base.encode(writer);
        writer.sequence(&self.0.prepared);
        self.0.from.encode(writer);
    }
}

impl ViewChange {
    /// Signs what a replica carries over.
    #[must_use]
    pub fn sign(group: &GroupConfiguration, unsigned: Self, signer: &dyn Signer) -> Self {
        let signature = signer.sign(&unsigned.statement(group));
        Self { signature, ..unsigned }
    }

    fn statement(&self, group: &GroupConfiguration) -> Digest {
        statement(Domain::ViewChange, group, &hash_of(Domain::ViewChange, &UnsignedChange(self)))
    }

    /// Lists the signatures of the replica and of every certificate that it shows.
    ///
    /// # Errors
    /// [`Rejected`] if a certificate is short, does not fit its cut, is of this view or a later
    /// one, or if slots are not in ascending order above the base (B15).
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        let digest = self.statement(group);
        checks.push(member_check(group, self.from, (digest, self.signature))?);
        self.base.checks(group, checks)?;
        let (mut below, _) = self.base.slot_and_digest(group);
        for prepared in &self.prepared {
            if prepared.cut.slot <= below || prepared.certificate.view >= self.view {
                return Err(Rejected::Inconsistent);
            }
            below = prepared.cut.slot;
            prepared.checks(group, checks)?;
        }
        Ok(())
    }
}

impl NewView {
    /// Signs the start of a view.
    #[must_use]
    pub fn sign(
        group: &GroupConfiguration,
        view: View,
        changes: Vec<Arc<ViewChange>>,
        signer: &dyn Signer,
    ) -> Self {
        let unsigned = Self { view, changes, signature: Signature::new([0; 64]) };
        let signature = signer.sign(&unsigned.statement(group));
        Self { signature, ..unsigned }
    }

    fn statement(&self, group: &GroupConfiguration) -> Digest {
        let changes: Vec<Digest> =
            self.changes.iter().map(|change| hash_of(Domain::ViewChange, &**change)).collect();
        let mut writer = Writer::default();
        writer.sequence(&changes);
        let digest = quorate_crypto::hash(Domain::NewView, writer.as_bytes());
        statement(Domain::NewView, group, &(self.view, digest))
    }

    /// Digest that tells two starts of a view apart.
    #[must_use]
    pub fn digest(&self) -> Digest {
        hash_of(Domain::NewView, self)
    }

    /// Lists the signatures of the leader and of every view change.
    ///
    /// # Errors
    /// [`Rejected`] unless the view changes are of a quorum of distinct members, for this view.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        let leader = group.resilience.leader(self.view);
        let digest = self.statement(group);
        checks.push(member_check(group, leader, (digest, self.signature))?);
        let mut senders = ReplicaSet::EMPTY;
        for change in &self.changes {
            if change.view != self.view {
                return Err(Rejected::Inconsistent);
            }
            if !senders.insert(change.from) {
                return Err(Rejected::DuplicateSigner);
            }
            change.checks(group, checks)?;
        }
        let (got, needed) = (senders.len(), group.resilience.quorum());
        if got < needed { Err(Rejected::ShortCertificate { got, needed }) } else { Ok(()) }
    }
}

impl Encode for Base {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Start => writer.tag(1),
            Self::Committed { cut, certificate } => {
                writer.tag(2);
                cut.encode(writer);
                certificate.encode(writer);
            }
            Self::Checkpoint { cut, certificate } => {
                writer.tag(3);
                cut.encode(writer);
                certificate.encode(writer);
            }
        }
    }
}

impl Decode for Base {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Start),
            2 => Ok(Self::Committed {
                cut: Decode::decode(reader)?,
                certificate: Decode::decode(reader)?,
            }),
            3 => Ok(Self::Checkpoint {
                cut: Decode::decode(reader)?,
                certificate: Decode::decode(reader)?,
            }),
            tag => Err(DecodeError::UnknownTag { of: "Base", tag }),
        }
    }
}

impl Encode for ViewChange {
    fn encode(&self, writer: &mut Writer) {
        UnsignedChange(self).encode(writer);
        self.signature.encode(writer);
    }
}

impl Decode for ViewChange {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            view: Decode::decode(reader)?,
            base: Decode::decode(reader)?,
            prepared: reader.sequence(PREPARED)?,
            from: Decode::decode(reader)?,
            signature: Decode::decode(reader)?,
        })
    }
}

impl Encode for NewView {
    fn encode(&self, writer: &mut Writer) {
        self.view.encode(writer);
        writer.sequence(&self.changes);
        self.signature.encode(writer);
    }
}

impl Decode for NewView {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            view: Decode::decode(reader)?,
            changes: reader.sequence(CHANGES)?,
            signature: Decode::decode(reader)?,
        })
    }
}
