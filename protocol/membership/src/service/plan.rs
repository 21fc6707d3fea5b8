//! Who stays when an epoch ends, as far as the fixed changes say: the next group is not drawn yet.
//!
//! Settled points 14, 27, 28. A server that is added with the epoch gets its id from the randomness
//! and is a member from then on; it is drawn for a group one epoch later, when it had a deposit as
//! a member. Whoever is to be removed is not drawn.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use quorate_types::{IdentityKey, MemberRecord, MemberStatus, NodeId};

use super::change::Statement;
use super::table::Reader;
use crate::handover::Seat;

/// What the fixed changes mean for the members of the epoch that ends.
pub(super) struct Plan {
    leaving: BTreeSet<IdentityKey>,
}

impl Plan {
    pub(super) fn of(reader: &Reader<'_>) -> Self {
        let changes = reader.pending(reader.header().epoch);
        let removal = |statement| match statement {
            Statement::Remove(certificate) => Some(certificate.grant.identity_key),
            Statement::Add(_) => None,
        };
        Self { leaving: changes.filter_map(|change| removal(change.statement)).collect() }
    }

    /// Will the server be an active member of the next epoch, and is it one now?
    fn stays_active(&self, member: &MemberRecord) -> bool {
        member.status == MemberStatus::Active && !self.leaving.contains(&member.identity_key)
    }

    /// Who can be drawn for the next group: active members that stay, with a deposit.
    pub(super) fn candidates(&self, reader: &Reader<'_>) -> Vec<NodeId> {
        let has_deposit = |member: &MemberRecord| reader.deposit(member.identity_key).is_some();
        let is_candidate = |member: &MemberRecord| self.stays_active(member) && has_deposit(member);
        reader.members().filter(is_candidate).map(|member| member.id).collect()
    }
}

/// The places of a group, with the keys that were deposited.
pub(super) fn seats(reader: &Reader<'_>, group: &[NodeId]) -> Vec<Seat> {
    let keys = |node| reader.deposit(reader.member(node)?.identity_key);
    group.iter().map(|&node| Seat { node, keys: keys(node) }).collect()
}
