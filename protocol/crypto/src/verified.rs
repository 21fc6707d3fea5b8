//! From bytes that somebody sent to a message that a machine may believe.
//!
//! A message says which signatures it stands on ([`Verifiable::checks`]); a verifier checks them,
//! one message at a time or many together; only then does a [`Verified`] message exist. Machines
//! take nothing else, so that a check that was forgotten does not compile.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use crate::signature::{SignatureCheck, Verifier};

/// Why a message is not believed. It is data about a peer, not an error of ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rejected {
    /// A signature does not fit.
    BadSignature,
    /// A signer is no member of the group.
    UnknownSigner,
    /// A certificate has fewer signers than a quorum.
    ShortCertificate {
        /// Distinct members that signed.
        got: usize,
        /// Members that are needed.
        needed: usize,
    },
    /// A bitmap names members that the group does not have.
    ExcessBits,
    /// The number of signatures is not the number of signers.
    SignatureCount,
    /// The same signer counts twice.
    DuplicateSigner,
    /// It belongs to another epoch.
    WrongEpoch,
    /// It belongs to another group or system.
    WrongGroup,
    /// Parts of it contradict each other.
    Inconsistent,
    /// A list in it has the wrong number of elements.
    WrongLength,
    /// A certificate of the authority is missing, or has run out.
    NotAuthorised,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature => f.write_str("a signature does not fit"),
            Self::UnknownSigner => f.write_str("a signer is no member of the group"),
            Self::ShortCertificate { got, needed } => {
                write!(f, "a certificate has {got} signers of {needed} needed")
            }
            Self::ExcessBits => f.write_str("a certificate names members that do not exist"),
            Self::SignatureCount => f.write_str("signatures and signers differ in number"),
            Self::DuplicateSigner => f.write_str("a signer counts twice"),
            Self::WrongEpoch => f.write_str("of another epoch"),
            Self::WrongGroup => f.write_str("of another group or system"),
            Self::Inconsistent => f.write_str("its parts contradict each other"),
            Self::WrongLength => f.write_str("a list has the wrong number of elements"),
            Self::NotAuthorised => f.write_str("not authorised"),
        }
    }
}

impl core::error::Error for Rejected {}

/// A message that says which signatures it stands on.
pub trait Verifiable {
    /// What the checker must know: the configuration of the epoch.
    type Context: ?Sized;

    /// Lists every signature in the message.
    ///
    /// # Errors
    /// [`Rejected`] if the message is wrong whatever the signatures say.
    fn checks(
        &self,
        context: &Self::Context,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected>;
}

impl<M: Verifiable> Verifiable for Arc<M> {
    type Context = M::Context;

    fn checks(
        &self,
        context: &Self::Context,
        checks: &mut Vec<SignatureCheck>,
    ) -> Result<(), Rejected> {
        (**self).checks(context, checks)
    }
}

/// A message all of whose signatures were checked. CRY-1: only this module makes one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Verified<M>(M);

impl<M> Verified<M> {
    /// The message.
    #[must_use]
    pub fn into_inner(self) -> M {
        self.0
    }
}

impl<M> Deref for Verified<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.0
    }
}

/// A message that waits for its signatures to be checked.
#[derive(Debug)]
pub struct Pending<M> {
    message: M,
    checks: Vec<SignatureCheck>,
}

impl<M: Verifiable> Pending<M> {
    /// Collects what must be checked.
    ///
    /// # Errors
    /// [`Rejected`] if the message is wrong whatever the signatures say.
    pub fn new(message: M, context: &M::Context) -> Result<Self, Rejected> {
        let mut checks = Vec::new();
        message.checks(context, &mut checks)?;
        Ok(Self { message, checks })
    }

    /// Signatures to check.
    #[must_use]
    pub fn checks(&self) -> &[SignatureCheck] {
        &self.checks
    }

    fn settle(self, verifier: &dyn Verifier) -> Result<Verified<M>, Rejected> {
        // CRY-1: here, and for a whole batch below, is where belief begins.
        if verifier.are_valid(&self.checks) {
            Ok(Verified(self.message))
        } else {
            Err(Rejected::BadSignature)
        }
    }
}

/// Checks one message.
///
/// # Errors
/// [`Rejected`] says why it is not believed.
pub fn verify<M: Verifiable>(
    message: M,
    context: &M::Context,
    verifier: &dyn Verifier,
) -> Result<Verified<M>, Rejected> {
    Pending::new(message, context)?.settle(verifier)
}

/// Checks many messages at once: together if all are good, otherwise each by itself, so that one
/// bad message costs time but spoils no other.
#[must_use]
pub fn settle<M: Verifiable>(
    pending: Vec<Pending<M>>,
    verifier: &dyn Verifier,
) -> Vec<Result<Verified<M>, Rejected>> {
    let checks: Vec<_> = pending.iter().flat_map(|one| one.checks.iter().copied()).collect();
    if verifier.are_valid(&checks) {
        return pending.into_iter().map(|one| Ok(Verified(one.message))).collect();
    }
    pending.into_iter().map(|one| one.settle(verifier)).collect()
}

#[cfg(test)]
mod tests;
