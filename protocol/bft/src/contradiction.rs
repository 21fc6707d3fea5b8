//! Two signed statements of one member of which a correct one makes one: proof that it lies.
//!
//! Whoever hears both tells its node, once of each member. The words are given as bytes in their
//! frame (system, group, epoch, content), with the domain under which their hash was signed, so
//! that whoever checks them need not know the engine.
//!
//! # Not here
//! Forks of a lane: what is signed there is a digest. Votes that nobody needs any more are dropped
//! before their signatures are checked, also those that contradict others.

use alloc::vec::Vec;

use quorate_crypto::Domain;
use quorate_types::{GroupConfiguration, NodeId, Signature};
use quorate_wire::{Encode, encode};

use crate::message::Statement;

/// What a member signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedWord {
    /// The domain under which it is hashed.
    pub domain: Domain,
    /// The statement in the frame of the group.
    pub bytes: Vec<u8>,
    /// The signature on the hash.
    pub signature: Signature,
}

/// Two words of one member for one decision, with different decisions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contradiction {
    /// The member.
    pub by: NodeId,
    /// What it said first, as this replica heard it.
    pub first: SignedWord,
    /// What it said besides.
    pub second: SignedWord,
}

impl SignedWord {
    pub(crate) fn new<T: Encode>(
        (domain, group): (Domain, &GroupConfiguration),
        content: &T,
        signature: Signature,
    ) -> Self {
        Self { domain, bytes: encode(&Statement::of(group, content)), signature }
    }
}
