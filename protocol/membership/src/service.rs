//! The membership service as the ordering engine runs it: changes to the set of servers, in order.
//!
//! TDSC'12 section VI.C (ADD, REMOVE); settled point 32. All state lies in the replicated map; the
//! first request finds it empty and fills it from the configuration that the service was made
//! with, which is the same at all replicas. Changes are recorded here and take effect with the
//! next epoch.
//!
//! Invariants: MEM-4, MEM-8.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_crypto::Verifier;
use quorate_machine::{Call, Service, ServiceState};
use quorate_types::IdentityKey;

use crate::configuration::VerifiedConfiguration;
use crate::limits::PENDING_PAGE_MAX;

mod change;
mod operation;
mod reply;
mod table;
pub use change::{PendingChange, Statement};
pub use operation::MembershipOperation;
pub use reply::{MembershipReply, PendingPage, Refusal};
pub use table::KeyRecord;

use table::{Reader, Table};

/// The deterministic service; it keeps nothing outside the replicated map.
#[derive(Clone, Debug)]
pub struct MembershipService {
    founding: VerifiedConfiguration,
    verifier: Arc<dyn Verifier>,
}

impl MembershipService {
    /// The service of a group whose replicated map is empty, or was received from the group of the
    /// epoch before; `founding` fills an empty one.
    #[must_use]
    pub fn new(founding: VerifiedConfiguration, verifier: Arc<dyn Verifier>) -> Self {
        Self { founding, verifier }
    }

    fn perform(
        &self,
        operation: MembershipOperation,
        call: &Call<'_>,
        state: &mut dyn ServiceState,
    ) -> MembershipReply {
        match operation {
            MembershipOperation::Add(certificate) => {
                self.change(Statement::Add(certificate), call, state)
            }
            MembershipOperation::Remove(certificate) => {
                self.change(Statement::Remove(certificate), call, state)
            }
            MembershipOperation::GetConfiguration(from) => {
                MembershipReply::Configuration(Box::new(Reader::new(state).page(from)))
            }
            MembershipOperation::GetPending(from) => {
                MembershipReply::Pending(pending_page(state, from))
            }
            MembershipOperation::GetMember(id) => {
                MembershipReply::Member(Reader::new(state).member(id).map(Box::new))
            }
        }
    }

    fn change(
        &self,
        statement: Statement,
        call: &Call<'_>,
        state: &mut dyn ServiceState,
    ) -> MembershipReply {
        let reader = Reader::new(state);
        // MEM-8: a refusal returns before anything is written.
        if let Err(refusal) = statement.reject((call, &reader), &*self.verifier) {
            return MembershipReply::Refused(refusal);
        }
        statement.record(call, &mut Table::new(state));
        MembershipReply::Recorded(call.epoch)
    }
}

fn pending_page(state: &dyn ServiceState, from: IdentityKey) -> PendingPage {
    let changes = Reader::new(state).pending(from, PENDING_PAGE_MAX);
    PendingPage { from, changes }
}

impl Service for MembershipService {
    fn execute(&mut self, call: &Call<'_>, state: &mut dyn ServiceState) -> Vec<u8> {
        Table::new(state).fill_if_empty(&self.founding);
        let reply = match quorate_wire::decode(call.operation) {
            Ok(operation) => self.perform(operation, call, state),
            Err(_) => MembershipReply::Malformed,
        };
        quorate_wire::encode(&reply)
    }

    fn restore(&mut self, _state: &dyn ServiceState) {}
}

#[cfg(test)]
mod tests;
