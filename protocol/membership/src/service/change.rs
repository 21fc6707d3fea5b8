//! Whether a certificate of the authority counts, and what it leaves behind.
//!
//! Settled points 10, 27, 32. The checks go from cheap to dear, and the signature comes last.
//!
//! A removal that would leave too few active servers is refused when it comes, with all recorded
//! changes counted: a replacement is first added, then the other removed, in one epoch.
//!
//! # Invariants
//! - MEM-25: no removal leaves fewer active servers than a group of each kind has members.
//!
//! Also MEM-4, MEM-8, MEM-22, MEM-45.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use quorate_crypto::Verifier;
use quorate_machine::Call;
use quorate_types::limits::MEMBERS_MAX;
use quorate_types::{Epoch, IdentityKey, MemberStatus, NodeId, Resilience, Slot, SystemId};

use super::reply::Refusal;
use super::table::{KeyRecord, Reader, Table};
use crate::authority::{AddCertificate, Council, RemoveCertificate, Validity};
use crate::handover::Stage;
use crate::limits::KNOWN_KEYS_MAX;
use crate::monitor::Finding;
use crate::monitor::caps::{Caps, Cause, Departure, OldRing, decide, ring_of};

/// What the authority says of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Statement {
    /// It may join, or has moved.
    Add(AddCertificate),
    /// It must leave.
    Remove(RemoveCertificate),
}

quorate_wire::variants!(Statement { 1 => Add, 2 => Remove });

/// A change that takes effect when an epoch ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingChange {
    /// That epoch: the one in which it was recorded, or the next if the changes of that were fixed.
    pub epoch: Epoch,
    /// The slot in which it was recorded.
    pub slot: Slot,
    /// What the authority says.
    pub statement: Statement,
}

quorate_wire::fields!(PendingChange { epoch, slot, statement });

impl Statement {
    pub(super) const fn system(&self) -> SystemId {
        match self {
            Self::Add(certificate) => certificate.grant.system,
            Self::Remove(certificate) => certificate.grant.system,
        }
    }

    /// The server that it is about.
    #[must_use]
    pub const fn identity_key(&self) -> IdentityKey {
        match self {
            Self::Add(certificate) => certificate.grant.identity_key,
            Self::Remove(certificate) => certificate.grant.identity_key,
        }
    }

    /// When it counts.
    #[must_use]
    pub const fn validity(&self) -> Validity {
        match self {
            Self::Add(certificate) => certificate.grant.validity,
            Self::Remove(certificate) => certificate.grant.validity,
        }
    }

    fn is_endorsed(&self, council: &Council, verifier: &dyn Verifier) -> bool {
        match self {
            Self::Add(certificate) => certificate.is_endorsed(council, verifier),
            Self::Remove(certificate) => certificate.is_endorsed(council, verifier),
        }
    }

    /// The reason against it, if there is one.
    pub(super) fn reject(
        &self,
        (call, table): (&Call<'_>, &Reader<'_>),
        verifier: &dyn Verifier,
    ) -> Result<(), Refusal> {
        let known = table.key_record(self.identity_key());
        let highest = known.as_ref().and_then(|record| record.highest_sequence);
        let epoch = reject_standing((call, table), (self.system(), self.validity()), highest)?;
        // MEM-10: no randomness comes that nobody knows yet, from which a new id could follow.
        if table.sharing_bytes().is_none() {
            return Err(Refusal::Founding);
        }
        match known {
            Some(record) => self.reject_return(&record, epoch)?,
            None if table.tally().known_keys >= KNOWN_KEYS_MAX => return Err(Refusal::Full),
            None => {}
        }
        self.reject_server()?;
        self.reject_count(table)?;
        self.reject_cap(table)?;
        if !self.is_endorsed(&table.council(), verifier) {
            return Err(Refusal::BadSignature);
        }
        Ok(())
    }

    /// Nobody comes back while the tombstone of its removal stands.
    fn reject_return(&self, record: &KeyRecord, epoch: Epoch) -> Result<(), Refusal> {
        match (self, record.removed_until) {
            (Self::Add(_), Some(last_epoch)) if epoch <= last_epoch => {
                Err(Refusal::Removed { last_epoch })
            }
            (Self::Add(_) | Self::Remove(_), _) => Ok(()),
        }
    }

    fn reject_server(&self) -> Result<(), Refusal> {
        match self {
            Self::Add(certificate) => certificate.grant.server.check().or(Err(Refusal::BadServer)),
            Self::Remove(_) => Ok(()),
        }
    }

