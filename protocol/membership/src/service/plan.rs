//! Who stays when an epoch ends, as far as the fixed changes and findings say: the next group is
//! not drawn yet.
//!
//! Settled points 14, 27, 28. A server that is added with the epoch gets its id from the randomness
//! and is a member from then on; it is drawn for a group one epoch later, when it had a deposit as
//! a member, and so is one that comes back. Whoever is to be removed or evicted is not drawn.
//!
//! Removals come first, since the authority's word was accepted when they were recorded; what they
//! leave of the caps is for evictions, in the order of the log.
//!
//! Invariants: MEM-10, MEM-45, MEM-46, MEM-49.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_machine::{Plant, planted};
use quorate_types::{IdentityKey, MemberRecord, MemberStatus, NodeId};

use super::change::{Statement, active_min};
use super::table::Reader;
use crate::handover::Seat;
use crate::monitor::caps::{Caps, Cause, Departure, Held, OldRing, decide, ring_of};
use crate::monitor::{Finding, Found};

/// What the fixed changes and findings mean for the members of the epoch that ends.
pub(super) struct Plan {
    /// Who is removed.
    leaving: BTreeSet<IdentityKey>,
    /// Who is evicted.
    evicted: BTreeSet<NodeId>,
    /// Who gets its duties back.
    returning: BTreeSet<NodeId>,
    /// Evictions that have to wait.
    held: BTreeMap<NodeId, (Finding, Held)>,
    evictions: Vec<Finding>,
}

impl Plan {
    /// What a group is drawn by.
    pub(super) fn of(reader: &Reader<'_>) -> Self {
        Self::beside(reader, &[])
    }

    /// The same, where this is the next group. Where it is the old one, for want of others, members
    /// that would be evicted keep their duties with their seats. So they take nothing of what the
    /// caps let go: else others who are silent could not be evicted for their sake, nor a group be
    /// drawn for the sake of those, in every epoch. A removal takes its room all the same, since it
    /// comes with the next group, whatever was evicted until then.
    pub(super) fn behind_draw(reader: &Reader<'_>, group: &[NodeId]) -> Self {
        let plan = Self::of(reader);
        let goes = |member: MemberRecord| !plan.stays_active(&member);
        let is_taken = group.iter().any(|id| reader.member(*id).is_some_and(goes));
        if is_taken { Self::beside(reader, group) } else { plan }
    }

    fn beside(reader: &Reader<'_>, group: &[NodeId]) -> Self {
        let epoch = reader.header().epoch;
        let (mut leaving, mut joining_count) = (BTreeSet::new(), 0);
        for change in reader.pending(epoch) {
            let record = reader.key_record(change.statement.identity_key());
            let is_member = record.is_some_and(|record| record.member.is_some());
            match change.statement {
                Statement::Remove(certificate) => {
                    leaving.insert(certificate.grant.identity_key);
                }
                Statement::Add(_) => joining_count += usize::from(!is_member),
            }
        }
        let mut plan = Self {
            leaving,
            evicted: BTreeSet::new(),
            returning: BTreeSet::new(),
            held: BTreeMap::new(),
            evictions: Vec::new(),
        };
        plan.judge(reader, group, joining_count);
        plan
    }

    /// Decides about what was found.
    fn judge(&mut self, reader: &Reader<'_>, group: &[NodeId], joining_count: usize) {
        let findings: Vec<_> = reader.findings(reader.header().epoch).collect();
        if findings.is_empty() {
            return;
        }
        let members: Vec<_> = reader.members().collect();
        let status = |server: NodeId| {
            let place = members.binary_search_by_key(&server, |member| member.id).ok()?;
            let member = &members[place];
            let stays = group.contains(&server) || !self.leaving.contains(&member.identity_key);
            stays.then_some(member.status)
        };
        let is_apt = |finding: &&Finding| match finding.found {
            Found::Silent | Found::Guilty => status(finding.server) == Some(MemberStatus::Active),
            Found::Back => status(finding.server) == Some(MemberStatus::Inactive),
        };
        let (evictions, returning): (Vec<Finding>, Vec<Finding>) = findings
            .iter()
            .filter(is_apt)
            .copied()
            .partition(|finding| finding.found.is_eviction());
        self.returning = returning.into_iter().map(|finding| finding.server).collect();
        let has_seat = |finding: &Finding| group.contains(&finding.server);
        let (seated, others): (Vec<_>, Vec<_>) = evictions.into_iter().partition(has_seat);
        self.evictions = others;
        self.evictions.sort_by_key(|finding| (finding.slot, finding.server));
        self.hold_back(reader, &members, joining_count);
        self.held.extend(seated.into_iter().map(|it| (it.server, (it, Held::Seat))));
    }

