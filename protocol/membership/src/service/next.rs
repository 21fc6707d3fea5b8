//! What DONE makes of the map: the members of the next epoch and the header that the system signs.
//!
//! TDSC'12 section VI.D; settled points 1, 9, 10, 27.
//!
//! # Invariants
//! - MEM-24: the header of the next epoch is a function of the log up to DONE, the map goes on from
//!   there with nothing lost, and no later step of the old epoch counts.
//! - MEM-56: an epoch is as old as the time since its DONE, however long it took to get there.
//! - MEM-51: an evicted server keeps its record, its id and its place on the ring, and is in no
//!   group; it comes back without a certificate.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_types::{
    Configuration, Digest, Duration, IdentityKey, LaterRoot, MemberRecord, MemberStatus, NodeId,
    PublicKey, Resilience, UnixTime,
};

use super::change::{PendingChange, Statement};
use super::plan::Plan;
use super::table::{KeyRecord, Reader, Table};
use crate::admission::ServerDescription;
use crate::authority::AddGrant;
use crate::election::node_id;
use crate::handover::{CommitmentBytes, Decided, Stage, Underway};
use crate::header::{ConfigurationHeader, Lineage};
use crate::monitor::Finding;
use crate::rotation::Rotation;
use crate::shortlist::active_count;

/// The next epoch.
pub(super) struct Next {
    decided: Decided,
    members: Vec<Arc<MemberRecord>>,
    joined: Vec<(IdentityKey, NodeId)>,
    left: Vec<(IdentityKey, NodeId)>,
    succeeded: Vec<(IdentityKey, LaterRoot)>,
    postponed: Vec<PendingChange>,
    /// Who has lost its duties, and who has them again.
    switched: Vec<(IdentityKey, MemberStatus)>,
    /// Evictions that wait.
    held: Vec<Finding>,
    /// How long the epoch lasted, unless it was the founding.
    lasted: Option<Duration>,
    /// Another size that the group did not get.
    postponed_size: Option<Resilience>,
}

