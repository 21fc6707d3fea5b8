//! What takes a server out, what brings it back, and what cancels the first of these.
//!
//! TDSC'12 section VI.C; settled point 32.
//!
//! # Protocol
//! `Eviction`, executed in slot `s`: the server is to go with the next epoch, unless
//! `Cancellation`, executed before the freeze: the server's signature on `H(epoch, s, id)`, and
//! `f + 1` statements after `s` that it is alive. The signature alone would not do: `s` can be
//! guessed, and a signature on it be collected, while the server was still there.
//! `Reactivation`: `f + 1` statements that an inactive server is alive.
//!
//! The ordered service calls [`Eviction::check`], [`Cancellation::check`] and
//! [`Reactivation::check`], and decides itself which servers they may be about.
//!
//! Invariants: MEM-43.

use quorate_crypto::Verifier;
use quorate_types::{NodeId, PublicKey, Signature, Slot};

use super::answerer::Answering;
use super::observation::{Claim, Judgement, Observations, Unproven, Verdict};

/// Enough members found a server silent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Eviction {
    /// The server.
    pub server: NodeId,
    /// What they say.
    pub suspicions: Observations,
}

/// Enough members found an inactive server alive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reactivation {
    /// The server.
    pub server: NodeId,
    /// What they say.
    pub sightings: Observations,
}

/// A server's own word against its eviction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rebuttal {
    /// The server.
    pub server: NodeId,
    /// The slot in which the eviction was executed.
    pub eviction: Slot,
    /// Signature under the server's key of the epoch.
    pub signature: Signature,
}

/// A rebuttal, and enough members that found the server alive since.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cancellation {
    /// The server's own word.
    pub rebuttal: Rebuttal,
    /// What members say.
    pub sightings: Observations,
}

quorate_wire::fields!(Eviction { server, suspicions });
quorate_wire::fields!(Reactivation { server, sightings });
quorate_wire::fields!(Rebuttal { server, eviction, signature });
quorate_wire::fields!(Cancellation { rebuttal, sightings });

impl Eviction {
    /// Do `f + 1` members find the server silent?
    ///
    /// # Errors
    /// [`Unproven`] says why this evicts nobody.
    pub fn check(
        &self,
        judgement: &Judgement<'_>,
        verifier: &dyn Verifier,
    ) -> Result<(), Unproven> {
        let claim = Claim { server: self.server, verdict: Verdict::Suspect };
        judgement.check_all(&self.suspicions, claim, verifier)
    }
}

impl Reactivation {
    /// Do `f + 1` members find the server alive?
    ///
    /// # Errors
    /// [`Unproven`] says why this brings nobody back.
    pub fn check(
        &self,
        judgement: &Judgement<'_>,
        verifier: &dyn Verifier,
    ) -> Result<(), Unproven> {
        let claim = Claim { server: self.server, verdict: Verdict::Alive };
        judgement.check_all(&self.sightings, claim, verifier)
    }
}

impl Cancellation {
    /// Is the eviction of `judgement.decided` rebutted, and seen to be by `f + 1` members after
    /// it? `key` is the server's key of the epoch.
    ///
    /// # Errors
    /// [`Unproven`] says why the eviction stands; [`Unproven::AnotherClaim`] if the rebuttal is of
    /// another eviction.
    pub fn check(
        &self,
        judgement: &Judgement<'_>,
        key: PublicKey,
        verifier: &dyn Verifier,
    ) -> Result<(), Unproven> {
        let Rebuttal { server, eviction, signature } = self.rebuttal;
        if eviction != judgement.decided {
            return Err(Unproven::AnotherClaim);
        }
        let claim = Claim { server, verdict: Verdict::Alive };
        judgement.check_all(&self.sightings, claim, verifier)?;
        let (system, epoch) = (judgement.group.system, judgement.group.epoch);
        let answering = Answering { system, epoch, server };
        if !verifier.is_valid(&answering.check_rebuttal(eviction, (key, signature))) {
            return Err(Unproven::BadSignature);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