    /// MEM-45, MEM-46: what the caps hold back waits.
    fn hold_back(
        &mut self,
        reader: &Reader<'_>,
        members: &[Arc<MemberRecord>],
        joining_count: usize,
    ) {
        let is_leaving = |member: &&Arc<MemberRecord>| self.leaving.contains(&member.identity_key);
        let is_back = |member: &MemberRecord| self.returning.contains(&member.id);
        let is_active = |member: &MemberRecord| member.status == MemberStatus::Active;
        let (servers, mut gone) = ring_of(members);
        gone.retain(|server| !self.returning.contains(server));
        let cause = Cause::Removal { may_exceed_cap: true };
        let removal = |member: &Arc<MemberRecord>| {
            // They were counted when they were recorded.
            Departure { server: member.id, cause, is_active: false }
        };
        let eviction = |finding: &Finding| Departure {
            server: finding.server,
            cause: Cause::Eviction,
            is_active: true,
        };
        let mut departures: Vec<_> =
            members.iter().filter(is_leaving).filter(|it| is_active(it)).map(removal).collect();
        departures.extend(self.evictions.iter().map(eviction));
        let stays = |member: &&Arc<MemberRecord>| {
            (is_active(member) || is_back(member)) && !is_leaving(member)
        };
        let active_count = members.iter().filter(stays).count() + joining_count;
        let header = reader.header();
        let caps = Caps::usual(header.storage, active_count, active_min(reader));
        let decided = decide(&OldRing { servers: &servers, gone: &gone }, &departures, &caps);
        let going: BTreeSet<_> = decided.going.into_iter().collect();
        let held: BTreeMap<_, _> = decided.postponed.into_iter().collect();
        for finding in core::mem::take(&mut self.evictions) {
            match held.get(&finding.server) {
                Some(reason) => {
                    self.held.insert(finding.server, (finding, *reason));
                }
                None if going.contains(&finding.server) => {
                    self.evicted.insert(finding.server);
                    self.evictions.push(finding);
                }
                None => {}
            }
        }
    }

    /// Will the server be an active member of the next epoch, and is it one now?
    fn stays_active(&self, member: &MemberRecord) -> bool {
        member.status == MemberStatus::Active
            && !self.leaving.contains(&member.identity_key)
            && !self.evicted.contains(&member.id)
    }

    /// Active members that stay. Those of them can be drawn for the next group that deposit keys.
    pub(super) fn staying(&self, reader: &Reader<'_>) -> Vec<NodeId> {
        reader.members().filter(|member| self.stays_active(member)).map(|it| it.id).collect()
    }

    /// Is its eviction held back? Then it is drawn only for want of others.
    pub(super) fn is_held(&self, server: NodeId) -> bool {
        self.held.contains_key(&server)
    }

    /// Was it proved to lie, and its eviction held back? Then it is not drawn.
    pub(super) fn is_convicted(&self, server: NodeId) -> bool {
        self.held.get(&server).is_some_and(|(finding, _)| finding.found == Found::Guilty)
    }

    /// Who is evicted with the epoch, and on what finding.
    pub(super) fn evictions(&self) -> &[Finding] {
        &self.evictions
    }

    /// Who gets its duties back with the epoch.
    pub(super) const fn returning(&self) -> &BTreeSet<NodeId> {
        &self.returning
    }

    /// MEM-49: what waits for the next epoch.
    pub(super) fn postponed(&self) -> impl Iterator<Item = Finding> + '_ {
        let held = self.held.values().filter(|_| !planted(Plant::PostponedIsLost));
        held.map(|(finding, held)| finding.postponed(*held))
    }
}

/// The places of a group, with the keys that were deposited.
pub(super) fn seats(reader: &Reader<'_>, group: &[NodeId]) -> Vec<Seat> {
    let keys = |node| reader.deposit(reader.member(node)?.identity_key);
    group.iter().map(|&node| Seat { node, keys: keys(node) }).collect()
}
