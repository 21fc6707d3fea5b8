//! Statements about the state after a slot.
//!
//! Settled points 11 and 35: a commit says nothing about results, so state roots have signatures
//! of their own; a checkpoint names the cut of its slot too, so that whoever starts from it can
//! judge the next one.

use alloc::vec::Vec;

use quorate_crypto::{Certificate, Domain, Rejected, SignatureCheck, Signer, hash_of};
use quorate_types::{Digest, GroupConfiguration, ReplicaId, Signature, Slot, UnixTime};

use super::{member_check, statement};
use crate::contradiction::SignedWord;

/// What a replica says of its state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CheckpointStatement {
    /// The slot after whose execution this holds.
    pub slot: Slot,
    /// Digest of the slot's cut.
    pub cut: Digest,
    /// Agreed time of the slot.
    pub time: UnixTime,
    /// Root of the replicated state: the service's part and the client table.
    pub root: Digest,
    /// Is it the last slot of the epoch? Everything behind it is void.
    pub is_last: bool,
}

quorate_wire::fields!(CheckpointStatement { slot, cut, time, root, is_last });

impl CheckpointStatement {
    /// What the first cut of the next epoch names as its parent: it binds this end, and the hash of
    /// the configuration that begins there. Of the signatures on the end there are many sets, so
    /// they are not in it.
    ///
    /// # Panics
    /// If this is not the end of an epoch: the caller looked.
    #[must_use]
    pub fn base_digest(&self, configuration: Digest) -> Digest {
        assert!(self.is_last, "BFT-13: an epoch follows the end of the one before");
        hash_of(Domain::EpochStart, &(configuration, *self))
    }
}

/// One replica's signature on a statement about the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// What is said.
    pub statement: CheckpointStatement,
    /// Who says it.
    pub from: ReplicaId,
    /// The signature.
    pub signature: Signature,
}

quorate_wire::fields!(Checkpoint { statement, from, signature });

/// Enough replicas say the same of their state for one of them to be correct: so the slot is
/// decided, and this is the state. If a quorum says so, the checkpoint is stable besides, and what
/// came before may be forgotten.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckpointCertificate {
    /// What is said.
    pub statement: CheckpointStatement,
    /// The signatures of `f + 1` or more.
    pub certificate: Certificate,
}

quorate_wire::fields!(CheckpointCertificate { statement, certificate });

impl Checkpoint {
    /// Signs a statement.
    #[must_use]
    pub fn sign(
        group: &GroupConfiguration,
        content: CheckpointStatement,
        (from, signer): (ReplicaId, &dyn Signer),
    ) -> Self {
        let signature = signer.sign(&statement(Domain::Checkpoint, group, &content));
        Self { statement: content, from, signature }
    }

    /// What the replica signed.
    #[must_use]
    pub fn word(&self, group: &GroupConfiguration) -> SignedWord {
        SignedWord::new((Domain::Checkpoint, group), &self.statement, self.signature)
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
        let digest = statement(Domain::Checkpoint, group, &self.statement);
        checks.push(member_check(group, self.from, (digest, self.signature))?);
        Ok(())
    }
}

impl CheckpointCertificate {
    /// Lists the signatures.
    ///
    /// # Errors
    /// [`Rejected`] unless `f + 1` members signed.
    pub fn checks(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        let digest = statement(Domain::Checkpoint, group, &self.statement);
        self.certificate.checks(digest, (group, group.resilience.weak_quorum()), checks)
    }

    /// Lists the signatures of an end certificate. A weak quorum, which is enough for a state, is
    /// not enough for an end: a quorum of members that vouch for the epoch no more is what makes
    /// sure that nobody proves it to be current (settled points 4).
    ///
    /// # Errors
    /// [`Rejected`] unless a quorum signed the end of the epoch.
    pub fn checks_end(
        &self,
        group: &GroupConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        if !self.statement.is_last {
            return Err(Rejected::Inconsistent);
        }
        let digest = statement(Domain::Checkpoint, group, &self.statement);
        self.certificate.checks(digest, (group, group.resilience.quorum()), checks)
    }

    /// Is it the end of the epoch, signed by a quorum?
    #[must_use]
    pub fn is_end(&self, group: &GroupConfiguration) -> bool {
        self.statement.is_last && self.is_stable(group)
    }

    /// Did a quorum sign?
    #[must_use]
    pub fn is_stable(&self, group: &GroupConfiguration) -> bool {
        self.certificate.signers().len() >= group.resilience.quorum()
    }
}
