//! Who brings keys to an epoch, so that it can be drawn for the next group.
//!
//! Settled point 14 has each eligible server deposit keys in each epoch. Where there are 100,000
//! that would be 140 MB in the log, and 3.6 MB of new keys in every delta, for a group of some ten.
//! So a large system has a *shortlist* in each epoch, drawn by lot with the epoch's randomness:
//! about [`SHORTLIST_SERVERS`] of its active servers, all of them where there are no more.
//! Records of others do not count: nobody is drawn for a group who has no duties. If the
//! authority has named a pool ([`Rotation`](crate::Rotation)), its servers are on the list too. A
//! group drawn by lot from those who were drawn by lot is as good as one that is drawn from all
//! (decision 29).
//!
//! Who is on it follows from the configuration, so that each server, and the log, decide alike.
//!
//! Invariants: MEM-69.

use alloc::sync::Arc;

use quorate_crypto::{Domain, Hasher};
use quorate_types::{Configuration, Digest, MemberRecord, MemberStatus, NodeId};

use crate::epoch_configuration::EpochConfiguration;
use crate::header::ConfigurationHeader;
use crate::limits::{ADMISSIONS_MAX, BROUGHT_OF_THREE, SHORTLIST_SERVERS};

const _: () = assert!(
    ADMISSIONS_MAX <= SHORTLIST_SERVERS,
    "a founding waits for the keys of every founder, so all of them are on the list"
);

/// MEM-69: who is on the shortlist of an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shortlist {
    randomness: Digest,
    active_count: u64,
}

impl Shortlist {
    /// The shortlist of the epoch of a header, whose members these are.
    #[must_use]
    pub fn of(header: &ConfigurationHeader, members: &[Arc<MemberRecord>]) -> Self {
        Self::among(header, active_count(members))
    }

    /// The same, where it is known how many of the members are active.
    pub(crate) const fn among(header: &ConfigurationHeader, active_count: u64) -> Self {
        Self { randomness: header.lineage.randomness, active_count }
    }

    /// Is this member of the epoch on it?
    #[must_use]
    pub fn has(&self, member: &MemberRecord) -> bool {
        member.is_in_pool || member.status == MemberStatus::Active && self.draws(member.id)
    }

    /// Is an active server on it by lot? A server's lot is a number below 2^64; so many of all
    /// active ones are drawn as are wanted.
    #[must_use]
    pub fn draws(&self, id: NodeId) -> bool {
        let lot = u128::from(lot(self.randomness, id));
        lot * u128::from(self.active_count) < (SHORTLIST_SERVERS as u128) << u64::BITS
    }
}

/// How many servers were asked for keys of an epoch, and how many of them brought some.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Turnout {
    /// Those that the lot can fall on.
    pub asked: usize,
    /// Of them, those that deposited keys.
    pub brought: usize,
}

impl Turnout {
    /// What it was at the end of an epoch, as far as its configuration and the next one tell: who
    /// lost its duties with the end was not asked. A member of a group that stayed may have brought
    /// its keys behind the draw, and counts all the same.
    #[must_use]
    pub fn between(former: &EpochConfiguration, next: &Configuration) -> Self {
        let members = &former.configuration().members;
        let list = Shortlist::of(former.header(), members);
        let has_pool = next.members.iter().any(|member| member.is_in_pool);
        let is_active = |member: &MemberRecord| member.status == MemberStatus::Active;
        let mut turnout = Self::default();
        for before in members.iter().filter(|member| is_active(member)) {
            let Some(record) = next.member(before.id).filter(|it| is_active(it)) else { continue };
            let is_admitted = !has_pool || record.is_in_pool;
            let is_listed = list.draws(before.id) || has_pool && before.is_in_pool;
            if is_admitted && is_listed {
                turnout.asked += 1;
                turnout.brought += usize::from(record.epoch_key.is_some());
            }
        }
        turnout
    }

    /// MEM-79: can a group be drawn from so many? Whoever can hold back what others send would else
    /// choose it by that: of those whose keys came in time most would be its own. So bad servers
    /// are no more of them than of all, divided by the part that has to bring keys.
    #[must_use]
    pub fn is_enough(self) -> bool {
        3 * self.brought >= usize::from(BROUGHT_OF_THREE) * self.asked
    }
}

/// How many of these have duties.
pub(crate) fn active_count(members: &[Arc<MemberRecord>]) -> u64 {
    members.iter().filter(|member| member.status == MemberStatus::Active).count() as u64
}

fn lot(randomness: Digest, id: NodeId) -> u64 {
    let mut hasher = Hasher::new(Domain::Group);
    hasher.update(b"membership shortlist").update(randomness.as_bytes()).update(id.as_bytes());
    let digest = hasher.finish();
    let (first, _) = digest.as_bytes().split_first_chunk().expect("a digest has 32 bytes");
    u64::from_be_bytes(*first)
}

#[cfg(test)]
mod tests {
    //! MEM-69: of few servers all are on the list, of many about as many as it is for.
    use std::vec::Vec;

    use quorate_crypto::{Domain, hash};
    use quorate_types::{Digest, NodeId};

    use super::{SHORTLIST_SERVERS, Shortlist};

    fn drawn(randomness: u8, count: u32) -> Vec<u32> {
        let randomness = Digest::new([randomness; 32]);
        let list = Shortlist { randomness, active_count: u64::from(count) };
        let id = |number: u32| NodeId::new(*hash(Domain::Node, &number.to_be_bytes()).as_bytes());
        (0..count).filter(|number| list.draws(id(*number))).collect()
    }

    #[test]
    fn mem_69_all_of_few_servers_are_on_the_list() {
        let count = u32::try_from(SHORTLIST_SERVERS).unwrap();
        assert_eq!(drawn(1, count).len(), SHORTLIST_SERVERS);
        let most = drawn(1, count + count / 100).len();
        assert!(most < SHORTLIST_SERVERS + SHORTLIST_SERVERS / 100, "{most}: the lot has begun");
    }

    #[test]
    fn mem_69_of_many_servers_about_so_many_are_on_the_list_and_others_each_time() {
        let lists: Vec<_> = (0..8).map(|randomness| drawn(randomness, 50_000)).collect();
        // A sum of independent lots: standard deviation 31.7, and six of them here.
        let is_expected = |list: &Vec<u32>| list.len().abs_diff(SHORTLIST_SERVERS) < 190;
        assert!(lists.iter().all(is_expected), "{:?}", lists.iter().map(Vec::len));
        let again = lists[0].iter().filter(|number| lists[1].contains(number)).count();
        // 21 by chance, standard deviation 4.5.
        assert!(again < 50, "{again} are on two lists: the lot is not drawn anew");
    }
}
