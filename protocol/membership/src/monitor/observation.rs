//! What a member of the membership group says about a server: that it is silent, or answers.
//!
//! TDSC'12 section VI.C; settled point 32: a statement names its epoch and the slot that its member
//! had executed last, so that a hiccup of this morning evicts nobody tonight.
//!
//! Each goes into the log by itself; how many make a finding says [`super::case`].
//!
//! Invariants: MEM-43.

use core::fmt;

use quorate_crypto::{Domain, SignatureCheck, Signer, Verifier, hash_of};
use quorate_machine::{Plant, planted};
use quorate_types::{Digest, Epoch, NodeId, PublicKey, Signature, Slot, SystemId};

/// What a member found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// It does not answer.
    Suspect,
    /// It answers, and proves that it holds its key.
    Alive,
}

quorate_wire::tags!(Verdict { 1 => Suspect, 2 => Alive });

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

/// Why a statement does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unproven {
    /// It is of another system.
    WrongSystem,
    /// It is of another epoch.
    WrongEpoch,
    /// It is of nobody in the membership group of the epoch.
    NotInGroup,
    /// It was made before what was last decided about the server.
    Outdated {
        /// The slot that its member had executed.
        made: Slot,
        /// It must have executed this one.
        needed: Slot,
    },
    /// It names a slot that is not there yet.
    FromTheFuture,
    /// It is too old.
    Stale {
        /// How many slots were executed since.
        age: u64,
        /// How many there may be.
        age_max: u64,
    },
    /// Its signature does not fit.
    BadSignature,
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongSystem => f.write_str("a statement of another system"),
            Self::WrongEpoch => f.write_str("a statement of another epoch"),
            Self::NotInGroup => f.write_str("a statement of nobody in the membership group"),
            Self::Outdated { made, needed } => {
                write!(f, "a statement made at {made}, before {needed}")
            }
            Self::FromTheFuture => f.write_str("a statement that names a slot to come"),
            Self::Stale { age, age_max } => {
                write!(f, "a statement of {age} slots ago, at most {age_max} count")
            }
            Self::BadSignature => f.write_str("a signature does not fit"),
        }
    }
}

impl core::error::Error for Unproven {}

/// Where in the order a statement is judged.
#[derive(Clone, Copy, Debug)]
pub struct Judgement {
    /// The system.
    pub system: SystemId,
    /// The epoch.
    pub epoch: Epoch,
    /// The slot in which something was last decided about the server; zero if nothing was.
    pub decided: Slot,
    /// The slot that is being executed, and for how long statements count.
    pub moment: Moment,
}

/// When statements are counted.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The slot that is being executed.
    pub slot: Slot,
    /// Most slots between a statement and its counting.
    pub age_max: u64,
}

impl Moment {
    /// Does a statement count that was made when its member had executed this slot, if the last
    /// decision about the server fell in `decided`?
    ///
    /// # Errors
    /// [`Unproven`] says why not.
    pub fn check(&self, made: Slot, decided: Slot) -> Result<(), Unproven> {
        if made >= self.slot {
            return Err(Unproven::FromTheFuture);
        }
        if made < decided {
            return Err(Unproven::Outdated { made, needed: decided });
        }
        let (age, age_max) = (self.slot.since(made), self.age_max);
        if age > age_max && !planted(Plant::SuspicionsNeverStale) {
            return Err(Unproven::Stale { age, age_max });
        }
        Ok(())
    }
}

impl Judgement {
    /// Checks a statement; `key` is the key of the epoch of the member that makes it, if it is
    /// one. The signature comes last.
    ///
    /// # Errors
    /// [`Unproven`] says why it does not count.
    pub fn check(
        &self,
        said: &SignedObservation,
        key: Option<PublicKey>,
        verifier: &dyn Verifier,
    ) -> Result<(), Unproven> {
        let observation = said.observation;
        if observation.system != self.system {
            return Err(Unproven::WrongSystem);
        }
        if observation.epoch != self.epoch {
            return Err(Unproven::WrongEpoch);
        }
        // MEM-43: nobody else's word counts, nor a word of long ago.
        self.moment.check(observation.slot, self.decided)?;
        let key = key.ok_or(Unproven::NotInGroup)?;
        if verifier.is_valid(&said.check(key)) { Ok(()) } else { Err(Unproven::BadSignature) }
    }
}

#[cfg(test)]
mod tests;
