//! What a member of the membership group says about a server: that it is silent, or answers.
//!
//! TDSC'12 section VI.C; settled point 32: a statement names its epoch and the slot that its member
//! had executed last, so that a hiccup of this morning evicts nobody tonight.
//!
//! # Invariants
//! - MEM-43: a server is evicted, or brought back, only on statements of `f + 1` distinct members
//!   of the group of the epoch about this server, none older than the configured number of slots,
//!   and all made after what was last decided about it.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

use quorate_crypto::{Domain, SignatureCheck, Signer, Verifier, hash_of};
use quorate_machine::{Plant, planted};
use quorate_types::limits::REPLICAS_MAX;
use quorate_types::{
    Digest, Epoch, GroupConfiguration, NodeId, PublicKey, Signature, Slot, SystemId,
};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

/// What a member found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// It does not answer.
    Suspect,
    /// It answers, and proves that it holds its key.
    Alive,
}

impl Encode for Verdict {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(match self {
            Self::Suspect => 1,
            Self::Alive => 2,
        });
    }
}

impl Decode for Verdict {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.tag()? {
            1 => Ok(Self::Suspect),
            2 => Ok(Self::Alive),
            tag => Err(DecodeError::UnknownTag { of: "Verdict", tag }),
        }
    }
}

/// A server and what is said of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Claim {
    /// The server.
    pub server: NodeId,
    /// What a member found.
    pub verdict: Verdict,
}

quorate_wire::fields!(Claim { server, verdict });

/// What a member says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observation {
    /// The system.
    pub system: SystemId,
    /// The epoch; nothing said in it outlives it.
    pub epoch: Epoch,
    /// The slot that the member had executed last.
    pub slot: Slot,
    /// What it found.
    pub claim: Claim,
}

quorate_wire::fields!(Observation { system, epoch, slot, claim });

/// What a member says, with its signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignedObservation {
    /// What is said.
    pub observation: Observation,
    /// Who says it.
    pub member: NodeId,
    /// Signature under the member's key of the epoch.
    pub signature: Signature,
}

quorate_wire::fields!(SignedObservation { observation, member, signature });

impl Observation {
    fn digest(&self, member: NodeId) -> Digest {
        hash_of(Domain::Observation, &(*self, member))
    }

    /// Signs as a member with its key of the epoch.
    #[must_use]
    pub fn sign(self, member: NodeId, signer: &dyn Signer) -> SignedObservation {
        let signature = signer.sign(&self.digest(member));
        SignedObservation { observation: self, member, signature }
    }
}

impl SignedObservation {
    fn check(&self, key: PublicKey) -> SignatureCheck {
        let digest = self.observation.digest(self.member);
        SignatureCheck { key, digest, signature: self.signature }
    }
}

/// Why statements do not decide anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unproven {
    /// One is of another system.
    WrongSystem,
    /// One is of another epoch.
    WrongEpoch,
    /// One is about another server, or says something else.
    AnotherClaim,
    /// One is of nobody in the membership group of the epoch.
    NotInGroup,
    /// A member counts twice.
    DuplicateMember,
    /// One was made before what was last decided about the server.
    Outdated {
        /// The slot that its member had executed.
        made: Slot,
        /// It must have executed this one.
        needed: Slot,
    },
    /// One names a slot that is not there yet.
    FromTheFuture,
    /// One is too old.
    Stale {
        /// How many slots were executed since.
        age: u64,
        /// How many there may be.
        age_max: u64,
    },
    /// There are fewer than `f + 1`.
    TooFew {
        /// Members that are needed.
        needed: usize,
        /// Members that said it.
        got: usize,
    },
    /// A signature does not fit.
    BadSignature,
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongSystem => f.write_str("a statement of another system"),
            Self::WrongEpoch => f.write_str("a statement of another epoch"),
            Self::AnotherClaim => f.write_str("a statement about something else"),
            Self::NotInGroup => f.write_str("a statement of nobody in the membership group"),
            Self::DuplicateMember => f.write_str("a member counts twice"),
            Self::Outdated { made, needed } => {
                write!(f, "a statement made at {made}, before {needed}")
            }
            Self::FromTheFuture => f.write_str("a statement that names a slot to come"),
            Self::Stale { age, age_max } => {
                write!(f, "a statement of {age} slots ago, at most {age_max} count")
            }
            Self::TooFew { needed, got } => write!(f, "{got} members of {needed} needed"),
            Self::BadSignature => f.write_str("a signature does not fit"),
        }
    }
}

