//! Freshness: that an epoch is still the current one, shown by a quorum of its membership group.
//!
//! TDSC'12 section VI.C (the FRESHNESS operation); settled point 4. Not ordered: a nonce goes in,
//! `2f + 1` signatures come out. A member signs only while it has not ended the epoch, and the next
//! group starts only on `2f + 1` members that have, so no proof of an epoch can be completed once
//! the next one may be active.
//!
//! Invariants: MEM-2, MEM-5, MEM-7.

use alloc::vec::Vec;

use quorate_crypto::{
    Domain, Rejected as Unbelieved, SignatureCheck, Signer, Verifiable, Verifier, hash_of,
};
use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{Digest, Epoch, NodeId, Signature, SystemId};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::configuration::VerifiedConfiguration;
use crate::rejected::Rejected;

mod lease;
mod round;
pub use lease::{Lease, LeaseRule};
pub use round::Round;

/// What makes one challenge different from every other; uniform, used once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Nonce(Digest);

impl Nonce {
    /// Wraps bytes that nobody could guess.
    #[must_use]
    pub const fn new(bytes: Digest) -> Self {
        Self(bytes)
    }
}

/// The question: which epoch is it?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// Of this one question.
    pub nonce: Nonce,
}

/// What a vouch is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The system.
    pub system: SystemId,
    /// The epoch that has not ended.
    pub epoch: Epoch,
    /// Hash of the header of its configuration.
    pub header: Digest,
    /// The challenge that is answered.
    pub nonce: Nonce,
}

/// One member's word that it has not ended an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vouch {
    /// What is said.
    pub subject: Subject,
    /// Who says it.
    pub member: NodeId,
    /// Signature under the member's key of the epoch.
    pub signature: Signature,
}

impl Encode for Nonce {
    fn encode(&self, writer: &mut Writer) {
        self.0.encode(writer);
    }
}

impl Decode for Nonce {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Digest::decode(reader).map(Self)
    }
}

quorate_wire::fields!(Challenge { nonce });
quorate_wire::fields!(Subject { system, epoch, header, nonce });
quorate_wire::fields!(Vouch { subject, member, signature });

impl Subject {
    /// The current epoch in answer to a challenge.
    #[must_use]
    pub fn of(configuration: &VerifiedConfiguration, nonce: Nonce) -> Self {
        Self {
            system: configuration.configuration().system,
            epoch: configuration.epoch(),
            header: configuration.hash(),
            nonce,
        }
    }

    fn digest(&self, member: NodeId) -> Digest {
        hash_of(Domain::Freshness, &(*self, member))
    }

    /// Why this is not about `configuration`, if it is not.
    fn reject(&self, configuration: &VerifiedConfiguration) -> Result<(), Rejected> {
        if self.system != configuration.configuration().system {
            return Err(Rejected::WrongSystem);
        }
        if self.epoch != configuration.epoch() {
            return Err(Rejected::WrongEpoch);
        }
        if self.header != configuration.hash() {
            return Err(Rejected::WrongHeader);
        }
        Ok(())
    }

    fn check(
        &self,
        (member, signature): (NodeId, Signature),
        configuration: &VerifiedConfiguration,
    ) -> Result<SignatureCheck, Rejected> {
        let key = configuration.group_key(member).ok_or(Rejected::NotInGroup)?;
        Ok(SignatureCheck { key, digest: self.digest(member), signature })
    }
}

impl Vouch {
    /// Signs with the member's key of the epoch.
    ///
    /// Requires: the member has not ended the epoch.
    #[must_use]
    pub fn sign(subject: Subject, member: NodeId, signer: &dyn Signer) -> Self {
        Self { subject, member, signature: signer.sign(&subject.digest(member)) }
    }
}

impl Verifiable for Vouch {
    type Context = VerifiedConfiguration;

    fn checks(
        &self,
        configuration: &VerifiedConfiguration,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Unbelieved> {
        self.subject.reject(configuration).map_err(unbelieved)?;
        let said = (self.member, self.signature);
        checks.push(self.subject.check(said, configuration).map_err(unbelieved)?);
        Ok(())
    }
}

/// The same reason in the words of the crate that checks signatures.
const fn unbelieved(reason: Rejected) -> Unbelieved {
    match reason {
        Rejected::WrongSystem | Rejected::WrongHeader => Unbelieved::WrongGroup,
        Rejected::WrongEpoch => Unbelieved::WrongEpoch,
        Rejected::NotInGroup => Unbelieved::UnknownSigner,
        Rejected::DuplicateMember => Unbelieved::DuplicateSigner,
        Rejected::TooFewMembers { needed, got } => Unbelieved::ShortCertificate { got, needed },
        Rejected::ThresholdSignature(_) | Rejected::BadSignature => Unbelieved::BadSignature,
        Rejected::Predecessor
        | Rejected::GroupShape
        | Rejected::GroupMember
        | Rejected::NoEpochKey
        | Rejected::MemberOrder
        | Rejected::MemberCount { .. }
        | Rejected::MemberRoot
        | Rejected::DuplicateIdentity
        | Rejected::DeltaShape
        | Rejected::TooFewActive { .. }
        | Rejected::Ring
        | Rejected::WrongNonce
        | Rejected::LeaseOver => Unbelieved::Inconsistent,
    }
}

const VOUCHES: Limit = Limit::new("vouches", REPLICAS_MAX);

/// Enough vouches to convince whoever asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FreshnessProof {
    /// What all of them say.
    pub subject: Subject,
    /// Who says it, in ascending order of id.
    pub vouches: Vec<(NodeId, Signature)>,
}

impl Encode for FreshnessProof {
    fn encode(&self, writer: &mut Writer) {
        self.subject.encode(writer);
        writer.sequence(&self.vouches);
    }
}

impl Decode for FreshnessProof {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { subject: Decode::decode(reader)?, vouches: reader.sequence(VOUCHES)? })
    }
}

impl FreshnessProof {
    /// Checks that a quorum of distinct members of the group answered this challenge.
    ///
    /// # Errors
    /// [`Rejected`] says why it proves nothing.
    pub fn verify(
        &self,
        (configuration, nonce): (&VerifiedConfiguration, Nonce),
        verifier: &dyn Verifier,
    ) -> Result<(), Rejected> {
        self.subject.reject(configuration)?;
        if self.subject.nonce != nonce {
            return Err(Rejected::WrongNonce);
        }
        if !self.vouches.is_sorted_by(|left, right| left.0 < right.0) {
            return Err(Rejected::DuplicateMember);
        }
        let needed = configuration.configuration().membership.quorum();
        if self.vouches.len() < needed {
            return Err(Rejected::TooFewMembers { needed, got: self.vouches.len() });
        }
        let check = |said: &(NodeId, Signature)| self.subject.check(*said, configuration);
        let checks = self.vouches.iter().map(check).collect::<Result<Vec<_>, _>>()?;
        if verifier.are_valid(&checks) { Ok(()) } else { Err(Rejected::BadSignature) }
    }
}

#[cfg(test)]
mod tests;
