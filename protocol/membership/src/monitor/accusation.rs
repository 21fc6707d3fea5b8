//! Evidence as it goes into the log, and as the log keeps it.
//!
//! The log knows the keys of its own epoch alone. Whoever has evidence of another one shows with it
//! whose key signed that, in the words of the identity.

use alloc::boxed::Box;

use quorate_crypto::Verifier;
use quorate_types::{Epoch, MemberRecord, Slot, SystemId};

use super::evidence::{Accused, Evidence, Unfounded};
use crate::epoch_key::EpochKeyCertificate;

/// Evidence, and whose key signed it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accusation {
    /// The evidence.
    pub evidence: Evidence,
    /// The certificate of the key, where it is not that of the configuration.
    pub certificate: Option<Box<EpochKeyCertificate>>,
}

/// What the log keeps of a server that was proved to lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conviction {
    /// The epoch in which it came.
    pub epoch: Epoch,
    /// The slot in which it came.
    pub slot: Slot,
    /// The proof.
    pub accusation: Accusation,
}

quorate_wire::fields!(Accusation { evidence, certificate });
quorate_wire::fields!(Conviction { epoch, slot, accusation });

impl Accusation {
    /// MEM-44: does it prove that the server of this record lies?
    ///
    /// # Errors
    /// [`Unfounded`] says why not.
    pub fn check(
        &self,
        record: &MemberRecord,
        (system, epoch): (SystemId, Epoch),
        verifier: &dyn Verifier,
    ) -> Result<(), Unfounded> {
        let (identity_key, root) = (record.identity_key, record.root());
        let shown = self.certificate.as_deref();
        let epoch = shown.map_or(epoch, |shown| shown.statement.epoch);
        let epoch_key = match shown {
            None => record.epoch_key,
            Some(shown) => shown.key_of((system, record, epoch), verifier),
        };
        let accused = Accused { system, epoch, epoch_key, identity_key, root };
        self.evidence.check(&accused, verifier)
    }
}