impl Next {
    /// The epoch that an attempt leads to, with the public side of its sharing and the digest;
    /// DONE is executed at the agreed time `now`.
    pub(super) fn of(
        (reader, now): (&Reader<'_>, UnixTime),
        underway: Underway,
        (sharing, commitments): (CommitmentBytes, Digest),
    ) -> Self {
        let group = underway.attempt.seats.iter().map(|seat| seat.node).collect();
        let change = Changeover::of(reader, underway.randomness, group);
        let old = reader.header();
        let resized = reader.pending_resize(old.epoch);
        let postponed_size = resized.filter(|size| *size != underway.attempt.resilience);
        // Objects begin to be stored with the first configuration that is signed.
        let is_founding = reader.sharing_bytes().is_none();
        let ring_epoch = if is_founding { old.epoch.next() } else { old.ring_epoch };
        let configuration = Configuration {
            system: old.system,
            epoch: old.epoch.next(),
            ring_epoch,
            storage: old.storage,
            membership: underway.attempt.resilience,
            authority_key: old.authority_key,
            membership_group: change.group,
            // MEM-56: not that of the freeze, which may be long ago.
            created: now,
            members: change.members.into_values().collect(),
        };
        let lineage = Lineage {
            previous: underway.frozen.fixed.previous,
            attempt: underway.attempt.number,
            randomness: underway.randomness,
            commitments,
        };
        let header = ConfigurationHeader::of(&configuration, lineage);
        let Underway { attempt, dealings, .. } = underway;
        let decided = Decided { header, attempt, dealings, sharing };
        Self {
            decided,
            members: configuration.members,
            joined: change.joined,
            left: change.left,
            succeeded: change.succeeded,
            postponed: change.postponed,
            switched: change.switched,
            held: change.held,
            lasted: (!is_founding).then(|| since(configuration.created, old.created)),
            postponed_size,
        }
    }

    /// Moves the map on.
    pub(super) fn record(self, table: &mut Table<'_>) {
        let reader = table.reader();
        let (old, mut tally) = (reader.header().epoch, reader.tally());
        let is_news = |change: &PendingChange| {
            let key = change.statement.identity_key();
            reader.pending_change(change.epoch, key).is_none()
        };
        let postponed: Vec<_> = self.postponed.into_iter().filter(is_news).collect();
        tally.waiting += postponed.len() as u64;
        let is_resized = reader.pending_resize(old.next()).is_some();
        let size = self.postponed_size.filter(|_| !is_resized);
        tally.waiting += u64::from(size.is_some());
        let is_open = |finding: &Finding| reader.finding(finding.epoch, finding.server).is_none();
        let held: Vec<_> = self.held.into_iter().filter(is_open).collect();
        tally.waiting += held.len() as u64;
        (tally.present, tally.roots) = (active_count(&self.members), 0);
        for (key, status) in self.switched {
            tally.switch(prospect_behind(&reader, key), status);
        }

        let rotation = reader.pending_rotation(old);
        let former_keys = group_keys(&reader);

        table.forget_fixed(old);
        rotation.iter().for_each(|record| table.put_rotation(record));
        table.forget_statements();
        table.put_former_keys(&former_keys);
        table.put_tally(tally);
        self.lasted.into_iter().for_each(|lasted| table.put_lasted(lasted));
        // MEM-49: nothing that was found is lost.
        held.iter().for_each(|finding| table.put_finding(finding));
        postponed.iter().for_each(|change| table.put_pending(change));
        size.into_iter().for_each(|size| table.put_pending_resize(old.next(), size));
        for (key, id) in self.left {
            table.remove_member(id);
            table.acquit(id);
            amend(key, table, |record| record.member = None);
        }
        for (key, id) in self.joined {
            amend(key, table, |record| record.member = Some(id));
        }
        for (key, root) in self.succeeded {
            amend(key, table, |record| record.later_root = Some(root));
        }
        for member in self.members {
            // Most members of a large system are as they were, and a write costs more than a look.
            if table.reader().member(member.id).as_ref() != Some(&member) {
                table.put_member(&member);
            }
        }
        table.put_stage(&Stage::Done(Box::new(self.decided)));
    }
}

/// The keys with which the group of the epoch that ends has signed.
fn group_keys(reader: &Reader<'_>) -> Vec<(NodeId, PublicKey)> {
    let group = reader.header().membership_group.into_iter();
    group.filter_map(|id| Some((id, reader.member(id)?.epoch_key?))).collect()
}

/// The time from one moment to a later one.
const fn since(later: UnixTime, earlier: UnixTime) -> Duration {
    Duration::from_micros(later.as_micros().saturating_sub(earlier.as_micros()))
}

/// What is recorded of a server for the epoch behind the one that is decided now.
fn prospect_behind(reader: &Reader<'_>, key: IdentityKey) -> Option<PendingChange> {
    reader.pending_change(reader.header().epoch.next(), key)
}

fn amend(key: IdentityKey, table: &mut Table<'_>, change: impl FnOnce(&mut KeyRecord)) {
    let known = table.reader().key_record(key);
    let mut record = known.expect("whoever is or was a member is known");
    change(&mut record);
    table.put_key_record(key, record);
}

/// The members while the fixed changes are applied to them. Of a large system most stay as they
/// are, and are those that the service holds.
struct Changeover {
    randomness: Digest,
    group: Vec<NodeId>,
    members: BTreeMap<NodeId, Arc<MemberRecord>>,
    joined: Vec<(IdentityKey, NodeId)>,
    left: Vec<(IdentityKey, NodeId)>,
    succeeded: Vec<(IdentityKey, LaterRoot)>,
    postponed: Vec<PendingChange>,
    switched: Vec<(IdentityKey, MemberStatus)>,
    held: Vec<Finding>,
}

impl Changeover {
    fn of(reader: &Reader<'_>, randomness: Digest, group: Vec<NodeId>) -> Self {
        // First: it looks at all members itself, and lets go of them.
        let plan = Plan::behind_draw(reader, &group);
        let members = reader.members().map(|member| (member.id, member)).collect();
        let (joined, left, succeeded, postponed, switched) = Default::default();
        let mut change = Self {
            randomness,
            group,
            members,
            joined,
            left,
            succeeded,
            postponed,
            switched,
            held: plan.postponed().collect(),
        };
        for pending in reader.pending(reader.header().epoch) {
            let record = reader.key_record(pending.statement.identity_key());
            change.apply(pending, record.unwrap_or_default());
        }
        for finding in plan.evictions() {
            let has_seat = change.group.contains(&finding.server);
            assert!(!has_seat, "MEM-51: nobody without duties is in a group");
            change.switch(finding.server, MemberStatus::Inactive);
        }
        plan.returning().iter().for_each(|server| change.switch(*server, MemberStatus::Active));
        change.take_deposits(reader);
        change.mark_pool(&reader.rotation_behind(reader.header().epoch).rotation);
        change
    }

