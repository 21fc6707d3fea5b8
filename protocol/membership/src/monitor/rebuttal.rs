//! A server's own word against its eviction.
//!
//! Settled point 32. An eviction that was executed in slot `s` is cancelled by the server's
//! signature on `H(epoch, s, id)` together with `f + 1` statements of members, made after `s`, that
//! it is alive. The signature alone would not do: `s` can be guessed, and a signature on it be
//! collected while the server was still there.

use quorate_crypto::Verifier;
use quorate_types::{MemberRecord, NodeId, Signature, Slot};

use super::answerer::Answering;
use crate::epoch_key::EpochKeyCertificate;

/// A server's own word against its eviction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rebuttal {
    /// The server.
    pub server: NodeId,
    /// The slot in which the eviction was executed.
    pub eviction: Slot,
    /// Signature under the server's key of the epoch.
    pub signature: Signature,
    /// Whose key that is, where the configuration names none.
    pub certificate: Option<EpochKeyCertificate>,
}

quorate_wire::fields!(Rebuttal { server, eviction, signature, certificate });

impl Rebuttal {
    /// Did the server say this, in the epoch of `answering`?
    #[must_use]
    pub fn is_valid(
        &self,
        answering: &Answering,
        record: &MemberRecord,
        verifier: &dyn Verifier,
    ) -> bool {
        let whose = (answering.system, record, answering.epoch);
        let shown = || self.certificate.as_ref()?.key_of(whose, verifier);
        let Some(key) = record.epoch_key.or_else(shown) else { return false };
        verifier.is_valid(&answering.check_rebuttal(self.eviction, (key, self.signature)))
    }
}

#[cfg(test)]
mod tests;