    /// MEM-25: are there enough servers left, and not too many?
    fn reject_count(&self, table: &Reader<'_>) -> Result<(), Refusal> {
        let (before, after) = (table.prospect(self.identity_key()), table.outcome(self));
        let mut tally = table.tally();
        tally.replace(before, after);
        // MEM-25: with all recorded changes counted, so none of them takes away more later.
        if before == Some(MemberStatus::Active) {
            let own = table.key_record(self.identity_key()).and_then(|record| record.member);
            if active_left(table, tally.active, own) < active_min(table) as u64 {
                return Err(Refusal::TooFewServers);
            }
        }
        if before.is_none() && tally.members > MEMBERS_MAX as u64 {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// MEM-45: of its neighbours on the ring no more go than may, with the removals that wait and
    /// the evictions that are fixed; who has no duties any more takes nothing away.
    fn reject_cap(&self, table: &Reader<'_>) -> Result<(), Refusal> {
        let Self::Remove(RemoveCertificate { grant, .. }) = self else { return Ok(()) };
        let own = table.key_record(grant.identity_key).and_then(|record| record.member);
        let Some(own) = own.and_then(|id| table.member(id)) else { return Ok(()) };
        if grant.may_exceed_cap || !own.is_on_ring || own.status != MemberStatus::Active {
            return Ok(());
        }
        let members: Vec<_> = table.members().filter(|member| member.is_on_ring).collect();
        let (servers, mut gone) = ring_of(&members);
        let stays = |key| table.prospect(key) != Some(MemberStatus::Removed);
        gone.extend(members.iter().filter(|it| !stays(it.identity_key)).map(|member| member.id));
        // What a freeze has fixed is done before this removal, and makes no room for it.
        let epoch = table.header().epoch;
        let fixed = table.findings(epoch).filter(|_| table.open_batch() != epoch);
        gone.extend(fixed.filter(|it| it.found.is_eviction()).map(|finding| finding.server));
        gone.remove(&own.id);

        let cause = Cause::Removal { may_exceed_cap: false };
        // MEM-25 counts who is left.
        let departure = Departure { server: own.id, cause, is_active: false };
        let caps = Caps::usual(table.header().storage, 0, 0);
        let ring = OldRing { servers: &servers, gone: &gone };
        match decide(&ring, &[departure], &caps).refused.is_empty() {
            true => Ok(()),
            false => Err(Refusal::NeighboursGone),
        }
    }

    /// Records it, in the place of an earlier change of the same server that no freeze has taken;
    /// returns after which epoch it takes effect.
    pub(super) fn record(self, call: &Call<'_>, table: &mut Table<'_>) -> Epoch {
        let reader = table.reader();
        let key = self.identity_key();
        let (sequence, last_epoch) = (self.validity().sequence, self.validity().last_epoch);
        let known = reader.key_record(key);
        let mut tally = reader.tally();
        tally.known_keys += u64::from(known.is_none());
        let mut record = known.unwrap_or_default();

        assert!(record.highest_sequence < Some(sequence), "MEM-4: a certificate counts once");

        record.highest_sequence = Some(sequence);
        if matches!(self, Self::Remove(_)) {
            record.removed_until = record.removed_until.max(Some(last_epoch));
        }
        let epoch = reader.open_batch();
        tally.await_change(reader.pending_change(epoch, key).is_none());
        tally.replace(reader.prospect(key), reader.outcome(&self));
        table.put_tally(tally);
        table.put_key_record(key, record);
        table.put_pending(&PendingChange { epoch, slot: call.slot, statement: self });
        epoch
    }
}

/// Why a certificate does not count here and now, whatever it grants: it is of another system, not
/// of this epoch, or not newer than the newest of its kind (MEM-4). Otherwise the epoch that it is.
pub(super) fn reject_standing(
    (call, table): (&Call<'_>, &Reader<'_>),
    (system, validity): (SystemId, Validity),
    highest: Option<u64>,
) -> Result<Epoch, Refusal> {
    if system != table.header().system {
        return Err(Refusal::Foreign);
    }
    let epoch = epoch_of(call, table);
    reject_time(validity, epoch)?;
    match highest.filter(|highest| validity.sequence <= *highest) {
        Some(highest) => Err(Refusal::Replayed { highest }),
        None => Ok(epoch),
    }
}

/// Is this one of the epochs in which a certificate may be executed?
fn reject_time(validity: Validity, epoch: Epoch) -> Result<(), Refusal> {
    if epoch < validity.first_epoch {
        return Err(Refusal::NotYetValid);
    }
    if epoch > validity.last_epoch {
        return Err(Refusal::Expired);
    }
    Ok(())
}

/// Active servers that there must always be: a group of each kind, of each size to come.
pub(super) fn active_min(table: &Reader<'_>) -> usize {
    let header = table.header();
    let resized = [header.epoch, header.epoch.next()].map(|epoch| table.pending_resize(epoch));
    let present = [Some(header.storage), Some(header.membership), table.decided_size()];
    let groups = present.into_iter().chain(resized);
    groups.flatten().map(Resilience::replicas).max().unwrap_or(0)
}

/// Active servers once all recorded changes have taken effect, and all evictions that wait, whether
/// or not the caps let them; that of `but` is not counted.
pub(super) fn active_left(table: &Reader<'_>, active: u64, but: Option<NodeId>) -> u64 {
    let epoch = table.header().epoch;
    let is_evicted = |finding: &Finding| {
        let record = table.member(finding.server);
        finding.found.is_eviction()
            && Some(finding.server) != but
            && record.is_some_and(|record| {
                table.prospect(record.identity_key) == Some(MemberStatus::Active)
            })
    };
    let findings = [epoch, epoch.next()].map(|epoch| table.findings(epoch));
    let evicted = findings.into_iter().flatten().filter(is_evicted);
    let evicted: BTreeSet<_> = evicted.map(|finding| finding.server).collect();
    active.saturating_sub(evicted.len() as u64)
}

/// The epoch for which an operation counts: that of its slot, and behind DONE the next.
pub(super) fn epoch_of(call: &Call<'_>, table: &Reader<'_>) -> Epoch {
    if matches!(table.stage(), Stage::Done(_)) { call.epoch.next() } else { call.epoch }
}
