//! What one epoch changed, so that nobody sends 100,000 records when a thousand are new.
//!
//! TDSC'12 VI.C (NEWEPOCH carries the certificate of the configuration and what changed); MD 2.4.
//! A delta is a function of the two configurations, so whoever computes it computes the same.
//!
//! Servers keep no key from one epoch to the next, so a delta lists the keys of the new epoch apart
//! from the records: whoever is not listed has none. Servers are named by their position: of those
//! that went in the old list, of those that have a key in the new one.
//!
//! # Size
//! A header of about 300 bytes and 32 per member of its group; 4 bytes for each server that went,
//! 36 for each key, 81 and the texts (about 30 more) for each record that came or changed. With
//! 1,000 servers of 100,000 replaced and 1,000 deposits that is about 160 KB. Each server gets it
//! twice, once in each tree: 320 KB in an hour are 89 B/s.
//!
//! Invariants: MEM-1, MEM-61.

use alloc::sync::Arc;
use alloc::vec::Vec;

use quorate_types::limits::MEMBERS_MAX;
use quorate_types::{MemberRecord, PublicKey};
use quorate_wire::{Decode, DecodeError, Encode, Limit, Reader, Writer};

use crate::codec::{RECORDS_FORMAT, read_format_of};
use crate::configuration::VerifiedConfiguration;
use crate::header::CertifiedHeader;
use crate::rejected::Rejected;
use crate::schemes::Schemes;

mod chain;

pub use chain::{Broken, Chain};

const MEMBERS: Limit = Limit::new("members", MEMBERS_MAX);

/// What makes the configuration of an epoch out of the one before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delta {
    /// The signed header of the new epoch; it names the old one.
    pub certified: CertifiedHeader,
    /// Positions in the old list of the members that went, ascending.
    pub gone: Vec<u32>,
    /// Members that came, or changed in something else than their key, in ascending order of id
    /// and without keys.
    pub changed: Vec<MemberRecord>,
    /// The keys of the new epoch with the positions of their servers in the new list, ascending.
    pub keys: Vec<(u32, PublicKey)>,
}

impl Delta {
    /// What changed; nothing if `new` is not the configuration that follows `old`.
    ///
    /// # Panics
    /// Never: a verified configuration has at most 2^20 members.
    #[must_use]
    pub fn between(old: &VerifiedConfiguration, new: &VerifiedConfiguration) -> Option<Self> {
        check_follows(old, new.header().certified()).ok()?;

        let position = |index: usize| u32::try_from(index).expect("at most 2^20 members");
        let (before, after) = (&old.configuration().members, &new.configuration().members);
        let key = |(index, member): (usize, &Arc<MemberRecord>)| {
            Some((position(index), member.epoch_key?))
        };
        let mut delta = Self {
            certified: new.header().certified().clone(),
            gone: Vec::new(),
            changed: Vec::new(),
            keys: after.iter().enumerate().filter_map(key).collect(),
        };
        let mut rest = after.iter().peekable();
        for (index, member) in before.iter().enumerate() {
            while let Some(added) = rest.next_if(|next| next.id < member.id) {
                delta.changed.push(without_key(added));
            }
            match rest.next_if(|next| next.id == member.id) {
                Some(kept) if is_same_but_key(kept, member) => {}
                Some(kept) => delta.changed.push(without_key(kept)),
                None => delta.gone.push(position(index)),
            }
        }
        delta.changed.extend(rest.map(|added| without_key(added)));
        Some(delta)
    }

    /// The configuration that follows `base`, checked like any other: the signature under the one
    /// key, the root, the rules.
    ///
    /// # Errors
    /// [`Rejected`] says why it is not believed; `base` stays what it was.
    pub fn apply(
        &self,
        base: &VerifiedConfiguration,
        schemes: &Schemes,
    ) -> Result<VerifiedConfiguration, Rejected> {
        check_follows(base, &self.certified)?;
        let header = self.certified.verify(base.header().system_key(), &*schemes.threshold)?;
        let members = self.members_after(&base.configuration().members)?;
        VerifiedConfiguration::join_after(base, header, members)
    }