    fn member_mut(&mut self, id: NodeId) -> Option<&mut MemberRecord> {
        self.members.get_mut(&id).map(Arc::make_mut)
    }

    /// MEM-69: from the next epoch on the servers of a pool bring keys.
    fn mark_pool(&mut self, rotation: &Rotation) {
        for member in self.members.values_mut() {
            let is_in_pool = rotation.pool.is_some() && rotation.admits(member.id);
            if member.is_in_pool != is_in_pool {
                Arc::make_mut(member).is_in_pool = is_in_pool;
            }
        }
    }

    /// What the servers of the next epoch deposited: their keys, and other roots.
    fn take_deposits(&mut self, reader: &Reader<'_>) {
        let since = reader.header().epoch.next();
        for member in self.members.values_mut() {
            let deposited = reader.deposit(member.identity_key).map(|keys| keys.epoch_key);
            // Whoever stays in a group without a deposit is silent there. The key of the epoch that
            // ends must not be named: on links nobody would take the one of the next for its own,
            // and it could never deposit again.
            let has_duties = member.status != MemberStatus::Removed;
            let epoch_key = deposited.filter(|_| has_duties);
            if member.epoch_key != epoch_key {
                Arc::make_mut(member).epoch_key = epoch_key;
            }
            // MEM-18: with the epoch of the deposit, so that no other root has certified its key.
            if let Some(root) = reader.successor(member.identity_key).filter(|_| has_duties) {
                let later = LaterRoot { root, since };
                Arc::make_mut(member).later_root = Some(Box::new(later));
                self.succeeded.push((member.identity_key, later));
            }
        }
    }

    fn apply(&mut self, pending: PendingChange, record: KeyRecord) {
        match (&pending.statement, record.member) {
            (Statement::Add(certificate), Some(id)) => {
                let member = self.member_mut(id).expect("a known member has a record");
                describe(member, &certificate.grant.server);
                if member.status == MemberStatus::Removed {
                    member.status = MemberStatus::Active;
                }
            }
            (Statement::Add(certificate), None) => self.join(&certificate.grant, record),
            // Too few candidates, so the group stays as it is, and with it those who should leave.
            (Statement::Remove(_), Some(id)) if self.group.contains(&id) => {
                let epoch = pending.epoch.next();
                self.postponed.push(PendingChange { epoch, ..pending });
            }
            (Statement::Remove(certificate), Some(id)) => {
                self.leave(certificate.grant.identity_key, id);
            }
            (Statement::Remove(_), None) => {}
        }
    }

    // MEM-51: nothing but the state of the server changes, and its seat was drawn without it.
    fn switch(&mut self, server: NodeId, status: MemberStatus) {
        let member = self.member_mut(server).expect("the plan is about members");
        member.status = status;
        let key = member.identity_key;
        self.switched.push((key, status));
    }

    /// Who has a place on the ring keeps its record, without duties, until objects can move.
    fn leave(&mut self, key: IdentityKey, id: NodeId) {
        match self.member_mut(id) {
            Some(member) if member.is_on_ring => member.status = MemberStatus::Removed,
            Some(_) | None => {
                self.members.remove(&id);
                self.left.push((key, id));
            }
        }
    }

    /// MEM-10: the id of a new member follows from the randomness that nobody knew before.
    fn join(&mut self, grant: &AddGrant, record: KeyRecord) {
        let key = grant.identity_key;
        let id = node_id(grant.system, key, self.randomness);
        let member = MemberRecord {
            id,
            identity_key: key,
            later_root: record.later_root.map(Box::new),
            epoch_key: None,
            address: grant.server.address.clone(),
            probe_port: grant.server.probe_port,
            failure_domain: grant.server.failure_domain.clone(),
            version: grant.server.version,
            status: MemberStatus::Active,
            is_on_ring: false,
            is_in_pool: false,
        };
        self.members.insert(id, Arc::new(member));
        self.joined.push((key, id));
    }
}

fn describe(member: &mut MemberRecord, server: &ServerDescription) {
    member.address.clone_from(&server.address);
    member.probe_port = server.probe_port;
    member.failure_domain = server.failure_domain.clone();
    member.version = server.version;
}