impl core::error::Error for Unproven {}

/// Where in the order statements are judged.
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'a> {
    /// The membership group of the epoch, with its members' keys.
    pub group: &'a GroupConfiguration,
    /// The slot that is being executed.
    pub slot: Slot,
    /// Most slots between a statement and its execution.
    pub age_max: u64,
    /// The slot in which something was last decided about the server; zero if nothing was.
    pub decided: Slot,
}

impl Judgement<'_> {
    /// Checks one statement, as it is recorded by itself.
    ///
    /// # Errors
    /// [`Unproven`] says why it does not count.
    pub fn check(
        &self,
        said: &SignedObservation,
        claim: Claim,
        verifier: &dyn Verifier,
    ) -> Result<(), Unproven> {
        let check = self.prepare(said, claim)?;
        if verifier.is_valid(&check) { Ok(()) } else { Err(Unproven::BadSignature) }
    }

    /// MEM-43: checks that `f + 1` members say it; the signatures come last.
    ///
    /// # Errors
    /// [`Unproven`] says why they decide nothing.
    pub fn check_all(
        &self,
        said: &Observations,
        claim: Claim,
        verifier: &dyn Verifier,
    ) -> Result<(), Unproven> {
        // MEM-43: each by itself, then that they are of different members, then how many.
        let prepare = |one: &SignedObservation| self.prepare(one, claim);
        let checks = said.0.iter().map(prepare).collect::<Result<Vec<_>, _>>()?;
        let members: BTreeSet<_> = said.0.iter().map(|one| one.member).collect();
        if members.len() < said.0.len() && !planted(Plant::SuspicionsCountTwice) {
            return Err(Unproven::DuplicateMember);
        }
        let (needed, got) = (self.group.resilience.weak_quorum(), said.0.len());
        if got < needed {
            return Err(Unproven::TooFew { needed, got });
        }
        if verifier.are_valid(&checks) { Ok(()) } else { Err(Unproven::BadSignature) }
    }

    /// All but the signature.
    fn prepare(&self, said: &SignedObservation, claim: Claim) -> Result<SignatureCheck, Unproven> {
        let observation = said.observation;
        if observation.system != self.group.system {
            return Err(Unproven::WrongSystem);
        }
        if observation.epoch != self.group.epoch {
            return Err(Unproven::WrongEpoch);
        }
        if observation.claim != claim {
            return Err(Unproven::AnotherClaim);
        }
        self.reject_time(observation.slot)?;
        let replica = self.group.replica_of(said.member).ok_or(Unproven::NotInGroup)?;
        let member = self.group.member(replica).ok_or(Unproven::NotInGroup)?;
        Ok(said.check(member.key))
    }

    fn reject_time(&self, made: Slot) -> Result<(), Unproven> {
        if made >= self.slot {
            return Err(Unproven::FromTheFuture);
        }
        if made < self.decided {
            return Err(Unproven::Outdated { made, needed: self.decided });
        }
        let (age, age_max) = (self.slot.since(made), self.age_max);
        if age > age_max && !planted(Plant::SuspicionsNeverStale) {
            return Err(Unproven::Stale { age, age_max });
        }
        Ok(())
    }
}

/// Statements of several members, in any order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observations(pub Vec<SignedObservation>);

const OBSERVATIONS: Limit = Limit::new("observations", REPLICAS_MAX);

impl Encode for Observations {
    fn encode(&self, writer: &mut Writer) {
        writer.sequence(&self.0);
    }
}

impl Decode for Observations {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(reader.sequence(OBSERVATIONS)?))
    }
}

#[cfg(test)]
mod tests;