    /// MEM-61: the old records without those that went, with those that came or changed in their
    /// places, and the new keys.
    fn members_after(
        &self,
        before: &[Arc<MemberRecord>],
    ) -> Result<Vec<Arc<MemberRecord>>, Rejected> {
        let is_in_order = self.gone.is_sorted_by(|left, right| left < right)
            && self.changed.is_sorted_by(|left, right| left.id < right.id)
            && self.keys.is_sorted_by(|left, right| left.0 < right.0)
            && self.changed.iter().all(|record| record.epoch_key.is_none());
        // MEM-61: every entry stands at the one place where it can, and says something.
        if !is_in_order {
            return Err(Rejected::DeltaShape);
        }
        let mut members = Vec::with_capacity(before.len() + self.changed.len());
        let mut gone = self.gone.iter().peekable();
        let mut changed = self.changed.iter().peekable();
        for (index, member) in before.iter().enumerate() {
            while let Some(added) = changed.next_if(|next| next.id < member.id) {
                members.push(Arc::new(added.clone()));
            }
            let is_gone = gone.next_if(|position| **position as usize == index).is_some();
            match (is_gone, changed.next_if(|next| next.id == member.id)) {
                (true, None) => {}
                (false, None) if member.epoch_key.is_none() => members.push(Arc::clone(member)),
                (false, None) => members.push(Arc::new(without_key(member))),
                (false, Some(record)) if !is_same_but_key(record, member) => {
                    members.push(Arc::new(record.clone()));
                }
                (_, Some(_)) => return Err(Rejected::DeltaShape),
            }
        }
        members.extend(changed.cloned().map(Arc::new));
        if gone.next().is_some() {
            return Err(Rejected::DeltaShape);
        }
        for (position, key) in &self.keys {
            let member = members.get_mut(*position as usize).ok_or(Rejected::DeltaShape)?;
            Arc::make_mut(member).epoch_key = Some(*key);
        }
        Ok(members)
    }
}

/// What can be said against a header as the successor of `base` without a look at its signature.
fn check_follows(base: &VerifiedConfiguration, next: &CertifiedHeader) -> Result<(), Rejected> {
    let (old, new) = (base.header().header(), &next.header);
    if new.system != old.system {
        return Err(Rejected::WrongSystem);
    }
    if new.epoch != old.epoch.next() {
        return Err(Rejected::WrongEpoch);
    }
    if new.lineage.previous != base.hash() {
        return Err(Rejected::WrongHeader);
    }
    Ok(())
}

fn without_key(member: &MemberRecord) -> MemberRecord {
    MemberRecord { epoch_key: None, ..member.clone() }
}

fn is_same_but_key(left: &MemberRecord, right: &MemberRecord) -> bool {
    let MemberRecord {
        id,
        identity_key,
        later_root,
        epoch_key: _,
        address,
        probe_port,
        failure_domain,
        version,
        status,
        is_on_ring,
        is_in_pool,
    } = left;
    (id, identity_key, later_root) == (&right.id, &right.identity_key, &right.later_root)
        && (address, probe_port) == (&right.address, &right.probe_port)
        && (failure_domain, version) == (&right.failure_domain, &right.version)
        && (status, is_on_ring) == (&right.status, &right.is_on_ring)
        && is_in_pool == &right.is_in_pool
}

impl Encode for Delta {
    fn encode(&self, writer: &mut Writer) {
        writer.tag(RECORDS_FORMAT);
        self.certified.encode(writer);
        writer.sequence(&self.gone);
        writer.sequence(&self.changed);
        writer.sequence(&self.keys);
    }
}

impl Decode for Delta {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_format_of(RECORDS_FORMAT, reader, "Delta")?;
        Ok(Self {
            certified: Decode::decode(reader)?,
            gone: reader.sequence(MEMBERS)?,
            changed: reader.sequence(MEMBERS)?,
            keys: reader.sequence(MEMBERS)?,
        })
    }
}

#[cfg(test)]
mod tests;
